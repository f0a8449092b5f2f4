/**
 * One request of a client, over node:http: connects, sends, and gives the answer when its headers are
 * there. Whatever goes wrong on the line becomes a failure of the contract; redirects are not followed.
 */
import { Agent as PlainAgent, request as plainRequest } from "node:http"
import type { Agent, ClientRequest, IncomingMessage } from "node:http"
import { Agent as TlsAgent, request as tlsRequest } from "node:https"
import { LamplogError } from "../../src/remote.ts"
import { cut, nonsense } from "./failure.ts"
import { failureFromAnswer, failureFromLine, isRedirect, timedOut } from "./line-failure.ts"
import { failureBytesMax } from "./limits.ts"
import { Pace, paced, send } from "./pace.ts"

/** How long a client waits. */
export interface ClientTimes {
  /** For a connection. */
  readonly connectMillisMax: number
  /** For an answer to begin, and for the other side to take or send anything. */
  readonly stallMillisMax: number
  /** Between two signs of life while watching. */
  readonly quietMillisMax: number
}

export const defaultTimes: ClientTimes = {
  connectMillisMax: 10_000,
  stallMillisMax: 120_000,
  quietMillisMax: 45_000,
}

/** Bytes per second that earn a server more patience. */
export const rateBytesMin = 1024

export interface Address {
  readonly url: URL
  /** For messages: no secrets in it. */
  readonly where: string
  readonly token: string | undefined
  /** A PEM text to trust instead of the system's. */
  readonly ca: string | undefined
}

export interface Call {
  readonly method: string
  readonly path: string
  readonly type?: string
  readonly body?: Buffer | AsyncIterable<Uint8Array>
  /** Bytes of a body that is a stream, where it is known; it has to have exactly so many. */
  readonly length?: number
  readonly signal: AbortSignal
  /** Whether 404 is an answer: that something is not held there. */
  readonly absent?: true
}

const headerBytesMax = 16 * 1024

/** Sends requests to one server. */
export class Line {
  readonly address: Address
  readonly times: ClientTimes
  readonly #agent: Agent

  constructor(address: Address, times: ClientTimes) {
    this.address = address
    this.times = times
    const options = { keepAlive: true, scheduling: "lifo" } as const
    this.#agent =
      address.url.protocol === "https:" ? new TlsAgent(options) : new PlainAgent(options)
  }

  close(): void {
    this.#agent.destroy()
  }

  pace(stallMillisMax = this.times.stallMillisMax): Pace {
    return new Pace(stallMillisMax, rateBytesMin, this.address.where)
  }

  /** Chunks of an answer's body. */
  chunks(answer: IncomingMessage, signal: AbortSignal, pace: Pace): AsyncIterable<Uint8Array> {
    return paced(answer, pace, signal, this.address.where)
  }

  /** The whole body of an answer. */
  async body(answer: IncomingMessage, bytesMax: number, signal: AbortSignal): Promise<Buffer> {
    const parts: Array<Uint8Array> = []
    let bytes = 0
    for await (const chunk of this.chunks(answer, signal, this.pace())) {
      bytes += chunk.length
      if (bytes > bytesMax) {
        answer.destroy()
        throw nonsense(`an answer is longer than ${bytesMax} bytes`, this.address.where)
      }
      parts.push(chunk)
    }
    return Buffer.concat(parts)
  }

  /**
   * Sends a request; gives an answer of status 200. A connection that was kept and has died meanwhile
   * is replaced once, as long as the body can be sent again.
   */
  async send(call: Call & { readonly absent: true }): Promise<IncomingMessage | undefined>
  async send(call: Call & { readonly absent?: never }): Promise<IncomingMessage>
  async send(call: Call): Promise<IncomingMessage | undefined> {
    const { signal } = call
    signal.throwIfAborted()
    try {
      return await this.#sendOnce(call, true)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof StaleConnection)) throw error
      return this.#sendOnce(call, false)
    }
  }

