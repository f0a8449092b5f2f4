/**
 * The other side of a meeting, in a process of its own: a replica that answers over HTTP, or a NATS
 * server that a replica has pushed to; behind a proxy that counts what goes by.
 *
 * Says where it can be met, waits for the end of its input, then says what went over the wire: bytes
 * both ways, and turns, which are requests that followed an answer.
 */
import { connect, createServer } from "node:net"
import type { AddressInfo, Socket } from "node:net"
import { join } from "node:path"
import { serveHttp } from "../adapters/http/index.ts"
import { openNats } from "../adapters/nats/index.ts"
import { openProject } from "../src/index.ts"
import { startServer } from "../test/nats/server.ts"

const [kind, folder] = process.argv.slice(2) as [string, string]

const traffic = { bytes: 0, turns: 0 }

/** Stands in front of a port and counts. */
const proxyTo = async (port: number): Promise<number> => {
  let answered = true
  const carry = (from: Socket, to: Socket, isRequest: boolean): void => {
    from.on("data", (chunk) => {
      traffic.bytes += chunk.length
      if (isRequest && answered) traffic.turns += 1
      answered = !isRequest
    })
    from.on("error", () => to.destroy())
    from.pipe(to)
  }
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1")
    carry(near, far, true)
    carry(far, near, false)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  server.unref()
  return (server.address() as AddressInfo).port
}

const replica = join(folder, "replica")
const open = () => openProject({ directory: replica, stateDirectory: join(replica, "state") })

const http = async (): Promise<() => Promise<void>> => {
  const project = await open()
  const server = await serveHttp(await project.peer(), {})
  const port = await proxyTo(Number(new URL(server.url).port))
  process.stdout.write(`http://127.0.0.1:${port}\n`)
  return async () => {
    await server.close()
    await project.close()
  }
}

const nats = async (): Promise<() => Promise<void>> => {
  const server = await startServer()
  const project = await open()
  const remote = await openNats(server.url)
  await project.sync(remote, { name: "bench" })
  await remote.close()
  await project.close()
  const port = await proxyTo(server.place.port)
  process.stdout.write(`nats://127.0.0.1:${port}\n`)
  return () => server.stop()
}

const close = await (kind === "http" ? http() : nats())
await new Promise((resolve) => process.stdin.on("end", resolve).resume())
process.stdout.write(`${JSON.stringify(traffic)}\n`)
await close()
process.exit(0)
