/**
 * A server's replica as a remote: one request to pull, one to push.
 *
 * Invariants
 *  1. Nothing of an answer is believed: its form is checked here, its content by whoever takes it.
 *  2. At most one batch is in memory, and the next is read when it has been taken.
 *  3. Neither the token nor a query of the address ever shows up in a message.
 */
import { readFile } from "node:fs/promises"
import type { IncomingMessage } from "node:http"
import { isHash, LamplogError, protocolVersion } from "../../src/remote.ts"
import type {
  Batch,
  Hello,
  Holdings,
  ProjectDescription,
  PullRequest,
  Pushed,
  PushRequest,
  Remote,
  Take,
} from "../../src/remote.ts"
import type { Json } from "../../src/index.ts"
import { cut, failure } from "./failure.ts"
import { assetBytesType, batchFrames, frame, StreamReader, streamType } from "./frames.ts"
import { bytesFromJson } from "./json.ts"
import { askedHashesMax, defaultLimits, pulledBytesMax, pushedBytesMax } from "./limits.ts"
import {
  assetsFromBytes,
  holdingsFromBytes,
  projectsFromBytes,
  pushedFromBytes,
  refusedFrom,
} from "./messages.ts"
import { defaultTimes, Line } from "./request.ts"
import type { Address, ClientTimes } from "./request.ts"

export interface OpenHttpOptions {
  /** The server's token; a `token-file` in the address goes before it. */
  readonly token?: string
  /** PEM text of the authorities to trust; a `ca` in the address goes before it. */
  readonly ca?: string
  readonly times?: Partial<ClientTimes>
}

const jsonType = "application/json"
const fileBytesMax = 1024 * 1024
const { messageBytesMax, batchBytesMax } = defaultLimits
/** Lines of server-sent events are short. */
const eventBytesMax = 4096

const helloOf = ({ version, project, node }: Hello): { readonly [key: string]: Json } => ({
  version,
  project,
  node,
})

/** Bytes that are as many as was said; others would be taken for the next request. */
async function* measured(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
  sha256: string,
): AsyncGenerator<Uint8Array> {
  let count = 0
  for await (const chunk of bytes) {
    count += chunk.length
    if (count > size) break
    yield chunk
  }
  if (count === size) return
  const message = `The asset ${sha256.slice(0, 12)}… has other bytes than was said.`
  throw failure("asset-mismatch", message, "Check it with `lamplog verify`.", sha256)
}

class HttpRemote implements Remote {
  readonly where: string
  readonly capabilities = { watches: true, assets: true, presence: false }
  readonly #line: Line

  constructor(line: Line) {
    this.#line = line
    this.where = line.address.where
  }

