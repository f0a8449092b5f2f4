/**
 * Runs that may be taken, and how they hang together: what follows an event, and what needs it.
 */
import type { WaitingRun } from "../store/waiting.ts"
import type { Candidate } from "./candidate.ts"

const listed = (lists: Map<string, Array<Candidate>>, key: string, candidate: Candidate): void => {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [candidate])
  else list.push(candidate)
}

export class Candidates {
  readonly all: ReadonlyArray<Candidate>
  readonly #after = new Map<string, Array<Candidate>>()
  readonly #endingAt = new Map<string, Array<Candidate>>()
  readonly #needing = new Map<string, Array<Candidate>>()
  readonly #covered = new Set<Candidate>()

  constructor(all: ReadonlyArray<Candidate>) {
    this.all = all
    for (const candidate of all) {
      listed(this.#after, candidate.previous, candidate)
      listed(this.#endingAt, candidate.head, candidate)
    }
    for (const candidate of all) if (candidate.signed) this.#cover(candidate)
  }

  /** A signature covers everything before it. */
  #cover(signed: Candidate): void {
    const covered = [signed]
    for (let next = covered.pop(); next !== undefined; next = covered.pop()) {
      if (this.#covered.has(next)) continue
      this.#covered.add(next)
      covered.push(...this.endingAt(next.previous))
    }
  }

  /** Whether its node has signed for it, or for what follows it. */
  isCovered(candidate: Candidate): boolean {
    return this.#covered.has(candidate)
  }

  /** Runs that begin after this event. */
  after(hash: string): ReadonlyArray<Candidate> {
    return this.#after.get(hash) ?? []
  }

  endingAt(hash: string): ReadonlyArray<Candidate> {
    return this.#endingAt.get(hash) ?? []
  }

  /** Begins anew: who needs what is what the runs say. */
  renew(): void {
    this.#needing.clear()
    for (const candidate of this.all) this.need(candidate)
  }

  /** Notes that a run waits for the event it needs. */
  need(candidate: Candidate): void {
    if (candidate.needs !== undefined) listed(this.#needing, candidate.needs.hash, candidate)
  }

  /** Runs that waited for this event; they are asked once. */
  needing(hash: string): ReadonlyArray<Candidate> {
    const found = this.#needing.get(hash) ?? []
    this.#needing.delete(hash)
    return found
  }

  /**
   * Runs that follow one whose last transaction lacks members, up to where it is whole; undefined when
   * there are none. `mayFollow` tells which runs may be given out.
   */
  completing(
    candidate: Candidate,
    mayFollow: (next: Candidate) => boolean,
  ): ReadonlyArray<Candidate> | undefined {
    interface Step {
      readonly last: Candidate
      readonly lacks: number
      readonly before: Step | undefined
    }
    const steps: Array<Step> = [{ last: candidate, lacks: candidate.lacks, before: undefined }]
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      for (const next of this.after(step.last.head)) {
        if (next.from !== step.last.to + 1 || next.isOver || !mayFollow(next)) continue
        const lacks = step.lacks - next.count
        const further = { last: next, lacks, before: step }
        if (lacks > 0) {
          steps.push(further)
          continue
        }
        const path: Array<Candidate> = []
        for (let at: Step = further; at.before !== undefined; at = at.before) path.unshift(at.last)
        return path
      }
    }
    return undefined
  }
}

const keyOf = ({ node, from, previous, head }: WaitingRun): string =>
  `${node}:${from}:${previous}:${head}`

/** Runs that have just come and those that wait, each once: one with a signature rather than one without. */
export const together = (
  stored: ReadonlyArray<Candidate>,
  fresh: ReadonlyArray<Candidate>,
): ReadonlyArray<Candidate> => {
  const byKey = new Map<string, Candidate>()
  const all: Array<Candidate> = []
  for (const candidate of [...stored, ...fresh]) {
    const key = keyOf(candidate)
    const known = byKey.get(key)
    if (known !== undefined) {
      known.isFresh = true
      if (known.signed || !candidate.signed) continue
      // The one without is let go when the other is kept.
      known.isOver = true
    }
    byKey.set(key, candidate)
    all.push(candidate)
  }
  return all
}
