/**
 * Batches as a stream of bytes, cut into pages: each segment behind its length, a zero length behind each batch.
 */
import { decodeSegment, encodedBytesMax, encodeSegment } from "../../src/remote.ts"
import type { Batch, Segment } from "../../src/remote.ts"
import { nonsense } from "./refuse.ts"

const lengthBytes = 4
/** Encoded bytes of one batch that somebody may send. */
const batchBytesMax = 4 * encodedBytesMax

const lengthOf = (value: number): Buffer => {
  const bytes = Buffer.alloc(lengthBytes)
  bytes.writeUInt32BE(value)
  return bytes
}

async function* framed(batches: AsyncIterable<Batch>): AsyncGenerator<Uint8Array> {
  for await (const batch of batches) {
    for (const segment of batch) {
      const bytes = encodeSegment(segment)
      yield lengthOf(bytes.length)
      yield bytes
    }
    yield lengthOf(0)
  }
}

/** Pages of at most so many bytes; only the last is shorter. */
export async function* pagesOf(
  batches: AsyncIterable<Batch>,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  let held: Array<Uint8Array> = []
  let count = 0
  for await (const bytes of framed(batches)) {
    held.push(bytes)
    count += bytes.length
    if (count < bytesMax) continue
    const joined = Buffer.concat(held)
    let at = 0
    for (; joined.length - at >= bytesMax; at += bytesMax) yield joined.subarray(at, at + bytesMax)
    const rest = joined.subarray(at)
    held = rest.length === 0 ? [] : [rest]
    count = rest.length
  }
  if (count > 0) yield Buffer.concat(held)
}

/** Reads batches out of pages. Throws `LamplogError` for what is none. */
export async function* batchesFrom(
  pages: AsyncIterable<Uint8Array>,
  where: string,
): AsyncGenerator<Batch> {
  let held: Buffer = Buffer.alloc(0)
  let batch: Array<Segment> = []
  let bytes = 0
  for await (const page of pages) {
    held = held.length === 0 ? Buffer.from(page) : Buffer.concat([held, page])
    for (;;) {
      if (held.length < lengthBytes) break
      const length = held.readUInt32BE(0)
      if (length > encodedBytesMax)
        throw nonsense(where, "an answer has a segment that is too long")
      if (held.length < lengthBytes + length) break
      const content = held.subarray(lengthBytes, lengthBytes + length)
      held = held.subarray(lengthBytes + length)
      if (length === 0) {
        if (batch.length > 0) yield batch
        batch = []
        bytes = 0
        continue
      }
      bytes += length
      if (bytes > batchBytesMax) throw nonsense(where, "an answer has a batch that is too long")
      batch.push(decodeSegment(content, where))
    }
  }
  if (held.length > 0) throw nonsense(where, "an answer ends in the middle")
  if (batch.length > 0) yield batch
}
