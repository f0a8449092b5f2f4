/** `backup` and `restore`, and a backup before what is taken in. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { beforeEach, describe, expect, it } from "vitest"
import type { BackupSummary, ImportSummary, MergeSummary } from "../../src/index.ts"
import type { StatusDocument } from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"

const { folder, json, path, run } = stage()

let count = 0
let here = ""
beforeEach(async () => {
  here = `project-${(count += 1)}`
  folder(here)
  await json(["init", "--name", "Mine"], { in: here })
  await json(["set", "token/blue", "value=#0000ff"], { in: here })
})

const status = (project: string) => json<StatusDocument>(["status"], { in: project })
const backup = (...words: ReadonlyArray<string>) =>
  json<BackupSummary>(["backup", ...words], { in: here })

describe("backup", () => {
  it("writes one file, and tells what is in it", async () => {
    const { digest, events, lamport } = await status(here)
    const file = path(here, "a.backup")
    expect(await backup("a.backup")).toEqual({
      success: true,
      backupPath: file,
      fileSize: statSync(file).size,
      itemCounts: { token: 1 },
      events,
      lamport,
      digest,
      error: null,
      durationSeconds: expect.any(Number),
    })
    const { stdout } = await run(["backup", "b.backup"], { in: here })
    expect(stdout).toMatch(/^Backed up to .*b\.backup\.\n/)
    expect(stdout).toContain("token 1")
  })

  it("replaces a file only when forced", async () => {
    writeFileSync(path(here, "there"), "precious")
    const refused = await run(["backup", "there", "--json"], { in: here })
    expectRefusal(refused, "file-exists", 1)
    expect(readFileSync(path(here, "there"), "utf8")).toBe("precious")
    await backup("there", "--force")
    expect(readFileSync(path(here, "there")).toString("latin1", 0, 6)).toBe("SQLite")
  })
})

describe("restore", () => {
  it("makes a new replica where there is no project, with an actor", async () => {
    await backup(`../all-${count}.backup`)
    const made = await json<StatusDocument>([
      "restore",
      `all-${count}.backup`,
      "--project",
      `new-${count}`,
      "--actor",
      "bo",
    ])
    const before = await status(here)
    expect(made).toMatchObject({
      project: before.project,
      name: "Mine",
      actor: "bo",
      digest: before.digest,
      frontier: before.frontier,
    })
    expect(made.node).not.toBe(before.node)
    await json(["set", "token/red", "value=#ff0000"], { in: `new-${count}` })
    expect(await json(["verify"], { in: `new-${count}` })).toMatchObject({ ok: true })
  })

  it("adds to the project that is there", async () => {
    await backup(`../all-${count}.backup`)
    await json(["set", "token/blue", "value=#00f"], { in: here })
    const { events } = await status(here)
    expect(await json(["restore", `../all-${count}.backup`], { in: here })).toMatchObject({
      success: true,
      projectName: "Mine",
      events: 0,
      conflictsCount: 0,
      error: null,
    })
    expect((await status(here)).events).toBe(events)
    const { stdout } = await run(["restore", `../all-${count}.backup`], { in: here })
    expect(stdout).toMatch(/^Nothing was missing\.\n/)
  })

  it("refuses another project's backup, and what is none", async () => {
    await backup(`../all-${count}.backup`)
    const other = `other-${count}`
    folder(other)
    await json(["init"], { in: other })
    const before = await status(other)
    const foreign = await run(["restore", `../all-${count}.backup`, "--json"], { in: other })
    expectRefusal(foreign, "other-project", 1)
    writeFileSync(path("none.backup"), "nothing")
    const none = await run(["restore", "../none.backup", "--json"], { in: other })
    expectRefusal(none, "not-a-backup", 1)
    const missing = await run(["restore", "../gone.backup", "--json"], { in: other })
    expectRefusal(missing, "file-missing", 1)
    expect(await status(other)).toEqual(before)
    const apart = ["restore", "none.backup", "--project", "nowhere", "--json"]
    expectRefusal(await run(apart), "not-a-backup", 1)
    expect(existsSync(path("nowhere"))).toBe(false)
  })
})

describe("a backup before something is taken in", () => {
  it("is taken as flags, environment and settings say", async () => {
    writeFileSync(path("list.json"), '{"red":{"$type":"color","$value":"#ff0000"}}')
    const taken = async (...words: ReadonlyArray<string>) => {
      const argv = ["import", "../list.json", ...words]
      return (await json<ImportSummary>(argv, { in: here })).backupPath
    }
    expect(await taken()).toBeUndefined()
    expect(await taken("--backup", "large")).toBeUndefined()
    const kept = await taken("--backup", "always")
    expect(readdirSync(path(here, ".lamplog", "backups"))).toEqual([kept!.split("/").at(-1)])
    await json(["config", "set", "backup", "always"], { in: here })
    await json(["export", "../mine.lamplog", "--force"], { in: here })
    const merged = await json<MergeSummary>(["merge", "../mine.lamplog"], { in: here })
    expect(merged.backupPath).toBe(kept)
    const never = await json<MergeSummary>(["merge", "../mine.lamplog"], {
      in: here,
      environment: { LAMPLOG_BACKUP: "never" },
    })
    expect(never.backupPath).toBeUndefined()
    const { stdout } = await run(["merge", "../mine.lamplog"], { in: here })
    expect(stdout).toMatch(/^ +backup +\S+\.lamplog-backup$/m)
  })
})
