/**
 * Processes killed at a random moment, and what must be true afterwards: the project opens at once,
 * verifies, holds everything that was acknowledged, each atomic change whole or not at all.
 *
 * The command line itself is killed wherever it has a command for the task. How long a task takes is
 * measured by letting it finish once; kills then fall anywhere in that time. A seed decides task and
 * moment, so a run can be repeated, though not to the microsecond.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { verifyReplica } from "../../src/audit/verify.ts"
import { databaseFile } from "../../src/store/database.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"
import { Random } from "../simulation/random.ts"
import { Shelf, write } from "../store/replicas.ts"

const root = join(import.meta.dirname, "..", "..")
const commandLine = join(root, "src", "cli", "main.ts")
const committer = join(import.meta.dirname, "committer.ts")

const lines = 3000
const commits = 60
const entitiesOfCommit = 20

/** What a run left behind, as the tables say. */
interface Stand {
  readonly events: number
  readonly entities: number
}

/** What the killed process had said: whether it came to its end, and its lines. */
interface Said {
  readonly finished: boolean
  readonly lines: ReadonlyArray<string>
}

interface Task {
  readonly name: string
  readonly parameters: (bench: KillBench, project: string) => ReadonlyArray<string>
  /** Why a stand is impossible, given where the task starts and where it ends. */
  readonly fault: (stand: Stand, said: Said, before: Stand, after: Stand) => string | undefined
}

const told = ({ events, entities }: Stand): string => `${events} events, ${entities} entities`

const same = (left: Stand, right: Stand): boolean =>
  left.events === right.events && left.entities === right.entities

/** An atomic change is whole or absent, and there once it was acknowledged. */
const wholeOrAbsent: Task["fault"] = (stand, said, before, after) => {
  if (said.finished && !same(stand, after)) return `acknowledged, but holds ${told(stand)}`
  return same(stand, before) || same(stand, after) ? undefined : `half of it: ${told(stand)}`
}

const onProject = (project: string, ...words: ReadonlyArray<string>): ReadonlyArray<string> => [
  commandLine,
  "--project",
  project,
  ...words,
]

const tasks: ReadonlyArray<Task> = [
  {
    name: "apply",
    parameters: (bench, project) => onProject(project, "apply", bench.changes, "--json"),
    fault: wholeOrAbsent,
  },
  {
    name: "apply --no-atomic",
    parameters: (bench, project) =>
      onProject(project, "apply", bench.changes, "--no-atomic", "--json"),
    fault: (stand, said, before, after) => {
      if (said.finished && !same(stand, after)) return `acknowledged, but holds ${told(stand)}`
      const grown = stand.events - before.events
      return grown === stand.entities - before.entities ? undefined : `odd: ${told(stand)}`
    },
  },
  {
    name: "import",
    parameters: (bench, project) => onProject(project, "import", bench.tokens, "--json"),
    fault: wholeOrAbsent,
  },
  {
    name: "merge",
    parameters: (bench, project) => onProject(project, "merge", bench.archive, "--json"),
    fault: wholeOrAbsent,
  },
  {
    name: "commits",
    parameters: (_, project) => [
      committer,
      join(project, ".lamplog"),
      String(commits),
      String(entitiesOfCommit),
    ],
    fault: (stand, said, before) => {
      const acknowledged = said.lines.filter((line) => /^\d+$/.test(line)).length
      const held = (stand.events - before.events) / entitiesOfCommit
      if (!Number.isInteger(held)) return `half a commit: ${told(stand)}`
      const fits = held === acknowledged || held === acknowledged + 1
      return fits ? undefined : `acknowledged ${acknowledged} commits, but holds ${held}`
    },
  },
]

const put = (id: string): Change => ({
  op: "put",
  type: "token",
  id,
  fields: { value: `of ${id}` },
})

const standOf = ({ sqlite }: Replica): Stand => ({
  events: sqlite.prepare("SELECT count(*) FROM events").pluck().get() as number,
  entities: sqlite.prepare("SELECT count(*) FROM entities").pluck().get() as number,
})

/** Before a third of the time Node is still loading; some processes come to their end. */
const momentIn = (random: Random, millis: number): number => millis * (0.35 + 0.75 * random.next())

export interface KillRun {
  readonly task: string
  readonly killedAfterMillis: number
  /** Whether the process had ended by itself before. */
  readonly finished: boolean
  /** Whether anything of the task was in the database. */
  readonly changed: boolean
  readonly faults: ReadonlyArray<string>
}

interface Measured {
  readonly task: Task
  readonly after: Stand
  /** How long the task takes; follows what else the machine is doing. */
  millis: number
}

/** Files that the tasks work on, made once, and a shelf for the projects that are killed. */
export class KillBench {
  readonly #shelf = new Shelf()
  readonly #project: string
  readonly #measured: Array<Measured> = []
  #count = 0
  readonly changes: string
  readonly tokens: string
  readonly archive: string

