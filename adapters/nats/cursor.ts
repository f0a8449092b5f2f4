/**
 * How far a replica has read a stream, as the text that it keeps for this adapter.
 *
 * A sequence alone proves nothing: a stream that was deleted and made again, or whose end was lost, gives the
 * same numbers to other messages, and the server starts elsewhere without a word. So with the sequence goes which stream
 * it was and which message lay there. Advisory: whoever has no cursor, or another's, reads from the start.
 */
import { frontierFromJson, protocolVersion } from "../../src/remote.ts"
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
}

export const cursorText = ({ place, ledger, bucket }: Cursor): string =>
  JSON.stringify({
    // What a later version of the protocol can read, an earlier one has passed over.
    v: protocolVersion,
    place: [place.created, place.sequence, place.messageId, place.holes],
    held: ledger,
    ...(bucket === undefined ? {} : { bucket: [bucket.created, bucket.sequence, bucket.frontier] }),
  })

const placeFrom = (value: unknown): Place | undefined => {
  if (!Array.isArray(value)) return undefined
  const [created, sequence, messageId, holes] = value as ReadonlyArray<unknown>
  return typeof created === "string" &&
    Number.isSafeInteger(sequence) &&
    Number.isSafeInteger(holes) &&
    typeof messageId === "string"
    ? { created, sequence: sequence as number, messageId, holes: holes as number }
    : undefined
}

/** Reads a cursor; undefined when it is none, so that everything is read again. */
export const cursorFrom = (text: string | undefined): Cursor | undefined => {
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as { [key: string]: unknown }
    const place = value["v"] === protocolVersion ? placeFrom(value["place"]) : undefined
    const ledger = new Ledger()
    if (place === undefined || !ledger.load(value["held"])) return undefined
    const seen = value["bucket"]
    if (!Array.isArray(seen)) return { place, ledger, bucket: undefined }
    const [created, sequence, held] = seen as ReadonlyArray<unknown>
    const frontier = frontierFromJson(held as never)
    return typeof created === "string" && Number.isSafeInteger(sequence) && frontier !== undefined
      ? { place, ledger, bucket: { created, sequence: sequence as number, frontier } }
      : { place, ledger, bucket: undefined }
  } catch {
    return undefined
  }
}
