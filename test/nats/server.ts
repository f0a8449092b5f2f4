/**
 * A nats-server of its own for a test: on free ports, in a temporary folder, with what can go wrong.
 *
 * Invariants
 *  1. A server is up when it has answered under its own name, so no other server on the port counts.
 *  2. Ports lie below those that the system gives to outgoing connections: else a client that dials a
 *     dead server's port could be given that very port, and would speak to itself.
 *  3. A server dies with the process that started it, whatever that process dies of.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { serverProgram } from "./server-program.ts"
import type { ServerVersion } from "./server-program.ts"

const host = "127.0.0.1"
const portMin = 10_240
const portMax = 32_000
const startsMax = 10
const startMillisMax = 20_000
const pollMillis = 5

/** Where a server lives: what its configuration may speak of. */
export interface Place {
  readonly name: string
  readonly folder: string
  readonly store: string
  readonly port: number
  readonly monitorPort: number
}

export interface ServerOptions {
  readonly version?: ServerVersion
  readonly name?: string
  /** Lines added to the configuration: users, limits, TLS. */
  readonly settings?: string | ((place: Place) => string)
  /** Lines added to the block of JetStream; false for a server without it. */
  readonly jetstream?: string | false
  /** The whole configuration instead. It has to use the place's ports, name and store. */
  readonly configuration?: (place: Place) => string
  /** Otherwise free ones are found. */
  readonly ports?: { readonly port: number; readonly monitorPort: number }
  /** Passed to the server after the configuration. */
  readonly words?: ReadonlyArray<string>
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })

/** Ports that nobody listens on now. Somebody may be quicker: then the server says so, at its start. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(portMin, portMax)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis)
  })

/** What a server says first: a line of JSON; undefined when nobody does. */
const greeting = (port: number): Promise<{ readonly server_name?: string } | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ port, host })
    let text = ""
    const done = (value?: { readonly server_name?: string }): void => {
      socket.destroy()
      resolve(value)
    }
    socket.setTimeout(1000, () => done())
    socket.on("error", () => done())
    socket.on("close", () => done())
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part
      const end = text.indexOf("\r\n")
      if (end < 0) return
      done(text.startsWith("INFO ") ? JSON.parse(text.slice(5, end)) : undefined)
    })
  })

/** Kills a process when the one that started it is gone; told that it ended, it lets it be. */
const guard = (pid: number): (() => void) => {
  const watcher = spawn("sh", ["-c", 'read answer || kill -9 "$0"', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  })
  watcher.unref()
  watcher.stdin.on("error", () => undefined)
  return () => watcher.stdin.end("ended\n")
}

const defaultConfiguration = (place: Place, options: ServerOptions): string => {
  const { settings, jetstream, version } = options
  // Debian's 2.9 does not know when to sync.
  const sync = version === "2.9" ? "" : "sync_interval: always"
  return [
    `server_name: "${place.name}"`,
    `listen: "${host}:${place.port}"`,
    `http: "${host}:${place.monitorPort}"`,
    ...(jetstream === false
      ? []
      : [`jetstream {\n store_dir: "${place.store}"\n ${sync}\n ${jetstream ?? ""}\n}`]),
    typeof settings === "function" ? settings(place) : (settings ?? ""),
    "",
  ].join("\n")
}

/** The running counts that a server keeps. */
export interface Counts {
  readonly in_bytes: number
  readonly out_bytes: number
  readonly in_msgs: number
  readonly out_msgs: number
  readonly slow_consumers: number
  readonly connections: number
  readonly mem: number
}

export class TestServer {
  readonly place: Place
  readonly #options: ServerOptions
  #settings: string | undefined
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #release: () => void = () => undefined
  /** Whether its end was asked for. */
  #ending = false
  #up = false

  constructor(place: Place, options: ServerOptions) {
    this.place = place
    this.#options = options
  }

  get port(): number {
    return this.place.port
  }

  /** As the adapter's URLs begin. */
  get url(): string {
    return `nats://${host}:${this.port}`
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  get pid(): number {
    return this.#child!.pid!
  }

  get #configurationFile(): string {
    return join(this.place.folder, "server.conf")
  }

  /** What the server wrote of itself. */
  get log(): string {
    return readFileSync(join(this.place.folder, "server.log"), "utf8")
  }

