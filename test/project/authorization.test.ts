/**
 * Asking before each call: once, with what is asked for and without secrets; a refusal ends it before
 * anything has begun. And the log of conflicts that open.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { LamplogError, openProject } from "../../src/index.ts"
import type { AuthorizedOperation, LogMessage, OpenProject } from "../../src/index.ts"
import type { Remote } from "../../src/remote.ts"
import { ana, bo, codeOf, collect, listText, patch, put, Workshop } from "./workshop.ts"

/** Every call of the service, and how to make it. */
const calls = (
  workshop: Workshop,
): { readonly [name: string]: (project: OpenProject) => Promise<unknown> } => {
  const list = workshop.file("list.json", listText({ "token/x": { value: 1 } }))
  const archive = workshop.at("archive.lamplog")
  return {
    status: (project) => project.status(),
    get: (project) => project.get("token", "a"),
    list: (project) => collect(project.list({ type: "token" })),
    log: (project) => collect(project.log()),
    conflicts: (project) => project.conflicts(),
    conflict: (project) => project.conflict("0").catch(() => undefined),
    change: (project) => project.change([put("token/b", { value: 1 })], ana),
    changeEach: (project) => project.changeEach([put("token/c", { value: 1 })], ana),
    resolve: (project) => project.resolve("0", { value: 1 }, ana).catch(() => undefined),
    exportProject: (project) => project.exportProject(archive, { force: true }),
    importProject: (project) => project.importProject([list], ana),
    analyzeImport: (project) => project.analyzeImport([list], ana),
    mergeProject: (project) => project.mergeProject(archive),
    analyzeMerge: (project) => project.analyzeMerge(archive),
    diff: (project) => project.diff(list),
    addAssets: (project) => project.addAssets([{ content: list }], ana),
    getAsset: (project) => project.getAsset("nothing").catch(() => undefined),
    listAssets: (project) => collect(project.listAssets()),
    sweepAssets: (project) => project.sweepAssets({ dryRun: true }),
    backupProject: (project) => project.backupProject({ path: archive, force: true }),
    restoreBackup: (project) => project.restoreBackup(archive),
    members: (project) => project.members(),
    // Of an open project nobody is a member; who may is asked before that is found out.
    admitNode: (project) => project.admitNode("a".repeat(26), ana).catch(() => undefined),
    retireNode: (project) => project.retireNode("a".repeat(26), ana).catch(() => undefined),
    sync: (project) => project.sync(nowhere, { name: "nowhere" }),
    follow: (project) =>
      project.follow(denying, { name: "nowhere" }).catch((error: unknown) => {
        if (!(error instanceof LamplogError) || error.code !== "remote-denied") throw error
      }),
    meetings: (project) => project.meetings(),
    peer: (project) => project.peer(),
    verify: (project) => project.verify(),
  }
}

const denied = new LamplogError({ code: "remote-denied", message: "No.", remedy: "Ask." })

/** A remote that holds nothing and takes nothing. */
const nowhere: Remote = {
  where: "nowhere",
  capabilities: { watches: false, assets: false, presence: false },
  describe: () => Promise.resolve([]),
  pull: () => Promise.resolve({ frontier: {}, unsure: [] }),
  push: () => Promise.resolve({ frontier: {}, unsure: [], events: 0, refused: [] }),
  close: () => Promise.resolve(),
}
const denying: Remote = { ...nowhere, pull: () => Promise.reject(denied) }

