/**
 * The last moment at which a call can still be stopped: after it a file has its name or a commit is
 * made, and nobody may be told any more that nothing was done.
 *
 * Whoever runs calls that can be stopped provides what is asked then. It throws if the call was
 * stopped before; else the call is to be left alone until its end.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export const LastChance = Context.Reference<() => void>("lamplog/LastChance", {
  defaultValue: () => () => {},
})

/** Asked as the last step before a commit. */
export const lastChance: Effect.Effect<void> = Effect.flatMap(LastChance, (ask) => Effect.sync(ask))

/** A signal that follows another one, until the last chance has passed. */
export class Stoppable {
  readonly #stop = new AbortController()
  readonly #followed: AbortSignal
  #passed = false

  constructor(followed: AbortSignal) {
    this.#followed = followed
    if (followed.aborted) this.#follow()
    else followed.addEventListener("abort", this.#follow)
  }

  readonly #follow = (): void => {
    if (!this.#passed) this.#stop.abort(this.#followed.reason)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** For `LastChance`. */
  readonly ask = (): void => {
    this.signal.throwIfAborted()
    this.#passed = true
  }

  end(): void {
    this.#followed.removeEventListener("abort", this.#follow)
  }
}
