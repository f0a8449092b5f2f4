/**
 * Time that only passes when the simulation lets it: who waits is woken in the order of the hours they
 * asked for, and everything that can run runs before the next one is woken.
 *
 * Nothing in a simulated world waits for a real timer, file or socket. So the order of everything is
 * decided by the seed alone.
 */

interface Sleeper {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

const before = (left: Sleeper, right: Sleeper): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order)

export class Clockwork {
  /** Milliseconds since the world began. */
  now = 0
  readonly #sleepers: Array<Sleeper> = []
  #order = 0

  /** Resolves when so much time has passed; rejects with the signal's reason when it is aborted. */
  async pause(millis: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const sleeper: Sleeper = {
        at: this.now + millis,
        order: (this.#order += 1),
        wake: () => {
          signal?.removeEventListener("abort", stop)
          resolve()
        },
      }
      const stop = (): void => {
        const index = this.#sleepers.indexOf(sleeper)
        if (index >= 0) this.#sleepers.splice(index, 1)
        reject(signal!.reason as Error)
      }
      signal?.addEventListener("abort", stop, { once: true })
      this.#insert(sleeper)
    })
  }

  #insert(sleeper: Sleeper): void {
    let at = this.#sleepers.length
    while (at > 0 && before(sleeper, this.#sleepers[at - 1]!)) at -= 1
    this.#sleepers.splice(at, 0, sleeper)
  }

  /** Lets everything run that waits for nothing but its turn. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < turnsMax; turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
    }
  }

  /** Lets time pass, up to so many milliseconds, or until `done`. */
  async run(millis: number, done: () => boolean = () => false): Promise<void> {
    const end = this.now + millis
    for (;;) {
      await this.settle()
      if (done()) return
      const next = this.#sleepers[0]
      if (next === undefined || next.at > end) break
      this.#sleepers.shift()
      this.now = next.at
      next.wake()
    }
    this.now = end
  }
}

/** Rounds of the event loop in which whoever yields to others comes to their next wait. */
const turnsMax = 2
