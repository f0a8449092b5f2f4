/**
 * A line between a client and a server that fails in the ways of lines: slow, dead, cut.
 *
 * Invariants
 *  1. What goes through comes out unchanged and in order; a cut may fall in the middle of a message.
 *  2. Closing it closes every connection through it.
 */
import { connect, createServer } from "node:net"
import type { Server, Socket } from "node:net"

const host = "127.0.0.1"

/**
 * How the line is: carries, carries after a while, swallows everything, takes no connection, or leaves
 * with the server what it has for the client, as one that is too busy to read.
 */
export type Line =
  | { readonly kind: "open" }
  | { readonly kind: "slow"; readonly delayMillis: number }
  | { readonly kind: "dead" }
  | { readonly kind: "refusing" }
  | { readonly kind: "busy" }

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

export class Proxy {
  readonly #server: Server
  readonly #targetPort: number
  readonly #pairs = new Set<Pair>()
  #line: Line = { kind: "open" }
  /** Bytes from the client that still go through before the line is cut. */
  #bytesLeft = Infinity
  /** Bytes carried so far. */
  readonly carried = { toServer: 0, toClient: 0 }

  constructor(server: Server, targetPort: number) {
    this.#server = server
    this.#targetPort = targetPort
    server.on("connection", (near) => this.#connected(near))
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === "string") throw new Error("the proxy is closed")
    return address.port
  }

  get url(): string {
    return `nats://${host}:${this.port}`
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Changes the line for what comes from now on. */
  set(line: Line): void {
    this.#line = line
    for (const { far } of this.#pairs) {
      if (line.kind === "busy") far.pause()
      else far.resume()
    }
  }

  /** Cuts every connection now. */
  cut(): void {
    for (const pair of this.#pairs) this.#drop(pair)
  }

  /** Cuts all when so many more bytes have gone to the server. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #drop(pair: Pair): void {
    this.#pairs.delete(pair)
    pair.near.resetAndDestroy()
    pair.far.resetAndDestroy()
  }

  #connected(near: Socket): void {
    if (this.#line.kind === "refusing") {
      near.resetAndDestroy()
      return
    }
    const pair: Pair = { near, far: connect({ port: this.#targetPort, host }) }
    this.#pairs.add(pair)
    if (this.#line.kind === "busy") pair.far.pause()
    for (const socket of [pair.near, pair.far]) {
      socket.on("error", () => this.#drop(pair))
      socket.on("close", () => this.#drop(pair))
    }
    near.on("data", (bytes) => {
      if (bytes.length <= this.#bytesLeft) {
        this.#bytesLeft -= bytes.length
        this.#carry(pair, pair.far, bytes, "toServer")
        return
      }
      const rest = bytes.subarray(0, this.#bytesLeft)
      this.#bytesLeft = Infinity
      // What still goes through leaves first.
      pair.far.write(rest, () => this.cut())
    })
    pair.far.on("data", (bytes) => this.#carry(pair, near, bytes, "toClient"))
  }

  #carry(pair: Pair, to: Socket, bytes: Buffer, way: "toServer" | "toClient"): void {
    const line = this.#line
    if (line.kind === "dead") return
    const write = (): void => {
      if (!this.#pairs.has(pair)) return
      this.carried[way] += bytes.length
      to.write(bytes)
    }
    if (line.kind === "slow") setTimeout(write, line.delayMillis)
    else write()
  }
}

/** A line to a port of this computer. */
export const startProxy = async (targetPort: number): Promise<Proxy> => {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, host, () => resolve())
  })
  return new Proxy(server, targetPort)
}
