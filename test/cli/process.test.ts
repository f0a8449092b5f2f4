/** The command as a process: exit statuses, clean stdout, broken pipes, signals, other processes. */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { on, once } from "node:events"
import { readdirSync, watch, writeFileSync } from "node:fs"
import Database from "better-sqlite3"
import { beforeAll, describe, expect, it } from "vitest"
import type { StatusDocument } from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { ended, stage } from "./stage.ts"

const { start, json, folder, path } = stage()
const here = "project"
const entityCount = 5000

const line = (id: number) =>
  `${JSON.stringify({ op: "put", type: "t", id: `${id}`, fields: { text: "x".repeat(100) } })}\n`

beforeAll(async () => {
  folder(here)
  await json(["init", "--schema", "open"], { in: here })
  const input = Array.from({ length: entityCount }, (_, index) => line(index)).join("")
  await json(["apply", "-"], { in: here, input })
})

const standing = async () => {
  const { digest, frontier } = await json<StatusDocument>(["status"], { in: here })
  return { digest, frontier }
}

describe("exit status and stdout", () => {
  it("are 0 and one document when it worked", async () => {
    const { status, stdout, stderr } = await ended(start(["status", "--json"], { in: here }))
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    expect(JSON.parse(stdout)).toMatchObject({ entities: { t: entityCount } })
  })

  it("are 1 and the error when it was refused", async () => {
    const outcome = await ended(start(["get", "t/none", "--json"], { in: here }))
    expectRefusal(outcome, "entity-unknown", 1)
  })

  it("are 2 and the error when it was not understood", async () => {
    const outcome = await ended(start(["gett", "t/none", "--json"], { in: here }))
    expectRefusal(outcome, "command-unknown", 2)
    const people = await ended(start(["gett"], { in: here }))
    expect(people).toMatchObject({ status: 2, stdout: "" })
  })

  it("has no colour in a pipe, and no progress bar", async () => {
    const { stdout, stderr } = await ended(start(["list"], { in: here }))
    expect(stdout.split("\n")).toHaveLength(entityCount + 1)
    expect(stdout + stderr).not.toContain("\u001b")
  })

  it("does not wait for a stdin that nobody closes", async () => {
    const child = start(["put", "t/x", "--data", "{}", "--json"], { in: here })
    const { status } = await ended(child)
    expect(status).toBe(0)
    expect(child.stdin!.writableEnded).toBe(false)
  })
})

describe("a reader that goes away", () => {
  for (const command of ["list", "log"]) {
    it(`lets ${command} end quietly`, async () => {
      const child = start([command, "--json"], { in: here })
      const outcome = ended(child)
      await once(child.stdout!, "data")
      child.stdout!.destroy()
      expect(await outcome).toMatchObject({ status: 0, stderr: "" })
    })
  }
})

/** Feeds more than a pipe holds, so that the process must have begun to read. */
const feed = async (child: ChildProcess, lines: number): Promise<void> => {
  const text = Array.from({ length: lines }, (_, index) => line(1_000_000 + index)).join("")
  await new Promise((resolve) => child.stdin!.write(text, resolve))
}

