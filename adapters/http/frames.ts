/**
 * The body of a pull's answer and of a push: frames, one after another.
 *
 *   frame  = kind (1 byte) ‖ length (4 bytes, big-endian) ‖ content
 *   stream = M (S+ B)* (E | F)
 *
 * `M` opens with a JSON message, `S` is a segment, `B` ends a batch, `E` ends the stream, `F` ends it
 * with an error document. A stream without `E` or `F` was cut, and nothing may follow them.
 *
 * Invariants
 *  1. No more than one batch is in memory; a batch is read when it is asked for.
 *  2. Memory is taken for bytes that arrived, never for bytes that were promised.
 */
import { decodeSegment, encodeSegment, LamplogError } from "../../src/remote.ts"
import type { Batch } from "../../src/remote.ts"
import { cut, newer, nonsense, tooLarge } from "./failure.ts"
import { failureBytesMax, segmentFrameBytesMax } from "./limits.ts"
import { failureFromBytes } from "./messages.ts"

/** The media type of such a body. */
export const streamType = "application/vnd.lamplog.stream"
/** Media type of an asset's bytes, whatever they are. */
export const assetBytesType = "application/octet-stream"

const prefixBytes = 5
/** Segments of one batch. */
export const batchSegmentsMax = 20_000
const noBytes = Buffer.alloc(0)

type Kind = "M" | "S" | "B" | "E" | "F"

export const frame = (kind: Kind, content: Uint8Array = noBytes): Buffer => {
  const bytes = Buffer.allocUnsafe(prefixBytes + content.length)
  bytes.write(kind, 0, "latin1")
  bytes.writeUInt32BE(content.length, 1)
  bytes.set(content, prefixBytes)
  return bytes
}

/** The frames of one batch, one by one. */
export function* batchFrames(batch: Batch): Generator<Buffer> {
  for (const segment of batch) yield frame("S", encodeSegment(segment))
  yield frame("B")
}

/** Gives bytes in the lengths that are asked for. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Array<Uint8Array> = []
  #heldBytes = 0
  bytes = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next()
    if (next.done === true) return false
    this.#held.push(next.value)
    this.#heldBytes += next.value.length
    this.bytes += next.value.length
    return true
  }

  /** Exactly so many bytes; undefined when the body ended before them. */
  async take(length: number): Promise<Buffer | undefined> {
    while (this.#heldBytes < length) if (!(await this.#more())) return undefined
    const all = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held)
    this.#held = all.length > length ? [all.subarray(length)] : []
    this.#heldBytes = all.length - length
    return Buffer.from(all.buffer, all.byteOffset, length)
  }

  /** Whether nothing is left. */
  async ended(): Promise<boolean> {
    for (;;) {
      if (this.#heldBytes > 0) return false
      if (!(await this.#more())) return true
    }
  }

  async stop(): Promise<void> {
    await this.#chunks.return?.()
  }
}

export interface StreamLimits {
  readonly messageBytesMax: number
  readonly batchBytesMax: number
  readonly bytesMax: number
}

export interface Incoming {
  /** The content of the first frame. */
  readonly message: Buffer
  /** To be read once. Throws when the stream is cut, breaks a rule, or ends with an error. */
  readonly batches: AsyncIterable<Batch>
}

interface Frame {
  readonly kind: string
  readonly content: Buffer
}

/** Reads a stream; `where` is for messages. */
export class StreamReader {
  readonly #bytes: ByteReader
  readonly #limits: StreamLimits
  readonly #where: string

  constructor(chunks: AsyncIterable<Uint8Array>, limits: StreamLimits, where: string) {
    this.#bytes = new ByteReader(chunks)
    this.#limits = limits
    this.#where = where
  }

  async open(): Promise<Incoming> {
    const { kind, content } = await this.#frame()
    if (kind === "F") throw failureFromBytes(content, this.#where)
    if (kind !== "M") throw nonsense("the first frame is no message", this.#where)
    return { message: content, batches: this.#batches() }
  }

  #lengthMax(kind: string): number {
    switch (kind) {
      case "M":
        return this.#limits.messageBytesMax
      case "S":
        return segmentFrameBytesMax
      case "F":
        return failureBytesMax
      case "B":
      case "E":
        return 0
      default:
        throw nonsense("a frame is of no known kind", this.#where)
    }
  }

  async #frame(): Promise<Frame> {
    const prefix = await this.#bytes.take(prefixBytes)
    if (prefix === undefined) throw cut(this.#where)
    const kind = prefix.toString("latin1", 0, 1)
    const length = prefix.readUInt32BE(1)
    const most = this.#lengthMax(kind)
    if (length > most) throw tooLarge(`bytes of a frame ${kind}`, most, this.#where)
    if (this.#bytes.bytes > this.#limits.bytesMax) {
      throw tooLarge("bytes of a body", this.#limits.bytesMax, this.#where)
    }
    const content = await this.#bytes.take(length)
    if (content === undefined) throw cut(this.#where)
    return { kind, content }
  }

  #segment(content: Buffer): Batch[number] {
    try {
      return decodeSegment(content, this.#where)
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
      if (error.code === "segment-newer") throw newer(2, 1, this.#where)
      if (error.code === "limit-exceeded") throw error
      throw nonsense(error.message.replace(/\.$/, ""), this.#where)
    }
  }

  async *#batches(): AsyncGenerator<Batch> {
    const { batchBytesMax } = this.#limits
    let batch: Array<Batch[number]> = []
    let bytes = 0
    let linesBytes = 0
    try {
      for (;;) {
        const { kind, content } = await this.#frame()
        if (kind === "S") {
          const segment = this.#segment(content)
          batch.push(segment)
          bytes += content.length
          linesBytes += segment.size
          if (bytes > batchBytesMax || linesBytes > batchBytesMax) {
            throw tooLarge("bytes of a batch", batchBytesMax, this.#where)
          }
          if (batch.length > batchSegmentsMax) {
            throw tooLarge("segments of a batch", batchSegmentsMax, this.#where)
          }
        } else if (kind === "B" && batch.length > 0) {
          yield batch
          batch = []
          bytes = 0
          linesBytes = 0
        } else if (kind === "E" && batch.length === 0) {
          if (await this.#bytes.ended()) return
          throw nonsense("something follows the end of the stream", this.#where)
        } else if (kind === "F") throw failureFromBytes(content, this.#where)
        else throw nonsense(`a frame ${kind} is out of place`, this.#where)
      }
    } finally {
      await this.#bytes.stop()
    }
  }
}
