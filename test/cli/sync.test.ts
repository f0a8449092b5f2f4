/** `sync`: meeting remotes once, and what comes of it, with folders and servers. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import type { StatusDocument } from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { ended, stage } from "./stage.ts"

const { run, json, folder, path, start } = stage()
let stages = 0
let ana = ""
let bo = ""
let shared = ""

/** A port where nobody listens: it is reserved. */
const deadUrl = "http://127.0.0.1:1"

interface SyncDocument {
  readonly remote: string
  readonly pulled: number
  readonly pushed: number
  readonly conflicts: number
  readonly digest: string
  readonly inSync: boolean
  readonly error?: { readonly code: string; readonly remedy: string }
  readonly remotes?: ReadonlyArray<SyncDocument>
}

interface Standing extends StatusDocument {
  readonly remotes: ReadonlyArray<{
    readonly name: string
    readonly lastMet: string | null
    readonly inSync: boolean
    readonly ahead: number | null
    readonly behind: number | null
  }>
}

const set = (where: string, assignment: string) =>
  json(["set", "token/blue", assignment], { in: where })
const sync = (where: string, ...words: ReadonlyArray<string>) =>
  json<SyncDocument>(["sync", ...words], { in: where })
const status = (where: string) => json<Standing>(["status"], { in: where })

beforeEach(async () => {
  stages += 1
  ana = `ana-${stages}`
  bo = `bo-${stages}`
  shared = `shared-${stages}`
  folder(ana)
  folder(shared)
  await json(["init", "--name", "Palette"], { in: ana })
  await json(["remote", "add", "shared", `folder:../${shared}`], { in: ana })
})

