/**
 * Streams and buckets as they have to be, and making them where that is allowed.
 */
import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream"
import type { StreamConfig } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import type { Connection } from "./connection.ts"
import { stateOf } from "./probe.ts"
import type { StreamState } from "./probe.ts"
import { apiCodeOf, isMissingStream, mapFailure, missingStream } from "./refuse.ts"
import type { Names } from "./subjects.ts"

/** The server's own default; nothing rests on it. */
const duplicateWindowMillis = 120_000
/** Another made it meanwhile, with other options. */
const nameInUse = 10058

export interface StreamWishes {
  readonly replicas: number
  /** Bytes after which the stream forgets its oldest messages; they are reserved on the server. */
  readonly bytesMax?: number | undefined
}

type StreamPlan = Partial<StreamConfig> & { readonly name: string }

export const streamConfig = (names: Names, { replicas, bytesMax }: StreamWishes): StreamPlan => ({
  name: names.stream,
  subjects: [...names.stored],
  description: "Lamplog: logs of projects",
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.Old,
  max_age: 0,
  max_bytes: bytesMax ?? -1,
  num_replicas: replicas,
  duplicate_window: nanos(duplicateWindowMillis),
  allow_direct: true,
  deny_delete: true,
  republish: names.republish,
})

/** The stream's state; where there is no stream and a node may make one, it does. */
export const streamState = async (
  connection: Connection,
  names: Names,
  signal: AbortSignal,
): Promise<StreamState> => {
  try {
    const info = await connection.attempt(signal, ({ manager }) =>
      manager.streams.info(names.stream),
    )
    return stateOf(info)
  } catch (error) {
    signal.throwIfAborted()
    if (!isMissingStream(error)) throw mapFailure(error, connection.where, "looking at the stream")
  }
  return makeStream(connection, names, signal)
}

const makeStream = async (
  connection: Connection,
  names: Names,
  signal: AbortSignal,
): Promise<StreamState> => {
  try {
    const info = await connection.attempt(signal, ({ manager }) =>
      manager.streams.add(streamConfig(names, { replicas: 1 })),
    )
    return stateOf(info)
  } catch (error) {
    signal.throwIfAborted()
    if (apiCodeOf(error) === nameInUse) {
      return connection.call("looking at the stream", signal, async ({ manager }) =>
        stateOf(await manager.streams.info(names.stream)),
      )
    }
    const failure = mapFailure(error, connection.where, "making the stream")
    if (failure.code !== "remote-denied") throw failure
    throw missingStream(connection.where, "not permitted to make it")
  }
}
