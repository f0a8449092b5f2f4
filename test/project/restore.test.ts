/**
 * Importing archives: of this project as history, of another as values, and back to what one holds.
 */
import { describe, expect, it } from "vitest"
import { ana, bo, codeOf, collect, patch, put, remove, Workshop } from "./workshop.ts"

const replacing = { ...ana, strategy: "replace" as const }

describe("importing an archive of this project", () => {
  it("receives its history, and writes nothing of its own", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project()
    await mine.change([put("token/a", { value: 1 })], ana)
    const theirs = await workshop.replicaOf(mine)
    await theirs.change([put("token/b", { value: 2 }), put("component/c", { name: "C" })], bo)
    const path = workshop.at("theirs.lamplog")
    await theirs.exportProject(path)
    expect(await mine.importProject([path], ana)).toMatchObject({
      events: 2,
      itemCounts: { component: 1, token: 2 },
      settledConflicts: [],
      migrationPerformed: false,
    })
    expect((await mine.status()).frontier).toEqual((await theirs.status()).frontier)
    expect(await mine.importProject([path], ana)).toMatchObject({ events: 0 })
  })

  it("takes the state back to what it was, by new events, when it replaces", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change(
      [
        put("token/kept", { value: 1, modes: { dark: { value: 1 } }, tags: ["x"] }),
        put("token/deleted", { value: 1 }),
        put("token/gone", { value: 1 }),
      ],
      ana,
    )
    await project.change([remove("token/gone")], ana)
    const path = workshop.at("backup.lamplog")
    await project.exportProject(path)
    const before = await project.status()
    await project.change(
      [
        patch("token/kept", { "modes/dark": { value: 2 }, tags: [] }, ["value"]),
        remove("token/deleted"),
        put("token/gone", { value: 2 }),
        put("token/later", { value: 1 }),
      ],
      bo,
    )
    const snapshot = await collect(project.list())
    expect(snapshot.map(({ id }) => id)).toEqual(["gone", "kept", "later"])
    expect(await project.importProject([path], replacing)).toMatchObject({ events: 4 })
    const after = await project.status()
    expect(after.events).toBe(before.events + 8)
    expect(await project.diff(path)).toEqual([])
    expect(await collect(project.list())).toMatchObject([
      { id: "deleted", fields: { value: 1 } },
      { id: "kept", fields: { value: 1, modes: { dark: { value: 1 } }, tags: ["x"] } },
    ])
    expect(await project.importProject([path], replacing)).toMatchObject({ events: 0 })
  })

  it("settles what was open since, by the archive's values, and lists it", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project()
    await mine.change([put("token/a", { value: 1 }), put("token/b", { value: 1 })], ana)
    const path = workshop.at("backup.lamplog")
    await mine.exportProject(path)
    const theirs = await workshop.replicaOf(mine)
    await theirs.change([patch("token/a", { value: 2 }), remove("token/b")], bo)
    await mine.change([patch("token/a", { value: 3 }), patch("token/b", { value: 3 })], ana)
    await workshop.carry(theirs, mine)
    const open = (await mine.conflicts()).map(({ id }) => id).sort()
    expect(open).toHaveLength(2)
    const summary = await mine.importProject([path], replacing)
    expect([...summary.settledConflicts].sort()).toEqual(open)
    expect(await mine.conflicts()).toEqual([])
    expect((await collect(mine.list())).map(({ fields }) => fields)).toEqual([
      { value: 1 },
      { value: 1 },
    ])
    await workshop.carry(mine, theirs)
    expect((await theirs.status()).digest).toBe((await mine.status()).digest)
  })

  it("keeps a conflict open that is open in the archive too", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project()
    await mine.change([put("token/a", { value: 1 })], ana)
    const theirs = await workshop.replicaOf(mine)
    await theirs.change([patch("token/a", { value: 2 })], bo)
    await mine.change([patch("token/a", { value: 3 })], ana)
    await workshop.carry(theirs, mine)
    const path = workshop.at("backup.lamplog")
    await mine.exportProject(path)
    const { digest } = await mine.status()
    await mine.change([patch("token/a", { description: "later" })], ana)
    expect(await mine.importProject([path], replacing)).toMatchObject({
      events: 1,
      settledConflicts: [],
    })
    expect(await mine.conflicts()).toHaveLength(1)
    expect((await mine.status()).digest).toBe(digest)
  })

  it("does not prune: that is what replacing is for", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], ana)
    const path = workshop.at("a.lamplog")
    await project.exportProject(path)
    expect(await codeOf(project.importProject([path], { ...ana, prune: true }))).toBe(
      "prune-not-applicable",
    )
  })

  it("tells beforehand what replacing would do, and changes nothing", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], ana)
    const path = workshop.at("a.lamplog")
    await project.exportProject(path)
    await project.change([patch("token/a", { value: 2 }), put("token/b", { value: 1 })], ana)
    const before = await workshop.traceOf(project)
    const analysis = await project.analyzeImport([path], replacing)
    expect(analysis).toMatchObject({ isValid: true, events: 2, itemCounts: { token: 1 } })
    expect(await workshop.traceOf(project)).toEqual(before)
    expect(await project.importProject([path], replacing)).toMatchObject({ events: 2 })
  })
})

