/**
 * What lies on the server for sure: asked of the stream's leader, never of a replica that may lag.
 */
import type { StreamInfo } from "@nats-io/jetstream"
import type { Connection } from "./connection.ts"
import type { Place } from "./cursor.ts"
import { idHeader, runOfHeaders } from "./message.ts"
import type { Run } from "./ledger.ts"
import { StreamReader } from "./stream-reader.ts"
import type { Reading } from "./stream-reader.ts"

/** The last message on a subject. */
export interface LastMessage {
  readonly sequence: number
  readonly id: string
  readonly run: Run | undefined
}

export interface StreamState {
  readonly created: string
  readonly first: number
  readonly last: number
  readonly messages: number
  /** Messages that are gone from between others. */
  readonly holes: number
  /** Whether the stream forgets by itself, and the room it has. */
  readonly isLimited: boolean
  readonly bytesMax: number
  readonly messagesMax: number
  readonly messageBytesMax: number
}

export const stateOf = ({ created, config, state }: StreamInfo): StreamState => ({
  created,
  first: state.first_seq,
  last: state.last_seq,
  messages: state.messages,
  holes: state.messages === 0 ? 0 : state.last_seq - state.first_seq + 1 - state.messages,
  isLimited: config.max_bytes > 0 || config.max_msgs > 0 || config.max_age > 0,
  bytesMax: config.max_bytes > 0 ? config.max_bytes : Infinity,
  messagesMax: config.max_msgs > 0 ? config.max_msgs : Infinity,
  messageBytesMax: config.max_msg_size > 0 ? config.max_msg_size : Infinity,
})

export const lastOn = (
  connection: Connection,
  stream: string,
  subject: string,
  signal: AbortSignal,
): Promise<LastMessage | undefined> =>
  connection.call("looking at the last message", signal, async ({ manager }) => {
    const message = await manager.streams.getMessage(stream, { last_by_subj: subject })
    if (message === null) return undefined
    return {
      sequence: message.seq,
      id: message.header.get(idHeader),
      run: runOfHeaders(message.header),
    }
  })

/** From so many bytes on, a message's id is read without its body. */
const bodyBytesMax = 16 * 1024

/** The id of the message at a place; undefined when there is none. */
const idAt = async (
  connection: Connection,
  at: Omit<Reading, "start">,
  { sequence, bytes }: Place,
  signal: AbortSignal,
): Promise<string | undefined> => {
  if (bytes > bodyBytesMax) {
    const reader = new StreamReader(connection, { ...at, start: sequence, heads: true })
    for await (const [first] of reader.read(signal)) {
      if (first?.sequence === sequence) return first.id
      break
    }
    // Whoever answered may lag: the leader knows.
  }
  return connection.call("looking at a message", signal, async ({ manager }) => {
    const message = await manager.streams.getMessage(at.stream, { seq: sequence })
    return message === null ? undefined : message.header.get(idHeader)
  })
}

/**
 * Whether a stream is still the one in which this place was read. A place that the stream has forgotten in an orderly
 * way is fine; one that holds another message, or lies behind the end, is not.
 */
export const isSamePlace = async (
  connection: Connection,
  at: Omit<Reading, "start">,
  place: Place,
  state: StreamState,
  signal: AbortSignal,
): Promise<boolean> => {
  if (place.created !== state.created || place.sequence > state.last) return false
  // Somebody took away some of what lies before it: which, cannot be told.
  if (state.holes > place.holes) return false
  if (place.sequence < state.first || place.sequence === 0) return true
  return (await idAt(connection, at, place, signal)) === place.messageId
}
