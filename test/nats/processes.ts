/**
 * Many replica processes on one server: all write while all follow, some are killed and come back, one
 * is offline until the end. Afterwards all hold the same, and everything that was written.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { cloneProject, initProject } from "../../src/index.ts"
import { Random } from "../simulation/random.ts"
import type { Said, Task } from "./replica-process.ts"
import { startServer } from "./server.ts"

const program = join(import.meta.dirname, "replica-process.ts")
const pollMillis = 50
const convergeMillisMax = 120_000

export interface Wishes {
  readonly processes: number
  readonly edits: number
  readonly seed: number
  readonly pauseMillisMax: number
}

/** What it took. */
export interface Outcome {
  readonly events: number
  /** From the first edit to the last, and from then until all were equal. */
  readonly writingSeconds: number
  readonly convergenceSeconds: number
  /** Bytes that the server took and gave from the start to the end. */
  readonly serverInBytes: number
  readonly serverOutBytes: number
  readonly serverMegabytes: number
  /** The most that one replica's process had in memory at the end. */
  readonly rssMegabytes: number
}

type Status = NonNullable<Said["status"]>

class Process {
  readonly #task: Task
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #done = Promise.withResolvers<void>()
  #written = Promise.withResolvers<void>()
  #status = Promise.withResolvers<Status>()
  #milestone = Infinity

  constructor(task: Task) {
    this.#task = task
  }

  start(): void {
    const child = spawn(process.execPath, [program, JSON.stringify(this.#task)], {
      stdio: ["pipe", "pipe", "inherit"],
    })
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once("exit", () => resolve())
    })
    child.stdin.on("error", () => undefined)
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { done, failed, status, written } = JSON.parse(line) as Said
      if (written !== undefined && written >= this.#milestone) this.#written.resolve()
      if (done === true) this.#done.resolve()
      if (status !== undefined) this.#status.resolve(status)
      if (failed !== undefined) this.#done.reject(new Error(`${this.#task.label}: ${failed}`))
    })
  }

  #tell(line: string): void {
    this.#child!.stdin!.write(`${line}\n`)
  }

  follow(): void {
    this.#tell("follow")
  }

  /** Resolves when so many edits are written. */
  written(count: number): Promise<void> {
    this.#milestone = count
    return this.#written.promise
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  status(): Promise<Status> {
    this.#status = Promise.withResolvers()
    this.#tell("status")
    return this.#status.promise
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL")
    await this.#ended
  }

  async quit(): Promise<void> {
    this.#tell("quit")
    await this.#ended
  }
}

/** One project, and a replica of it for each label. */
const makeReplicas = async (folder: string, labels: ReadonlyArray<string>): Promise<void> => {
  const optionsOf = (label: string) => ({
    directory: join(folder, label),
    stateDirectory: join(folder, `${label}-state`),
  })
  const seed = join(folder, "seed.lamplog")
  const first = await initProject({ ...optionsOf(labels[0]!), name: "many" })
  await first.exportProject(seed)
  await first.close()
  for (const label of labels.slice(1)) {
    const project = await cloneProject(seed, optionsOf(label))
    await project.close()
  }
}

const untilEqual = async (all: ReadonlyArray<Process>, events: number) => {
  const start = performance.now()
  for (;;) {
    const states = await Promise.all(all.map((one) => one.status()))
    const digests = new Set(states.map(({ digest, frontier }) => `${digest} ${frontier}`))
    if (digests.size === 1 && states[0]!.events === events) return states
    if (performance.now() - start > convergeMillisMax) {
      const held = states.map((state) => state.events).join(", ")
      throw new Error(`not equal after ${convergeMillisMax} ms: of ${events} events, ${held}`)
    }
    await new Promise((resolve) => {
      setTimeout(resolve, pollMillis)
    })
  }
}

/** Kills one when it has written a part, and starts it again. */
const killOnce = async (one: Process, edits: number, random: Random): Promise<void> => {
  await one.written(random.between(1, Math.floor(edits * 0.6)))
  await one.kill()
  one.start()
  one.follow()
}

export const runProcesses = async (wishes: Wishes): Promise<Outcome> => {
  const { edits, pauseMillisMax, processes, seed } = wishes
  const random = new Random(seed)
  const folder = mkdtempSync(join(tmpdir(), "lamplog-processes-"))
  const labels = Array.from({ length: processes }, (_, index) => `r${index + 1}`)
  const server = await startServer()
  let all: ReadonlyArray<Process> = []
  try {
    await makeReplicas(folder, labels)
    all = labels.map(
      (label, index) =>
        new Process({
          directory: join(folder, label),
          stateDirectory: join(folder, `${label}-state`),
          url: server.url,
          label,
          edits,
          seed: seed * 1000 + index,
          pauseMillisMax,
        }),
    )
    const [offline, ...others] = all
    const started = performance.now()
    for (const one of all) one.start()
    for (const one of others) one.follow()
    const killed = others.slice(0, 2).map((one) => killOnce(one, edits, random))
    await Promise.all([...killed, ...all.map((one) => one.done)])
    const written = performance.now()
    offline!.follow()
    const states = await untilEqual(all, processes * edits)
    const ended = performance.now()
    const { in_bytes, mem, out_bytes } = await server.counts()
    await Promise.all(all.map((one) => one.quit()))
    return {
      events: processes * edits,
      writingSeconds: (written - started) / 1000,
      convergenceSeconds: (ended - written) / 1000,
      serverInBytes: in_bytes,
      serverOutBytes: out_bytes,
      serverMegabytes: Math.round(mem / 1e6),
      rssMegabytes: Math.max(...states.map(({ rssMegabytes }) => rssMegabytes)),
    }
  } finally {
    await Promise.all(all.map((one) => one.kill()))
    await server.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As the soak runs them: each seed is ten processes with a thousand edits each. */
export const processSeeds = async (): Promise<{
  readonly run: (seed: number) => Promise<void>
  readonly end: () => Promise<string>
}> => {
  const outcomes: Array<Outcome> = []
  return {
    run: async (seed) => {
      outcomes.push(await runProcesses({ processes: 10, edits: 1000, seed, pauseMillisMax: 50 }))
    },
    end: async () => outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join(""),
  }
}
