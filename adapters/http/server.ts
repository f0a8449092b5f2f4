/**
 * Offers a replica to others over HTTP/1.1, with or without TLS.
 *
 * Invariants
 *  1. Listens on this machine alone, unless a host is named; then nobody gets in without a token.
 *  2. What anybody may occupy is bounded: connections in all and per address, headers, time, and
 *     requests that read or write the replica.
 *  3. After `close` the peer is no longer asked for anything.
 */
import { createServer } from "node:http"
import type { RequestListener, Server, ServerOptions } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import type { LamplogError, Peer } from "../../src/remote.ts"
import { Answers } from "./answer.ts"
import { failure } from "./failure.ts"
import { defaultLimits } from "./limits.ts"
import type { HttpLimits } from "./limits.ts"

export interface ServeOptions {
  /** An address or name of this machine; `127.0.0.1` unless given. */
  readonly host?: string
  /** Any free one unless given. */
  readonly port?: number
  /** At least 16 visible ASCII characters. Needed for any host but this machine itself. */
  readonly token?: string
  /** PEM texts; with them the server speaks HTTPS only. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly limits?: Partial<HttpLimits>
  /** Hears of failures that are not the fault of whoever asked. */
  readonly onFailure?: (error: unknown) => void
}

export interface HttpServing {
  /** Where others find it; without a path. */
  readonly url: string
  /** Ends everything that is running. Never rejects. */
  close(): Promise<void>
}

const tokenLengthMin = 16
const tokenPattern = /^[!-~]+$/
const loopback: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"])
const loopbackNames: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"])
/** An idle connection is kept for the next request. */
const keepAliveMillis = 30_000

const invalid = (message: string, remedy: string): LamplogError =>
  failure("remote-invalid", message, remedy, "serve")

const checkOptions = (host: string, token: string | undefined): void => {
  if (token === undefined) {
    if (loopback.has(host)) return
    throw invalid(
      "Whoever reaches this address could read and write the project.",
      "Give a token (LAMPLOG_REMOTE_TOKEN), or serve on 127.0.0.1.",
    )
  }
  if (token.length < tokenLengthMin || !tokenPattern.test(token)) {
    throw invalid(
      `A token has at least ${tokenLengthMin} visible ASCII characters.`,
      "Make one: openssl rand -hex 32",
    )
  }
}

const serverOptions = (limits: HttpLimits): ServerOptions => ({
  insecureHTTPParser: false,
  requireHostHeader: true,
  maxHeaderSize: limits.headerBytesMax,
  headersTimeout: limits.headerMillisMax,
  // Bodies have their own measure (`pace.ts`): a long one may take long.
  requestTimeout: 0,
  connectionsCheckingInterval: Math.max(100, Math.floor(limits.headerMillisMax / 4)),
  keepAliveTimeout: keepAliveMillis,
})

const makeServer = (
  tls: ServeOptions["tls"],
  limits: HttpLimits,
  listener: RequestListener,
): Server => {
  const options = serverOptions(limits)
  if (tls === undefined) return createServer(options, listener)
  try {
    return createTlsServer(
      { ...options, ...tls, minVersion: "TLSv1.2", handshakeTimeout: limits.headerMillisMax },
      listener,
    )
  } catch {
    // The cause may quote the key.
    throw invalid("Key and certificate cannot be used.", "Give both as PEM, made for each other.")
  }
}

/** Closes connections of an address that has too many. */
const boundAddresses = (server: Server, connectionsMax: number): void => {
  const count = new Map<string, number>()
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? ""
    const open = (count.get(address) ?? 0) + 1
    if (open > connectionsMax) {
      socket.destroy()
      return
    }
    count.set(address, open)
    socket.once("close", () => {
      const left = count.get(address)! - 1
      if (left === 0) count.delete(address)
      else count.set(address, left)
    })
  })
}

const listening = (server: Server, host: string, port: number): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    server.once("error", ({ code }: NodeJS.ErrnoException) => {
      const remedy = "Choose another address or port (port 0: any free one)."
      reject(invalid(`Cannot listen on ${host} port ${port}: ${code}.`, remedy))
    })
    server.listen({ host, port }, () => resolve(server.address() as AddressInfo))
  })

/** Serves a replica until closed. Rejects with a `LamplogError` when it cannot. */
export const serveHttp = async (peer: Peer, options: ServeOptions = {}): Promise<HttpServing> => {
  const { host = "127.0.0.1", port = 0, token, tls, onFailure = () => {} } = options
  checkOptions(host, token)
  const limits = { ...defaultLimits, ...options.limits }
  const hosts = token === undefined ? loopbackNames : undefined
  const answers = new Answers({ peer, limits, token, hosts, onFailure })
  const server = makeServer(tls, limits, answers.answer)
  server.maxConnections = limits.connectionsMax
  server.setTimeout(limits.idleMillisMax)
  boundAddresses(server, limits.connectionsPerAddressMax)
  const address = await listening(server, host, port)
  server.on("error", onFailure)
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address
  const closed = (): Promise<void> => {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()))
    const stopped = answers.stop()
    server.closeAllConnections()
    return Promise.all([ended, stopped]).then(() => undefined)
  }
  return { url: `${tls === undefined ? "http" : "https"}://${name}:${address.port}`, close: closed }
}
