/**
 * How much one server takes from others, and how long it waits for them. Everything that somebody
 * else decides (sizes, numbers, time) has a limit here; the memory a server needs follows from them.
 */
import { encodedBytesMax } from "../../src/remote.ts"

const mebibyte = 1024 * 1024

export interface HttpLimits {
  /** Headers of one request. */
  readonly headerBytesMax: number
  /** From connecting, or from the first byte of a request, until its headers are complete. */
  readonly headerMillisMax: number
  /** A JSON message: about 30,000 logs. */
  readonly messageBytesMax: number
  /** A batch, as it travels and unpacked. */
  readonly batchBytesMax: number
  /** The whole body of a push. Clients end earlier and push again. */
  readonly pushBytesMax: number
  /** The bytes of one asset. */
  readonly assetBytesMax: number
  /** Time without a byte that anybody may take, in all … */
  readonly stallMillisMax: number
  /** … and the bytes per second that earn more of it. */
  readonly rateBytesMin: number
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
  /** At once; more are asked to come again. As many assets may be handed over as pushes run. */
  readonly pullsMax: number
  readonly pushesMax: number
  readonly watchesMax: number
  readonly assetsMax: number
  /** A connection on which nothing moves, not even while an answer is prepared. */
  readonly idleMillisMax: number
  /** Between two signs of life to those who watch. */
  readonly heartbeatMillis: number
  /** How long somebody who was refused may go on sending before the line is cut. */
  readonly lingerMillis: number
}

export const defaultLimits: HttpLimits = {
  headerBytesMax: 16 * 1024,
  headerMillisMax: 10_000,
  messageBytesMax: 4 * mebibyte,
  batchBytesMax: 16 * mebibyte,
  pushBytesMax: 4096 * mebibyte,
  assetBytesMax: 2048 * mebibyte,
  stallMillisMax: 60_000,
  rateBytesMin: 1024,
  connectionsMax: 256,
  connectionsPerAddressMax: 64,
  pullsMax: 8,
  pushesMax: 4,
  watchesMax: 128,
  assetsMax: 8,
  idleMillisMax: 180_000,
  heartbeatMillis: 15_000,
  lingerMillis: 2000,
}

/** Assets that are asked about at once. */
export const askedHashesMax = 10_000
/** Bytes of segments after which a client ends a push; what is left goes with the next one. */
export const pushedBytesMax = 1024 * mebibyte
/** Bytes of one answer to a pull that a client reads. */
export const pulledBytesMax = 16_384 * mebibyte
/** A frame that holds a segment. */
export const segmentFrameBytesMax = encodedBytesMax
/** Error documents. */
export const failureBytesMax = 64 * 1024
