/**
 * Advancing runs as far as what they build on is held, transaction by transaction, whatever order they
 * came in; those that have waited, too.
 *
 * First everything is tried together, with one `Receiver`. When an event is refused, all of that is taken
 * back and tried again without it; after a few such failures each step is tried apart, so that somebody who
 * sends many bad runs costs no more than their own length.
 *
 * Invariants
 *  1. What is refused and what follows it are dropped; nothing else is.
 *  2. What cannot be taken yet is kept as it came, if there is room, and tried again after every batch.
 */
import { LamplogError } from "../event/failure.ts"
import type { Reference } from "../event/stamp.ts"
import { admissionOf, provesFounder, requiresSignature } from "../store/admission.ts"
import { attempt } from "../store/attempt.ts"
import { Receiver } from "../store/receive.ts"
import { refuse } from "../store/refuse.ts"
import type { Replica } from "../store/replica.ts"
import { Waiting } from "../store/waiting.ts"
import type { WaitingReason } from "../store/waiting.ts"
import { Candidate, candidateOfRun, candidateOfStored } from "./candidate.ts"
import { Candidates, together } from "./candidates.ts"
import { Loaded } from "./loaded.ts"
import type { RefusedRun, Taken } from "./remote.ts"
import type { Part, Run } from "./run.ts"
import { toSignedEnds } from "./signed-ends.ts"
import type { HeldBack } from "./signed-ends.ts"

/** Whether something was refused for what it says, rather than for what this machine can do. */
export const isRefusal = (error: unknown): error is LamplogError =>
  error instanceof LamplogError && error.stage !== undefined

/** Failures of everything together, before each step is tried apart. */
const failuresMax = 4

/** Events of a candidate that are given to a receiver. */
interface Piece {
  readonly candidate: Candidate
  readonly start: number
  readonly end: number
}

class Advance {
  readonly #replica: Replica
  readonly #waiting: Waiting
  readonly #candidates: Candidates
  readonly #refused: Array<RefusedRun> = []
  readonly #forks: Array<Reference> = []
  #events = 0
  /** Steps that took something. */
  #steps = 0
  /** The receiver of everything together; undefined while each step is tried apart. */
  #receiver: Receiver | undefined
  /** What was given to a receiver last. */
  #given: Piece | undefined
  #queue: Array<Candidate> = []
  readonly #loaded: Loaded
  readonly #heldBack: HeldBack

  constructor(
    replica: Replica,
    waiting: Waiting,
    candidates: ReadonlyArray<Candidate>,
    heldBack: HeldBack,
  ) {
    this.#replica = replica
    this.#heldBack = heldBack
    this.#waiting = waiting
    this.#candidates = new Candidates(candidates)
    this.#loaded = new Loaded(waiting, replica.project)
  }