describe("importing an archive of another project", () => {
  it("takes its values as new events that name it", async () => {
    const workshop = new Workshop()
    const source = await workshop.project("source")
    await source.change(
      [put("token/a", { value: 1, tags: ["x"] }), put("token/b", { value: 2 })],
      bo,
    )
    await source.change([remove("token/b")], bo)
    const path = workshop.at("source.lamplog")
    const { exportHash } = await source.exportProject(path)
    const project = await workshop.project("target")
    await project.change([put("token/own", { value: 9 })], ana)
    expect(await project.importProject([path], ana)).toMatchObject({ events: 1 })
    expect((await project.get("token", "a"))?.fields).toEqual({ value: 1, tags: ["x"] })
    expect(await project.get("token", "b")).toBeUndefined()
    const [last] = await collect(project.log({ reverse: true }))
    expect(last?.node).toBe((await project.status()).node)
    expect(last?.body.reason).toContain(`archive ${exportHash}`)
    expect(last?.body.reason).toContain((await source.status()).project)
  })

  it("makes the state exactly its own when it replaces, also in an empty project", async () => {
    const workshop = new Workshop()
    const source = await workshop.project("source")
    await source.change([put("token/a", { value: 1 }), put("component/c", { name: "C" })], bo)
    const path = workshop.at("source.lamplog")
    await source.exportProject(path)
    const target = await workshop.project("target")
    await target.change([put("token/own", { value: 9 }), put("style/s", { name: "S" })], ana)
    await target.importProject([path], replacing)
    expect((await target.status()).entities).toEqual({ component: 1, token: 1 })
    const empty = await workshop.project("empty")
    await empty.importProject([path], replacing)
    expect((await empty.status()).digest).toBe((await source.status()).digest)
  })

  it("is refused as a merge, with the way to its values", async () => {
    const workshop = new Workshop()
    const source = await workshop.project("source")
    const path = workshop.at("source.lamplog")
    await source.exportProject(path)
    const target = await workshop.project("target")
    const failure = await target.mergeProject(path).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: "other-project", stage: "manifest" })
    expect((failure as { readonly remedy: string }).remedy).toContain("import")
  })
})

describe("importing several archives", () => {
  it("takes them one after another in one transaction, or none of them", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project()
    const theirs = await workshop.replicaOf(mine)
    await theirs.change([put("token/b", { value: 2 })], bo)
    const good = workshop.at("good.lamplog")
    await theirs.exportProject(good)
    const bad = workshop.file("bad.lamplog", "PK but no zip")
    expect(await codeOf(mine.importProject([good, bad], ana))).toBe("not-an-archive")
    expect((await mine.status()).events).toBe(0)
    expect(await codeOf(mine.importProject([good, good], replacing))).toBe("replace-by-several")
    expect(await mine.importProject([good, good], ana)).toMatchObject({ events: 1 })
  })

  it("does not mix them with other files", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.at("a.lamplog")
    await project.exportProject(path)
    const list = workshop.file("a.json", '{"list":"of things","types":[],"things":{}}')
    expect(await codeOf(project.importProject([path, list], ana))).toBe("formats-mixed")
  })
})
