/**
 * Tells those who wait that something was written to a replica of this process.
 */
import type { Local } from "../sync/local.ts"
import type { Peer } from "../sync/remote.ts"

export class News {
  readonly #waiting = new Set<() => void>()

  readonly #listeners = new Set<() => void>()

  /** Calls `hear` whenever something is written, until it leaves. */
  listen(hear: () => void): void {
    this.#listeners.add(hear)
  }

  leave(hear: () => void): void {
    this.#listeners.delete(hear)
  }

  /** Something was written. */
  readonly tell = (): void => {
    for (const hear of this.#listeners) hear()
    for (const wake of Array.from(this.#waiting)) wake()
  }

  /** Resolves at the next `tell`, or when aborted. */
  readonly changed: Peer["changed"] = (signal) =>
    new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal.removeEventListener("abort", wake)
        resolve()
      }
      if (signal.aborted) return resolve()
      this.#waiting.add(wake)
      signal.addEventListener("abort", wake)
    })

  /** The same replica, which tells of what it takes. */
  heardFrom(local: Local): Local {
    const take: Local["take"] = async (batch, cursor) => {
      const taken = await local.take(batch, cursor)
      if (taken.events > 0) this.tell()
      return taken
    }
    const { lacking, node, pointsOf, stand, unknownHeads, cursor } = local
    const { description } = local
    return { description, lacking, node, pointsOf, stand, unknownHeads, cursor, take }
  }
}
