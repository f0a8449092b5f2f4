/**
 * The names of branches: a function of the events held, whatever came first.
 */
import { describe, expect, it } from "vitest"
import { sha256 } from "../../src/event/hash.ts"
import { namesOfLines } from "../../src/log/branch.ts"
import type { Line } from "../../src/log/branch.ts"
import { Random } from "../simulation/random.ts"

const node = "c3mq5qo3spc7xmh47cnpdvfq4i"

/** A log as the chain hashes of its events. */
type Log = ReadonlyArray<string>

/** Stores logs as they arrive, as a replica does: what is new goes beside what is held. */
const stored = (logs: ReadonlyArray<Log>): ReadonlyMap<string, string> => {
  const lines: Array<Line & { readonly hashes: Array<string> }> = []
  for (const log of logs) {
    let line: (typeof lines)[number] | undefined
    for (const [index, hash] of log.entries()) {
      const seq = index + 1
      if (line !== undefined && line.hashes[seq - line.from] === hash) continue
      const parent: Line | undefined = line
      const branch = lines.find(
        (other) => other.from === seq && other.firstHash === hash && other.parent === parent?.line,
      )
      if (branch !== undefined) {
        line = branch
      } else if (line !== undefined && line.hashes.length === seq - line.from) {
        line.hashes.push(hash)
      } else {
        line = {
          line: lines.length + 1,
          node,
          from: seq,
          firstHash: hash,
          ...(parent === undefined ? {} : { parent: parent.line }),
          hashes: [hash],
        }
        lines.push(line)
      }
    }
  }
  const hashAt = (line: number, seq: number): string => {
    const held = lines[line - 1]!
    return held.hashes[seq - held.from]!
  }
  const names = namesOfLines(lines, hashAt)
  return new Map(lines.map((line) => [names.get(line.line)!, line.hashes.at(-1)!]))
}

const sorted = (names: ReadonlyMap<string, string>): ReadonlyArray<string> =>
  [...names].map(([name, head]) => `${name} ends in ${head}`).sort()

/** Logs of one node that share beginnings at random; `hash` names each event by its path. */
const randomLogs = (random: Random, hash: (path: string) => string): ReadonlyArray<Log> => {
  const paths = ["/"]
  for (let events = random.between(2, 14); events > 0; events--) {
    // Mostly the newest goes on, so that branches grow long before they part again.
    const from = random.chance(0.7) ? paths.at(-1)! : random.pick(paths)
    paths.push(`${from}${random.below(3)}`)
  }
  const known = [...new Set(paths)].filter((path) => path !== "/")
  const ends = known.filter(
    (path) => !known.some((other) => other.startsWith(path) && other !== path),
  )
  return ends.map((end) =>
    Array.from({ length: end.length - 1 }, (_, index) => hash(end.slice(0, index + 2))),
  )
}

describe("names of branches", () => {
  it("are the same whatever the order of arrival, nested forks too", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Random(seed)
      const logs = randomLogs(random, sha256)
      const expected = sorted(stored(logs))
      for (let order = 0; order < 4; order++) {
        expect(sorted(stored(random.shuffle(logs))), `seed ${seed}`).toEqual(expected)
      }
      expect(expected, `seed ${seed}`).toHaveLength(logs.length)
    }
  })

  it("are the same whatever the order even when short hashes meet", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Random(seed)
      const logs = randomLogs(random, (path) => `${"0".repeat(8)}${sha256(path).slice(8)}`)
      const expected = sorted(stored(logs))
      for (let order = 0; order < 4; order++) {
        expect(sorted(stored(random.shuffle(logs))), `seed ${seed}`).toEqual(expected)
      }
      expect(expected, `seed ${seed}`).toHaveLength(logs.length)
    }
  })

  it("give the plain name to the branch whose first differing event has the smallest hash", () => {
    const [shared, low, high] = ["5".repeat(64), "1".repeat(64), "9".repeat(64)]
    const names = stored([
      [shared, high],
      [shared, low],
    ])
    expect(names).toEqual(
      new Map([
        [node, low],
        [`${node}-99999999`, high],
      ]),
    )
  })

  it("give a branch of a branch its rank among those it parts from", () => {
    const [one, two] = ["1".repeat(64), "2".repeat(64)]
    const [mine, yours, ours] = ["a".repeat(64), "b".repeat(64), "c".repeat(64)]
    const names = stored([[one], [two, yours], [two, ours], [two, mine]])
    expect(names).toEqual(
      new Map([
        [node, one],
        [`${node}-22222222`, mine],
        [`${node}-bbbbbbbb`, yours],
        [`${node}-cccccccc`, ours],
      ]),
    )
  })

  it("are found for a log that forks at every event", () => {
    const count = 20_000
    const lines = Array.from({ length: count }, (_, index): Line => {
      const first = { line: index + 1, node, from: index + 1, firstHash: `b${index}` }
      return index === 0 ? first : { ...first, parent: index }
    })
    const names = namesOfLines(lines, (line) => `a${line}`)
    expect(names.get(1)).toBe(node)
    expect(new Set(names.values()).size).toBe(count)
  })

  it("keep the logs of other nodes apart", () => {
    const lines: ReadonlyArray<Line> = [
      { line: 1, node: "a", from: 1, firstHash: "1" },
      { line: 2, node: "b", from: 1, firstHash: "0" },
    ]
    expect([...namesOfLines(lines, () => "")]).toEqual([
      [1, "a"],
      [2, "b"],
    ])
  })
})
