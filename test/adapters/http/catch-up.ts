/**
 * What catching up over HTTP costs: a new replica, and one that lacks 10 events. Each side is a process
 * of its own, on this machine.
 *
 *   node test/adapters/http/catch-up.ts [EVENTS]      100,000 unless given
 *
 * Prints events per second, bytes on the wire, requests, and the peak memory of both processes.
 */
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openHttp, serveHttp } from "../../../adapters/http/index.ts"
import { builtInSchemas } from "../../../src/domain/schemas.ts"
import { Author } from "../../../src/store/author.ts"
import { Replica } from "../../../src/store/replica.ts"
import { peerOf } from "../../../src/sync/peer.ts"
import { localOf } from "../../../src/sync/replica-local.ts"
import { Session } from "../../../src/sync/session.ts"
import type { Tally } from "../../../src/sync/session.ts"
import { hashOf, project } from "./notebook.ts"
import { Road } from "./road.ts"

const lateEvents = 10
const never = new AbortController().signal

const create = (folder: string, name: string): Replica =>
  Replica.create(join(folder, name), {
    schemas: builtInSchemas(),
    name,
    schema: "open",
    project,
    stateDirectory: join(folder, `${name}-state`),
  })

/** Colours of tokens, one event each; what is random in them cannot be compressed. */
const write = (replica: Replica, from: number, to: number): void => {
  const author = new Author(replica)
  replica.sqlite.pragma("synchronous = OFF")
  for (let at = from; at < to; at++) {
    const colour = `#${hashOf(`${at}`).slice(0, 6)}`
    const fields = { value: colour, group: `group ${at % 50}` }
    author.write([{ op: "put", type: "token", id: `colour-${at}`, fields }], { actor: "ana" })
  }
  replica.sqlite.pragma("synchronous = FULL")
}

const peakMebibytes = (): number => Math.round(process.resourceUsage().maxRSS / 1024)

/** The other process: writes, serves, writes some more when told to. */
const serve = async (folder: string, events: number): Promise<void> => {
  const replica = create(folder, "server")
  write(replica, 0, events)
  const local = localOf(replica, async (step) => step())
  const peer = peerOf(local, { changed: () => new Promise(() => {}) })
  const serving = await serveHttp(peer)
  process.on("message", (message) => {
    if (message === "more") {
      write(replica, events, events + lateEvents)
      process.send!({ written: true })
      return
    }
    void serving.close().then(() => {
      replica.close()
      process.send!({ peakMebibytes: peakMebibytes() }, () => process.disconnect())
    })
  })
  process.send!({ url: serving.url, peakMebibytes: peakMebibytes() })
}

const answer = <A>(child: ChildProcess): Promise<A> =>
  new Promise((resolve) => child.once("message", (message) => resolve(message as A)))

/** Meets once, and tells what it cost. */
const meet = async (what: string, replica: Replica, road: Road): Promise<Tally> => {
  const { receivedBytes, sentBytes, requests } = road
  const remote = await openHttp(road.url)
  const local = localOf(replica, async (step) => step())
  const timing = { random: () => 0.5, pause: () => Promise.reject(new Error("it had to wait")) }
  const start = performance.now()
  const tally = await new Session(local, remote, { name: "server", timing }).meet(never)
  const seconds = (performance.now() - start) / 1000
  await remote.close()
  const events = tally.pulled + tally.pushed
  const lines = [
    `${events} events in ${seconds.toFixed(2)} s (${Math.round(events / seconds)} a second)`,
    `${road.receivedBytes - receivedBytes} bytes in, ${road.sentBytes - sentBytes} out`,
    `${road.requests - requests} requests`,
  ]
  process.stdout.write(`${what}: ${lines.join(", ")}\n`)
  return tally
}

/** Fills a server that holds nothing. */
const handOver = async (replica: Replica, folder: string): Promise<void> => {
  const child = fork(import.meta.filename, ["serve", folder, "0"])
  try {
    const { url } = await answer<{ url: string }>(child)
    const road = await Road.to(url)
    await meet("to an empty server", replica, road)
    const end = answer<{ peakMebibytes: number }>(child)
    child.send("end")
    const { peakMebibytes: server } = await end
    await road.close()
    process.stdout.write(`peak memory: ${peakMebibytes()} MiB here, ${server} MiB there\n`)
  } finally {
    child.kill()
  }
}

const run = async (events: number): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-http-"))
  const child = fork(import.meta.filename, ["serve", folder, String(events)])
  try {
    const { url, peakMebibytes: written } = await answer<{ url: string; peakMebibytes: number }>(
      child,
    )
    const road = await Road.to(url)
    const replica = create(folder, "client")
    await meet("a new replica", replica, road)
    const more = answer(child)
    child.send("more")
    await more
    await meet(`one that lacks ${lateEvents}`, replica, road)
    await meet("one that lacks nothing", replica, road)
    write(replica, events + lateEvents, events + 2 * lateEvents)
    await meet(`one that has ${lateEvents} more`, replica, road)
    const end = answer<{ peakMebibytes: number }>(child)
    child.send("end")
    const { peakMebibytes: server } = await end
    await road.close()
    const after = `${server} MiB there (${written} after writing)`
    process.stdout.write(`peak memory: ${peakMebibytes()} MiB here, ${after}\n`)
    await handOver(replica, join(folder, "empty"))
    replica.close()
  } finally {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

const [role, folder, events] = process.argv.slice(2)
if (role === "serve") await serve(folder!, Number(events))
else await run(Number(role ?? 100_000))
