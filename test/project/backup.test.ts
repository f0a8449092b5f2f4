/**
 * Backups: what is in them, what comes back out of them, and what is refused.
 */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { describe, expect, it, onTestFinished } from "vitest"
import { LamplogError, openProject, restoreProject } from "../../src/index.ts"
import type { OpenProject } from "../../src/index.ts"
import { BackupFile } from "../../src/store/backup-file.ts"
import { ana, bo, codeOf, collect, listText, patch, put, remove, Workshop } from "./workshop.ts"

/** A project that was written by two, with a conflict and a tombstone. */
const lived = async (workshop: Workshop): Promise<OpenProject> => {
  const mine = await workshop.project("mine")
  await mine.change(
    ["a", "b", "c"].map((id) => put(`token/${id}`, { value: 1 })),
    ana,
  )
  const theirs = await workshop.replicaOf(mine, "theirs")
  await mine.change([patch("token/a", { value: 2 })], ana)
  await theirs.change([patch("token/a", { value: 3 }), remove("token/c")], bo)
  await workshop.carry(theirs, mine)
  await mine.change([put("token/d", { value: "after" })], ana)
  return mine
}

const restored = async (workshop: Workshop, path: string, name = "restored") => {
  const directory = workshop.at(name)
  const project = await restoreProject(path, { ...workshop.options, directory })
  onTestFinished(() => project.close())
  return project
}

const opened = (path: string): Database.Database => {
  const sqlite = new Database(path)
  onTestFinished(() => void sqlite.close())
  return sqlite
}

describe("a backup", () => {
  it("comes back whole as a new replica, which writes under a node of its own", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const path = workshop.at("all.backup")
    const before = await mine.status()
    expect(await mine.backupProject({ path })).toMatchObject({
      success: true,
      backupPath: path,
      fileSize: statSync(path).size,
      events: before.events,
      lamport: before.lamport,
      digest: before.digest,
      itemCounts: before.entities,
      error: null,
    })
    const copy = await restored(workshop, path)
    const after = await copy.status()
    expect(after).toMatchObject({
      project: before.project,
      name: before.name,
      digest: before.digest,
      frontier: before.frontier,
      conflicts: before.conflicts,
    })
    expect(after.node).not.toBe(before.node)
    expect(await collect(copy.log())).toEqual(await collect(mine.log()))
    await copy.change([put("token/e", { value: 5 })], bo)
    await workshop.carry(copy, mine)
    expect((await mine.status()).digest).toBe((await copy.status()).digest)
    expect((await copy.verify()).ok).toBe(true)
  })

  it("holds no key, no node of its own, and nothing of the file that it was taken from", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const { node } = await mine.status()
    const path = workshop.at("all.backup")
    await mine.backupProject({ path })
    const sqlite = opened(path)
    const tables = sqlite.prepare("SELECT name FROM sqlite_schema ORDER BY name").pluck().all()
    expect(tables).toEqual(["events", "facts", "lines", "signatures"])
    const bytes = readFileSync(path)
    const [key] = readdirSync(workshop.at("mine/.lamplog/keys"))
    const secret = readFileSync(workshop.at(`mine/.lamplog/keys/${key}`), "utf8").split("\n")[1]!
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(bytes.includes(secret)).toBe(false)
    const meta = opened(workshop.at("mine/.lamplog/project.db"))
    const mark = meta.prepare("SELECT value FROM meta WHERE key = 'file'").pluck().get() as string
    expect(bytes.includes(mark)).toBe(false)
    // The node's events are there, of course; that this file was its own is not.
    expect(bytes.includes(node)).toBe(true)
  })

  it("gets the same name for the same state, and is not taken twice", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const first = await mine.backupProject()
    const { ino } = statSync(first.backupPath)
    const folder = workshop.at("mine/.lamplog/backups")
    expect(first.backupPath.startsWith(folder)).toBe(true)
    expect((await mine.backupProject()).backupPath).toBe(first.backupPath)
    expect(statSync(first.backupPath).ino).toBe(ino)
    await mine.change([put("token/more", { value: 1 })], ana)
    await mine.backupProject()
    expect(readdirSync(folder)).toHaveLength(2)
  })

  it("does not take the place of a file unless it is told to, and leaves nothing when stopped", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const path = workshop.file("there", "precious")
    expect(await codeOf(mine.backupProject({ path }))).toBe("file-exists")
    expect(readFileSync(path, "utf8")).toBe("precious")
    const controller = new AbortController()
    const files = readdirSync(workshop.folder)
    const stopped = mine.backupProject({
      path,
      force: true,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("enough")),
    })
    await expect(stopped).rejects.toThrow("enough")
    expect(readFileSync(path, "utf8")).toBe("precious")
    expect(readdirSync(workshop.folder)).toEqual(files)
    await mine.backupProject({ path, force: true })
    expect((await (await restored(workshop, path)).status()).conflicts).toBe(1)
  })

  it("is the state at one moment, whoever writes meanwhile", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const before = await mine.status()
    const other = await openProject({ ...workshop.options, directory: workshop.at("mine") })
    onTestFinished(() => other.close())
    let wrote: Promise<unknown> | undefined
    const path = workshop.at("all.backup")
    await mine.backupProject({
      path,
      onProgress: () => void (wrote ??= other.change([put("token/late", { value: 1 })], bo)),
    })
    await wrote
    expect((await (await restored(workshop, path)).status()).digest).toBe(before.digest)
  })
})