describe("sync", () => {
  it("takes what others wrote, hands over what they lack, and ends with the same state", async () => {
    await set(ana, "value=#00f")
    expect(await sync(ana)).toMatchObject({ pulled: 0, pushed: 1, inSync: true, conflicts: 0 })
    await json(["clone", `folder:${path(shared)}`, bo])
    await set(ana, "value=#11f")
    await set(bo, "value=#22f")
    await sync(bo)
    const met = await sync(ana, "shared")
    expect(met).toMatchObject({ remote: "shared", pulled: 1, pushed: 1, conflicts: 1 })
    expect(await sync(bo)).toMatchObject({ pulled: 1, pushed: 0, digest: met.digest })
    expect((await status(bo)).digest).toBe(met.digest)
    expect(await sync(ana)).toMatchObject({ pulled: 0, pushed: 0, inSync: true })
  })

  it("meets a place by its address, under its name when it has one", async () => {
    await set(ana, "value=#00f")
    expect(await sync(ana, `folder:../${shared}`)).toMatchObject({ remote: "shared", pushed: 1 })
    folder(`${shared}-other`)
    const met = await sync(ana, `folder:../${shared}-other`)
    expect(met).toMatchObject({ remote: `folder:${path(`${shared}-other`)}`, pushed: 1 })
  })

  it("meets the others when one is not to be had, and says which", async () => {
    await set(ana, "value=#00f")
    await json(["remote", "add", "dead", deadUrl], { in: ana })
    const outcome = await run(["sync", "--timeout", "0.2", "--json"], { in: ana })
    expect(outcome.status).toBe(1)
    const document = JSON.parse(outcome.stdout) as SyncDocument
    expect(document).toMatchObject({ pushed: 1, inSync: false })
    expect(document.error!.code).toBe("sync-incomplete")
    expect(document.remotes!.map(({ remote, inSync }) => [remote, inSync])).toEqual([
      ["dead", false],
      ["shared", true],
    ])
    expect(document.remotes![0]!.error!.code).toBe("sync-timeout")
    const told = await run(["sync", "--timeout", "0.2"], { in: ana })
    expect(told.status).toBe(1)
    expect(told.stdout).toMatch(/^dead {4}failed\n.*No server can be reached.*\n {2}→ Check the/)
    expect(told.stdout).toMatch(/\nshared {2}in sync {2}pulled 0, pushed 0 events\n {2}digest/)
  })

  it("gives up after its time with the reason, and keeps nothing from anybody", async () => {
    const outcome = await run(["sync", deadUrl, "--timeout", "0.2", "--json"], { in: ana })
    const { message, remedy } = expectRefusal(outcome, "sync-timeout", 1)
    expect(message).toContain("after 0.2 s")
    expect(message).toContain("No server can be reached")
    expect(remedy).toContain("What was taken so far is kept.")
  })

  it("can be interrupted: status 130, and what was taken is kept", async () => {
    const stop = new AbortController()
    const running = run(["sync", deadUrl, "--json"], { in: ana, signal: stop.signal })
    setImmediate(() => stop.abort())
    const { message } = expectRefusal(await running, "interrupted", 130)
    expect(message).toContain("is kept")
  })

  it("tells remotes that were met first what a later one brought", async () => {
    const other = folder(`other-${stages}`)
    await set(ana, "value=#00f")
    await sync(ana)
    await json(["clone", `folder:${path(shared)}`, bo])
    await json(["remote", "add", "other", `folder:${other}`], { in: bo })
    await json(["remote", "add", "zz", `folder:${other}`], { in: ana })
    await set(bo, "value=#11f")
    await sync(bo, "other")
    const met = await sync(ana)
    expect(met).toMatchObject({ pulled: 1, inSync: true })
    expect(met.remotes).toMatchObject([
      { remote: "shared", pulled: 0, pushed: 1, inSync: true },
      { remote: "zz", pulled: 1, inSync: true },
    ])
    expect((await status(ana)).remotes).toMatchObject([{ inSync: true }, { inSync: true }])
  })

  it("is refused without remotes, with one that is not known, and with wrong times", async () => {
    await json(["remote", "remove", "shared"], { in: ana })
    const refused = async (argv: ReadonlyArray<string>, code: string, exit: number) =>
      expectRefusal(await run(["sync", ...argv, "--json"], { in: ana }), code, exit).remedy
    expect(await refused([], "no-remotes", 1)).toContain("lamplog remote add")
    expect(await refused(["shared"], "remote-unknown", 1)).toContain("lamplog remote add")
    await json(["remote", "add", "shared", `folder:../${shared}`], { in: ana })
    expect(await refused(["shred"], "remote-unknown", 1)).toBe("Did you mean shared?")
    for (const time of ["0", "-1", "soon", "1e3", "9999999"]) {
      expect(await refused(["--timeout", time], "timeout-invalid", 2)).toContain("20")
    }
  })

  it("says what to do when a folder is gone", async () => {
    const outcome = await run(["sync", "folder:nowhere", "--json"], { in: ana })
    const { message, remedy, where } = expectRefusal(outcome, "remote-invalid", 1)
    expect(message).toContain("there is no such folder")
    expect(remedy).toContain("mount")
    expect(where).toBe(path(ana, "nowhere"))
  })

  it("refuses an address that means another project", async () => {
    const other = "a".repeat(26)
    const outcome = await run(["sync", `folder:../${shared}#${other}`, "--json"], { in: ana })
    expect(expectRefusal(outcome, "other-project", 1).message).toContain(other)
  })

  it("loads no code of remotes that nobody asked for", async () => {
    const coverage = path(ana, "coverage")
    const environment = { NODE_V8_COVERAGE: coverage }
    const { status: exit } = await ended(start(["sync"], { in: ana, environment }))
    expect(exit).toBe(0)
    const loaded = readdirSync(coverage)
      .map((name) => readFileSync(path(ana, "coverage", name), "utf8"))
      .join("\n")
    expect(loaded).toContain("/adapters/folder/")
    expect(loaded).not.toContain("@nats-io")
    expect(loaded).not.toMatch(/\/adapters\/(http|nats|tokens)\//)
  })
})

describe("status", () => {
  it("tells how a replica stands with its remotes", async () => {
    await set(ana, "value=#00f")
    expect((await status(ana)).remotes).toMatchObject([
      { name: "shared", lastMet: null, inSync: false, ahead: null, behind: null },
    ])
    expect((await run(["status"], { in: ana })).stdout).toContain(
      "shared  never met (lamplog sync shared)",
    )
    await sync(ana)
    const [met] = (await status(ana)).remotes
    expect(met).toMatchObject({ name: "shared", inSync: true, ahead: 0, behind: 0 })
    expect(met!.lastMet).toMatch(/^\d{4}-\d\d-\d\dT/)
    await set(ana, "value=#11f")
    await set(ana, "value=#22f")
    expect((await status(ana)).remotes).toMatchObject([{ inSync: false, ahead: 2, behind: 0 }])
    expect((await run(["status"], { in: ana })).stdout).toContain("2 events to send  met just now")
    await json(["remote", "remove", "shared"], { in: ana })
    await json(["remote", "add", "shared", `folder:../${shared}`], { in: ana })
    expect((await status(ana)).remotes).toMatchObject([{ lastMet: null }])
  })
})

describe("a remote that has lost something", () => {
  it("leaves what came too early waiting, says for what, and is mended by who has it", async () => {
    const cy = `cy-${stages}`
    const files = () =>
      readdirSync(path(shared, "lamplog"), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    await set(ana, "value=1")
    await sync(ana)
    await json(["clone", `folder:${shared}`, bo])
    await json(["clone", `folder:${shared}`, cy])
    const before = new Set(files())
    await set(ana, "value=2")
    await sync(ana)
    const lost = files().filter((file) => !before.has(file))
    await sync(bo)
    await set(bo, "value=3")
    await sync(bo)
    for (const file of lost) rmSync(file)
    const { node } = await status(bo)

    const outcome = await run(["sync", "--json"], { in: cy })
    expect(outcome.status).toBe(1)
    const document = JSON.parse(outcome.stdout) as SyncDocument & { readonly waiting: number }
    expect(document).toMatchObject({ inSync: false, pulled: 0, error: { code: "not-in-sync" } })
    expect(document.error!.remedy).toContain("lamplog status")
    const told = await run(["sync"], { in: cy })
    expect(told.status).toBe(1)
    expect(told.stdout).toMatch(/^origin {2}not in sync {2}pulled 0.*\n.*does not hold the same/)
    const standing = await status(cy)
    expect(standing).toMatchObject({ waiting: 1, waitingFor: [{ node, reason: "gap", events: 1 }] })
    expect(standing.remotes).toMatchObject([{ inSync: false, behind: 1 }])
    const shown = (await run(["status"], { in: cy })).stdout
    expect(shown).toContain(`waiting    1 event of ${node}: for events they build on`)
    expect(shown).toContain("origin  1 event to take, 1 event of it waiting here")

    expect(await sync(ana)).toMatchObject({ inSync: true })
    expect(await sync(cy)).toMatchObject({ inSync: true, waiting: 0 })
    expect((await status(cy)).digest).toBe((await status(bo)).digest)
    expect(await status(cy)).toMatchObject({ waiting: 0, waitingFor: [] })
  })
})

describe("clone from a remote", () => {
  beforeEach(async () => {
    await set(ana, "value=#00f")
    await sync(ana)
  })

  it("holds all that the remote holds, under a node of its own, and calls it origin", async () => {
    const joined = await json<Standing>(["clone", `folder:${shared}`, bo, "--actor", "bo"])
    const original = await status(ana)
    expect(joined).toMatchObject({
      project: original.project,
      name: "Palette",
      digest: original.digest,
      actor: "bo",
      remotes: [{ name: "origin", inSync: true }],
    })
    expect(joined.node).not.toBe(original.node)
    expect(await json(["remote", "list"], { in: bo })).toEqual([
      { name: "origin", url: `folder:${path(shared)}` },
    ])
    expect(await sync(bo)).toMatchObject({ remote: "origin", pulled: 0, pushed: 0, inSync: true })
  })

  it("asks which project is meant when there are several, and takes the one that is named", async () => {
    const other = `${ana}-other`
    folder(other)
    const { project } = await json<StatusDocument>(["init", "--name", "Other"], { in: other })
    await set(other, "value=1")
    await json(["sync", `folder:../${shared}`], { in: other })
    const several = await run(["clone", `folder:${shared}`, bo, "--json"])
    const { message, remedy } = expectRefusal(several, "projects-several", 1)
    expect(message).toContain(`${project} Other`)
    expect(message).toContain("Palette")
    expect(remedy).toContain("#ID")
    const absent = await run(["clone", `folder:${shared}#${"a".repeat(26)}`, bo, "--json"])
    expectRefusal(absent, "project-absent", 1)
    const joined = await json<Standing>(["clone", `folder:${shared}#${project}`, bo])
    expect(joined).toMatchObject({ project, name: "Other" })
    expect(await sync(bo)).toMatchObject({ remote: "origin", inSync: true })
  })

  it("leaves nothing where it cannot be done", async () => {
    folder("empty")
    const refused = async (words: ReadonlyArray<string>, code: string, exit = 1) =>
      expectRefusal(await run(["clone", ...words, "--json"]), code, exit)
    await refused(["folder:empty", bo], "remote-empty")
    await refused(["folder:nowhere", bo], "remote-invalid")
    await refused([deadUrl, bo], "remote-unreachable")
    await refused([`folder:${shared}`, bo, "--dry-run"], "dry-run-remote", 2)
    await refused([`folder:${shared}`, bo, "--timeout", "x"], "timeout-invalid", 2)
    expect(readdirSync(path("."))).not.toContain(bo)
    const before = readdirSync(path(ana))
    await refused([`folder:${shared}`, ana], "project-exists")
    expect(readdirSync(path(ana))).toEqual(before)
  })
})

describe("the bytes of assets", () => {
  it("go to a remote that keeps them, and come from it when they are asked for", async () => {
    writeFileSync(path(ana, "logo.svg"), '<svg xmlns="http://www.w3.org/2000/svg"/>')
    await json(["asset", "add", "logo.svg"], { in: ana })
    expect(await sync(ana)).toMatchObject({ assetsPushed: 1 })
    expect(await sync(ana)).toMatchObject({ assetsPushed: 0 })
    folder(`${shared}-empty`)
    await json(["clone", `folder:${shared}`, bo])
    await json(["remote", "add", "empty", `folder:../${shared}-empty`], { in: bo })
    const missing = () => json<ReadonlyArray<object>>(["asset", "list", "--missing"], { in: bo })
    expect(await missing()).toHaveLength(1)
    const got = await json(["asset", "get", "logo"], { in: bo })
    expect(got).toMatchObject({ fetchedFrom: "origin", bytes: 41 })
    expect(await missing()).toEqual([])
  })

  it("are all fetched at once for whoever asks for that", async () => {
    writeFileSync(path(ana, "logo.svg"), '<svg xmlns="http://www.w3.org/2000/svg"/>')
    await json(["asset", "add", "logo.svg"], { in: ana })
    expect(await sync(ana, "--assets", "none")).toMatchObject({ pushed: 1, assetsPushed: 0 })
    await json(["clone", `folder:${shared}`, bo])
    const early = await run(["sync", "--assets", "all"], { in: bo })
    expect(early.status).toBe(0)
    expect(early.stdout).toContain("The bytes of 1 asset were not moved")
    expect(await sync(ana)).toMatchObject({ assetsPushed: 1 })
    expect(await sync(bo, "--assets", "all")).toMatchObject({ assetsPulled: 1, assetsFailed: 0 })
    expect(await json(["asset", "list", "--missing"], { in: bo })).toEqual([])
  })

  it("say which remotes did not have them", async () => {
    writeFileSync(path(ana, "logo.svg"), '<svg xmlns="http://www.w3.org/2000/svg"/>')
    await json(["asset", "add", "logo.svg"], { in: ana })
    await json(["export", `../${ana}.lamplog`, "--no-assets"], { in: ana })
    await json(["clone", `${ana}.lamplog`, bo])
    await json(["remote", "add", "shared", `folder:../${shared}`], { in: bo })
    await json(["remote", "add", "dead", deadUrl], { in: bo })
    const outcome = await run(["asset", "get", "logo", "--json"], { in: bo })
    const { message } = expectRefusal(outcome, "asset-absent", 1)
    expect(message).toContain("shared: it does not hold this asset")
    expect(message).toContain("dead: No server can be reached")
  })
})