describe("an interrupt", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`by ${signal} changes nothing and exits with 130`, async () => {
      const before = await standing()
      const child = start(["apply", "-", "--json"], { in: here })
      const outcome = ended(child)
      await feed(child, 10_000)
      child.kill(signal)
      expectRefusal(await outcome, "interrupted", 130)
      expect(await standing()).toEqual(before)
    })
  }

  /** Starts a command and waits for the file that tells others it has the project open. */
  const startAndOpen = async (argv: ReadonlyArray<string>) => {
    const opened = watch(path(here, ".lamplog"))
    const child = start(argv, { in: here, environment: { LAMPLOG_BUSY_TIMEOUT_MILLIS: "60000" } })
    const outcome = ended(child)
    for await (const [, name] of on(opened, "change")) {
      if (name === `open-${child.pid}.json`) break
    }
    opened.close()
    return { child, outcome }
  }

  it("ends the waiting for another process that writes", async () => {
    const before = await standing()
    const other = new Database(path(here, ".lamplog", "project.db"))
    other.exec("BEGIN IMMEDIATE")
    const { child, outcome } = await startAndOpen(["set", "t/1", "a=1", "--json"])
    child.kill("SIGINT")
    expectRefusal(await outcome, "interrupted", 130)
    other.close()
    expect(await standing()).toEqual(before)
  })

  it("lets an import under way be all or nothing, and the exit status tell which", async () => {
    const tokens = Array.from({ length: 20_000 }, (_, index) => [
      `t${index}`,
      { $value: index, $type: "number" },
    ])
    writeFileSync(path(here, "tokens.json"), JSON.stringify(Object.fromEntries(tokens)))
    const before = await json<StatusDocument>(["status"], { in: here })
    const { child, outcome } = await startAndOpen(["import", "tokens.json", "--json"])
    child.kill("SIGINT")
    const { status, stdout, stderr } = await outcome
    const after = await json<StatusDocument>(["status"], { in: here })
    if (status === 0) expect(after.events).toBe(before.events + tokens.length)
    else {
      expectRefusal({ status, stdout, stderr }, "interrupted", 130)
      expect(after).toEqual(before)
    }
    expect(await json(["verify"], { in: here })).toMatchObject({ ok: true })
  })

  it("lets an export be whole or absent, and the exit status tell which", async () => {
    const out = folder(`${here}/out`)
    const { child, outcome } = await startAndOpen(["export", "out/a.lamplog"])
    child.kill("SIGINT")
    const { status, stdout, stderr } = await outcome
    expect(readdirSync(out)).toEqual(status === 0 ? ["a.lamplog"] : [])
    if (status === 0) return
    expect({ status, stdout }).toEqual({ status: 130, stdout: "" })
    expect(stderr).toContain("Interrupted")
  })

  it("keeps whole groups of --no-atomic, and nothing of the last", async () => {
    const { events } = await json<StatusDocument>(["status"], { in: here })
    const child = start(["apply", "-", "--no-atomic"], { in: here })
    const outcome = ended(child)
    await feed(child, 10_000)
    child.kill("SIGINT")
    const { status, stdout, stderr } = await outcome
    expect({ status, stdout }).toEqual({ status: 130, stdout: "" })
    expect(stderr).toContain("Interrupted")
    const after = await json<StatusDocument>(["status"], { in: here })
    expect((after.events - events) % 1000).toBe(0)
  })
})

const holder = `
  const Database = require("better-sqlite3")
  const sqlite = new Database(process.argv[1])
  sqlite.exec("BEGIN IMMEDIATE")
  process.stdout.write("held")
  process.stdin.on("end", () => process.exit()).resume()
`

describe("another process that writes", () => {
  it("is waited for, then named as busy", async () => {
    const before = await standing()
    const database = path(here, ".lamplog", "project.db")
    const other = spawn(process.execPath, ["-e", holder, database], {
      cwd: import.meta.dirname,
      stdio: ["pipe", "pipe", "inherit"],
    })
    const gone = ended(other)
    await once(other.stdout, "data")
    const argv = ["set", "t/x", "a=1", "--busy-timeout", "50", "--json"]
    expectRefusal(await ended(start(argv, { in: here })), "project-busy", 1)
    // Readers do not wait for a writer.
    expect(await standing()).toEqual(before)
    const patient = ended(start(["set", "t/x", "a=1", "--json"], { in: here }))
    other.stdin.end()
    await gone
    expect((await patient).status).toBe(0)
  })

  it("takes turns with this one, so that none of their changes is lost", async () => {
    const { events } = await json<StatusDocument>(["status"], { in: here })
    const each = Array.from({ length: 6 }, (_, index) =>
      ended(start(["set", "t/shared", `by${index}=1`, "--json"], { in: here })),
    )
    expect((await Promise.all(each)).map(({ status }) => status)).toEqual(Array(6).fill(0))
    const entity = await json<{ fields: object }>(["get", "t/shared"], { in: here })
    expect(Object.keys(entity.fields)).toHaveLength(6)
    expect((await json<StatusDocument>(["status"], { in: here })).events).toBe(events + 6)
  })
})
