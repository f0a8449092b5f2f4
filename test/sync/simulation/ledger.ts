/**
 * What was acknowledged, written down outside of all replicas, with what each event builds on.
 *
 * When a disk or a place loses something, what nobody holds any more is crossed out, and what builds
 * on it: no replica can keep what its owner threw away. All the rest must be everywhere in the end.
 */
import { membershipRule } from "../../../src/event/hash.ts"
import type { Replica } from "../../../src/store/replica.ts"
import { runFromSegment } from "../../../src/sync/run.ts"
import type { Segment } from "../../../src/sync/segment.ts"

type Triple = readonly [node: string, seq: number, hash: string]

interface Header {
  readonly parents: ReadonlyArray<Triple>
  readonly anchor?: Triple
  readonly transaction?: readonly [index: number, count: number]
}

/** Hashes of the events that one event cannot do without. */
type Needs = ReadonlyArray<string>

/** Consecutive headers of one log, each with what it and its transaction build on. */
const needsOf = (
  previous: string | undefined,
  headers: ReadonlyArray<string>,
  hashes: ReadonlyArray<string>,
): ReadonlyArray<readonly [hash: string, needs: Needs]> =>
  headers.map((text, index) => {
    const { anchor, parents, transaction } = JSON.parse(text) as Header
    const before = index === 0 ? previous : hashes[index - 1]!
    const needs = parents.map(([, , parent]) => parent)
    if (before !== undefined) needs.push(before)
    if (anchor !== undefined) needs.push(anchor[2])
    if (transaction !== undefined) {
      const first = index - transaction[0]
      const members = hashes.slice(Math.max(0, first), first + transaction[1])
      // A part of a transaction is not enough.
      needs.push(...members, ...(members.length === transaction[1] ? [] : ["the rest"]))
    }
    return [hashes[index]!, needs] as const
  })

/** What a segment holds, each event with what it builds on; nothing when nobody would take it. */
export const contentOf = (
  segment: Segment,
): ReadonlyArray<readonly [hash: string, needs: Needs]> => {
  const { from, previous, project, signature } = segment
  if (signature === undefined && membershipRule(project) === "members") return []
  try {
    const { hashes, lines } = runFromSegment(segment, project)
    const headers = lines.map((line) => line.split("\t")[0]!)
    return needsOf(from === 1 ? undefined : previous, headers, hashes)
  } catch {
    return []
  }
}

/** Chain hashes of all events of a replica. */
export const hashesOf = ({ sqlite }: Replica): ReadonlyArray<string> =>
  sqlite.prepare<[], string>("SELECT hash FROM events").pluck().all()

export class Ledger {
  readonly #acknowledged = new Set<string>()

  hashes(): ReadonlySet<string> {
    return this.#acknowledged
  }

  /** Takes down the newest events of a replica's own log, which it has just acknowledged. */
  acknowledge(replica: Replica, count: number): void {
    const own = replica.ownLine()
    if (own === undefined) return
    for (let seq = own.headSeq - count + 1; seq <= own.headSeq; seq++) {
      this.#acknowledged.add(replica.lines.hashAt(own.line, seq))
    }
  }

  /**
   * Crosses out what survived nowhere: neither on the disk of a replica, nor with all that it needs in
   * a place.
   */
  survive(replicas: ReadonlyArray<Replica>, placed: ReadonlyArray<Segment>): void {
    const held = new Set(replicas.flatMap(hashesOf))
    const loose = new Map<string, ReadonlyArray<Needs>>()
    for (const [hash, needs] of placed.flatMap(contentOf)) {
      if (!held.has(hash)) loose.set(hash, [...(loose.get(hash) ?? []), needs])
    }
    for (let lost = true; lost;) {
      lost = false
      for (const [hash, ways] of loose) {
        if (ways.some((needs) => needs.every((need) => held.has(need) || loose.has(need)))) continue
        loose.delete(hash)
        lost = true
      }
    }
    for (const hash of this.#acknowledged) {
      if (!held.has(hash) && !loose.has(hash)) this.#acknowledged.delete(hash)
    }
  }
}
