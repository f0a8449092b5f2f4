/**
 * Lines that were damaged on the way: refused whole, in the engine's words, and nothing is changed.
 */
import { describe, expect, it } from "vitest"
import { LamplogError } from "../../src/event/failure.ts"
import { checkReplica } from "../simulation/properties.ts"
import { Random } from "../simulation/random.ts"
import { stateOf, World } from "../simulation/world.ts"
import { Forgery } from "./forgery.ts"
import { receive } from "./forge.ts"
import type { Carried } from "./forge.ts"

const pieces = [
  "\t",
  "\u0000",
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  "-",
  "0",
  "9",
  "a",
  "\ud800",
  "é",
]

const damagedText = (text: string, random: Random): string => {
  const at = random.below(text.length + 1)
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1)
    case 1:
      return text.slice(0, at) + random.pick(pieces) + text.slice(at)
    case 2:
      return text.slice(0, at) + random.pick(pieces) + text.slice(at + 1)
    case 3:
      return text.slice(0, at)
    default:
      return text.replace(/\d+/g, (number) =>
        random.chance(0.2) ? String(Number(number) + 1) : number,
      )
  }
}

const damagedLines = (lines: ReadonlyArray<string>, random: Random): ReadonlyArray<string> => {
  const at = random.below(lines.length)
  switch (random.below(6)) {
    case 0:
      return lines.toSpliced(at, 1)
    case 1:
      return lines.toSpliced(at, 0, lines[at]!)
    case 2:
      return lines.toSpliced(at, 0, random.pick(lines))
    default:
      return lines.with(at, damagedText(lines[at]!, random))
  }
}

const damaged = (logs: ReadonlyArray<Carried>, random: Random): ReadonlyArray<Carried> => {
  const at = random.below(logs.length)
  const log = logs[at]!
  const other = random.pick(logs)
  switch (random.below(8)) {
    case 0:
      return logs.with(at, { ...plain(log), from: log.from + random.pick([-1, 1, 1000]) })
    case 1:
      return logs.with(at, { ...plain(log), previous: other.previous })
    case 2:
      return logs.with(at, { ...plain(log), node: other.node, publicKey: other.publicKey })
    case 3:
      return logs.toSpliced(at, 1)
    default:
      return logs.with(at, { ...plain(log), lines: damagedLines(log.lines, random) })
  }
}

const plain = ({ node, publicKey, from, previous, lines }: Carried): Carried => ({
  node,
  publicKey,
  from,
  previous,
  lines,
})

/** Whether the damaged logs were refused. */
const check = (seed: number): boolean => {
  const random = new Random(seed)
  const forgery = new Forgery(random)
  const world = new World(seed, [2])
  try {
    const member = world.at(0)
    const { replica } = member
    const logs = forgery.logs(random)
    if (random.chance(0.5)) receive(replica, forgery.early(logs, random.between(1, forgery.top)))
    const before = stateOf(replica)
    try {
      receive(replica, damaged(logs, random))
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
      expect(stateOf(replica)).toBe(before)
      expect(error.message.length * error.remedy.length * error.code.length).toBeGreaterThan(0)
      expect(error.stage).toMatch(/^(schema|structure)$/)
      return true
    }
    // What was damaged was held already, or what is left is whole: then all of it must be true.
    checkReplica(member, new Set(), true)
    return false
  } finally {
    world.close()
  }
}

describe("damaged lines", () => {
  for (let from = 0; from < 600; from += 100) {
    it(`are refused and change nothing, for seeds ${from} to ${from + 99}`, () => {
      let refused = 0
      for (let seed = from; seed < from + 100; seed++) {
        try {
          if (check(seed)) refused += 1
        } catch (error) {
          throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
        }
      }
      expect(refused).toBeGreaterThan(50)
    })
  }
})