describe("whoever decides", () => {
  it("is asked once for every call, reads too", async () => {
    const workshop = new Workshop()
    const asked: Array<AuthorizedOperation> = []
    const project = await workshop.project("a", {
      authorize: (operation) => void asked.push(operation),
    })
    const { project: id } = await project.status()
    asked.length = 0
    const all = calls(workshop)
    for (const [name, call] of Object.entries(all)) {
      await call(project)
      expect(asked.map((operation) => operation.name)).toEqual([name])
      expect(asked.map((operation) => operation.project)).toEqual([id])
      asked.length = 0
    }
    const prototype = Object.getPrototypeOf(project) as object
    const methods = Object.getOwnPropertyNames(prototype)
    const short = ["constructor", "close", "addAsset"]
    expect(methods.filter((name) => !short.includes(name)).sort()).toEqual(Object.keys(all).sort())
  })

  it("learns who asks for what, but no secret", async () => {
    const workshop = new Workshop()
    const asked: Array<AuthorizedOperation> = []
    const project = await workshop.project("a", {
      authorize: (operation) => void asked.push(operation),
    })
    const changes = [put("token/a", { value: 1 })]
    await project.change(changes, { ...ana, reason: "because" })
    const path = workshop.at("sealed.lamplog")
    await project.exportProject(path, { passphrase: "correct horse" })
    await project.mergeProject(path, { keys: { passphrase: "correct horse" } })
    expect(asked).toMatchObject([
      { name: "change", actor: "ana", parameters: { changes, reason: "because" } },
      { name: "exportProject", parameters: { path } },
      { name: "mergeProject", parameters: { path } },
    ])
    expect(JSON.stringify(asked)).not.toContain("horse")
  })

  const refusals = [
    [
      "throws",
      () => {
        throw new Error("not you")
      },
    ],
    ["rejects", () => Promise.reject(new Error("not you"))],
    ["fails", () => Effect.fail(new Error("not you"))],
  ] as const

  it.each(refusals)("ends a call before it begins: one that %s", async (_how, refuse) => {
    const workshop = new Workshop()
    const open = await workshop.project()
    await open.change([put("token/a", { value: 1 })], ana)
    await open.exportProject(workshop.at("archive.lamplog"))
    await open.close()
    const project = await openProject({
      ...workshop.options,
      directory: workshop.at("a"),
      authorize: refuse,
    })
    onTestFinished(() => project.close())
    const failure = await project.change([put("token/b", {})], bo).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LamplogError)
    expect(failure).toMatchObject({ code: "not-authorized", where: "change" })
    expect((failure as Error).message).toContain("not you")
    for (const [name, call] of Object.entries(calls(workshop))) {
      // These swallow what a call without a conflict, an asset or a member answers.
      const swallowing = ["conflict", "resolve", "getAsset", "admitNode", "retireNode"]
      if (swallowing.includes(name)) continue
      expect(await codeOf(call(project)), name).toBe("not-authorized")
    }
    await project.close()
    const again = await openProject({ ...workshop.options, directory: workshop.at("a") })
    onTestFinished(() => again.close())
    expect(await again.status()).toMatchObject({ events: 1 })
  })

  it("may refuse in the engine's own words", async () => {
    const workshop = new Workshop()
    const refusal = new LamplogError({ code: "closed", message: "Closed.", remedy: "Come back." })
    const project = await workshop.project("a", { authorize: () => Effect.fail(refusal) })
    expect(await codeOf(project.status())).toBe("closed")
  })

  it("is waited for", async () => {
    const workshop = new Workshop()
    const decided = Promise.withResolvers<void>()
    const project = await workshop.project("a", { authorize: () => decided.promise })
    const changing = project.change([put("token/a", { value: 1 })], ana)
    const first = await Promise.race([changing, new Promise((done) => setImmediate(done))])
    expect(first).toBeUndefined()
    decided.resolve()
    expect(await changing).toMatchObject({ events: 1 })
  })
})

describe("the log of the engine", () => {
  /** A project that hears its log, and another replica that wrote a conflict. */
  const clashing = async (workshop: Workshop, heard: Array<LogMessage>) => {
    const made = await workshop.project()
    await made.change([put("token/a", { value: 1 }), put("token/b", { value: 1 })], ana)
    const theirs = await workshop.replicaOf(made)
    await made.change([patch("token/a", { value: 2 })], ana)
    await theirs.change([patch("token/a", { value: 3 })], bo)
    await theirs.exportProject(workshop.at("theirs.lamplog"))
    await made.close()
    const mine = await openProject({
      ...workshop.options,
      directory: workshop.at("a"),
      onLog: (message) => heard.push(message),
    })
    onTestFinished(() => mine.close())
    return mine
  }

  it("tells of each conflict that a merge or an import opened, when it is durable", async () => {
    const workshop = new Workshop()
    const heard: Array<LogMessage> = []
    const mine = await clashing(workshop, heard)
    const analysis = await mine.analyzeMerge(workshop.at("theirs.lamplog"))
    expect(heard).toEqual([])
    const { conflictsCount } = await mine.importProject([workshop.at("theirs.lamplog")], ana)
    expect(conflictsCount).toBe(1)
    const [conflict] = await mine.conflicts()
    expect(heard).toEqual([
      {
        level: "Info",
        message: "conflict opened",
        annotations: {
          id: conflict!.id,
          type: "token",
          entity: "a",
          field: "value",
          recommendation: analysis.conflictedItems[0]!.recommendation,
        },
      },
    ])
    await mine.mergeProject(workshop.at("theirs.lamplog"))
    expect(heard).toHaveLength(1)
  })

  it("is not told of what a strategy settled, and is silent unless somebody listens", async () => {
    const workshop = new Workshop()
    const heard: Array<LogMessage> = []
    const printed = vi.spyOn(console, "log").mockImplementation(() => {})
    onTestFinished(() => printed.mockRestore())
    const mine = await clashing(workshop, heard)
    const strategy = { strategy: "keep-local" as const, ...ana }
    await mine.mergeProject(workshop.at("theirs.lamplog"), strategy)
    expect(heard).toEqual([])
    const silent = new Workshop()
    const theirs = await clashing(silent, [])
    await theirs.close()
    const deaf = await openProject({ ...silent.options, directory: silent.at("a") })
    onTestFinished(() => deaf.close())
    expect(await deaf.mergeProject(silent.at("theirs.lamplog"))).toMatchObject({
      conflictsCount: 1,
    })
    expect(printed).not.toHaveBeenCalled()
  })
})
