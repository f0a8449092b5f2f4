/**
 * A road between a client and a server that counts what passes, and can be cut after so many bytes.
 */
import { connect, createServer } from "node:net"
import type { AddressInfo, Server, Socket } from "node:net"

export class Road {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Towards the server, and back. */
  sentBytes = 0
  receivedBytes = 0
  connections = 0
  requests = 0
  /** Bytes, both ways, after which everything that is open is cut, once. */
  cutAfterBytes = Number.POSITIVE_INFINITY

  private constructor(server: Server, protocol: string) {
    this.#server = server
    const { address, port } = server.address() as AddressInfo
    this.url = `${protocol}//${address}:${port}`
  }

  /** Opens a road to a server. */
  static async to(target: string): Promise<Road> {
    const { protocol, hostname, port } = new URL(target)
    const server = createServer()
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve)
    })
    const road = new Road(server, protocol)
    server.on("connection", (near) => {
      road.#join(near, connect({ host: hostname, port: Number(port) }))
    })
    return road
  }

  #join(near: Socket, far: Socket): void {
    this.connections += 1
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        this.#sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on("data", (bytes: Buffer) => {
      this.sentBytes += bytes.length
      // Clients write the line of a request at the beginning of a piece.
      if (/^[A-Z]+ \/\S* HTTP\/1\.1\r\n/.test(bytes.toString("latin1", 0, 200))) this.requests += 1
      this.#pass(bytes, near, far)
    })
    far.on("data", (bytes: Buffer) => {
      this.receivedBytes += bytes.length
      this.#pass(bytes, far, near)
    })
  }

  #pass(bytes: Buffer, from: Socket, to: Socket): void {
    if (this.sentBytes + this.receivedBytes > this.cutAfterBytes) {
      this.cutAfterBytes = Number.POSITIVE_INFINITY
      for (const socket of this.#sockets) socket.destroy()
      return
    }
    if (to.write(bytes)) return
    from.pause()
    to.once("drain", () => from.resume())
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}