describe("restoring into a project", () => {
  it("only adds what is missing there", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const path = workshop.at("all.backup")
    await mine.backupProject({ path })
    const events = (await mine.status()).events
    expect(await mine.restoreBackup(path)).toMatchObject({ success: true, events: 0 })
    await mine.change([patch("token/d", { value: "later" })], ana)
    await mine.restoreBackup(path)
    expect((await mine.get("token", "d"))?.fields.value).toBe("later")
    const behind = await openProject({ ...workshop.options, directory: workshop.at("theirs") })
    onTestFinished(() => behind.close())
    const summary = await behind.restoreBackup(path)
    expect(summary).toMatchObject({ success: true, conflictsCount: 1, forks: [], error: null })
    expect((await behind.status()).events).toBe(events)
  })

  it("brings a database that was put back up to date, which then goes on under a new node", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const old = workshop.at("old")
    const { node } = await mine.status()
    await mine.close()
    cpSync(workshop.at("mine/.lamplog"), old, { recursive: true })
    const late = await openProject({ ...workshop.options, directory: workshop.at("mine") })
    await late.change([put("token/late", { value: 1 })], ana)
    const path = workshop.at("all.backup")
    await late.backupProject({ path })
    const { digest } = await late.status()
    await late.close()
    rmSync(workshop.at("mine/.lamplog"), { recursive: true })
    cpSync(old, workshop.at("mine/.lamplog"), { recursive: true })
    const again = await openProject({ ...workshop.options, directory: workshop.at("mine") })
    onTestFinished(() => again.close())
    await again.restoreBackup(path)
    expect((await again.status()).digest).toBe(digest)
    await again.change([put("token/next", { value: 1 })], ana)
    const after = await again.status()
    expect(after.node).not.toBe(node)
    expect(after.forks).toEqual([])
    expect((await again.verify()).ok).toBe(true)
  })

  it("refuses a backup of another project", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const path = workshop.at("all.backup")
    await mine.backupProject({ path })
    const other = await workshop.project("other")
    const trace = await workshop.traceOf(other, "other")
    expect(await codeOf(other.restoreBackup(path))).toBe("other-project")
    expect(await workshop.traceOf(other, "other")).toEqual(trace)
  })

  it("refuses a folder that holds a project", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const path = workshop.at("all.backup")
    await mine.backupProject({ path })
    expect(await codeOf(restored(workshop, path, "mine"))).toBe("project-exists")
  })
})

