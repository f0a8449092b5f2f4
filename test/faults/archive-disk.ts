/**
 * Commands on archives while the disk that they write to is full or read-only: a real file system,
 * mounted for one command in a namespace of this process's own.
 *
 * Started by `diskRunner`, in that namespace, this file runs the seeds that it reads from stdin and
 * prints what became of each as one line of JSON.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { createInterface } from "node:readline"
import { Random } from "../simulation/random.ts"
import { ArchiveBench, leftIn, refusalIn, tasks } from "./archive-bench.ts"
import type { Ended, Files, Hindrance, Place, Task } from "./archive-bench.ts"

export type DiskFault = "full" | "read-only"

export interface DiskRun {
  readonly task: string
  readonly fault: DiskFault
  /** What lay on that disk. */
  readonly on: keyof Place
  readonly roomKibibytes: number
  /** The code that the command was refused with; undefined when it came to its end. */
  readonly refusal: string | undefined
  /** Whether the refusal came before anything was written. */
  readonly early: boolean
  readonly faults: ReadonlyArray<string>
}

interface Request {
  readonly fault: DiskFault
  readonly seed: number
}

const codes: { readonly [fault in DiskFault]: ReadonlyArray<string> } = {
  full: ["disk-full"],
  "read-only": ["no-access", "not-permitted", "not-writable"],
}

const roomLeastKibibytes = 16
const roomMostKibibytes = 16 * 1024
const diskKibibytes = 64 * 1024

const system = (command: string, ...parameters: ReadonlyArray<string>): string => {
  const { status, stderr, stdout } = spawnSync(command, [...parameters], { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${parameters.join(" ")}: ${stderr}`)
  return stdout
}

const mountSmallDisk = (folder: string): void => {
  mkdirSync(folder, { recursive: true })
  system("mount", "-t", "tmpfs", "-o", `size=${diskKibibytes}k`, "tmpfs", folder)
}

const remount = (folder: string, options: string): void =>
  void system("mount", "-o", `remount,${options}`, folder)

const usedKibibytes = (folder: string): number =>
  Number(system("df", "--output=used", "-k", folder).split("\n")[1])

/** Small and large rooms alike: as many below a megabyte as above. */
const roomFrom = (random: Random): number =>
  Math.round(roomLeastKibibytes * (roomMostKibibytes / roomLeastKibibytes) ** random.next())

const folderOf = (place: Place, on: keyof Place): string =>
  on === "target" ? dirname(place.target) : place[on]

const onFor = (task: Task, random: Random): keyof Place => {
  if (task.of === "export") return "target"
  return task.spools === true && random.chance(0.5) ? "temporary" : "project"
}

const oddEnd = (ended: Ended, fault: DiskFault): ReadonlyArray<string> => {
  const { status, stderr, stdout } = ended
  const isRefusal = status === 1 && stderr === "" && codes[fault].includes(refusalIn(ended) ?? "")
  return status === 0 || isRefusal ? [] : [`ended with ${status}: ${stdout}${stderr}`]
}

const runOn = async (bench: ArchiveBench, { fault, seed }: Request): Promise<DiskRun> => {
  const random = new Random(seed)
  const task = random.pick(tasks)
  const on = onFor(task, random)
  const hasOld = task.of === "export" && random.chance(0.5)
  const flags = hasOld ? ["--force"] : []
  const roomKibibytes = roomFrom(random)
  const place = bench.begin(task, hasOld, (made) => mountSmallDisk(folderOf(made, on)))
  const disk = folderOf(place, on)
  const faults: Array<string> = []
  const find = async () =>
    JSON.stringify([
      await bench.lookAtTarget(task, place, faults),
      await bench.look(place.project, faults),
    ])
  const left = (when: string, hindrance?: Hindrance): void => {
    const names = leftIn(place, hindrance)
    if (names.length > 0) faults.push(`${when}: ${names.join(", ")}`)
  }
  const before = await find()
  remount(disk, fault === "full" ? `size=${usedKibibytes(disk) + roomKibibytes}k` : "ro")
  const ended = await bench.run(task, place, flags)
  faults.push(...oddEnd(ended, fault))
  left("left behind", fault === "full" ? fault : undefined)
  remount(disk, fault === "full" ? `size=${diskKibibytes}k` : "rw")
  const found = await find()
  if (ended.status !== 0 && found !== before) faults.push(`refused, yet ${found}, not ${before}`)
  if (ended.status !== 0) {
    const again = await bench.run(task, place, flags)
    if (again.status !== 0) faults.push(`again: ${again.stdout}${again.stderr}`)
    left("still there")
    await find()
  }
  system("umount", "--lazy", disk)
  bench.end(place)
  const early = / needs [\d,]+ bytes of space /.test(ended.stdout)
  return { task: task.name, fault, on, roomKibibytes, refusal: refusalIn(ended), early, faults }
}

/** Runs seeds in a process with a namespace of its own, one after another. */
export const diskRunner = (files: Files) => {
  const argv = ["-rm", process.execPath, import.meta.filename, JSON.stringify(files)]
  const child = spawn("unshare", argv, { stdio: ["pipe", "pipe", "inherit"] })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise<void>((resolve, reject) => {
    child.on("error", reject).on("close", () => resolve())
  })
  return {
    run: async (request: Request): Promise<DiskRun> => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const { done, value } = await answers.next()
      if (done === true) {
        throw new Error("This test needs root or user namespaces to mount a small disk.")
      }
      return JSON.parse(value) as DiskRun
    },
    end: async (): Promise<void> => {
      child.stdin.end()
      await ended
    },
  }
}

const main = async (files: Files): Promise<void> => {
  const bench = new ArchiveBench(files)
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const run = await runOn(bench, JSON.parse(line) as Request)
      process.stdout.write(`${JSON.stringify(run)}\n`)
    }
  } finally {
    bench.remove()
  }
}

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as Files)
