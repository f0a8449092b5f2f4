/**
 * Everything that lies between a replica and a remote, and goes wrong.
 *
 * Calls get lost on their way or on their way back, break off in the middle, take long; batches come
 * twice, in another order, or not at all, without anybody being told. All of it is decided by chance
 * that belongs to one meeting, so leaving out another meeting changes nothing here.
 */
import { LamplogError } from "../../../src/event/failure.ts"
import type { Remote, Take, Taken } from "../../../src/sync/remote.ts"
import type { Batch } from "../../../src/sync/segment.ts"
import type { Random } from "../../simulation/random.ts"
import type { Clockwork } from "./clockwork.ts"

/** How likely each trouble is, for each step on which it may come. */
export interface Weather {
  /** A call does not arrive; its answer does not come back. */
  readonly lost: number
  /** A call breaks off between two batches. */
  readonly cut: number
  /** A batch comes twice; is skipped in silence; changes places with the next one. */
  readonly twice: number
  readonly skipped: number
  readonly swapped: number
  /** A step takes up to a minute instead of up to 50 ms. */
  readonly slow: number
}

export const calm: Weather = { lost: 0, cut: 0, twice: 0, skipped: 0, swapped: 0, slow: 0 }

const shortMillis = 50
const longMillis = 60_000

const unreachable = (code: string): LamplogError =>
  new LamplogError({
    code,
    message: "The simulated network is down.",
    remedy: "Wait for better weather.",
  })

const nothing: Taken = { events: 0, waiting: 0, refused: [], forks: [] }

export interface Way {
  readonly clockwork: Clockwork
  readonly random: Random
  readonly weather: () => Weather
  /** Whether both ends can reach each other now. */
  readonly open: () => boolean
}

/** Gives batches on with trouble; `flush` gives what was held back. */
class Courier {
  readonly #way: Way
  readonly #deliver: (batch: Batch, cursor: string | undefined) => Promise<Taken>
  #held: Batch | undefined
  /** Once something was skipped, no cursor may say that it was read. */
  #skipped = false

  constructor(way: Way, deliver: (batch: Batch, cursor: string | undefined) => Promise<Taken>) {
    this.#way = way
    this.#deliver = deliver
  }

  async give(batch: Batch, cursor?: string): Promise<Taken> {
    const { random, weather } = this.#way
    const { skipped, swapped, twice } = weather()
    if (random.chance(skipped)) {
      this.#skipped = true
      return nothing
    }
    if (this.#held === undefined && random.chance(swapped)) {
      this.#held = batch
      this.#skipped = true
      return nothing
    }
    const taken = await this.#deliver(batch, this.#skipped ? undefined : cursor)
    if (random.chance(twice)) await this.#deliver(batch, undefined)
    await this.flush()
    return taken
  }

  async flush(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) await this.#deliver(held, undefined)
  }
}

/** The same remote, at the end of a bad line. */
export const throughWeather = (remote: Remote, way: Way): Remote => {
  const { clockwork, random, weather } = way
  const travel = async (signal: AbortSignal, trouble: "lost" | "cut"): Promise<void> => {
    const { [trouble]: chance, slow } = weather()
    const fails = random.chance(chance)
    await clockwork.pause(1 + random.below(random.chance(slow) ? longMillis : shortMillis), signal)
    if (fails || !way.open()) {
      throw unreachable(trouble === "lost" ? "remote-unreachable" : "remote-interrupted")
    }
  }
  const watch = remote.watch?.bind(remote)
  return {
    where: remote.where,
    capabilities: remote.capabilities,
    describe: async (signal) => {
      await travel(signal, "lost")
      return remote.describe(signal)
    },
    pull: async (request, take, signal) => {
      await travel(signal, "lost")
      const courier = new Courier(way, async (batch, cursor) => {
        await travel(signal, "cut")
        return take(batch, cursor)
      })
      const giving: Take = (batch, cursor) => courier.give(batch, cursor)
      const holdings = await remote.pull(request, giving, signal)
      await courier.flush()
      await travel(signal, "lost")
      return holdings
    },
    push: async (request, signal) => {
      await travel(signal, "lost")
      const sending = async function* (): AsyncGenerator<Batch> {
        const out: Array<Batch> = []
        const courier = new Courier(way, async (batch) => {
          out.push(batch)
          return nothing
        })
        for await (const batch of request.batches) {
          await travel(signal, "cut")
          await courier.give(batch)
          yield* out.splice(0)
        }
        await courier.flush()
        yield* out.splice(0)
      }
      const pushed = await remote.push({ ...request, batches: sending() }, signal)
      await travel(signal, "lost")
      return pushed
    },
    ...(watch === undefined ? {} : { watch: watching(watch, way) }),
    close: async () => {},
  }
}

/** News comes late, and whoever listens is cut off now and then. */
const watching =
  (watch: NonNullable<Remote["watch"]>, way: Way): NonNullable<Remote["watch"]> =>
  async (hello, news, signal) => {
    const { clockwork, random, weather } = way
    const later = (): void => {
      if (random.chance(weather().lost)) return
      const delay = clockwork.pause(1 + random.below(shortMillis), signal)
      delay.then(news, () => undefined)
    }
    await clockwork.pause(1 + random.below(shortMillis), signal)
    if (!way.open() || random.chance(weather().lost)) throw unreachable("remote-unreachable")
    await watch(hello, later, signal)
  }
