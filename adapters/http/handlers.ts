/**
 * What the server does for each operation of the interface: reads the request at the sender's pace,
 * asks the peer, and writes the answer at the reader's pace. Failures are thrown; `answer.ts` tells
 * of them.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { protocolVersion } from "../../src/remote.ts"
import type { Hello, LamplogError, Peer } from "../../src/remote.ts"
import type { Json } from "../../src/index.ts"
import { openApi } from "./api.ts"
import type { Operation } from "./api.ts"
import { failure, nonsense, refusalFrom, tooLarge } from "./failure.ts"
import { assetBytesType, batchFrames, frame, StreamReader, streamType } from "./frames.ts"
import { bytesFromJson } from "./json.ts"
import type { HttpLimits } from "./limits.ts"
import {
  assetsFromBytes,
  bytesFromFailure,
  helloFromBytes,
  pullFromBytes,
  refusedToJson,
} from "./messages.ts"
import { pageFrom, pagePolicy } from "./page.ts"
import { Pace, paced, send } from "./pace.ts"

/** One request on its way through a handler. */
export interface Exchange {
  readonly peer: Peer
  readonly limits: HttpLimits
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** What follows the path, where the route has a parameter. */
  readonly parameter: string
  /** Aborted when the other side is gone, or the server closes. */
  readonly signal: AbortSignal
  /** For messages. */
  readonly where: string
}

type Handler = (exchange: Exchange) => Promise<void>

const jsonType = "application/json"
const page = pageFrom(openApi)
const description = JSON.stringify(openApi)

const paceOf = ({ limits, where }: Exchange): Pace =>
  new Pace(limits.stallMillisMax, limits.rateBytesMin, where)

/** A failure with a status of its own, for requests whose headers are wrong already. */
const unsupported = (what: string): LamplogError =>
  failure("media-type", `The body must be ${what}, and not coded.`, "GET / tells what there is.")

const checkType = ({ request: { headers } }: Exchange, type: string): void => {
  const [given] = (headers["content-type"] ?? "").split(";")
  if (given?.trim().toLowerCase() === type && headers["content-encoding"] === undefined) return
  throw unsupported(type)
}

/** The chunks of the request's body; stopping early leaves the connection open for the answer. */
const bodyOf = (exchange: Exchange): AsyncIterable<Uint8Array> => {
  const body = exchange.request.iterator({ destroyOnReturn: false })
  return paced(body, paceOf(exchange), exchange.signal, exchange.where)
}

