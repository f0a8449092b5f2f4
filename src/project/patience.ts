/**
 * Patience with something that takes as long as it takes, while it gets on: its signal is aborted when
 * nothing has come or gone for so long.
 */
export class Patience {
  readonly #late = new AbortController()
  readonly #millis: number
  #timer: NodeJS.Timeout
  #moved = 0

  constructor(millis: number) {
    this.#millis = millis
    this.#timer = this.#begin()
  }

  #begin(): NodeJS.Timeout {
    return setTimeout(() => this.#late.abort(), this.#millis)
  }

  get signal(): AbortSignal {
    return this.#late.signal
  }

  /** Hears how much has come and gone so far. */
  readonly see = (moved: number): void => {
    if (moved === this.#moved) return
    this.#moved = moved
    this.end()
    this.#timer = this.#begin()
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
