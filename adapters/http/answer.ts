/**
 * Answers requests: who may ask, which handler answers, and what is said when it cannot.
 *
 * Invariants
 *  1. Nothing of a body is read before the token was checked and there is a free place.
 *  2. Paths are compared as they came, byte for byte: nothing in them is decoded or made shorter.
 *  3. Whoever disconnects, is too slow or is refused leaves nothing running behind.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { isHash } from "../../src/remote.ts"
import type { LamplogError, Peer } from "../../src/remote.ts"
import { routes } from "./api.ts"
import type { Operation, Route } from "./api.ts"
import { busy, cut, failure, isOperators, nonsense, refusalFrom } from "./failure.ts"
import { handlers } from "./handlers.ts"
import type { HttpLimits } from "./limits.ts"
import { bytesFromFailure } from "./messages.ts"

export interface AnswerOptions {
  readonly peer: Peer
  readonly limits: HttpLimits
  readonly token: string | undefined
  /** Names under which the server may be asked; undefined: any. */
  readonly hosts: ReadonlySet<string> | undefined
  /** Hears of failures that are the server's own. */
  readonly onFailure: (error: unknown) => void
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** How many of each may run at once. */
const placesOf = (limits: HttpLimits): { readonly [operation in Operation]?: number } => ({
  pull: limits.pullsMax,
  push: limits.pushesMax,
  watch: limits.watchesMax,
  getAsset: limits.assetsMax,
  putAsset: limits.pushesMax,
  hasAssets: limits.assetsMax,
})

interface Found {
  readonly route: Route
  readonly parameter: string
}

class Refused extends Error {
  readonly status: number
  readonly error: LamplogError
  readonly headers: { readonly [name: string]: string }

  constructor(
    status: number,
    error: LamplogError,
    headers: { readonly [name: string]: string } = {},
  ) {
    super(error.message)
    this.status = status
    this.error = error
    this.headers = headers
  }
}

const notFound = (): Refused =>
  new Refused(
    404,
    failure("remote-protocol", "There is nothing under this path.", "GET / tells what there is."),
  )

/** Finds the route of a request. Throws `Refused`. */
const routeOf = (method: string, url: string): Found => {
  const there = routes.flatMap((route): ReadonlyArray<Found> => {
    if (!route.hasParameter) return url === route.path ? [{ route, parameter: "" }] : []
    const parameter = url.slice(route.path.length)
    return url.startsWith(route.path) && isHash(parameter) ? [{ route, parameter }] : []
  })
  if (there.length === 0) throw notFound()
  const found = there.find(({ route }) => route.method === method)
  if (found !== undefined) return found
  const allow = there.map(({ route }) => route.method).join(", ")
  const message = "This path has no such method."
  const error = failure("remote-protocol", message, "GET / tells what there is.")
  throw new Refused(405, error, { allow })
}

/** A request's name for this server, without its port. */
const hostOf = (header: string | undefined): string =>
  (header ?? "").toLowerCase().replace(/:\d+$/, "")

export class Answers {
  readonly #options: AnswerOptions
  readonly #tokenDigest: Buffer | undefined
  readonly #places: { readonly [operation in Operation]?: number }
  readonly #taken = new Map<Operation, number>()
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()

  constructor(options: AnswerOptions) {
    this.#options = options
    this.#tokenDigest = options.token === undefined ? undefined : digest(options.token)
    this.#places = placesOf(options.limits)
  }

  /** Listens to `request` events. */
  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    const running = this.#answer(request, response)
      .catch(this.#options.onFailure)
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Stops all that is running; resolves when the peer is no longer asked for anything. */
  async stop(): Promise<void> {
    this.#stop.abort(busy())
    await Promise.all(this.#running)
  }

  #checkAuthority({ headers, rawHeaders }: IncomingMessage): void {
    const denied = (message: string, remedy: string) => failure("remote-denied", message, remedy)
    const { hosts } = this.#options
    const hostsNamed = rawHeaders.filter((text, at) => at % 2 === 0 && /^host$/i.test(text))
    if (hostsNamed.length !== 1) throw nonsense("a request names one host")
    // A page in somebody's browser must not reach a server that trusts whoever reaches it.
    if (headers.origin !== undefined || (hosts !== undefined && !hosts.has(hostOf(headers.host)))) {
      throw new Refused(403, denied("Web pages are not answered.", "Use lamplog."))
    }
    if (this.#tokenDigest === undefined) return
    const [, token] = /^Bearer ([!-~]+)$/i.exec(headers.authorization ?? "") ?? []
    if (token !== undefined && timingSafeEqual(digest(token), this.#tokenDigest)) return
    throw new Refused(
      401,
      denied(
        token === undefined ? "The server asks for a token." : "The token is not the server's.",
        "Put the server's token into LAMPLOG_REMOTE_TOKEN, or name its file: ?token-file=FILE",
      ),
      { "www-authenticate": "Bearer" },
    )
  }

  #takePlace(operation: Operation): void {
    const taken = this.#taken.get(operation) ?? 0
    if (taken >= (this.#places[operation] ?? Number.POSITIVE_INFINITY)) throw busy()
    this.#taken.set(operation, taken + 1)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    const where = `${request.method} ${request.url?.split("?")[0]?.slice(0, 100)}`
    response.on("close", () => gone.abort(cut(where)))
    request.on("error", () => gone.abort(cut(where)))
    response.on("error", () => gone.abort(cut(where)))
    this.#linger(request, response)
    const signal = AbortSignal.any([gone.signal, this.#stop.signal])
    response.setHeader("cache-control", "no-store")
    response.setHeader("x-content-type-options", "nosniff")
    try {
      const { route, parameter } = routeOf(request.method ?? "", request.url ?? "")
      if (!route.open) this.#checkAuthority(request)
      this.#takePlace(route.operation)
      try {
        const { peer, limits } = this.#options
        const exchange = { peer, limits, request, response, parameter, signal, where }
        await handlers[route.operation](exchange)
      } finally {
        this.#taken.set(route.operation, this.#taken.get(route.operation)! - 1)
      }
    } catch (error) {
      this.#refuse(response, error)
    }
  }

  /** Whoever goes on sending after the answer gets a little time to read it. */
  #linger(request: IncomingMessage, response: ServerResponse): void {
    response.on("finish", () => {
      if (request.complete) return
      const timer = setTimeout(() => request.socket.destroy(), this.#options.limits.lingerMillis)
      request.socket.once("close", () => clearTimeout(timer))
      request.once("end", () => clearTimeout(timer))
    })
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const { status, error: told } = error instanceof Refused ? error : refusalFrom(error)
    if (isOperators(status, error)) this.#options.onFailure(error)
    if (response.destroyed) return
    // A stream that has begun cannot be taken back, only cut, which its reader notices.
    if (response.headersSent) {
      response.destroy()
      return
    }
    const headers = error instanceof Refused ? error.headers : {}
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (status === 503) response.setHeader("retry-after", "2")
    response.setHeader("content-type", "application/json")
    response.statusCode = status
    response.end(bytesFromFailure(told))
  }
}
