/**
 * The connection to the servers, and the rule that nothing is sent while there is none.
 *
 * Invariants
 *  1. The client library drops what was published while disconnected, and lets requests hang that were under way. So
 *     a call starts only while connected, and ends at once when the connection is lost.
 *  2. Once connected, the client comes back by itself, for ever. A first connection fails within the timeout. A
 *     connection that was refused for its credentials is closed; the next call tries anew and fails clearly.
 *  3. `epoch` grows with each loss: whoever kept something from before must check it again.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream"
import { connect, createInbox } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { mapFailure, timedOut, unreachable } from "./refuse.ts"
import type { Settings } from "./settings.ts"

/** Bytes of a message that headers and the server's framing may need. */
const frameBytes = 4096
const pingMillis = 5000
const pingsLostMax = 2
const reconnectMillis = 250
const reconnectJitterMillis = 500

/** What one can do while connected. */
export interface Link {
  readonly client: NatsConnection
  readonly manager: JetStreamManager
  readonly stream: JetStreamClient
  readonly apiPrefix: string
  /** A subject of our own to be answered on. */
  readonly inbox: () => string
}

export class Connection {
  readonly settings: Settings
  /** Grows whenever the connection is lost. */
  epoch = 0
  #link: Link | undefined
  #opening: Promise<Link> | undefined
  #up = false
  #closed = false
  #warned = false
  /** Those who are waiting for an answer, to be told of a loss. */
  readonly #waiting = new Set<(reason: unknown) => void>()
  readonly #listeners = new Set<(event: "lost" | "back" | "closed") => void>()

  constructor(settings: Settings) {
    this.settings = settings
  }

  get where(): string {
    return this.settings.where
  }

  get isUp(): boolean {
    return this.#up
  }