/** The whole body of a JSON message. */
const messageOf = async (exchange: Exchange): Promise<Buffer> => {
  checkType(exchange, jsonType)
  const { messageBytesMax } = exchange.limits
  const tooLong = tooLarge("messageBytesMax", messageBytesMax, exchange.where)
  if (Number(exchange.request.headers["content-length"] ?? 0) > messageBytesMax) throw tooLong
  const chunks: Array<Uint8Array> = []
  let bytes = 0
  for await (const chunk of bodyOf(exchange)) {
    bytes += chunk.length
    if (bytes > messageBytesMax) throw tooLong
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const checkProject = ({ peer, where }: Exchange, { project }: Hello): void => {
  if (project === peer.description.project) return
  throw failure(
    "other-project",
    "Another project is served here.",
    "Compare the project ids of both sides (lamplog status).",
    where,
  )
}

const sendJson = ({ response }: Exchange, value: Json): void => {
  response.setHeader("content-type", jsonType)
  response.end(bytesFromJson(value))
}

const projects: Handler = async (exchange) => {
  const { project, name, schema } = exchange.peer.description
  const described = { project, name, schema: { name: schema.name, version: schema.version } }
  sendJson(exchange, { version: protocolVersion, projects: [described] })
}

const pull: Handler = async (exchange) => {
  const { peer, response, signal, where, limits } = exchange
  const asked = pullFromBytes(await messageOf(exchange), where)
  checkProject(exchange, asked)
  const { frontier, unsure, batches } = await peer.answerPull(asked, signal)
  signal.throwIfAborted()
  const held = bytesFromJson({ version: protocolVersion, frontier, unsure } as unknown as Json)
  if (held.length > limits.messageBytesMax) {
    throw tooLarge("messageBytesMax", limits.messageBytesMax, where)
  }
  const pace = paceOf(exchange)
  response.setHeader("content-type", streamType)
  await send(response, frame("M", held), pace, signal, where)
  try {
    for await (const batch of batches) {
      for (const bytes of batchFrames(batch)) await send(response, bytes, pace, signal, where)
    }
    response.end(frame("E"))
  } catch (error) {
    // Whoever does not read would not read why, either.
    if (signal.aborted || response.destroyed || response.writableNeedDrain) throw error
    const refusal = refusalFrom(error)
    response.end(frame("F", bytesFromFailure(refusal.error)))
    if (refusal.status === 500) throw error
  }
}

const push: Handler = async (exchange) => {
  const { peer, signal, where, limits } = exchange
  checkType(exchange, streamType)
  const { messageBytesMax, batchBytesMax, pushBytesMax: bytesMax } = limits
  const reader = new StreamReader(
    bodyOf(exchange),
    { messageBytesMax, batchBytesMax, bytesMax },
    where,
  )
  const { message, batches } = await reader.open()
  const hello = helloFromBytes(message, where)
  checkProject(exchange, hello)
  const { frontier, unsure, events, refused } = await peer.answerPush(hello, batches, signal)
  signal.throwIfAborted()
  const held = { version: protocolVersion, frontier, unsure, events } as unknown as {
    [k: string]: Json
  }
  sendJson(exchange, { ...held, refused: refusedToJson(refused) })
}

const watch: Handler = async (exchange) => {
  const { peer, response, signal, where, limits } = exchange
  const hello = helloFromBytes(await messageOf(exchange), where)
  checkProject(exchange, hello)
  response.setHeader("content-type", "text/event-stream")
  const pace = paceOf(exchange)
  // Listens before it says so, and again before it tells of news: nothing falls in between.
  const listen = (): Promise<true> => {
    const heard = peer.changed(signal).then(() => true as const)
    // Whoever is gone does not wait for it; it must not count as unhandled then.
    heard.catch(() => undefined)
    return heard
  }
  let changed = listen()
  await send(response, ":\n\n", pace, signal, where)
  while (!signal.aborted) {
    let timer: NodeJS.Timeout | undefined
    const quiet = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), limits.heartbeatMillis)
    })
    const news = await Promise.race([changed, quiet])
    clearTimeout(timer)
    if (signal.aborted) break
    if (news) changed = listen()
    await send(response, news ? "event: news\ndata: {}\n\n" : ":\n\n", pace, signal, where)
  }
  response.destroy()
}

const getAsset: Handler = async (exchange) => {
  const { peer, response, signal, where, parameter } = exchange
  const bytes = await peer.getAsset(parameter)
  if (bytes === undefined) throw absent()
  const pace = paceOf(exchange)
  response.setHeader("content-type", assetBytesType)
  for await (const chunk of bytes) await send(response, chunk, pace, signal, where)
  response.end()
}

const putAsset: Handler = async (exchange) => {
  const { peer, request, response, signal, where, parameter, limits } = exchange
  checkType(exchange, assetBytesType)
  const length = request.headers["content-length"]
  if (length === undefined) throw nonsense("it does not say how long the asset is", where)
  const size = Number(length)
  if (size > limits.assetBytesMax) throw tooLarge("assetBytesMax", limits.assetBytesMax, where)
  await peer.putAsset(parameter, size, bodyOf(exchange), signal)
  signal.throwIfAborted()
  response.end()
}

const hasAssets: Handler = async (exchange) => {
  const asked = assetsFromBytes(await messageOf(exchange), exchange.where)
  const held = await exchange.peer.hasAssets(asked.sha256)
  sendJson(exchange, { version: protocolVersion, sha256: [...held] })
}

const absent = (): LamplogError =>
  failure("asset-absent", "This asset is not held here.", "Ask another replica.")

export const handlers: { readonly [operation in Operation]: Handler } = {
  projects,
  pull,
  push,
  watch,
  getAsset,
  putAsset,
  hasAssets,
  description: async ({ response }) => {
    response.setHeader("content-type", jsonType)
    response.end(description)
  },
  page: async ({ response }) => {
    response.setHeader("content-type", "text/html; charset=utf-8")
    response.setHeader("content-security-policy", pagePolicy)
    response.end(page)
  },
}
