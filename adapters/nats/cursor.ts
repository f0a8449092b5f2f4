/**
 * How far a replica has read a stream, as the text that it keeps for this adapter.
 *
 * A sequence alone proves nothing: a stream that was deleted and made again, or whose end was lost, gives the
 * same numbers to other messages, and the server starts elsewhere without a word. So with the sequence goes which stream
 * it was and which message lay there. Advisory: whoever has no cursor, or another's, reads from the start.
 */
import { frontierFromJson, isIdentifier, protocolVersion } from "../../src/remote.ts"
import type { Frontier } from "../../src/remote.ts"
import { Ledger } from "./ledger.ts"

/** A place in a stream, and how to know it again. */
export interface Place {
  /** When the server says that the stream was made. */
  readonly created: string
  /** Read up to here. */
  readonly sequence: number
  /** The id of the message there; empty when none was looked at. */
  readonly messageId: string
  /** Bytes of its body. */
  readonly bytes: number
  /** Messages that were gone from between others then. */
  readonly holes: number
}

export interface BucketSeen {
  readonly created: string
  readonly sequence: number
  readonly frontier: Frontier
}

export interface Cursor {
  readonly place: Place
  readonly ledger: Ledger
  readonly bucket: BucketSeen | undefined
  /** By node, the last message with something of its log that this node has published. */
  readonly own: ReadonlyMap<string, number>
}

/** Nodes of which such a message is kept, the latest. */
const ownMax = 64

export const cursorText = ({ place, ledger, bucket, own }: Cursor): string =>
  JSON.stringify({
    // What a later version of the protocol can read, an earlier one has passed over.
    v: protocolVersion,
    place: [place.created, place.sequence, place.messageId, place.bytes, place.holes],
    own: [...own].slice(-ownMax),
    held: ledger,
    ...(bucket === undefined ? {} : { bucket: [bucket.created, bucket.sequence, bucket.frontier] }),
  })

const placeFrom = (value: unknown): Place | undefined => {
  if (!Array.isArray(value)) return undefined
  const [created, sequence, messageId, bytes, holes] = value as ReadonlyArray<unknown>
  return typeof created === "string" &&
    Number.isSafeInteger(sequence) &&
    Number.isSafeInteger(bytes) &&
    Number.isSafeInteger(holes) &&
    typeof messageId === "string"
    ? {
        created,
        sequence: sequence as number,
        messageId,
        bytes: bytes as number,
        holes: holes as number,
      }
    : undefined
}

const ownFrom = (value: unknown): ReadonlyMap<string, number> => {
  const own = new Map<string, number>()
  if (!Array.isArray(value)) return own
  for (const entry of value.slice(0, ownMax) as ReadonlyArray<unknown>) {
    if (!Array.isArray(entry)) continue
    const [node, sequence] = entry as ReadonlyArray<unknown>
    if (isIdentifier(node) && Number.isSafeInteger(sequence)) own.set(node, sequence as number)
  }
  return own
}

/** Reads a cursor; undefined when it is none, so that everything is read again. */
export const cursorFrom = (text: string | undefined): Cursor | undefined => {
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as { [key: string]: unknown }
    const place = value["v"] === protocolVersion ? placeFrom(value["place"]) : undefined
    const ledger = new Ledger()
    if (place === undefined || !ledger.load(value["held"])) return undefined
    const own = ownFrom(value["own"])
    const seen = value["bucket"]
    if (!Array.isArray(seen)) return { place, ledger, own, bucket: undefined }
    const [created, sequence, held] = seen as ReadonlyArray<unknown>
    const frontier = frontierFromJson(held as never)
    return typeof created === "string" && Number.isSafeInteger(sequence) && frontier !== undefined
      ? { place, ledger, own, bucket: { created, sequence: sequence as number, frontier } }
      : { place, ledger, own, bucket: undefined }
  } catch {
    return undefined
  }
}
