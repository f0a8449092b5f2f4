/**
 * Everything that lies between a replica and a remote, and goes wrong.
 *
 * Calls get lost on their way or on their way back, break off in the middle, take long; batches come
 * twice, in another order, or not at all, without anybody being told. All of it is decided by chance
 * that belongs to one meeting, so leaving out another meeting changes nothing here.
 */
import { chainHash } from "../../../src/event/hash.ts"
import { LamplogError } from "../../../src/event/failure.ts"
import type { Remote, Take, Taken } from "../../../src/sync/remote.ts"
import { linesOfSegment, segmentFrom } from "../../../src/sync/segment.ts"
import type { Batch, Segment } from "../../../src/sync/segment.ts"
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
  /** A batch comes in pieces, cut anywhere, in any order. */
  readonly torn: number
  /** A step takes up to a minute instead of up to 50 ms. */
  readonly slow: number
}

export const calm: Weather = { lost: 0, cut: 0, twice: 0, skipped: 0, swapped: 0, torn: 0, slow: 0 }

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

/** The lines of a segment; none of one that cannot be read. */
const readableLines = (segment: Segment): ReadonlyArray<string> => {
  try {
    return linesOfSegment(segment, "").toString("utf8").split("\n").slice(0, -1)
  } catch {
    return []
  }
}

/** A segment in two, cut after some of its events. */
const cutSegment = (segment: Segment, random: Random): ReadonlyArray<Segment> => {
  const { codec: _codec, payload: _payload, size: _size, signature: _signature, ...run } = segment
  const lines = readableLines(segment)
  if (lines.length !== segment.to - segment.from + 1 || lines.length < 2) return [segment]
  const at = random.between(1, lines.length - 1)
  let hash = segment.previous
  for (const line of lines.slice(0, at)) hash = chainHash(hash, line.split("\t")[0]!)
  const bytes = (some: ReadonlyArray<string>) => Buffer.from(`${some.join("\n")}\n`)
  const to = segment.from + at - 1
  const first = segmentFrom({ ...run, to, head: hash }, bytes(lines.slice(0, at)))
  const { signature } = segment
  const rest = { ...run, from: to + 1, previous: hash }
  const signed = signature === undefined ? rest : { ...rest, signature }
  return [first, segmentFrom(signed, bytes(lines.slice(at)))]
}

const tear = (batch: Batch, random: Random): ReadonlyArray<Batch> =>
  batch
    .flatMap((segment) => (random.chance(0.5) ? cutSegment(segment, random) : [segment]))
    .map((segment) => [segment])

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
    const { skipped, swapped, torn, twice } = weather()
    if (random.chance(skipped)) {
      this.#skipped = true
      return nothing
    }
    if (this.#held === undefined && random.chance(swapped)) {
      this.#held = batch
      this.#skipped = true
      return nothing
    }
    const pieces = random.chance(torn) ? random.shuffle(tear(batch, random)) : [batch]
    let taken = nothing
    for (const [index, piece] of pieces.entries()) {
      // Only the last piece may say that all was read.
      const isLast = index === pieces.length - 1
      taken = await this.#deliver(piece, this.#skipped || !isLast ? undefined : cursor)
    }
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