  constructor() {
    this.changes = this.#shelf.path("changes.jsonl")
    const all = Array.from({ length: lines }, (_, index) => JSON.stringify(put(`new ${index}`)))
    writeFileSync(this.changes, `${all.join("\n")}\n`)
    this.tokens = this.#shelf.path("import.tokens.json")
    const tokens = Array.from({ length: lines }, (_, index) => [
      `token-${index}`,
      { $type: "dimension", $value: { value: index, unit: "px" } },
    ])
    writeFileSync(this.tokens, JSON.stringify(Object.fromEntries(tokens)))
    const peer = this.#shelf.create("peer/.lamplog")
    this.#project = peer.project
    for (let from = 0; from < lines; from += 500) {
      write(
        peer,
        Array.from({ length: 500 }, (_, index) => put(`peer ${from + index}`)),
      )
    }
    this.#shelf.close(peer)
    this.archive = this.#shelf.path("peer.lamplog")
    const peerFolder = this.#shelf.path("peer")
    const { status, stderr } = spawnSync(
      process.execPath,
      [...onProject(peerFolder, "export", this.archive, "--json")],
      { env: this.#environment(), encoding: "utf8" },
    )
    if (status !== 0) throw new Error(`export failed: ${stderr}`)
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      LAMPLOG_STATE_DIR: this.#shelf.stateDirectory,
      LAMPLOG_ACTOR: "killed",
    }
  }

  /** A project with a little history, closed. */
  #begin(): { readonly name: string; readonly folder: string; readonly before: Stand } {
    const folder = `run ${this.#count++}`
    const name = `${folder}/.lamplog`
    const replica = this.#shelf.create(name, { project: this.#project })
    write(
      replica,
      Array.from({ length: 50 }, (_, index) => put(`old ${index}`)),
    )
    write(replica, [put("old 1"), put("old 51")])
    const before = standOf(replica)
    this.#shelf.close(replica)
    return { name, folder: this.#shelf.path(folder), before }
  }

  /** Runs a process, killing it after so long; undefined lets it finish. */
  async #run(parameters: ReadonlyArray<string>, millis: number | undefined): Promise<Said> {
    const child = spawn(process.execPath, [...parameters], {
      env: this.#environment(),
      stdio: ["ignore", "pipe", "ignore"],
    })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
    const timer = millis === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), millis)
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve))
    clearTimeout(timer)
    return { finished: code === 0, lines: output.split("\n").slice(0, -1) }
  }

  /** Lets every task finish once, to know its end and how long it takes. */
  async measure(): Promise<void> {
    for (const task of tasks) {
      const { name, folder } = this.#begin()
      const start = performance.now()
      const { finished } = await this.#run(task.parameters(this, folder), undefined)
      const millis = performance.now() - start
      if (!finished) throw new Error(`${task.name} fails without being killed`)
      const replica = this.#shelf.open(name)
      const after = standOf(replica)
      this.#shelf.close(replica)
      this.#measured.push({ task, after, millis })
      rmSync(folder, { recursive: true })
    }
  }

  /** Kills the task of a seed once and looks at what is left. Measure first. */
  async kill(seed: number): Promise<KillRun> {
    const measured = this.#measured[seed % tasks.length]!
    const { task, after } = measured
    const { name, folder, before } = this.#begin()
    const random = new Random(seed)
    const killedAfterMillis = momentIn(random, measured.millis)
    const start = performance.now()
    const said = await this.#run(task.parameters(this, folder), killedAfterMillis)
    if (said.finished) measured.millis = (measured.millis + performance.now() - start) / 2
    const faults: Array<string> = []
    const replica = this.#shelf.open(name, { busyTimeoutMillis: 0 })
    if (replica.fence !== undefined) faults.push(`fenced: ${replica.fence}`)
    const stand = standOf(replica)
    const fault = task.fault(stand, said, before, after)
    if (fault !== undefined) faults.push(fault)
    write(replica, [put("after the kill")])
    const errors = verifyReplica(replica).findings.filter(({ severity }) => severity === "error")
    for (const { where, message } of errors) faults.push(`${where}: ${message}`)
    this.#shelf.close(replica)
    const left = readdirSync(join(folder, ".lamplog")).filter(
      (file) => !["keys", "project.db", "config.json"].includes(file),
    )
    if (left.length > 0) faults.push(`left behind: ${left.join(", ")}`)
    rmSync(folder, { recursive: true })
    const changed = !same(stand, before)
    return { task: task.name, killedAfterMillis, finished: said.finished, changed, faults }
  }

  /** Kills the making of a project; afterwards it is there whole, or can be made. */
  async killInit(seed: number): Promise<ReadonlyArray<string>> {
    const folder = `init ${seed}`
    const init = onProject(this.#shelf.path(folder), "init", "--json")
    const first = this.#measured[0]!
    const said = await this.#run(init, momentIn(new Random(seed), first.millis / 2))
    const name = `${folder}/.lamplog`
    const there = existsSync(join(this.#shelf.path(name), databaseFile))
    const replica = there ? this.#shelf.open(name) : this.#shelf.create(name)
    const faults = said.finished && !there ? ["acknowledged, but not there"] : []
    write(replica, [put("after the kill")])
    for (const { message } of verifyReplica(replica).findings) faults.push(message)
    this.#shelf.close(replica)
    return faults
  }

  remove(): void {
    this.#shelf.remove()
  }
}

/** For soaking: kills one process for each seed, and throws what was wrong afterwards. */
export const killSeeds = async (): Promise<(seed: number) => Promise<void>> => {
  const bench = new KillBench()
  process.once("exit", () => bench.remove())
  await bench.measure()
  return async (seed) => {
    const run = await bench.kill(seed)
    if (run.faults.length === 0) return
    throw new Error(
      `${JSON.stringify(run, null, 2)}\nagain: npm run soak -- --kind kill --seed ${seed}`,
    )
  }
}
