/**
 * Replicas that meet at a folder: at once, and by way of a tool that delivers files in any order and
 * condition. In the end all hold the same, and nothing is lost.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openFolder } from "../../../adapters/folder/index.ts"
import { randomProjectId } from "../../../src/event/hash.ts"
import type { Replica } from "../../../src/store/replica.ts"
import { localOf } from "../../../src/sync/replica-local.ts"
import { Session } from "../../../src/sync/session.ts"
import { Random } from "../../simulation/random.ts"
import { Shelf, write } from "../../store/replicas.ts"
import { unstopped } from "../../sync/shelf-reader.ts"
import { Courier } from "./courier.ts"

let shelf: Shelf
beforeEach(() => {
  shelf = new Shelf()
})
afterEach(() => {
  shelf.remove()
})

const create = (name: string, project: string): Replica => {
  const replica = shelf.create(name, { project, schema: "open" })
  replica.sqlite.pragma("synchronous = OFF")
  return replica
}

const timing = { random: () => 0.5, pause: () => Promise.resolve() }

const meet = async (replica: Replica, folder: string) => {
  const remote = await openFolder(folder)
  const local = localOf(replica, async (step) => step())
  const tally = await new Session(local, remote, { name: folder, timing }).meet(unstopped)
  await remote.close()
  return tally
}

const standing = (replica: Replica) =>
  replica.read(() => ({
    events: replica.lines.eventCount,
    frontier: replica.lines.frontier(),
    digest: replica.digest(),
  }))

const filesBelow = (folder: string): ReadonlyArray<string> =>
  (readdirSync(folder, { recursive: true }) as ReadonlyArray<string>).filter((name) =>
    /events|\.damaged/.test(name),
  )

/** Runs a process that writes and meets; tells how many times it has. */
const meeter = async (name: string, folder: string, rounds: number): Promise<number> => {
  const script = join(import.meta.dirname, "meeter.ts")
  const parameters = [script, shelf.path(name), shelf.stateDirectory, folder, name, `${rounds}`]
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "inherit"] })
  const exited = once(child, "exit")
  const lines: Array<string> = []
  for await (const line of createInterface({ input: child.stdout })) lines.push(line)
  expect(await exited).toEqual([0, null])
  return lines.length
}

describe("two processes at one folder", () => {
  it(
    "lose nothing, though both write there at once a hundred times",
    { timeout: 90_000 },
    async () => {
      const project = randomProjectId()
      const folder = shelf.path("folder")
      mkdirSync(folder)
      for (const name of ["ana", "ben"]) shelf.close(create(name, project))
      const rounds = await Promise.all([meeter("ana", folder, 100), meeter("ben", folder, 100)])
      expect(rounds).toEqual([100, 100])
      const replicas = [shelf.open("ana"), shelf.open("ben"), create("cem", project)]
      for (const replica of [...replicas, ...replicas]) {
        expect((await meet(replica, folder)).inSync).toBe(true)
      }
      const [first, ...others] = replicas.map(standing)
      expect(first!.events).toBe(600)
      for (const other of others) expect(other).toEqual(first)
      expect(filesBelow(folder).length).toBeLessThan(80)
      expect(filesBelow(folder).filter((name) => name.endsWith(".damaged"))).toEqual([])
    },
  )
})

/** Two replicas write and meet at their own copies of a folder; a courier carries between them. */
const runCourier = async (seed: number): Promise<void> => {
  const random = new Random(seed)
  const project = randomProjectId()
  const folders = ["left", "right"].map((name) => shelf.path(`${name}${seed}`))
  for (const folder of folders) mkdirSync(folder)
  const replicas = [create(`ana${seed}`, project), create(`ben${seed}`, project)]
  const courier = new Courier(folders as [string, string], random)
  let written = 0
  for (let round = 0; round < 100; round += 1) {
    const side = random.below(2)
    const count = random.between(1, 4)
    for (let index = 0; index < count; index += 1) {
      const fields = { value: `${seed} ${round} ${index}` }
      write(replicas[side]!, [{ op: "put", type: "note", id: `${random.below(20)}`, fields }])
      written += 1
    }
    await meet(replicas[side]!, folders[side]!)
    courier.carry(random.below(8))
  }
  for (let round = 0; round < 4; round += 1) {
    courier.settle()
    for (const [index, replica] of replicas.entries()) await meet(replica, folders[index]!)
  }
  courier.settle()
  const newcomer = create(`cem${seed}`, project)
  await meet(newcomer, folders[random.below(2)]!)
  const [first, ...others] = [...replicas, newcomer].map(standing)
  expect(first!.events).toBe(written)
  for (const other of others) expect(other).toEqual(first)
  for (const folder of folders) {
    expect(filesBelow(folder).filter((name) => name.includes("/logs/")).length).toBeLessThan(100)
  }
  for (const replica of [...replicas, newcomer]) shelf.close(replica)
}

describe("two copies of a folder, kept alike by a tool that delivers late, half and twice", () => {
  for (const seed of [1, 2, 3]) {
    it(`lose nothing (seed ${seed})`, { timeout: 90_000 }, () => runCourier(seed))
  }

  it("lose nothing when each forgets all once", async () => {
    const project = randomProjectId()
    const folder = shelf.path("folder")
    mkdirSync(folder)
    const replicas = [create("ana", project), create("ben", project)]
    for (const [index, replica] of replicas.entries()) {
      const fields = { value: index }
      write(replica, [{ op: "put", type: "note", id: `${index}`, fields }])
      await meet(replica, folder)
    }
    rmSync(join(folder, "lamplog"), { recursive: true })
    writeFileSync(join(folder, "readme.txt"), "no longer empty")
    for (const replica of [...replicas, ...replicas]) await meet(replica, folder)
    const newcomer = create("cem", project)
    await meet(newcomer, folder)
    expect(standing(newcomer)).toEqual(standing(replicas[0]!))
    expect(standing(replicas[1]!)).toEqual(standing(replicas[0]!))
    expect(standing(newcomer).events).toBe(2)
  })
})
