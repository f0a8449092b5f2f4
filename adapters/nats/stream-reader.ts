/**
 * Reads a stream from a place on, in bounded fetches of our own.
 *
 * The library's `consume` stalls after a server's restart and may be given more than it can hold; its `fetch` throws
 * where a batch simply ends. So this asks for messages itself: so many bytes, no waiting, and the next fetch only when
 * the last one was used. One consumer in memory, named like the node (which its permissions name), one filter as a
 * string (an array of filters makes 2.10 read a block for each message), gone at the end.
 *
 * Invariants
 *  1. Messages come in the order of the stream, without one left out between two that come: what the server's
 *     counts do not confirm is read again.
 *  2. At most one fetch lies in memory.
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import type { Msg } from "@nats-io/transport-node"
import type { Connection } from "./connection.ts"
import { idHeader } from "./message.ts"
import type { Stored } from "./message.ts"
import { apiCodeOf, apiCodes, behind, timedOut, unreachable } from "./refuse.ts"

export const fetchBytesMax = 4 * 1024 * 1024
const fetchMessagesMax = 2000
/** Older servers do not end a fetch at its bytes; they get few messages at a time. */
const oldFetchMessagesMax = 16
const inactiveMillis = 30_000
/** Fetches in a row that may fail before the error is passed on. */
const attemptsMax = 5
/** So long a consumer on a living server of a cluster is silent at most; one that is longer lies on a dead one. */
const silentMillisMax = 1500
/** Between attempts to get a consumer that another process of this node holds. */
const takenPauseMillis = 50
/** How often that is doubled before a new consumer is asked for in the place of a silent one. */
const abandonedPauses = 2

export interface Reading {
  readonly stream: string
  /** The node that reads. */
  readonly node: string
  readonly filter: string
  /** First sequence wanted. */
  readonly start: number
  /** Reads one message at a time, without their bodies. */
  readonly heads?: boolean
}

interface Delivered extends Stored {
  /** Place in what this consumer delivered: 1, 2, 3 … */
  readonly delivery: number
  readonly pending: number
}

interface Fetched {
  readonly messages: ReadonlyArray<Delivered>
  /** How the server ended it, if it said so. */
  readonly status: number | undefined
  readonly tooLarge: boolean
}

/** Reads what the reply subject of a delivered message tells of its place. */
const deliveredFrom = (message: Msg): Delivered | undefined => {
  const tokens = (message.reply ?? "").split(".")
  // Newer servers put the domain and the account before the stream.
  const at = tokens.length >= 11 ? 4 : 2
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < at + 7) return undefined
  const [sequence, delivery, , pending] = tokens.slice(at + 3).map(Number)
  if (![sequence, delivery, pending].every((n) => Number.isSafeInteger(n))) return undefined
  return {
    sequence: sequence!,
    delivery: delivery!,
    pending: pending!,
    subject: message.subject,
    id: message.headers?.get(idHeader) ?? "",
    headers: message.headers,
    data: message.data,
  }
}

export class StreamReader {
  readonly #connection: Connection
  readonly #reading: Reading
  #next: number
  /** Deliveries of the present consumer; undefined while there is none. */
  #delivered: number | undefined
  #single = false
  /** In a cluster: up to where the leader has messages for us; undefined until it was asked. */
  #end: number | undefined

  constructor(connection: Connection, reading: Reading) {
    this.#connection = connection
    this.#reading = reading
    this.#next = reading.start
  }