  /** Tells of losses and returns; gives back how to stop it. */
  onChange(listener: (event: "lost" | "back" | "closed") => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Bytes that a message's body may have on the server connected to now. */
  get bodyBytesMax(): number {
    return (this.#link?.client.info?.max_payload ?? 1024 * 1024) - frameBytes
  }

  /** Whether the server connected to now is one of several. */
  get isClustered(): boolean {
    return this.#link?.client.info?.cluster !== undefined
  }

  /** Bytes that came in so far. */
  get receivedBytes(): number {
    return this.#link?.client.stats().inBytes ?? 0
  }

  /** Major and minor version of the server connected to now. */
  get serverVersion(): readonly [number, number] {
    const [major, minor] = (this.#link?.client.info?.version ?? "2.10").split(".").map(Number)
    return [major ?? 0, minor ?? 0]
  }

  /** A way to the server, once there is a connection; rejects when there is none within the timeout. */
  async ready(node: string | undefined, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted()
    if (this.#closed) throw unreachable(this.where, "this remote was closed")
    if (this.#link?.client.isClosed() === true) this.#link = undefined
    if (this.#link === undefined) {
      this.#opening ??= this.#open(node).finally(() => {
        this.#opening = undefined
      })
      return this.#untilAborted(this.#opening, signal)
    }
    if (!this.#up) await this.#back(signal)
    return this.#link
  }

  /**
   * Runs a request. It rejects with an error of the contract, at once when the connection is lost or
   * the signal is aborted; what it did on the server is then unknown.
   */
  async call<T>(doing: string, signal: AbortSignal, run: (link: Link) => Promise<T>): Promise<T> {
    try {
      return await this.attempt(signal, run)
    } catch (error) {
      signal.throwIfAborted()
      throw mapFailure(error, this.where, doing)
    }
  }

  /** The same, with errors as the library throws them. */
  async attempt<T>(signal: AbortSignal, run: (link: Link) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const link = this.#link
    if (link === undefined || !this.#up) throw unreachable(this.where, "there is no connection")
    const { promise: lost, reject } = Promise.withResolvers<never>()
    const aborted = (): void => reject(signal.reason)
    this.#waiting.add(reject)
    signal.addEventListener("abort", aborted, { once: true })
    const running = run(link)
    running.catch(() => undefined)
    try {
      return await Promise.race([running, lost])
    } finally {
      this.#waiting.delete(reject)
      signal.removeEventListener("abort", aborted)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const opening = await this.#opening?.catch(() => undefined)
    const link = this.#link ?? opening
    this.#link = undefined
    this.#lose("the remote was closed")
    await link?.client.close().catch(() => undefined)
  }

  async #open(node: string | undefined): Promise<Link> {
    const { settings } = this
    const { timeoutMillis, authenticator, tls, domain } = settings
    const owner = settings.options.node ?? node
    let client: NatsConnection
    try {
      client = await connect({
        servers: [...settings.servers],
        name: `lamplog ${owner ?? ""}`.trim(),
        timeout: timeoutMillis,
        // Of the loss of a server one hears within 15 s, and then never gives up.
        pingInterval: pingMillis,
        maxPingOut: pingsLostMax,
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectMillis,
        reconnectJitter: reconnectJitterMillis,
        waitOnFirstConnect: false,
        // A question to anybody must not come back to whoever asked.
        noEcho: true,
        noAsyncTraces: true,
        ...(owner === undefined ? {} : { inboxPrefix: `_INBOX.${owner}` }),
        ...(authenticator === undefined ? {} : { authenticator }),
        ...(tls === undefined ? {} : { tls }),
      })
    } catch (error) {
      throw mapFailure(error, this.where, "connecting")
    }
    const options = { timeout: timeoutMillis, ...(domain === undefined ? {} : { domain }) }
    const manager = await jetstreamManager(client, { ...options, checkAPI: false })
    const link: Link = {
      client,
      manager,
      stream: manager.jetstream(),
      apiPrefix: domain === undefined ? "$JS.API" : `$JS.${domain}.API`,
      inbox: () => createInbox(owner === undefined ? undefined : `_INBOX.${owner}`),
    }
    if (this.#closed) {
      await client.close()
      throw unreachable(this.where, "this remote was closed")
    }
    this.#link = link
    this.#up = true
    void this.#listen(link)
    this.#warnOfVersion()
    return link
  }

  #warnOfVersion(): void {
    const [major, minor] = this.serverVersion
    if (this.#warned || major > 2 || (major === 2 && minor >= 10)) return
    this.#warned = true
    this.settings.options.onWarning?.(
      `${this.where} runs nats-server ${major}.${minor}; 2.10 or newer is supported, older ones only as far as they go.`,
    )
  }

  async #listen({ client }: Link): Promise<void> {
    for await (const status of client.status()) {
      if (status.type === "disconnect" || status.type === "staleConnection") {
        this.#lose("the connection was lost")
      } else if (status.type === "reconnect") {
        this.#up = true
        this.#tell("back")
      }
    }
    await client.closed()
    if (this.#link?.client === client) this.#link = undefined
    this.#lose("the connection was closed")
    this.#tell("closed")
  }

  #lose(why: string): void {
    if (this.#up) {
      this.#up = false
      this.epoch += 1
      this.#tell("lost")
    }
    for (const reject of this.#waiting) reject(unreachable(this.where, why))
    this.#waiting.clear()
  }

  #tell(event: "lost" | "back" | "closed"): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** Waits for the client to come back. */
  async #back(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const stop = this.onChange((event) => {
      if (event === "back") resolve()
      if (event === "closed") reject(unreachable(this.where, "the connection was closed"))
    })
    const timer = setTimeout(() => {
      reject(timedOut(this.where, "the server did not come back in time"))
    }, this.settings.timeoutMillis)
    try {
      await this.#untilAborted(promise, signal)
    } finally {
      clearTimeout(timer)
      stop()
    }
  }

  async #untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const aborted = (): void => reject(signal.reason)
    signal.addEventListener("abort", aborted, { once: true })
    promise.catch(() => undefined)
    try {
      return await Promise.race([promise, ended])
    } finally {
      signal.removeEventListener("abort", aborted)
    }
  }
}
