/**
 * The events of runs that are being tried: those that waited are read when they are looked at, and a few
 * of them are kept at hand for the next look.
 */
import type { Waiting } from "../store/waiting.ts"
import type { Candidate } from "./candidate.ts"
import type { Run } from "./run.ts"

/** Text of runs that waited and were read again, at most, before others are let go. */
const loadedBytesMax = 64 * 1024 * 1024

export class Loaded {
  readonly #waiting: Waiting
  readonly #project: string
  #candidates: Array<Candidate> = []
  #bytes = 0

  constructor(waiting: Waiting, project: string) {
    this.#waiting = waiting
    this.#project = project
  }

  run(candidate: Candidate): Run {
    if (candidate.isLoaded) return candidate.run(this.#waiting, this.#project)
    if (this.#bytes > loadedBytesMax) {
      for (const other of this.#candidates) other.release()
      this.#candidates = []
      this.#bytes = 0
    }
    const run = candidate.run(this.#waiting, this.#project)
    this.#candidates.push(candidate)
    this.#bytes += run.segment.size
    return run
  }
}
