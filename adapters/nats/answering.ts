/**
 * Answers others who ask, while this replica watches: what they lack, page by page, and who is here.
 *
 * Invariants
 *  1. At most `askersMax` are served at once, others hear "busy"; whoever does not come back is let go.
 *  2. The last page of each is kept, so that an answer that got lost can be asked for again.
 *  3. Nothing of a question is believed, and no answer is larger than the server takes.
 */
import { randomBytes } from "node:crypto"
import { headers } from "@nats-io/transport-node"
import type { Msg, Subscription } from "@nats-io/transport-node"
import { frontierFromJson, isIdentifier, protocolVersion } from "../../src/remote.ts"
import type { Head, Peer, PullRequest } from "../../src/remote.ts"
import { answerHeader } from "./asking.ts"
import type { Connection, Link } from "./connection.ts"
import { pagesOf } from "./pages.ts"
import type { Names } from "./subjects.ts"

export const askersMax = 2
const pageBytesMax = 256 * 1024
const idleMillis = 30_000
const logsPointedMax = 1000

interface Serving {
  readonly pages: AsyncGenerator<Uint8Array>
  readonly stop: AbortController
  /** Page to be asked for next, and the one before it. */
  next: number
  upcoming: Uint8Array | undefined
  last: Uint8Array | undefined
  timer: NodeJS.Timeout
  working: boolean
}

const pointsFrom = (value: unknown): PullRequest["points"] | "nonsense" => {
  if (value === undefined) return undefined
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "nonsense"
  const entries = Object.entries(value)
  if (entries.length > logsPointedMax) return "nonsense"
  const points: { [log: string]: ReadonlyArray<Head> } = {}
  for (const [log, heads] of entries) {
    if (!Array.isArray(heads) || heads.length > 64) return "nonsense"
    const read = heads.map((head) => frontierFromJson({ [log]: head } as never)?.[log])
    if (read.includes(undefined)) return "nonsense"
    points[log] = read as ReadonlyArray<Head>
  }
  return points
}

/** Reads a question for events; undefined when it is none for this project. */
const pullFromJson = (
  value: { readonly [key: string]: unknown },
  project: string,
): PullRequest | undefined => {
  const { version, node } = value
  const since = frontierFromJson(value["since"] as never)
  const points = pointsFrom(value["points"])
  if (version !== protocolVersion || value["project"] !== project) return undefined
  if (!isIdentifier(node) || since === undefined || points === "nonsense") return undefined
  return { version, project, node, since, ...(points === undefined ? {} : { points }) }
}

export class Answering {
  readonly #connection: Connection
  readonly #names: Names
  readonly #node: string
  readonly #peer: Peer | undefined
  readonly #beacon: () => string
  readonly #serving = new Map<string, Serving>()

  constructor(
    connection: Connection,
    names: Names,
    node: string,
    peer: Peer | undefined,
    beacon: () => string,
  ) {
    this.#connection = connection
    this.#names = names
    this.#node = node
    this.#peer = peer
    this.#beacon = beacon
  }

  /** Listens until stopped. */
  start({ client }: Link): () => void {
    const subscriptions: Array<Subscription> = []
    const listen = (subject: string, queue?: string): void => {
      const callback = (error: Error | null, message: Msg): void => {
        if (error === null) void this.#answer(message)
      }
      subscriptions.push(
        client.subscribe(subject, { callback, ...(queue === undefined ? {} : { queue }) }),
      )
    }
    listen(this.#names.askAll)
    if (this.#peer !== undefined) {
      listen(this.#names.askAny, "q")
      listen(this.#names.ask(this.#node))
    }
    return () => {
      for (const subscription of subscriptions) subscription.unsubscribe()
      for (const session of this.#serving.keys()) this.#end(session)
    }
  }

  async #answer(message: Msg): Promise<void> {
    let question: { readonly [key: string]: unknown }
    try {
      question = message.json()
      if (question === null || typeof question !== "object") return
    } catch {
      return
    }
    try {
      const { kind } = question
      if (kind === "who") this.#reply(message, "here", Buffer.from(this.#beacon()))
      else if (kind === "pull") await this.#open(message, question)
      else if (kind === "next") await this.#next(message, question)
    } catch {
      // Whatever failed here fails for whoever asked too, and they ask somebody else.
      this.#reply(message, "refused", new Uint8Array())
    }
  }

  #reply(message: Msg, kind: string, data: Uint8Array): void {
    if (!this.#connection.isUp) return
    const found = headers()
    found.set(answerHeader, kind)
    message.respond(data, { headers: found })
  }

  async #open(message: Msg, question: { readonly [key: string]: unknown }): Promise<void> {
    const peer = this.#peer
    const request = peer && pullFromJson(question, peer.description.project)
    if (peer === undefined || request === undefined) {
      this.#reply(message, "refused", new Uint8Array())
      return
    }
    if (this.#serving.size >= askersMax) {
      this.#reply(message, "busy", new Uint8Array())
      return
    }
    const session = randomBytes(12).toString("hex")
    const stop = new AbortController()
    // Held before anything is waited for, so that the limit holds.
    const serving: Serving = {
      pages: pagesOf(nothing(), 1),
      stop,
      next: 0,
      upcoming: undefined,
      last: undefined,
      timer: this.#timer(session),
      working: true,
    }
    this.#serving.set(session, serving)
    try {
      const { frontier, unsure, batches } = await peer.answerPull(request, stop.signal)
      const bytesMax = Math.min(pageBytesMax, this.#connection.bodyBytesMax)
      const pages = pagesOf(batches, bytesMax)
      this.#serving.set(session, { ...serving, pages, working: false })
      const told = { session, node: this.#node, frontier, unsure }
      this.#reply(message, "open", Buffer.from(JSON.stringify(told)))
    } catch (error) {
      this.#end(session)
      throw error
    }
  }

  #timer(session: string): NodeJS.Timeout {
    return setTimeout(() => this.#end(session), idleMillis).unref()
  }

  #end(session: string): void {
    const serving = this.#serving.get(session)
    if (serving === undefined) return
    this.#serving.delete(session)
    clearTimeout(serving.timer)
    serving.stop.abort()
    void serving.pages.return(undefined).catch(() => undefined)
  }

  async #next(message: Msg, question: { readonly [key: string]: unknown }): Promise<void> {
    const { session, page } = question
    const serving = this.#serving.get(String(session))
    if (serving === undefined || serving.working) {
      this.#reply(message, "refused", new Uint8Array())
      return
    }
    clearTimeout(serving.timer)
    serving.timer = this.#timer(String(session))
    if (page === serving.next) {
      serving.working = true
      try {
        const current = serving.upcoming ?? (await read(serving.pages))
        serving.upcoming = current === undefined ? undefined : await read(serving.pages)
        serving.last = current ?? new Uint8Array()
        serving.next += 1
      } finally {
        serving.working = false
      }
    } else if (page !== serving.next - 1 || serving.last === undefined) {
      this.#reply(message, "refused", new Uint8Array())
      return
    }
    const end = serving.upcoming === undefined
    this.#reply(message, `page ${page} ${end ? "end" : "more"}`, serving.last)
    if (end) this.#end(String(session))
  }
}

const read = async (pages: AsyncGenerator<Uint8Array>): Promise<Uint8Array | undefined> => {
  const { done, value } = await pages.next()
  return done === true ? undefined : value
}

async function* nothing(): AsyncGenerator<never> {}
