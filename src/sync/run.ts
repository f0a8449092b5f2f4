/**
 * A segment that was checked by itself: every line is an event of its log at its place, the chain ends
 * where the head says, transactions are in order, and the signature, where there is one, fits.
 *
 * What the events build on is not asked here. So a run can be kept until that is held, and nothing is kept
 * that could never be taken.
 */
import { chainHash, verifyHead } from "../event/hash.ts"
import { isLongerThan } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import type { Reference } from "../event/stamp.ts"
import { lineBytesMax, lineFromText } from "../log/segment.ts"
import { checkedLine, checkStart, eventOfLine } from "../store/line-check.ts"
import { refuse } from "../store/refuse.ts"
import { linesOfSegment } from "./segment.ts"
import type { Segment, SegmentHead } from "./segment.ts"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export const placeOf = ({ node, from, to }: Pick<SegmentHead, "node" | "from" | "to">): string =>
  `${node}:${from}-${to}`

/** The lines of a segment, without their line feeds: as many as its head says. */
export const linesOf = (segment: Segment): ReadonlyArray<string> => {
  const where = placeOf(segment)
  const bytes = linesOfSegment(segment, where)
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw refuse("not-utf8", `${where}: the lines are not UTF-8 text.`, where, undefined, "schema")
  }
  if (!text.endsWith("\n")) {
    const message = `${where}: the last line does not end with a line feed.`
    throw refuse("line-cut", message, where, undefined, "schema")
  }
  const lines = text.slice(0, -1).split("\n")
  const expected = segment.to - segment.from + 1
  if (lines.length === expected) return lines
  throw refuse(
    "event-count",
    `${where}: there are ${lines.length} lines where the head says ${expected}.`,
    where,
  )
}

const transactionMark = '"transaction":['
const transactionPattern = /"transaction":\[(\d+),(\d+)\]/

/** Whether more members follow the event of this header. No escaped text in it looks like the key. */
export const goesOnAfter = (header: string): boolean => {
  if (!header.includes(transactionMark)) return false
  const [, index, count] = transactionPattern.exec(header) ?? []
  return Number(index) + 1 < Number(count)
}

/** Refuses what can belong to no log of this project, before its lines are looked at. */
export const checkProject = (segment: SegmentHead, project: string): void => {
  if (segment.project !== project) {
    throw refuse(
      "other-project",
      `${placeOf(segment)}: the events are of project ${segment.project}; this is ${project}.`,
      placeOf(segment),
      "Sync with replicas of the same project only.",
    )
  }
  checkStart(segment, project)
}

/** Consecutive events that are taken together: a transaction, or the part of one that is here. */
export interface Part {
  /** Places among the lines: the first, and the one after the last. */
  readonly start: number
  readonly end: number
  /** Members that come after these. */
  readonly lacks: number
}

export interface Run {
  readonly segment: Segment
  readonly lines: ReadonlyArray<string>
  /** Chain hash of each event. */
  readonly hashes: ReadonlyArray<string>
  readonly parts: ReadonlyArray<Part>
  /** What the events refer to, by their places; mostly events that are held. */
  readonly references: ReadonlyArray<ReadonlyArray<Reference>>
}

const referencesOf = ({ anchor, parents }: Header): ReadonlyArray<Reference> =>
  anchor === undefined ? parents : [...parents, anchor]

/** Cuts events into transactions while they go by. */
class Parts {
  readonly all: Array<Part> = []
  #start = 0
  #next = 0
  #count = 1
  #lamport = 0

  add(header: Header, at: number, where: string): void {
    const { transaction, lamport } = header
    const index = transaction?.index ?? 0
    const count = transaction?.count ?? 1
    // The first event may stand in the middle of a transaction; every other one follows.
    const isFirst = at === 0 || this.#next === this.#count
    if (isFirst) {
      this.#start = at
      this.#count = count
      this.#lamport = lamport
      if (at > 0 && index > 0) throw this.#broken(header, index, count, where)
    } else if (index !== this.#next || count !== this.#count || lamport !== this.#lamport) {
      throw this.#broken(header, index, count, where)
    }
    this.#next = index + 1
    if (this.#next === count) this.all.push({ start: this.#start, end: at + 1, lacks: 0 })
  }

  #broken({ node, seq }: Header, index: number, count: number, where: string) {
    return refuse(
      "transaction-broken",
      `${where}: ${node}:${seq} is member ${index} of ${count} where another event belongs.`,
      where,
    )
  }

  finish(length: number): void {
    const lacks = this.#count - this.#next
    if (lacks > 0) this.all.push({ start: this.#start, end: length, lacks })
  }
}

/** Checks a segment by itself. Throws `LamplogError`. */
export const runFromSegment = (segment: Segment, project: string): Run => {
  checkProject(segment, project)
  const { node, from, to, head, previous, publicKey, signature } = segment
  const place = placeOf(segment)
  const lines = linesOf(segment)
  const hashes: Array<string> = []
  const references: Array<ReadonlyArray<Reference>> = []
  const parts = new Parts()
  let hash = previous
  for (const [at, text] of lines.entries()) {
    const where = `${node}:${from + at}`
    if (isLongerThan(text, lineBytesMax)) {
      const message = `${where}: a line is longer than ${lineBytesMax} bytes.`
      throw refuse("line-too-long", message, where, undefined, "schema")
    }
    const line = lineFromText(text, where)
    const { header } = checkedLine(where, () => eventOfLine(line, node, from + at, where))
    hash = chainHash(hash, line.header)
    hashes.push(hash)
    references.push(referencesOf(header))
    parts.add(header, at, where)
  }
  parts.finish(lines.length)
  checkEnd(segment, hash)
  if (signature !== undefined && !verifyHead(publicKey, signature, project, node, to, head)) {
    throw refuse("signature-invalid", `The signature over the log of ${node} does not fit.`, place)
  }
  return { segment, lines, hashes, parts: parts.all, references }
}

/** Refuses lines that do not end with the event that the head names. */
export const checkEnd = (segment: SegmentHead, hash: string): void => {
  if (hash === segment.head) return
  const place = placeOf(segment)
  throw refuse(
    "log-end",
    `${place}: the events end with ${hash.slice(0, 8)}…; the head says ${segment.head.slice(0, 8)}….`,
    place,
  )
}