describe("what is no whole backup", () => {
  const refusals: ReadonlyArray<
    readonly [what: string, code: string, spoil: (path: string, workshop: Workshop) => void]
  > = [
    ["text", "not-a-backup", (path) => writeFileSync(path, "x".repeat(4096))],
    ["an empty file", "not-a-backup", (path) => writeFileSync(path, "")],
    [
      "the database of a project",
      "not-a-backup",
      (path, workshop) =>
        writeFileSync(path, readFileSync(workshop.at("mine/.lamplog/project.db"))),
    ],
    [
      "a file that was cut",
      "backup-damaged",
      (path) => writeFileSync(path, readFileSync(path).subarray(0, -8192)),
    ],
    [
      "one with a view in the place of a table",
      "not-a-backup",
      (path) =>
        opened(path).exec(
          "ALTER TABLE events RENAME TO hidden; CREATE VIEW events AS SELECT * FROM hidden",
        ),
    ],
    [
      "one with a trigger",
      "not-a-backup",
      (path) =>
        opened(path).exec("CREATE TRIGGER t AFTER INSERT ON lines BEGIN DELETE FROM events; END"),
    ],
    [
      "one whose schema fills pages",
      "not-a-backup",
      (path) => opened(path).exec(`CREATE TABLE long (x /* ${"x".repeat(100_000)} */)`),
    ],
    [
      "one that lacks an event",
      "backup-damaged",
      (path) =>
        opened(path).exec("DELETE FROM events WHERE event = (SELECT max(event) FROM events)"),
    ],
    [
      "one that lacks a log",
      "backup-damaged",
      (path) => opened(path).exec("DELETE FROM lines WHERE line = 2"),
    ],
    [
      "one whose event was changed",
      "body-hash",
      (path) => opened(path).exec("UPDATE events SET body = replace(body, 'after', 'never')"),
    ],
    [
      "one whose event is endless",
      "backup-damaged",
      (path) => opened(path).exec("UPDATE events SET body = hex(zeroblob(2000000))"),
    ],
    [
      "one whose event is no text",
      "backup-damaged",
      (path) => opened(path).exec("UPDATE events SET body = CAST(body AS BLOB)"),
    ],
    [
      "one that says something else of itself",
      "backup-damaged",
      (path) => opened(path).exec("UPDATE facts SET text = replace(text, 'mine', 'ours')"),
    ],
    [
      "one with a log that ends elsewhere",
      "backup-damaged",
      (path) => opened(path).exec("UPDATE lines SET head_seq = head_seq - 1 WHERE line = 1"),
    ],
    [
      "one with a log of somebody else's key",
      "key-mismatch",
      (path) => opened(path).exec(`UPDATE lines SET public_key = '${"ab".repeat(32)}'`),
    ],
  ]

  for (const [what, code, spoil] of refusals) {
    it(`is refused, and changes nothing: ${what}`, async () => {
      const workshop = new Workshop()
      const mine = await lived(workshop)
      const path = workshop.at("all.backup")
      await mine.backupProject({ path })
      spoil(path, workshop)
      const theirs = await openProject({ ...workshop.options, directory: workshop.at("theirs") })
      onTestFinished(() => theirs.close())
      const trace = await workshop.traceOf(theirs, "theirs")
      const failure = await theirs.restoreBackup(path).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(LamplogError)
      expect(failure).toMatchObject({ code, stage: "structure" })
      expect(await workshop.traceOf(theirs, "theirs")).toEqual(trace)
      expect(await codeOf(restored(workshop, path))).toBe(code)
      expect(existsSync(workshop.at("restored"))).toBe(false)
    })
  }

  it("is a refusal for every flipped byte that matters, and never a crash", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const path = workshop.at("all.backup")
    await mine.backupProject({ path })
    const whole = readFileSync(path)
    const { digest, frontier } = await mine.status()
    const flipped = workshop.at("flipped.backup")
    const step = Math.ceil(whole.length / 60)
    for (let at = 7; at < whole.length; at += step) {
      const bytes = Buffer.from(whole)
      bytes[at] = bytes[at]! ^ 0x41
      writeFileSync(flipped, bytes)
      const outcome = await restoreProject(flipped, {
        ...workshop.options,
        directory: workshop.at(`flip-${at}`),
      }).catch((error: unknown) => error)
      if (outcome instanceof LamplogError) {
        expect(existsSync(join(workshop.at(`flip-${at}`), ".lamplog"))).toBe(false)
        continue
      }
      // A byte of no meaning: what came back is what went in.
      const project = outcome as OpenProject
      expect(await project.status(), `byte ${at}`).toMatchObject({ digest, frontier })
      await project.close()
    }
  })

  it("is refused when it was made by a newer program", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const path = workshop.at("all.backup")
    await mine.backupProject({ path })
    opened(path).pragma("user_version = 9")
    expect(() => BackupFile.open(path)).toThrow(/newer/)
  })
})

describe("a backup before something is taken in", () => {
  it("is taken when it is wished for, and told", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const { digest } = await mine.status()
    const list = workshop.file("list.json", listText({ "token/x": { value: 1 } }))
    const { backupPath } = await mine.importProject([list], { ...ana, backup: true })
    const copy = await restored(workshop, backupPath!)
    expect((await copy.status()).digest).toBe(digest)
    const more = workshop.file("more.json", listText({ "token/y": { value: 1 } }))
    const place = workshop.at("elsewhere.backup")
    const summary = await mine.importProject([more], { ...ana, backup: { path: place } })
    expect(summary.backupPath).toBe(place)
    await workshop.replicaOf(mine, "third")
    const merged = await mine.mergeProject(workshop.at("for-third.lamplog"), { backup: true })
    expect(existsSync(merged.backupPath!)).toBe(true)
  })

  it("is not taken for what is small, or unless it is wished for", async () => {
    const workshop = new Workshop()
    const mine = await lived(workshop)
    const small = workshop.file("list.json", listText({ "token/x": { value: 1 } }))
    expect(await mine.importProject([small], ana)).toMatchObject({ backupPath: undefined })
    const again = await mine.importProject([small], { ...ana, backup: "large" })
    expect(again.backupPath).toBeUndefined()
    expect(existsSync(workshop.at("mine/.lamplog/backups"))).toBe(false)
    const tokens = Array.from({ length: 10_001 }, (_, index) => [`token/n${index}`, { value: 1 }])
    const large = workshop.file("large.json", listText(Object.fromEntries(tokens)))
    const summary = await mine.importProject([large], { ...ana, backup: "large" })
    expect(existsSync(summary.backupPath!)).toBe(true)
  })
})
