/**
 * Commands on archives that are killed or interrupted at a random moment, and what is found then:
 * at once, and after the same command has run again undisturbed.
 *
 * The moment is drawn from a seed, relative to how long the command took when it last ran to its end,
 * so a run can be repeated, though not to the microsecond.
 */
import { Random } from "../simulation/random.ts"
import { leftIn, refusalIn, tasks } from "./archive-bench.ts"
import type { ArchiveBench, Ended, Place, Stand, Task } from "./archive-bench.ts"

export type Stopping = "killed" | "interrupted"

export interface StoppedRun {
  readonly task: string
  readonly stopping: Stopping
  readonly afterMillis: number
  /** Whether the command was still running, and so ended by the signal. */
  readonly inTime: boolean
  /** Whether something half done lay about, under names of its own. */
  readonly midway: boolean
  readonly faults: ReadonlyArray<string>
}

/** What was found of a command's work. */
interface Found {
  readonly stand: Stand | undefined
  readonly target: string
}

const told = (found: Found): string => JSON.stringify([found.target, found.stand])

/** The same, but for assets that a killed process had placed and nothing names yet. */
const toldButAssets = ({ stand, target }: Found): string =>
  JSON.stringify([target, stand?.events, stand?.entities])

/** Before this share of the time Node is still loading; some commands come to their end. */
const momentIn = (random: Random, millis: number): number => millis * (0.3 + 0.75 * random.next())

/** Commands that were interrupted say so, with the status that tells it; others ended as ever. */
const oddEnd = (ended: Ended, stopping: Stopping): ReadonlyArray<string> => {
  const { status, stderr, stdout } = ended
  if (status === undefined || status === 0) return []
  const isInterrupt = stopping === "interrupted" && status === 130
  const isTold = refusalIn(ended) === "interrupted" && stderr === ""
  return isInterrupt && isTold ? [] : [`ended with ${status}: ${stdout}${stderr}`]
}

/** A clone that was made cannot be made again; everything else can be done twice. */
const oddAgain = (again: Ended, task: Task, flags: ReadonlyArray<string>, first: Found) => {
  if (again.status === 0) return []
  const refusal = refusalIn(again)
  const isThere =
    (task.makes === true && first.stand !== undefined && refusal === "project-exists") ||
    (first.target === "whole" && !flags.includes("--force") && refusal === "file-exists")
  return isThere ? [] : [`again: ${again.status} ${again.stdout}${again.stderr}`]
}

/** Stops tasks, and remembers how long each takes. */
export class Stopper {
  readonly #bench: ArchiveBench
  readonly #millis = new Map<Task, number>()

  constructor(bench: ArchiveBench) {
    this.#bench = bench
  }

  async #find(task: Task, place: Place, faults: Array<string>): Promise<Found> {
    const target = await this.#bench.lookAtTarget(task, place, faults)
    return { target, stand: await this.#bench.look(place.project, faults) }
  }

  /** How long a task takes; one that never ran to its end here is let do so first. */
  async #millisOf(task: Task): Promise<number> {
    const known = this.#millis.get(task)
    if (known !== undefined) return known
    const place = this.#bench.begin(task, false)
    const { millis, status, stderr, stdout } = await this.#bench.run(task, place, [])
    if (status !== 0) throw new Error(`${task.name} fails undisturbed: ${stdout}${stderr}`)
    this.#millis.set(task, millis)
    this.#bench.end(place)
    return millis
  }

  /** Stops one task of a kind once, chosen by the seed, and looks at what is left. */
  async stop(of: Task["of"], stopping: Stopping, seed: number): Promise<StoppedRun> {
    const random = new Random(seed)
    const task = random.pick(tasks.filter((one) => one.of === of))
    const hasOld = of === "export" && random.chance(0.5)
    const flags = hasOld ? ["--force"] : []
    const afterMillis = momentIn(random, await this.#millisOf(task))
    const place = this.#bench.begin(task, hasOld)
    const faults: Array<string> = []
    const before = await this.#find(task, place, faults)
    const signal = stopping === "killed" ? "SIGKILL" : "SIGINT"
    const ended = await this.#bench.run(task, place, flags, { signal, afterMillis })
    faults.push(...oddEnd(ended, stopping))
    const inTime = ended.status !== 0
    // A process that an interrupt met before it could listen for one was killed by it.
    const killed = ended.status === undefined
    const left = leftIn(place, killed ? "killed" : undefined)
    if (!killed && left.length > 0) faults.push(`left behind: ${left.join(", ")}`)
    const found = await this.#find(task, place, faults)
    const again = await this.#bench.run(task, place, flags)
    faults.push(...oddAgain(again, task, flags, found))
    const leftAgain = leftIn(place)
    if (leftAgain.length > 0) faults.push(`still there: ${leftAgain.join(", ")}`)
    const after = await this.#find(task, place, faults)
    faults.push(...this.#impossible(ended, before, found, after))
    if (again.status === 0 && inTime) this.#millis.set(task, again.millis)
    if (faults.length === 0) this.#bench.end(place)
    return { task: task.name, stopping, afterMillis, inTime, midway: left.length > 0, faults }
  }

  /** Why what was found cannot be, between where the command began and where it leads. */
  #impossible(ended: Ended, before: Found, found: Found, after: Found): ReadonlyArray<string> {
    const wrong: Array<string> = []
    const tell = ended.status === undefined ? toldButAssets : told
    const isBefore = tell(found) === tell(before)
    const isAfter = told(found) === told(after)
    if (!isBefore && !isAfter) wrong.push(`between ${told(before)} and ${told(after)}`)
    if (ended.status === 0 && !isAfter) wrong.push("acknowledged, but not done")
    if (ended.status === 130 && !isBefore) wrong.push("called interrupted, but done")
    return wrong.length === 0 ? [] : [`${wrong.join("; ")}: ${told(found)}`]
  }
}