  #writeConfiguration(): void {
    const { configuration } = this.#options
    const text =
      configuration?.(this.place) ??
      defaultConfiguration(
        this.place,
        this.#settings === undefined
          ? this.#options
          : { ...this.#options, settings: this.#settings },
      )
    writeFileSync(this.#configurationFile, text)
  }

  /** Starts it; resolves when it answers. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.place.name} runs already`)
    this.#writeConfiguration()
    const { folder, name, port } = this.place
    const words = ["-c", this.#configurationFile, "-l", join(folder, "server.log")]
    const child = spawn(
      serverProgram(this.#options.version),
      [...words, ...(this.#options.words ?? [])],
      { stdio: ["ignore", "ignore", "pipe"] },
    )
    let complaint = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text))
    this.#child = child
    this.#ending = false
    this.#up = false
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#release()
        this.#child = undefined
        resolve()
        if (this.#ending || !this.#up) return
        // A test must not take a server that crashed for one that it has killed.
        throw new Error(
          `nats-server ended by itself (${code ?? signal}):\n${this.log.slice(-2000)}`,
        )
      })
    })
    this.#release = guard(child.pid!)
    // Its own time to start is not ours to measure; a server that never answers must not hang a test.
    const triesMax = startMillisMax / pollMillis
    for (let tries = 0; this.#child !== undefined && tries < triesMax; tries++) {
      const info = await greeting(port)
      if (info?.server_name === name) {
        this.#up = true
        return
      }
      await pause(pollMillis)
    }
    const log = this.log.split("\n").slice(-8).join("\n")
    await this.kill()
    throw new Error(`nats-server did not start: ${complaint}\n${log}`)
  }

  /** Ends it as a loss of power ends a program. */
  async kill(): Promise<void> {
    this.#ending = true
    this.#child?.kill("SIGKILL")
    await this.#ended
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    this.#ending = true
    this.#child?.kill("SIGTERM")
    this.#child?.kill("SIGCONT")
    await this.#ended
  }

  /** Starts it again on the same ports and store, with other settings when some are given. */
  async restart(settings?: string): Promise<void> {
    await this.kill()
    if (settings !== undefined) this.#settings = settings
    for (let start = 1; ; start++) {
      try {
        return await this.start()
      } catch (error) {
        // For a moment somebody else may have had the port.
        if (start === startsMax) throw error
      }
    }
  }

  /** Lets it read other settings while it runs; resolves when it has. */
  async reload(settings: string): Promise<void> {
    this.#settings = settings
    this.#writeConfiguration()
    const before = this.log.length
    this.#child!.kill("SIGHUP")
    for (;;) {
      const news = this.log.slice(before)
      if (news.includes("Reloaded server configuration")) return
      const failure = /Failed to reload.*/s.exec(news)
      if (failure !== null || this.#child === undefined) {
        throw new Error(`nats-server did not take its new configuration: ${failure?.[0] ?? news}`)
      }
      await pause(pollMillis)
    }
  }

  /** Freezes it: connections stay open, nothing is answered. */
  pause(): void {
    this.#child!.kill("SIGSTOP")
  }

  resume(): void {
    this.#child!.kill("SIGCONT")
  }

  /** Copies what it has stored; take it while the server is down for a copy that is whole. */
  saveStore(name: string): void {
    cpSync(this.place.store, join(this.place.folder, `store-${name}`), { recursive: true })
  }

  /** Puts an earlier copy in the place of what it has stored. The server must be down. */
  restoreStore(name: string): void {
    rmSync(this.place.store, { recursive: true, force: true })
    cpSync(join(this.place.folder, `store-${name}`), this.place.store, { recursive: true })
  }

  /** A page of the server's own about itself. */
  async monitor<A>(page: string): Promise<A> {
    const answer = await fetch(`http://${host}:${this.place.monitorPort}/${page}`)
    return (await answer.json()) as A
  }

  counts(): Promise<Counts> {
    return this.monitor("varz")
  }

  /** Ends it and takes everything away. */
  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.place.folder, { recursive: true, force: true })
  }
}

/** A place with ports for a server called `name`. */
export const makePlace = async (
  name: string,
  ports?: { readonly port: number; readonly monitorPort: number },
): Promise<Place> => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-nats-"))
  const store = join(folder, "store")
  mkdirSync(store)
  const [port, monitorPort] =
    ports === undefined ? await freePorts(2) : [ports.port, ports.monitorPort]
  return { name, folder, store, port: port!, monitorPort: monitorPort! }
}

let servers = 0

/** Starts a server; `remove` it when done. */
export const startServer = async (options: ServerOptions = {}): Promise<TestServer> => {
  servers += 1
  const name = options.name ?? `test-${process.pid}-${servers}`
  for (let start = 1; ; start++) {
    const server = new TestServer(await makePlace(name, options.ports), options)
    try {
      await server.start()
      return server
    } catch (error) {
      await server.remove()
      if (start === startsMax || !/address already in use/.test((error as Error).message)) {
        throw error
      }
    }
  }
}
