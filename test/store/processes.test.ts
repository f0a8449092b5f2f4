/**
 * Several handles and processes on one project: writes never interleave, everyone sees what the
 * others committed, and who has to wait is told for whom.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Interface } from "node:readline"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { presenceFile } from "../../src/store/database.ts"
import { entityHistory, getEntity, logEntries } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"
import { Ledger } from "./ledger.ts"
import { Shelf, write } from "./replicas.ts"

let shelf: Shelf
let children: Array<ChildProcess>
beforeEach(() => {
  shelf = new Shelf()
  children = []
})
afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  shelf.remove()
})

const put = (id: string, value: string): Change => ({
  op: "put",
  type: "token",
  id,
  fields: { value },
})

interface Writer {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>
  readonly exited: Promise<unknown>
}

const start = (task: "hold" | "write", actor: string, count = 1): Writer => {
  const script = join(import.meta.dirname, "writer.ts")
  const parameters = [script, task, shelf.path("a"), shelf.stateDirectory, actor, String(count)]
  const child = spawn(process.execPath, parameters, { stdio: ["pipe", "pipe", "inherit"] })
  children.push(child)
  const reader: Interface = createInterface({ input: child.stdout })
  return { child, lines: reader[Symbol.asyncIterator](), exited: once(child, "exit") }
}

const lineOf = async ({ lines }: Writer): Promise<string> => (await lines.next()).value as string

const valueOf = (replica: Replica, id: string) =>
  replica.read(() => getEntity(replica, "token", id))?.fields.value

describe("another process that holds the write lock", () => {
  it("is waited for, then named with its number and command", async () => {
    const replica = shelf.create("a")
    const impatient = shelf.open("a", { busyTimeoutMillis: 20 })
    const holder = start("hold", "ben")
    expect(await lineOf(holder)).toBe("holding")
    expect(() => write(impatient, [put("x", "1")])).toThrow(
      expect.objectContaining({
        code: "project-busy",
        message: expect.stringContaining(`process ${holder.child.pid!} (hold `) as string,
      }),
    )
    expect(valueOf(impatient, "x")).toBeUndefined()
    holder.child.stdin!.end()
    expect(await lineOf(holder)).toBe("done")
    write(impatient, [put("x", "2")])
    expect([valueOf(replica, "x"), valueOf(replica, "shared")]).toEqual(["2", "ben"])
    await holder.exited
  })

  it("is not named any more once it was killed", async () => {
    shelf.create("a")
    const holder = start("hold", "ben")
    await lineOf(holder)
    expect(existsSync(presenceFile(shelf.path("a"), holder.child.pid!))).toBe(true)
    holder.child.kill("SIGKILL")
    await holder.exited
    const replica = shelf.open("a", { busyTimeoutMillis: 20 })
    write(replica, [put("x", "1")])
    expect(existsSync(presenceFile(shelf.path("a"), holder.child.pid!))).toBe(false)
    expect(entityHistory(replica, "token", "shared")).toHaveLength(0)
  })

  it("is waited for by the next one, which then builds on what was written", async () => {
    const replica = shelf.create("a")
    const holder = start("hold", "ben")
    expect(await lineOf(holder)).toBe("holding")
    const next = start("write", "cleo")
    expect(await lineOf(next)).toBe("trying")
    holder.child.stdin!.end()
    expect(await lineOf(next)).toBe("wrote 0")
    const [first, second] = replica.read(() => entityHistory(replica, "token", "shared"))
    expect(second!.header.parents.map(({ hash }) => hash)).toEqual([first!.hash])
    expect([first!.body.actor, second!.body.actor]).toEqual(["ben", "cleo"])
    await Promise.all([holder.exited, next.exited])
  })
})

describe("several processes at once", () => {
  it("write one log without gaps, each change whole and on top of the one before", async () => {
    const rounds = 20
    shelf.create("a")
    const replica = shelf.open("a", { busyTimeoutMillis: 60_000 })
    const actors = ["ada", "ben", "cleo"]
    const writers = actors.map((actor) => start("write", actor, rounds))
    for (let round = 0; round < rounds; round++) write(replica, [put("shared", `here ${round}`)])
    for (const writer of writers) {
      expect(await lineOf(writer)).toBe("trying")
      for (let round = 0; round < rounds; round++) {
        expect(await lineOf(writer)).toBe(`wrote ${round}`)
      }
      await writer.exited
    }
    new Ledger().enter(replica)
    const entries = replica.read(() => [...logEntries(replica)])
    expect(entries).toHaveLength(rounds * (3 * actors.length + 1))
    expect(new Set(entries.map(({ node }) => node))).toEqual(new Set([replica.node]))
    const history = replica.read(() => entityHistory(replica, "token", "shared"))
    const parents = history.map(({ header }) => header.parents.map(({ hash }) => hash))
    expect(parents).toEqual([[], ...history.slice(0, -1).map(({ hash }) => [hash])])
    expect(replica.read(() => getEntity(replica, "token", "shared"))!.conflicts).toEqual([])
  })
})

describe("two handles of one process", () => {
  it("see each other's commits, entities and log alike", () => {
    const one = shelf.create("a")
    const two = shelf.open("a")
    write(one, [put("x", "1")])
    expect(valueOf(two, "x")).toBe("1")
    write(two, [put("x", "2")])
    expect(valueOf(one, "x")).toBe("2")
    expect(one.read(() => one.lines.frontier())).toEqual(two.lines.frontier())
    expect(one.digest()).toBe(two.digest())
    expect(one.read(() => entityHistory(one, "token", "x"))).toHaveLength(2)
  })

  it("do not interleave: the second is refused while the first writes, and may try again", () => {
    const one = shelf.create("a")
    const two = shelf.open("a", { busyTimeoutMillis: 20 })
    one.begin()
    write(one, [put("x", "1")])
    expect(() => write(two, [put("x", "2")])).toThrow(
      expect.objectContaining({ code: "project-busy" }),
    )
    expect(valueOf(two, "x")).toBeUndefined()
    one.commit()
    write(two, [put("x", "2")])
    const history = one.read(() => entityHistory(one, "token", "x"))
    expect(history.map(({ body }) => body.fields!.value)).toEqual(["1", "2"])
    new Ledger().enter(one)
  })

  it("are both of use after a failure that was taken back", () => {
    const one = shelf.create("a")
    const two = shelf.open("a")
    write(one, [put("x", "1")])
    const before = [one.digest(), one.lines.frontier()]
    const failing = () =>
      one.transaction(() => {
        write(one, [put("x", "2"), put("y", "2")])
        write(one, [{ op: "delete", type: "token", id: "x" }])
        throw new RangeError("in the middle")
      })
    expect(failing).toThrow(RangeError)
    expect([one.digest(), one.lines.frontier()]).toEqual(before)
    expect([two.digest(), two.lines.frontier()]).toEqual(before)
    write(one, [put("x", "4")])
    write(two, [put("y", "3")])
    expect([valueOf(one, "x"), valueOf(one, "y"), valueOf(two, "x")]).toEqual(["4", "3", "4"])
    expect(one.read(() => entityHistory(one, "token", "x"))).toHaveLength(2)
    new Ledger().enter(two)
  })

  it("leave no file behind that says that someone is there", () => {
    const one = shelf.create("a")
    writeFileSync(presenceFile(shelf.path("a"), 2 ** 22 + 1), "of a process that cannot be")
    const two = shelf.open("a")
    shelf.close(two)
    shelf.close(one)
    expect(readdirSync(shelf.path("a")).sort()).toEqual(["keys", "project.db"])
  })
})