  #post(path: string, message: Json, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#line.send({
      method: "POST",
      path,
      type: jsonType,
      body: bytesFromJson(message),
      signal,
    })
  }

  async describe(signal: AbortSignal): Promise<ReadonlyArray<ProjectDescription>> {
    const answer = await this.#line.send({ method: "GET", path: "projects", signal })
    const body = await this.#line.body(answer, messageBytesMax, signal)
    return projectsFromBytes(body, this.where).projects
  }

  async pull(request: PullRequest, take: Take, signal: AbortSignal): Promise<Holdings> {
    const { since, points } = request
    const message = { ...helloOf(request), since, ...(points === undefined ? {} : { points }) }
    const answer = await this.#post("pull", message as unknown as Json, signal)
    try {
      const pace = this.#line.pace()
      const reader = new StreamReader(
        this.#line.chunks(answer, signal, pace),
        { messageBytesMax, batchBytesMax, bytesMax: pulledBytesMax },
        this.where,
      )
      const opened = await reader.open()
      const { frontier, unsure } = holdingsFromBytes(opened.message, this.where)
      for await (const batch of opened.batches) {
        signal.throwIfAborted()
        await take(batch)
      }
      return { frontier, unsure }
    } finally {
      if (!answer.readableEnded) answer.destroy()
    }
  }

  async push(request: PushRequest, signal: AbortSignal): Promise<Pushed> {
    const answer = await this.#line.send({
      method: "POST",
      path: "push",
      type: streamType,
      body: this.#pushed(helloOf(request), request.batches),
      signal,
    })
    const body = await this.#line.body(answer, messageBytesMax, signal)
    const { frontier, unsure, events, refused } = pushedFromBytes(body, this.where)
    return { frontier, unsure, events, refused: refusedFrom(refused) }
  }

  /** The body of a push; it ends after so many bytes, and the next push goes on from there. */
  async *#pushed(hello: Json, batches: AsyncIterable<Batch>): AsyncGenerator<Buffer> {
    yield frame("M", bytesFromJson(hello))
    let bytes = 0
    for await (const batch of batches) {
      for (const piece of batchFrames(batch)) {
        bytes += piece.length
        yield piece
      }
      if (bytes >= pushedBytesMax) break
    }
    yield frame("E")
  }

  async watch(hello: Hello, news: () => void, signal: AbortSignal): Promise<void> {
    const answer = await this.#post("watch", helloOf(hello), signal)
    try {
      // Every event and sign of life starts the patience anew.
      let line = ""
      const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
      for (let first = true; ; first = false) {
        const pace = this.#line.pace(this.#line.times.quietMillisMax)
        const next = await pace.wait(chunks.next()).catch((error: unknown) => {
          throw error instanceof LamplogError ? error : cut(this.where)
        })
        if (next.done === true) throw cut(this.where)
        const lines = (line + Buffer.from(next.value).toString("latin1")).split("\n")
        line = lines.pop()!.slice(0, eventBytesMax)
        // What was written before anybody listened is news, too.
        if (first || lines.includes("event: news")) news()
      }
    } catch (error) {
      if (signal.aborted) return
      throw error
    } finally {
      answer.destroy()
    }
  }

  async getAsset(
    sha256: string,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    if (!isHash(sha256)) return undefined
    const path = `assets/${sha256}`
    const answer = await this.#line.send({ method: "GET", path, signal, absent: true })
    return answer === undefined ? undefined : this.#bytes(answer, signal)
  }

  /** Whoever has enough of an answer leaves no open line behind. */
  async *#bytes(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#line.chunks(answer, signal, this.#line.pace())
    } finally {
      if (!answer.readableEnded) answer.destroy()
    }
  }

  async hasAssets(
    sha256: ReadonlyArray<string>,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const held = new Set<string>()
    const asked = sha256.filter(isHash)
    for (let first = 0; first < asked.length; first += askedHashesMax) {
      const some = asked.slice(first, first + askedHashesMax)
      const answer = await this.#post("assets", { version: protocolVersion, sha256: some }, signal)
      const body = await this.#line.body(answer, messageBytesMax, signal)
      for (const hash of assetsFromBytes(body, this.where).sha256) held.add(hash)
    }
    return held
  }

  async putAsset(
    sha256: string,
    size: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const answer = await this.#line.send({
      method: "PUT",
      path: `assets/${sha256}`,
      type: assetBytesType,
      length: size,
      body: measured(bytes, size, sha256),
      signal,
    })
    await this.#line.body(answer, messageBytesMax, signal)
  }

  async close(): Promise<void> {
    this.#line.close()
  }
}

const invalid = (message: string, remedy: string, where: string): LamplogError =>
  failure("remote-invalid", message, remedy, where)

const fileText = async (path: string, where: string): Promise<string> => {
  const text = await readFile(path, "utf8").catch(({ code }: NodeJS.ErrnoException) => {
    throw invalid(`A file that the address names cannot be read (${code}).`, "Check it.", where)
  })
  if (text.length <= fileBytesMax) return text
  throw invalid("A file that the address names is too large.", "Check it.", where)
}

const known: ReadonlySet<string> = new Set(["token-file", "ca"])

const parsed = (text: string): URL => {
  // The text may hold secrets where they do not belong: no message repeats it.
  const url = URL.parse(text)
  const where = "remote"
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw invalid("This is no address of a server.", "Write http://HOST:PORT or https://…", where)
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid("An address holds no password.", "Write ?token-file=FILE", where)
  }
  return url
}

/** Makes a remote of an address; nothing is sent before the first call. */
export const openHttp = async (text: string, options: OpenHttpOptions = {}): Promise<Remote> => {
  const url = parsed(text)
  // A copy: the address itself goes on without it.
  const query = new URLSearchParams(url.search)
  url.search = ""
  url.hash = ""
  if (!url.pathname.endsWith("/")) url.pathname += "/"
  const where = url.pathname === "/" ? url.origin : url.href
  const stranger = [...query.keys()].find((key) => !known.has(key))
  if (stranger !== undefined) {
    throw invalid("The address has an option that is not known.", "Known: token-file, ca", where)
  }
  const tokenFile = query.get("token-file")
  const caFile = query.get("ca")
  const token = tokenFile === null ? options.token : (await fileText(tokenFile, where)).trim()
  const ca = caFile === null ? options.ca : await fileText(caFile, where)
  if (token !== undefined && !/^[!-~]+$/.test(token)) {
    throw invalid("The token is no line of visible ASCII characters.", "Check its file.", where)
  }
  const address: Address = { url, where, token, ca }
  return new HttpRemote(new Line(address, { ...defaultTimes, ...options.times }))
}
