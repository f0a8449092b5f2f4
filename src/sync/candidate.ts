/**
 * A run that may be taken: it has just come, or has waited for a while.
 *
 * How far it got is noted here while a batch is being taken, and taken back when that failed.
 */
import type { Reference } from "../event/stamp.ts"
import type { LamplogError } from "../event/failure.ts"
import type { StoredRun, Waiting, WaitingReason, WaitingRun } from "../store/waiting.ts"
import { runFromSegment } from "./run.ts"
import type { Part, Run } from "./run.ts"
import { decodeSegment, encodeSegment, segmentFrom } from "./segment.ts"

export interface Progress {
  readonly at: number
  readonly isOver: boolean
  readonly reason: WaitingReason
  readonly needs: Reference | undefined
  readonly isChecked: boolean
}

/** What is left of a run when its first events are held. */
const restOf = ({ segment, lines, hashes, parts, references }: Run, at: number): Run => {
  const { codec: _codec, payload: _payload, size: _size, ...head } = segment
  const rest = { ...head, from: segment.from + at, previous: hashes[at - 1]! }
  const left = parts.filter(({ end }) => end > at)
  const text = lines.slice(at)
  return {
    segment: segmentFrom(rest, Buffer.from(`${text.join("\n")}\n`)),
    lines: text,
    hashes: hashes.slice(at),
    references: references.slice(at),
    parts: left.map(({ start, end, lacks }) => {
      return { start: Math.max(start - at, 0), end: end - at, lacks }
    }),
  }
}

export class Candidate {
  readonly node: string
  readonly from: number
  readonly to: number
  readonly previous: string
  readonly head: string
  readonly signed: boolean
  /** Members that its last transaction lacks. */
  readonly lacks: number
  /** Its place among those that waited before; undefined when it has just come. */
  readonly arrival: number | undefined
  /** Came with this batch, whether or not it waited before. */
  isFresh: boolean
  /** Events of it that are held. */
  at = 0
  /** Held or refused: there is nothing left to be done. */
  isOver = false
  reason: WaitingReason
  needs: Reference | undefined
  /** The place from which on it is refused, and why. */
  fault: { readonly at: number; readonly error: LamplogError } | undefined
  isQueued = false
  /** Whether `needs` is what its first transaction needs: known of those that waited. */
  isChecked: boolean
  readonly #initial: Progress
  #run: Run | undefined

  constructor(waiting: WaitingRun, arrival: number | undefined, run: Run | undefined) {
    const { from, head, lacks, needs, node, previous, reason, signed, to } = waiting
    this.node = node
    this.from = from
    this.to = to
    this.previous = previous
    this.head = head
    this.signed = signed
    this.lacks = lacks
    this.arrival = arrival
    this.reason = reason
    this.needs = needs
    this.isFresh = arrival === undefined
    this.isChecked = arrival !== undefined
    this.#run = run
    this.#initial = this.progress
  }

  get isLoaded(): boolean {
    return this.#run !== undefined
  }

  get count(): number {
    return this.to - this.from + 1
  }

  get progress(): Progress {
    const { at, isChecked, isOver, reason, needs } = this
    return { at, isChecked, isOver, reason, needs }
  }

  set progress({ at, isChecked, isOver, reason, needs }: Progress) {
    this.at = at
    this.isOver = isOver
    this.reason = reason
    this.needs = needs
    this.isChecked = isChecked
  }

  /** Its events; those that waited are read again. */
  run(waiting: Waiting, project: string): Run {
    if (this.#run !== undefined) return this.#run
    const bytes = waiting.segment(this.arrival!)
    this.#run = runFromSegment(decodeSegment(bytes, `${this.node}:${this.from}`), project)
    return this.#run
  }

  /** Lets go of events that can be read again. */
  release(): void {
    if (this.arrival !== undefined) this.#run = undefined
  }

  /** The part in which an event stands. */
  static partAt({ parts }: Run, at: number): Part {
    return parts.find(({ end }) => end > at)!
  }

  /** Writes down what became of it; false when there is no room for it to wait. */
  keep(waiting: Waiting, project: string): boolean {
    const { arrival } = this
    if (this.isOver) {
      if (arrival !== undefined) waiting.remove(arrival)
      return true
    }
    const { from, to, previous, head, node, signed, lacks, reason, needs } = this
    if (arrival !== undefined && this.at === 0) {
      const { needs: needed, reason: before } = this.#initial
      if (reason !== before || needs?.hash !== needed?.hash) {
        waiting.update({ arrival, node, from, to, previous, head, signed, lacks, reason, needs })
      }
      return true
    }
    const whole = this.run(waiting, project)
    const { segment } = this.at === 0 ? whole : restOf(whole, this.at)
    if (arrival !== undefined) waiting.remove(arrival)
    const bytes = encodeSegment(segment)
    if (!waiting.hasRoom(bytes.length, reason)) return false
    const { from: first, previous: before } = segment
    waiting.add(
      { node, from: first, to, previous: before, head, signed, lacks, reason, needs },
      bytes,
    )
    return true
  }
}

export const candidateOfRun = (run: Run): Candidate => {
  const { node, from, to, previous, head, signature } = run.segment
  const { lacks } = run.parts.at(-1)!
  const signed = signature !== undefined
  const waiting = { node, from, to, previous, head, signed, lacks, needs: undefined }
  return new Candidate({ ...waiting, reason: "gap" }, undefined, run)
}

export const candidateOfStored = ({ arrival, ...waiting }: StoredRun): Candidate =>
  new Candidate(waiting, arrival, undefined)
