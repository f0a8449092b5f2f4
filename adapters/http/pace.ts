/**
 * Patience with a slow other side: each body may stand still for so long in all, and every byte that
 * moves earns more time. Somebody who sends a byte every few seconds is cut off; somebody with a thin
 * line is not. Only waiting for the other side counts, never the time that is spent here.
 */
import type { Writable } from "node:stream"
import { cut, failure } from "./failure.ts"

const tooSlow = (where: string) =>
  failure(
    "remote-timeout",
    "The other side sent or took nothing for too long.",
    "Try again when the line is better.",
    where,
  )

export class Pace {
  readonly #stallMillisMax: number
  readonly #rateBytesMin: number
  readonly #where: string
  #waitedMillis = 0
  #bytes = 0

  constructor(stallMillisMax: number, rateBytesMin: number, where: string) {
    this.#stallMillisMax = stallMillisMax
    this.#rateBytesMin = rateBytesMin
    this.#where = where
  }

  moved(bytes: number): void {
    this.#bytes += bytes
  }

  /** Waits for the other side, as long as it has patience left. */
  async wait<A>(promise: Promise<A>): Promise<A> {
    const earned = this.#stallMillisMax + (this.#bytes / this.#rateBytesMin) * 1000
    // Never more than one whole stall at once, however much was earned before.
    const most = Math.min(this.#stallMillisMax, earned - this.#waitedMillis)
    const start = performance.now()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooSlow(this.#where)), Math.max(0, most))
    })
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
      this.#waitedMillis += performance.now() - start
    }
  }
}

/** The chunks of a body, as long as the other side keeps pace; whatever ends it early is named. */
export async function* paced(
  body: AsyncIterable<Uint8Array>,
  pace: Pace,
  signal: AbortSignal,
  where: string,
): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]()
  for (;;) {
    let next: IteratorResult<Uint8Array>
    try {
      next = await pace.wait(chunks.next())
    } catch (error) {
      signal.throwIfAborted()
      throw (error as NodeJS.ErrnoException).code === "remote-timeout" ? error : cut(where)
    }
    if (next.done === true) return
    pace.moved(next.value.length)
    yield next.value
  }
}

/** Writes one piece and waits until there is room for another. */
export const send = async (
  out: Writable,
  bytes: Uint8Array | string,
  pace: Pace,
  signal: AbortSignal,
  where: string,
): Promise<void> => {
  signal.throwIfAborted()
  if (out.destroyed) throw cut(where)
  const room = out.write(bytes)
  pace.moved(bytes.length)
  if (room) return
  let stop = () => {}
  const drained = new Promise<void>((resolve, reject) => {
    const gone = () => reject(signal.aborted ? (signal.reason as Error) : cut(where))
    out.once("drain", resolve)
    out.once("close", gone)
    signal.addEventListener("abort", gone)
    stop = () => {
      out.off("drain", resolve)
      out.off("close", gone)
      signal.removeEventListener("abort", gone)
    }
  })
  try {
    await pace.wait(drained)
  } finally {
    stop()
  }
}
