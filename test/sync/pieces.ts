/**
 * Segments as a bad road delivers them: cut anywhere, in any order, twice or not at all; and segments
 * that somebody made up.
 */
import { chainHash } from "../../src/event/hash.ts"
import type { Replica } from "../../src/store/replica.ts"
import { frontierWithWaiting } from "../../src/store/waiting.ts"
import { outgoing } from "../../src/sync/outgoing.ts"
import type { Taken } from "../../src/sync/remote.ts"
import { linesOf } from "../../src/sync/run.ts"
import { decodeSegment, encodeSegment, segmentFrom } from "../../src/sync/segment.ts"
import type { Batch, Segment, SegmentRun } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import type { Random } from "../simulation/random.ts"

/** A segment of these lines, whatever they say: its head fits them. */
export const segmentOf = (
  run: Omit<SegmentRun, "to" | "head">,
  lines: ReadonlyArray<string>,
): Segment => {
  const head = lines.reduce((hash, line) => chainHash(hash, line.split("\t")[0]!), run.previous)
  const to = run.from + lines.length - 1
  return segmentFrom({ ...run, to, head }, Buffer.from(`${lines.join("\n")}\n`))
}

/** The same events in several segments, cut before these places. */
export const cutSegment = (
  segment: Segment,
  places: ReadonlyArray<number>,
): ReadonlyArray<Segment> => {
  const { project, node, publicKey, signature } = segment
  const lines = linesOf(segment)
  const pieces: Array<Segment> = []
  let { from, previous } = segment
  let start = 0
  for (const end of [...places, lines.length]) {
    if (end <= start) continue
    const base = { project, node, publicKey, from, previous }
    const isLast = end === lines.length && signature !== undefined
    const piece = segmentOf(isLast ? { ...base, signature } : base, lines.slice(start, end))
    pieces.push(piece)
    from = piece.to + 1
    previous = piece.head
    start = end
  }
  return pieces
}

/** Everything of a segment, cut anywhere. */
export const torn = (segment: Segment, random: Random): ReadonlyArray<Segment> => {
  const count = segment.to - segment.from + 1
  const places = Array.from({ length: count - 1 }, (_, at) => at + 1)
  return cutSegment(segment, random.some(places, random.next() / 2))
}

/** As they come off a wire. */
export const carried = (batch: Batch): Batch =>
  batch.map((segment) => decodeSegment(encodeSegment(segment), "wire"))

/** All that one replica lacks of another's events, by what it says that it holds. */
export const lackingSegments = (from: Replica, to: Replica): ReadonlyArray<Segment> =>
  [...outgoing(from, frontierWithWaiting(to), { all: true })].flat()

/** Hands over what is lacking, honestly. */
export const sync = (from: Replica, to: Replica): ReadonlyArray<Taken> =>
  [...outgoing(from, frontierWithWaiting(to), { all: true })].map((batch) =>
    takeBatch(to, carried(batch)),
  )
