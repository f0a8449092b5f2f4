/**
 * Prepares a server for projects, as its administrator: streams and buckets, made or brought up to date.
 */
import type { StreamConfig } from "@nats-io/jetstream"
import { Objm } from "@nats-io/obj"
import { isIdentifier } from "../../src/remote.ts"
import { Bucket } from "./bucket.ts"
import { Connection } from "./connection.ts"
import { apiCodeOf, apiCodes, invalid, mapFailure } from "./refuse.ts"
import { settingsFrom } from "./settings.ts"
import type { NatsOptions } from "./settings.ts"
import { streamConfig } from "./streams.ts"
import type { StreamWishes } from "./streams.ts"
import { namesOf, shardNames } from "./subjects.ts"
import type { Layout, Names } from "./subjects.ts"

export interface NatsInitOptions extends NatsOptions {
  /** The project to be prepared for; with shards all of them are, whatever the projects. */
  readonly project?: string
  readonly layout?: Layout
  /** Servers of a cluster that each keep a copy: 1, 3 or 5. */
  readonly replicas?: number
  /** Bytes after which a stream forgets its oldest messages, reserved on the server; none by default. */
  readonly maxBytes?: number
  /** Takes away what uploads have left in the buckets that were given up so long ago. */
  readonly tidyMillis?: number
  readonly signal?: AbortSignal
}

export interface NatsPrepared {
  readonly stream: string
  readonly bucket: string
  readonly streamWas: "made" | "changed" | "fine"
  readonly bucketWas: "made" | "changed" | "fine"
  /** Messages of aborted uploads that were taken away. */
  readonly tidied: number
}

const replicasMax = 5

const targetsOf = (where: string, options: NatsInitOptions, layout: Layout) => {
  if (layout.kind === "shards") {
    // The project's place in the names is a wildcard there.
    return Array.from({ length: layout.count }, (_, shard) => shardNames(shard, "*"))
  }
  if (!isIdentifier(options.project)) {
    throw invalid(where, "no project was named", "Name the project: `lamplog status` tells its id.")
  }
  return [namesOf(options.project, layout)]
}

const same = (left: unknown, right: unknown): boolean =>
  JSON.stringify(left) === JSON.stringify(right)

/** What has to be changed in a stream's configuration; limits stay as they are unless named. */
const changesOf = (present: StreamConfig, names: Names, wishes: Partial<StreamWishes>) => {
  const wanted = streamConfig(names, {
    replicas: wishes.replicas ?? present.num_replicas,
    bytesMax: wishes.bytesMax ?? present.max_bytes,
  })
  const changes: Partial<StreamConfig> = {}
  if (!same(present.subjects, wanted.subjects)) changes.subjects = wanted.subjects!
  const { src, dest } = present.republish ?? {}
  if (!same({ src, dest }, wanted.republish)) changes.republish = wanted.republish!
  if (present.num_replicas !== wanted.num_replicas) changes.num_replicas = wanted.num_replicas!
  if (present.max_bytes !== wanted.max_bytes) changes.max_bytes = wanted.max_bytes!
  if (!present.allow_direct) changes.allow_direct = true
  return changes
}

const prepareStream = (
  connection: Connection,
  names: Names,
  wishes: Partial<StreamWishes>,
  signal: AbortSignal,
): Promise<NatsPrepared["streamWas"]> =>
  connection.call("preparing the stream", signal, async ({ manager }) => {
    try {
      const { config } = await manager.streams.info(names.stream)
      const changes = changesOf(config, names, wishes)
      if (Object.keys(changes).length === 0) return "fine"
      await manager.streams.update(names.stream, changes)
      return "changed"
    } catch (error) {
      if (apiCodeOf(error) !== apiCodes.streamNotFound) throw error
    }
    const { replicas = 1, bytesMax } = wishes
    await manager.streams.add(streamConfig(names, { replicas, bytesMax }))
    return "made"
  })

const prepareBucket = (
  connection: Connection,
  names: Names,
  { replicas }: Partial<StreamWishes>,
  signal: AbortSignal,
): Promise<NatsPrepared["bucketWas"]> =>
  connection.call("preparing the bucket", signal, async ({ manager, stream }) => {
    try {
      const { config } = await manager.streams.info(names.bucketStream)
      if (replicas === undefined || config.num_replicas === replicas) return "fine"
      await manager.streams.update(names.bucketStream, { num_replicas: replicas })
      return "changed"
    } catch (error) {
      if (apiCodeOf(error) !== apiCodes.streamNotFound) throw error
    }
    await new Objm(stream).create(names.bucket, {
      description: "Lamplog: assets and history",
      replicas: replicas ?? 1,
    })
    return "made"
  })

/** Prepares a server. What is there already is brought up to date and loses nothing. */
export const initNats = async (
  url: string,
  options: NatsInitOptions = {},
): Promise<ReadonlyArray<NatsPrepared>> => {
  const settings = settingsFrom(url, options)
  const { where } = settings
  const { replicas, maxBytes, layout = settings.layout } = options
  if (
    replicas !== undefined &&
    !(Number.isInteger(replicas) && replicas >= 1 && replicas <= replicasMax)
  ) {
    throw invalid(where, "replicas is no number from 1 to 5", "Give 1, or 3 for a cluster of 3.")
  }
  if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes >= 1024 * 1024)) {
    throw invalid(where, "max-bytes is less than 1 MiB, or no number", "Give some hundred MiB.")
  }
  const project = options.project ?? settings.project
  const targets = targetsOf(where, { ...options, ...(project && { project }) }, layout)
  const signal = options.signal ?? new AbortController().signal
  const connection = new Connection(settings)
  const wishes = {
    ...(replicas === undefined ? {} : { replicas }),
    ...(maxBytes === undefined ? {} : { bytesMax: maxBytes }),
  }
  try {
    await connection.ready(undefined, signal)
    const prepared: Array<NatsPrepared> = []
    for (const names of targets) {
      const streamWas = await prepareStream(connection, names, wishes, signal)
      const bucketWas = await prepareBucket(connection, names, wishes, signal)
      const bucket = new Bucket(connection, names, "administrator")
      const tidied =
        options.tidyMillis === undefined ? 0 : await bucket.purgeOrphans(options.tidyMillis, signal)
      prepared.push({ stream: names.stream, bucket: names.bucket, streamWas, bucketWas, tidied })
    }
    return prepared
  } catch (error) {
    signal.throwIfAborted()
    throw mapFailure(error, where, "preparing the server")
  } finally {
    await connection.close()
  }
}
