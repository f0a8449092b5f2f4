/**
 * A replica in a process of its own: writes edits at random pauses, follows a server meanwhile, and
 * says what it holds when asked. Killed and started again it goes on where it was.
 *
 *   node replica-process.ts '{"directory":…,"stateDirectory":…,"url":…,"label":…,"edits":…}'
 *
 * Lines on stdin: `follow`, `status`, `quit`. Lines on stdout: JSON.
 */
import { createInterface } from "node:readline"
import { openNats } from "../../adapters/nats/index.ts"
import { openProject } from "../../src/index.ts"
import type { Change } from "../../src/index.ts"
import { Random } from "../simulation/random.ts"

/** What one replica is told to do. */
export interface Task {
  readonly directory: string
  readonly stateDirectory: string
  readonly url: string
  readonly label: string
  readonly edits: number
  readonly seed: number
  /** Longest pause between two edits. */
  readonly pauseMillisMax: number
}

/** What it says: each when there is something to say. */
export interface Said {
  readonly written?: number
  readonly done?: boolean
  readonly failed?: string
  readonly status?: {
    readonly events: number
    readonly digest: string
    readonly frontier: string
    readonly rssMegabytes: number
  }
}

/** Things that all of them edit, against each other. */
const sharedThings = 20
/** How often an edit is one of those. */
const sharedChance = 0.1

const say = (said: Said): void => void process.stdout.write(`${JSON.stringify(said)}\n`)

const task = JSON.parse(process.argv[2]!) as Task
const { directory, edits, label, pauseMillisMax, seed, stateDirectory, url } = task
const project = await openProject({ directory, stateDirectory })
const { node, project: id, frontier } = await project.status()
const stop = new AbortController()
let following: Promise<unknown> = Promise.resolve()

const follow = async (): Promise<void> => {
  const peer = await project.peer()
  const remote = await openNats(url, { node, project: id, name: label, peer })
  following = project
    .follow(remote, { name: "server", assets: "none", signal: stop.signal })
    .catch((error: unknown) => {
      if (!stop.signal.aborted) say({ failed: String(error) })
    })
    .then(() => remote.close())
}

const edit = (count: number, random: Random): Change =>
  random.chance(sharedChance)
    ? {
        op: "put",
        type: "token",
        id: `shared-${random.below(sharedThings)}`,
        fields: { value: `${label} ${count}` },
      }
    : { op: "put", type: "token", id: `${label}-${count}`, fields: { value: `${random.next()}` } }

const write = async (): Promise<void> => {
  const before = frontier[node]?.seq ?? 0
  const random = new Random(seed + before)
  for (let count = before + 1; count <= edits; count++) {
    await project.change([edit(count, random)], { actor: label })
    say({ written: count })
    await new Promise((resolve) => {
      setTimeout(resolve, random.next() * pauseMillisMax)
    })
  }
  say({ done: true })
}

const quit = async (): Promise<void> => {
  stop.abort()
  await following
  await project.close()
  process.stdin.destroy()
}

const answer = async (line: string): Promise<void> => {
  if (line === "follow") await follow()
  else if (line === "quit") await quit()
  else if (line === "status") {
    const { events, digest, frontier: held } = await project.status()
    const rssMegabytes = Math.round(process.memoryUsage.rss() / 1e6)
    say({ status: { events, digest, frontier: JSON.stringify(held), rssMegabytes } })
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => void answer(line))
  // Whoever started us is gone.
  .on("close", () => void quit())
await write()