  /** Takes what can be taken. */
  run(): void {
    for (let failures = 0; failures < failuresMax;) {
      const outcome = this.#tryTogether()
      if (outcome === "done") return
      if (outcome === "apart") break
      if (outcome === "again") failures += 1
    }
    // Who was admitted by what was taken may come in by the next pass.
    while (this.#pass() > 0 && requiresSignature(this.#replica));
  }

  /** Takes all that can be taken with one receiver, or nothing when anything of it is refused. */
  #tryTogether(): "done" | "further" | "again" | "apart" {
    const before = this.#candidates.all.map((candidate) => candidate.progress)
    const refused = this.#refused.length
    try {
      const { events, forks, steps } = attempt(this.#replica, () => this.#passTogether())
      this.#events += events
      this.#forks.push(...forks)
      return steps > 0 && requiresSignature(this.#replica) ? "further" : "done"
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.#refused.length = refused
      for (const [at, candidate] of this.#candidates.all.entries()) candidate.progress = before[at]!
      return this.#blame(error) ? "again" : "apart"
    } finally {
      this.#receiver = undefined
    }
  }

  #passTogether() {
    // Signatures were looked for among the runs: one may stand at the end of a later run.
    const receiver = new Receiver(this.#replica, { signed: true })
    this.#receiver = receiver
    const steps = this.#pass()
    this.#given = undefined
    return { ...receiver.finish(), steps }
  }

  /** Names the transaction that was refused; false when it is not known which one it was. */
  #blame(error: LamplogError): boolean {
    // What is missing may come; it is no fault.
    if (this.#given === undefined || error.code === "history-missing") return false
    const { candidate, end } = this.#given
    const { start } = Candidate.partAt(this.#loaded.run(candidate), end - 1)
    candidate.fault = { at: start, error }
    return true
  }

  /** Tries every run, and again those that something was taken for. Returns the steps made. */
  #pass(): number {
    const before = this.#steps
    this.#queue = []
    this.#candidates.renew()
    for (const candidate of this.#candidates.all) {
      // Those that stood in the queue of a pass which failed do so no more.
      candidate.isQueued = false
      this.#enqueue(candidate)
    }
    for (let at = 0; at < this.#queue.length; at++) {
      const candidate = this.#queue[at]!
      candidate.isQueued = false
      this.#advance(candidate)
    }
    return this.#steps - before
  }

  #enqueue(candidate: Candidate): void {
    if (candidate.isQueued || candidate.isOver) return
    candidate.isQueued = true
    this.#queue.push(candidate)
  }

  /** Takes as much of a run as can be taken now. */
  #advance(candidate: Candidate): void {
    if (candidate.isOver) return
    const { fault } = candidate
    if (fault !== undefined && candidate.at >= fault.at) return this.#refuse(candidate, fault.error)
    const reason = this.#obstacle(candidate)
    if (reason !== undefined) {
      candidate.reason = reason
      return
    }
    const run = this.#loaded.run(candidate)
    candidate.at = this.#heldOf(candidate, run)
    const { start, end, tail } = this.#ready(candidate, run)
    if (end > start && !this.#feed([{ candidate, start, end }])) {
      // Refused, apart from others: what comes before the fault is tried by itself.
      if (candidate.fault !== undefined) this.#enqueue(candidate)
    } else if (candidate.at === candidate.count) candidate.isOver = true
    else if (candidate.at === candidate.fault?.at) this.#refuse(candidate, candidate.fault.error)
    else if (tail !== undefined) this.#complete(candidate, tail)
  }

  /** Why nothing of a run can be taken; undefined when that is not known before it was read. */
  #obstacle(candidate: Candidate): WaitingReason | undefined {
    const { node, from, previous } = candidate
    const needs = this.#needsOf(candidate)
    if (!this.#mayStore(candidate)) return "not-admitted"
    const { lines } = this.#replica
    if (from > 1 && lines.holding(node, from - 1, previous) === undefined) return "gap"
    if (requiresSignature(this.#replica) && !this.#candidates.isCovered(candidate))
      return "unsigned"
    return needs === undefined && !this.#isHeldBack(candidate) ? undefined : "gap"
  }

  /** Whether it was tried, and could not be taken to where it is signed. */
  #isHeldBack(candidate: Candidate): boolean {
    const { hashes, isAll, nodes } = this.#heldBack
    if (isAll || nodes.has(candidate.node)) return true
    if (hashes.size === 0) return false
    return this.#loaded.run(candidate).hashes.some((hash) => hashes.has(hash))
  }

  #mayStore(candidate: Candidate): boolean {
    if (admissionOf(this.#replica, candidate.node) !== "unknown") return true
    if (candidate.from > 1) return false
    const { lines, segment } = this.#loaded.run(candidate)
    return provesFounder(this.#replica, segment.publicKey, lines[0]!)
  }

  /** What the first transaction of a run still lacks; looked for again only when that may have changed. */
  #needsOf(candidate: Candidate): Reference | undefined {
    const { needs } = candidate
    const isKnown = needs === undefined ? candidate.isChecked : !this.#isHeld(needs)
    if (isKnown || candidate.at === candidate.count) return needs
    const run = this.#loaded.run(candidate)
    this.#need(candidate, this.#missing(run, Candidate.partAt(run, candidate.at)))
    // Whatever lacked this one to be whole may have it now.
    if (candidate.needs === undefined) {
      for (const before of this.#candidates.endingAt(candidate.previous)) this.#enqueue(before)
    }
    return candidate.needs
  }

  #need(candidate: Candidate, needs: Reference | undefined): void {
    candidate.needs = needs
    candidate.isChecked = true
    this.#candidates.need(candidate)
  }

  #isHeld(reference: Reference): boolean {
    return this.#replica.lines.place(reference) !== undefined
  }

  /** The first event that a transaction refers to and that is neither held nor before it in its run. */
  #missing({ hashes, references, segment }: Run, { start, end }: Part): Reference | undefined {
    for (let at = start; at < end; at++) {
      for (const reference of references[at]!) {
        const own = reference.node === segment.node ? reference.seq - segment.from : -1
        if (own >= 0 && own < start && hashes[own] === reference.hash) continue
        if (!this.#isHeld(reference)) return reference
      }
    }
    return undefined
  }

  /** How many events of a run are held, from its first one on. */
  #heldOf({ at, node, from }: Candidate, { hashes }: Run): number {
    const { lines } = this.#replica
    const isHeld = (index: number): boolean =>
      lines.holding(node, from + index, hashes[index]!) !== undefined
    if (at === hashes.length || !isHeld(at)) return at
    let low = at + 1
    for (let high = hashes.length; low < high;) {
      const middle = (low + high) >> 1
      if (isHeld(middle)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Transactions that can be taken now, and the one after them that lacks members, if it is that. */
  #ready(candidate: Candidate, run: Run) {
    const { at: start, fault } = candidate
    let end = start
    for (const part of run.parts) {
      if (part.end <= start) continue
      if (fault !== undefined && part.end > fault.at) break
      this.#need(candidate, this.#missing(run, part))
      candidate.reason = part.lacks > 0 && candidate.needs === undefined ? "incomplete" : "gap"
      if (candidate.needs !== undefined) break
      if (part.lacks > 0) return { start, end, tail: part }
      end = part.end
    }
    return { start, end, tail: undefined }
  }

  /** Takes a transaction that lies in several runs, when all of them are there. */
  #complete(candidate: Candidate, { lacks }: Part): void {
    const path = this.#candidates.completing(
      candidate,
      (next) =>
        next.fault === undefined && this.#needsOf(next) === undefined && !this.#isHeldBack(next),
    )
    if (path === undefined) return
    let left = lacks
    const pieces = [{ candidate, start: candidate.at, end: candidate.count }]
    for (const next of path) {
      const end = Math.min(left, next.count)
      pieces.push({ candidate: next, start: 0, end })
      left -= end
    }
    if (this.#feed(pieces)) candidate.isOver = true
    // Otherwise one of them is refused, and others may make it whole.
    const hasChanged = pieces.some(
      ({ candidate: { fault, isOver } }) => isOver || fault !== undefined,
    )
    for (const { candidate: given } of pieces) {
      if (hasChanged) this.#enqueue(given)
      given.release()
    }
  }

  /** Gives events to a receiver. False when they were refused, and everything is as before. */
  #feed(pieces: ReadonlyArray<Piece>): boolean {
    let held: ReadonlyArray<string>
    if (this.#receiver !== undefined) held = this.#give(this.#receiver, pieces)
    else {
      try {
        held = attempt(this.#replica, () => {
          const receiver = new Receiver(this.#replica, { signed: true })
          const given = this.#give(receiver, pieces)
          const { events, forks } = receiver.finish()
          this.#events += events
          this.#forks.push(...forks)
          return given
        })
      } catch (error) {
        if (!isRefusal(error)) throw error
        this.#blame(error)
        return false
      }
    }
    this.#steps += 1
    for (const { candidate, end } of pieces) candidate.at = end
    for (const hash of held) {
      for (const next of this.#candidates.after(hash)) this.#enqueue(next)
      for (const next of this.#candidates.needing(hash)) this.#enqueue(next)
    }
    return true
  }

  /** Returns the hashes of what was given. */
  #give(receiver: Receiver, pieces: ReadonlyArray<Piece>): ReadonlyArray<string> {
    const held: Array<string> = []
    let signature: string | undefined
    for (const { candidate, start, end } of pieces) {
      const { hashes, lines, segment } = this.#loaded.run(candidate)
      const { node, from, publicKey } = segment
      if (held.length === 0) {
        const previous = start === 0 ? segment.previous : hashes[start - 1]!
        receiver.begin({ node, publicKey, from: from + start, previous })
      }
      for (let at = start; at < end; at++) {
        this.#given = { candidate, start, end: at + 1 }
        receiver.line(lines[at]!, `${node}:${from + at}`)
        held.push(hashes[at]!)
      }
      signature = end === lines.length ? segment.signature : undefined
    }
    receiver.end(signature)
    return held
  }

  /** Drops the rest of a run, and what follows it. */
  #refuse(candidate: Candidate, error: LamplogError): void {
    const dropped = [candidate]
    for (let next = dropped.pop(); next !== undefined; next = dropped.pop()) {
      if (next.isOver) continue
      next.isOver = true
      const { node, at, from, to } = next
      this.#refused.push({ node, from: from + at, to, error })
      const hashes = next === candidate ? this.#loaded.run(next).hashes.slice(at) : [next.head]
      for (const hash of hashes) dropped.push(...this.#candidates.after(hash))
    }
  }

  /** Writes down what became of every run. */
  finish(): Taken {
    let waiting = 0
    for (const candidate of this.#candidates.all) {
      const { at, count, from, head, isFresh, node, to } = candidate
      // Another run may have brought the same events.
      const isHeld = this.#replica.lines.holding(node, to, head) !== undefined
      if (isHeld) candidate.isOver = true
      const { isOver } = candidate
      const isKept = candidate.keep(this.#waiting, this.#replica.project)
      candidate.release()
      if (!isKept) this.#refused.push({ node, from: from + at, to, error: noRoom(node, from + at) })
      else if (!isOver && isFresh) waiting += count - at
    }
    return { events: this.#events, waiting, refused: this.#refused, forks: this.#forks }
  }
}

const noRoom = (node: string, seq: number): LamplogError =>
  refuse(
    "waiting-full",
    `${node}:${seq} builds on what is not held here, and there is no room for more events to wait.`,
    `${node}:${seq}`,
    "Sync with a replica that holds what is missing; `lamplog status` lists what waits.",
  )

/** Takes what can be taken of these runs and of those that wait. Call it inside a transaction. */
export const advance = (replica: Replica, runs: ReadonlyArray<Run>): Taken => {
  const waiting = new Waiting(replica)
  const stored = waiting.all()
  if (stored.length + runs.length === 0) return { events: 0, waiting: 0, refused: [], forks: [] }
  const take = (heldBack: HeldBack): Taken => {
    const candidates = together(stored.map(candidateOfStored), runs.map(candidateOfRun))
    const work = new Advance(replica, waiting, candidates, heldBack)
    work.run()
    return work.finish()
  }
  if (requiresSignature(replica)) return toSignedEnds(replica, take)
  return take({ hashes: new Set(), nodes: new Set(), isAll: false })
}