  #open({ method, path, type, body, length }: Call, reuse: boolean): ClientRequest {
    const { url, token, ca } = this.address
    const headers: Record<string, string | number> = { accept: "*/*" }
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`
    if (type !== undefined) headers["content-type"] = type
    const bytes = Buffer.isBuffer(body) ? body.length : length
    if (bytes !== undefined) headers["content-length"] = bytes
    const make = url.protocol === "https:" ? tlsRequest : plainRequest
    const target = new URL(path, url)
    return make(target, {
      method,
      headers,
      // A new connection is one that no agent has kept.
      agent: reuse ? this.#agent : false,
      maxHeaderSize: headerBytesMax,
      minVersion: "TLSv1.2",
      ...(ca === undefined ? {} : { ca }),
    })
  }

  async #sendOnce(call: Call, reuse: boolean): Promise<IncomingMessage | undefined> {
    const { where } = this.address
    const { body, signal } = call
    const request = this.#open(call, reuse)
    const abort = () => request.destroy()
    signal.addEventListener("abort", abort)
    // The body's own failure says more than the connection that is closed because of it.
    let source: { readonly error: unknown } | undefined
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", (answer) => {
        // Whoever reads it hears of errors; nobody else has to.
        answer.on("error", () => {})
        answer.once("close", () => signal.removeEventListener("abort", abort))
        resolve(answer)
      })
      request.on("error", (error: NodeJS.ErrnoException) => {
        const again = reuse && request.reusedSocket && error.code === "ECONNRESET"
        if (again && !isStream(body)) reject(new StaleConnection(error.message))
        else reject(failureFromLine(error, where))
      })
      request.once("close", () => reject(cut(where)))
    })
    answered.catch(() => undefined)
    try {
      await this.#connected(request)
      const sending = this.#write(request, body, signal, answered).catch((error: unknown) => {
        // A line that broke may have brought an answer first, and otherwise tells by itself.
        if (error instanceof LamplogError && error.code === "remote-interrupted") return
        source = { error }
        request.destroy()
      })
      if (isStream(body)) await Promise.race([sending, answered.catch(() => undefined)])
      const answer = await this.pace().wait(answered)
      if (call.absent === true && answer.statusCode === 404) {
        answer.resume()
        return undefined
      }
      if (answer.statusCode === 200 && isStream(body) && !request.writableEnded) {
        throw nonsense("it answers before it has read everything", where)
      }
      await this.#accept(answer, signal)
      return answer
    } catch (error) {
      request.destroy()
      signal.removeEventListener("abort", abort)
      signal.throwIfAborted()
      throw source === undefined ? error : source.error
    }
  }

  /** Waits for the connection, but not longer than it may take. */
  async #connected(request: ClientRequest): Promise<void> {
    const { where } = this.address
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      const late = () => reject(timedOut(where))
      timer = setTimeout(late, this.times.connectMillisMax)
      request.once("socket", (socket) => {
        if (!socket.connecting) return resolve()
        socket.once(this.address.url.protocol === "https:" ? "secureConnect" : "connect", resolve)
        return undefined
      })
      // Whoever waits for the answer hears why.
      request.once("close", resolve)
    }).finally(() => clearTimeout(timer))
  }

  /** Writes the body, as fast as it is taken, until the server answers. */
  async #write(
    request: ClientRequest,
    body: Call["body"],
    signal: AbortSignal,
    answered: Promise<unknown>,
  ): Promise<void> {
    if (!isStream(body)) {
      request.end(body)
      return
    }
    let early = false
    const answer = answered.then(
      () => (early = true),
      () => (early = true),
    )
    const pace = this.pace()
    for await (const piece of body) {
      if (early) return
      const sent = send(request, piece, pace, signal, this.address.where)
      sent.catch(() => undefined)
      await Promise.race([sent, answer])
    }
    if (!early) request.end()
  }

  /** Turns every answer but 200 into a failure. */
  async #accept(answer: IncomingMessage, signal: AbortSignal): Promise<void> {
    const status = answer.statusCode ?? 0
    if (status === 200) return
    const { where, token } = this.address
    const document = isRedirect(status)
      ? undefined
      : await this.body(answer, failureBytesMax, signal).catch(() => undefined)
    throw failureFromAnswer(status, document, where, token)
  }
}

class StaleConnection extends Error {}

const isStream = (body: Call["body"]): body is AsyncIterable<Uint8Array> =>
  body !== undefined && !Buffer.isBuffer(body)