  /** Fetches until nothing is left; gives each fetch once, never an empty one. */
  async *read(signal: AbortSignal): AsyncGenerator<ReadonlyArray<Stored>> {
    try {
      for (let failures = 0; ;) {
        const fetched = await this.#attempt(signal)
        if (fetched === undefined) {
          failures += 1
          if (failures >= attemptsMax) {
            throw unreachable(this.#connection.where, "the stream cannot be read now")
          }
          continue
        }
        const { messages, tooLarge, status } = fetched
        const last = messages.at(-1)
        if (last !== undefined) failures = 0
        if (last !== undefined) {
          this.#next = last.sequence + 1
          yield messages
        }
        if (last?.pending === 0 || (last === undefined && status === 404)) {
          if (await this.#isWhole(signal)) return
          // A server that lags behind: another one, or the same one a little later, has the rest.
          if (last === undefined) failures += 1
          if (failures >= attemptsMax) throw behind(this.#connection.where)
          await this.#release(signal)
          await this.#pause(failures + 1, signal)
          continue
        }
        // A message larger than a fetch, which is none of ours, is fetched alone and passed over.
        this.#single = tooLarge
      }
    } finally {
      await this.#release(signal)
    }
  }

  /**
   * Whether all was read. The consumer lies on one server of a cluster, which may not have all that is
   * stored yet, and then ends too early; the leader has.
   */
  async #isWhole(signal: AbortSignal): Promise<boolean> {
    if (!this.#connection.isClustered) return true
    if (this.#end === undefined) {
      const { stream, filter } = this.#reading
      const last = await this.#connection.call("reading the stream", signal, ({ manager }) =>
        manager.streams.getMessage(stream, { last_by_subj: filter }),
      )
      this.#end = last?.seq ?? 0
    }
    return this.#end < this.#next
  }

  /** One fetch; undefined when the consumer was of no use and has to be made anew. */
  async #attempt(signal: AbortSignal): Promise<Fetched | undefined> {
    if (this.#delivered === undefined) {
      if (!(await this.#create(signal))) return { messages: [], status: 404, tooLarge: false }
    }
    const fetched = await this.#fetch(signal)
    const { messages, status } = fetched
    let expected = this.#delivered! + 1
    const sound: Array<Delivered> = []
    for (const message of messages) {
      if (message.delivery !== expected) break
      sound.push(message)
      expected += 1
    }
    const broken = sound.length < messages.length || (status !== undefined && status === 503)
    this.#delivered = broken ? undefined : expected - 1
    if (fetched.status === 409 && sound.length === 0 && !fetched.tooLarge) {
      // The consumer was deleted, or its limits were met: the next attempt begins where this one stands.
      this.#delivered = undefined
      return undefined
    }
    if (broken && sound.length === 0) {
      await this.#abandon(signal)
      return undefined
    }
    return { ...fetched, messages: sound }
  }

  get #silentMillis(): number {
    return Math.min(silentMillisMax, this.#connection.settings.timeoutMillis / 2)
  }

  /** What comes soon enough; in a cluster undefined when it is long in coming. */
  async #soon<A>(running: Promise<A>): Promise<A | undefined> {
    if (!this.#connection.isClustered) return running
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), this.#silentMillis)
    running.catch(() => undefined)
    try {
      return await Promise.race([running, promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Gives up a consumer on a server that may be dead, so that the next one may lie elsewhere. */
  async #abandon(signal: AbortSignal): Promise<void> {
    this.#delivered = undefined
    // A dead server would never answer.
    void this.#delete(signal)
    await this.#pause(abandonedPauses, signal)
  }

  /** Makes the consumer; false when there is nothing for it. */
  async #create(signal: AbortSignal): Promise<boolean> {
    const { stream, node, filter } = this.#reading
    for (let attempt = 0; ; attempt += 1) {
      try {
        const adding = this.#connection.attempt(signal, ({ manager }) =>
          manager.consumers.add(stream, {
            name: node,
            filter_subject: filter,
            deliver_policy: DeliverPolicy.StartSequence,
            opt_start_seq: Math.max(1, this.#next),
            ack_policy: AckPolicy.None,
            mem_storage: true,
            headers_only: this.#reading.heads === true,
            num_replicas: 1,
            inactive_threshold: nanos(inactiveMillis),
          }),
        )
        const info = await this.#soon(adding)
        if (info === undefined) {
          if (attempt >= attemptsMax) {
            throw unreachable(this.#connection.where, "no consumer answers")
          }
          await this.#abandon(signal)
          continue
        }
        this.#delivered = info.delivered.consumer_seq
        return info.num_pending > 0
      } catch (error) {
        const code = apiCodeOf(error)
        const taken = code === apiCodes.consumerExists || code === apiCodes.consumerNameTaken
        if (!taken || attempt >= attemptsMax) {
          return this.#connection.call("reading the stream", signal, () => Promise.reject(error))
        }
        // One that a killed process left behind stays for a while; a living one gets a little time.
        if (attempt > 0) await this.#pause(attempt, signal)
        await this.#delete(signal)
      }
    }
  }

  /** Waits some time, longer each time, at random. */
  async #pause(attempt: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, Math.random() * takenPauseMillis * 2 ** attempt)
    signal.addEventListener("abort", () => resolve(), { once: true })
    await promise
    clearTimeout(timer)
    signal.throwIfAborted()
  }

  async #delete(signal: AbortSignal): Promise<void> {
    const { stream, node } = this.#reading
    await this.#connection
      .attempt(signal, ({ manager }) => manager.consumers.delete(stream, node))
      .catch(() => undefined)
  }

  async #release(signal: AbortSignal): Promise<void> {
    if (this.#delivered === undefined || signal.aborted) return
    this.#delivered = undefined
    await this.#delete(signal)
  }

  #request(): string {
    const [major, minor] = this.#connection.serverVersion
    const old = major === 2 && minor < 10
    if (this.#single || this.#reading.heads === true)
      return JSON.stringify({ batch: 1, no_wait: true })
    return old
      ? JSON.stringify({ batch: oldFetchMessagesMax, no_wait: true })
      : JSON.stringify({ batch: fetchMessagesMax, max_bytes: fetchBytesMax, no_wait: true })
  }

  async #fetch(signal: AbortSignal): Promise<Fetched> {
    const { isClustered, where, settings } = this.#connection
    const { stream, node } = this.#reading
    const request = this.#request()
    const { batch } = JSON.parse(request) as { readonly batch: number }
    return this.#connection
      .call("reading the stream", signal, async ({ client, apiPrefix, inbox }) => {
        const messages: Array<Delivered> = []
        const { promise, resolve, reject } = Promise.withResolvers<Fetched>()
        const end = (status: number | undefined, tooLarge = false): void =>
          resolve({ messages, status, tooLarge })
        const reply = inbox()
        const late = (): void => {
          if (messages.length > 0) end(undefined)
          else if (isClustered) end(503)
          else reject(timedOut(where, "no messages in time"))
        }
        const firstMillis = isClustered ? this.#silentMillis : settings.timeoutMillis
        let timer = setTimeout(late, firstMillis)
        const subscription = client.subscribe(reply, {
          callback: (error, message) => {
            if (error !== null) return reject(error)
            clearTimeout(timer)
            timer = setTimeout(late, settings.timeoutMillis)
            const delivered = deliveredFrom(message)
            if (delivered !== undefined) {
              messages.push(delivered)
              if (delivered.pending === 0 || messages.length >= batch) end(undefined)
              return
            }
            const status = message.headers?.code ?? 0
            // 1xx: still there.
            if (status < 200) return
            const tooLarge = /exceeds max ?bytes/i.test(message.headers?.description ?? "")
            end(status, tooLarge)
          },
        })
        try {
          const subject = `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${node}`
          // So that the library tells this subscription when the server denies the request.
          Object.assign(subscription, { requestSubject: subject })
          client.publish(subject, request, { reply })
          return await promise
        } finally {
          clearTimeout(timer)
          subscription.unsubscribe()
        }
      })
      .catch((error: unknown) => {
        signal.throwIfAborted()
        this.#delivered = undefined
        throw error
      })
  }
}
