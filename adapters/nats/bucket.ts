/**
 * Objects in the server's object store, in its own format, so that other tools can read them.
 *
 * An object is a run of messages on one subject and a last message that names it. The library's own store reads
 * through a push consumer of a made-up name, which a node's permissions could not name; so this reads by direct
 * requests, and lists through the same bounded fetches as a stream is read.
 *
 * Invariants
 *  1. An object is there once its last message is: a put that was cut short leaves chunks that nobody finds, and takes
 *     them away if it may.
 *  2. Nothing read is believed here: whoever asked checks its hash.
 */
import { createHash } from "node:crypto"
import { JsHeaders } from "@nats-io/jetstream"
import { Objm } from "@nats-io/obj"
import { headers, nuid } from "@nats-io/transport-node"
import type { Connection } from "./connection.ts"
import { isMissingStream } from "./refuse.ts"
import type { Names } from "./subjects.ts"
import { StreamReader } from "./stream-reader.ts"

const chunkBytesMax = 512 * 1024
/** Objects that a list has, at most. */
const objectsMax = 1_000_000

export interface StoredObject {
  readonly name: string
  readonly size: number
  readonly chunks: number
  /** Names the subject that its chunks lie on. */
  readonly id: string
}

export interface BucketState {
  /** Differs when the bucket is another, or has lost something. */
  readonly created: string
  readonly sequence: number
}

const objectFrom = (data: Uint8Array): StoredObject | undefined => {
  let value: { readonly [key: string]: unknown }
  try {
    value = JSON.parse(Buffer.from(data).toString("utf8")) as typeof value
  } catch {
    return undefined
  }
  const { name, size, chunks, nuid: id, deleted } = value
  if (typeof name !== "string" || typeof id !== "string" || !/^[A-Za-z0-9_-]{1,64}$/.test(id)) {
    return undefined
  }
  const counted = [size, chunks].every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  if (!counted || deleted === true) return undefined
  return { name, size: size as number, chunks: chunks as number, id }
}

/** The bytes of `source` in pieces of one size. */
async function* chunked(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let held: Array<Uint8Array> = []
  let count = 0
  for await (const bytes of source) {
    held.push(bytes)
    count += bytes.length
    if (count < size) continue
    const joined = Buffer.concat(held)
    let at = 0
    for (; joined.length - at >= size; at += size) yield joined.subarray(at, at + size)
    const rest = joined.subarray(at)
    held = rest.length === 0 ? [] : [rest]
    count = rest.length
  }
  if (count > 0) yield Buffer.concat(held)
}

export class Bucket {
  readonly #connection: Connection
  readonly #names: Names
  readonly #node: string
  /** One consumer at a time: it bears the node's name. */
  #listing: Promise<unknown> = Promise.resolve()

  constructor(connection: Connection, names: Names, node: string) {
    this.#connection = connection
    this.#names = names
    this.#node = node
  }

  #metaSubject(name: string): string {
    const padded = Buffer.from(name).toString("base64").replaceAll("+", "-").replaceAll("/", "_")
    return `$O.${this.#names.bucket}.M.${padded}`
  }

  #chunkSubject(id: string): string {
    return `$O.${this.#names.bucket}.C.${id}`
  }

  /** Where the bucket stands; undefined when there is none. */
  async state(signal: AbortSignal): Promise<BucketState | undefined> {
    try {
      const info = await this.#connection.attempt(signal, ({ manager }) =>
        manager.streams.info(this.#names.bucketStream),
      )
      const { first_seq: first, last_seq: sequence, messages } = info.state
      return { created: `${info.created} ${first} ${messages}`, sequence }
    } catch (error) {
      signal.throwIfAborted()
      if (isMissingStream(error)) return undefined
      return this.#connection.call("looking at the bucket", signal, () => Promise.reject(error))
    }
  }

  /** Makes the bucket where there is none. */
  async ensure(signal: AbortSignal): Promise<void> {
    if ((await this.state(signal)) !== undefined) return
    await this.#connection.call("making the bucket", signal, ({ stream }) =>
      new Objm(stream).create(this.#names.bucket, { description: "Lamplog: assets and history" }),
    )
  }

  /** All objects whose names begin so. */
  list(prefix: string, signal: AbortSignal): Promise<ReadonlyArray<StoredObject>> {
    const before = this.#listing
    const listed = (async () => {
      await before.catch(() => undefined)
      return this.#list(prefix, signal)
    })()
    this.#listing = listed.catch(() => undefined)
    return listed
  }

  async #list(prefix: string, signal: AbortSignal): Promise<ReadonlyArray<StoredObject>> {
    if ((await this.state(signal)) === undefined) return []
    const objects = new Map<string, StoredObject>()
    const reader = new StreamReader(this.#connection, {
      stream: this.#names.bucketStream,
      node: this.#node,
      filter: `$O.${this.#names.bucket}.M.*`,
      start: 1,
    })
    for await (const messages of reader.read(signal)) {
      for (const { data, subject } of messages) {
        const object = objectFrom(data)
        if (object === undefined) objects.delete(subject)
        else if (object.name.startsWith(prefix) && objects.size < objectsMax) {
          objects.set(subject, object)
        }
      }
    }
    if (objects.size === 0) return []
    // One whose chunks are gone is not there, whatever its name promises.
    const counts = await this.#chunkCounts(signal)
    return [...objects.values()].filter(
      ({ id, chunks }) => (counts.get(this.#chunkSubject(id)) ?? 0) === chunks,
    )
  }

  async find(name: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const subject = this.#metaSubject(name)
    try {
      const message = await this.#connection.attempt(signal, ({ manager }) =>
        manager.streams.getMessage(this.#names.bucketStream, { last_by_subj: subject }),
      )
      return message === null ? undefined : objectFrom(message.data)
    } catch (error) {
      signal.throwIfAborted()
      if (isMissingStream(error)) return undefined
      return this.#connection.call("looking for an object", signal, () => Promise.reject(error))
    }
  }

  /** The bytes, chunk by chunk; they end where some are missing. */
  async *read({ id, chunks }: StoredObject, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const subject = this.#chunkSubject(id)
    const { bucketStream } = this.#names
    let sequence = 1
    for (let index = 0; index < chunks; index += 1) {
      const query = { seq: sequence, next_by_subj: subject }
      const chunk = await this.#connection.call("reading an object", signal, async (link) => {
        const direct = await link.manager.direct.getMessage(bucketStream, query)
        // A replica that answers directly may lag; the leader does not.
        return direct ?? link.manager.streams.getMessage(bucketStream, query)
      })
      // Whoever reads sees by its size or hash that it is not whole.
      if (chunk === null) return
      sequence = chunk.seq + 1
      yield chunk.data
    }
  }

  /** Puts an object there, whole or not at all. */
  async write(name: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const id = nuid.next()
    const subject = this.#chunkSubject(id)
    const digest = createHash("sha256")
    const size = Math.min(chunkBytesMax, this.#connection.bodyBytesMax)
    let count = 0
    let chunks = 0
    const old = await this.find(name, signal)
    try {
      for await (const chunk of chunked(bytes, size)) {
        digest.update(chunk)
        await this.#publish(subject, chunk, undefined, signal)
        count += chunk.length
        chunks += 1
      }
      const text = digest.digest("base64").replaceAll("+", "-").replaceAll("/", "_")
      const meta = {
        name,
        bucket: this.#names.bucket,
        nuid: id,
        size: count,
        chunks,
        digest: `SHA-256=${text}`,
        options: { max_chunk_size: size },
        deleted: false,
        // Only for people; no server and no Lamplog compares it.
        mtime: "1970-01-01T00:00:00Z",
      }
      await this.#publish(this.#metaSubject(name), JSON.stringify(meta), "sub", signal)
    } catch (error) {
      if (chunks > 0) await this.#purge(id)
      throw error
    }
    if (old !== undefined) await this.#purge(old.id)
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const object = await this.find(name, signal)
    if (object === undefined) return
    const { bucket } = this.#names
    const meta = { name, bucket, nuid: object.id, size: 0, chunks: 0, digest: "", deleted: true }
    await this.#publish(this.#metaSubject(name), JSON.stringify(meta), "sub", signal)
    await this.#purge(object.id)
  }

  /**
   * Takes away chunks that no object names and whose last one came so long ago; gives back how many. For
   * administrators. Both times are the server's.
   */
  async purgeOrphans(olderThanMillis: number, signal: AbortSignal): Promise<number> {
    const { bucketStream } = this.#names
    const info = await this.#connection.call("looking at the bucket", signal, ({ manager }) =>
      manager.streams.info(bucketStream),
    )
    const now = Date.parse(info.ts ?? info.state.last_ts)
    const before = await this.#chunkCounts(signal)
    const named = new Set((await this.list("", signal)).map(({ id }) => this.#chunkSubject(id)))
    let purged = 0
    for (const subject of before.keys()) {
      if (named.has(subject)) continue
      purged += await this.#connection.call("tidying the bucket", signal, async ({ manager }) => {
        const last = await manager.streams.getMessage(bucketStream, { last_by_subj: subject })
        if (last === null || now - last.time.getTime() < olderThanMillis) return 0
        return (await manager.streams.purge(bucketStream, { filter: subject })).purged
      })
    }
    return purged
  }

  /** How many chunks lie on each subject. */
  async #chunkCounts(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const info = await this.#connection.call("looking at the bucket", signal, ({ manager }) =>
      manager.streams.info(this.#names.bucketStream, {
        subjects_filter: `$O.${this.#names.bucket}.C.>`,
      }),
    )
    return new Map(Object.entries(info.state.subjects ?? {}))
  }

  async #publish(
    subject: string,
    data: Uint8Array | string,
    rollup: "sub" | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const found = headers()
    if (rollup !== undefined) found.set(JsHeaders.RollupHdr, rollup)
    await this.#connection.call("writing an object", signal, ({ stream }) =>
      stream.publish(subject, data, {
        headers: found,
        expect: { streamName: this.#names.bucketStream },
      }),
    )
  }

  /** Best effort: a node may not be allowed to, and an administrator tidies up. */
  async #purge(id: string): Promise<void> {
    const filter = this.#chunkSubject(id)
    await this.#connection
      .attempt(AbortSignal.timeout(this.#connection.settings.timeoutMillis), ({ manager }) =>
        manager.streams.purge(this.#names.bucketStream, { filter }),
      )
      .catch(() => undefined)
  }
}
