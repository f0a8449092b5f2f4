/**
 * Exporting, comparing and cloning: whole files under their names, whole replicas in their folders.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { describe, expect, it } from "vitest"
import { dtcg } from "../../adapters/tokens/index.ts"
import { limitsDefault } from "../../src/archive/limits.ts"
import { cloneProject, inspectArchive, verifyArchive } from "../../src/index.ts"
import type { ExportOptions } from "../../src/index.ts"
import { ana, bo, codeOf, collect, listText, patch, put, remove, Workshop } from "./workshop.ts"

describe("exporting", () => {
  it("writes an archive that says what is in it and passes its own check", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 }), put("style/s", { name: "S" })], ana)
    const path = workshop.at("a.lamplog")
    const summary = await project.exportProject(path)
    expect(summary).toMatchObject({
      success: true,
      archivePath: path,
      fileSize: readFileSync(path).length,
      itemCounts: { style: 1, token: 1 },
      error: null,
    })
    const { exportHash, manifest } = await inspectArchive(path)
    expect(exportHash).toBe(summary.exportHash)
    expect(manifest.digest).toBe((await project.status()).digest)
    expect(await verifyArchive(path)).toMatchObject({ ok: true })
  })

  it.each(["lamplog", "dtcg"])("writes over a file as %s only when told to", async (format) => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats: [dtcg] })
    const path = workshop.file("taken", "precious")
    expect(await codeOf(project.exportProject(path, { format }))).toBe("file-exists")
    expect(readFileSync(path, "utf8")).toBe("precious")
    await project.exportProject(path, { format, force: true })
    expect(readFileSync(path, "utf8")).not.toBe("precious")
    const stray = readdirSync(workshop.folder).filter((name) => name.endsWith(".part"))
    expect(stray).toEqual([])
  })

  it("refuses a format that can only be read, and one it does not know", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const out = workshop.at("out")
    expect(await codeOf(project.exportProject(out, { format: "list" }))).toBe("format-read-only")
    expect(await codeOf(project.exportProject(out, { format: "scss" }))).toBe("format-unknown")
    expect(existsSync(out)).toBe(false)
  })

  it("fails where no file can be made, and leaves nothing there", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats: [dtcg] })
    const nowhere = workshop.at("no/such/folder/a")
    expect(await codeOf(project.exportProject(nowhere, { format: "dtcg" }))).toBe("file-missing")
    expect(await codeOf(project.exportProject(nowhere))).toBe("file-missing")
    expect(existsSync(workshop.at("no"))).toBe(false)
  })
})

describe("exporting what came since", () => {
  it("takes a frontier as it is, as a status printed it, or from an archive", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], ana)
    const before = await project.status()
    const archive = workshop.at("before.lamplog")
    await project.exportProject(archive)
    await project.change([put("token/b", { value: 2 })], ana)
    const ways = [
      before.frontier,
      workshop.file("status.json", JSON.stringify(before)),
      workshop.file("frontier.json", JSON.stringify(before.frontier)),
      archive,
    ]
    const hashes = new Set<unknown>()
    for (const [index, since] of ways.entries()) {
      const path = workshop.at(`${index}.lamplog`)
      const summary = await project.exportProject(path, { since })
      expect(summary).toMatchObject({ contents: "incremental", events: 1 })
      hashes.add(summary.exportHash)
    }
    expect(hashes.size).toBe(1)
  })

  it("refuses files that tell no frontier of this project, by name", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const other = await workshop.project("b")
    await project.change([put("token/a", { value: 1 })], ana)
    await other.change([put("token/a", { value: 1 })], bo)
    const foreign = workshop.at("other.lamplog")
    await other.exportProject(foreign)
    const extract = workshop.at("extract.lamplog")
    await project.exportProject(extract, { select: { types: ["token"] } })
    const frontier = { [(await project.status()).node]: { seq: 9, hash: "0".repeat(64) } }
    const cases: ReadonlyArray<readonly [since: string, code: string]> = [
      [workshop.file("words", "no json"), "frontier-invalid"],
      [workshop.file("list.json", "[1]"), "frontier-invalid"],
      [workshop.file("odd.json", '{"frontier":{"x":1}}'), "frontier-invalid"],
      [workshop.file("ahead.json", JSON.stringify({ frontier })), "frontier-unknown"],
      [workshop.file("theirs.json", JSON.stringify(await other.status())), "other-project"],
      [workshop.at("none.json"), "file-missing"],
      [foreign, "other-project"],
      [extract, "frontier-invalid"],
    ]
    const path = workshop.at("out.lamplog")
    for (const [since, code] of cases) {
      expect(await codeOf(project.exportProject(path, { since })), since).toBe(code)
    }
    expect(existsSync(path)).toBe(false)
  })

  it("goes into another replica by import, merge or not at all", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], ana)
    const clone = await workshop.replicaOf(project)
    const { frontier: since } = await clone.status()
    await project.change([put("token/b", { value: 2 })], ana)
    const path = workshop.at("later.lamplog")
    await project.exportProject(path, { since })
    const stranger = await workshop.project("c")
    const trace = await workshop.traceOf(stranger, "c")
    expect(await codeOf(stranger.importProject([path], bo))).toBe("archive-incremental")
    expect(await codeOf(stranger.diff(path))).toBe("archive-incremental")
    expect(await workshop.traceOf(stranger, "c")).toEqual(trace)
    const replace = { ...bo, strategy: "replace" as const }
    expect(await codeOf(clone.importProject([path], replace))).toBe("archive-incremental")
    expect((await clone.status()).events).toBe(1)
    expect(await clone.analyzeImport([path], replace)).toMatchObject({
      isValid: false,
      errors: [{ code: "archive-incremental" }],
    })
    expect(await clone.importProject([path], bo)).toMatchObject({ events: 1 })
    expect((await clone.status()).digest).toBe((await project.status()).digest)
  })
})

describe("exporting a part", () => {
  const system = [
    put("token/color.blue", { value: "#00f", tags: ["brand"] }),
    put("token/color.link", { value: "{color.blue}", tags: ["brand"] }),
    put("token/size.one", { value: 1 }),
    put("component/Button", { name: "Button", tokens: ["color.link"] }),
  ]

  it("writes the same entities as an archive and as token files", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats: [dtcg] })
    await project.change(system, ana)
    const select = { groups: ["color"] }
    const expected = { itemCounts: { token: 2 }, takenAlong: [], openReferences: [] }
    for (const format of ["lamplog", "dtcg"]) {
      const path = workshop.at(`part.${format}`)
      const summary = await project.exportProject(path, { format, select })
      expect(summary, format).toMatchObject(expected)
    }
    const text = readFileSync(workshop.at("part.dtcg"), "utf8")
    expect(text).toContain("link")
    expect(text).not.toContain("size")
  })

  it("takes along what is referred to, in token files too, or says what it leaves open", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats: [dtcg] })
    await project.change(system, ana)
    for (const format of ["lamplog", "dtcg"]) {
      const closed = await project.exportProject(workshop.at(`closed.${format}`), {
        format,
        select: { types: ["component"] },
      })
      expect(closed).toMatchObject({ itemCounts: { component: 1, token: 2 }, openReferences: [] })
      expect(closed.takenAlong.map(({ count }) => count)).toEqual([1, 1])
      const open = await project.exportProject(workshop.at(`open.${format}`), {
        format,
        select: { types: ["component"], open: true },
      })
      expect(open).toMatchObject({
        itemCounts: { component: 1 },
        takenAlong: [],
        openReferences: [{ from: "component/Button", field: "tokens", to: "token/color.link" }],
      })
    }
  })

  it("refuses what can mean nothing, and leaves no file", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats: [dtcg] })
    await project.change(system, ana)
    const deep = JSON.parse(`${"[".repeat(11)}${"]".repeat(11)}`)
    const cases: ReadonlyArray<readonly [options: ExportOptions, code: string]> = [
      [{ select: { types: ["tokens"] } }, "type-unknown"],
      [{ select: { types: [] } }, "selection-empty"],
      [{ select: { open: true } }, "selection-empty"],
      [{ select: { entities: ["token"] } }, "entity-name"],
      [{ select: { entities: ["token/none"] } }, "entity-unknown"],
      [{ select: { tags: ["none"] } }, "nothing-selected"],
      [{ select: { where: [{ field: "value", value: deep }] } }, "selection-value"],
      [
        { select: { tags: ["brand"] }, since: (await project.status()).frontier },
        "since-with-selection",
      ],
      [{ format: "dtcg", since: {} }, "since-not-applicable"],
      [{ format: "dtcg", passphrase: "words" }, "seal-not-applicable"],
    ]
    const path = workshop.at("out")
    for (const [options, code] of cases) {
      expect(await codeOf(project.exportProject(path, options)), code).toBe(code)
    }
    expect(existsSync(path)).toBe(false)
  })

  it("is held to the limits of the project's reader", async () => {
    const workshop = new Workshop()
    const limits = { ...limitsDefault, items: 2 }
    const project = await workshop.project("a", { limits })
    await project.change(system, ana)
    const path = workshop.at("out.lamplog")
    expect(await codeOf(project.exportProject(path))).toBe("limit-exceeded")
    const summary = await project.exportProject(path, { select: { tags: ["brand"] } })
    expect(summary.warnings).toMatchObject([{ code: "limit-near", where: "items" }])
  })
})

describe("a comparison", () => {
  const before = [
    put("token/same", { value: 1, tags: ["b", "a"] }),
    put("token/changed", { value: 1, type: "x", modes: { dark: 1, light: 1 } }),
    put("token/removed", { value: 1 }),
    put("component/c", { name: "C" }),
  ]
  const after = {
    "token/same": { value: 1, tags: ["a", "b", "a"] },
    "token/changed": { value: 2, modes: { dark: 1, light: 2, wide: 3 } },
    "token/added": { value: null },
  }
  const expected = [
    { type: "token", id: "added", change: "added", fields: { value: { after: null } } },
    {
      type: "token",
      id: "changed",
      change: "changed",
      fields: {
        "modes/light": { before: 1, after: 2 },
        "modes/wide": { after: 3 },
        type: { before: "x" },
        value: { before: 1, after: 2 },
      },
    },
    { type: "token", id: "removed", change: "removed", fields: { value: { before: 1 } } },
  ]

  it("with a foreign file tells field by field, within the types it speaks for", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change(before, ana)
    expect(await project.diff(workshop.file("a.json", listText(after)))).toEqual(expected)
  })

  it("with an archive tells the same, of every type", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change(before, ana)
    const other = await workshop.project("other")
    const changes = Object.entries(after).map(([name, fields]) => put(name, fields))
    await other.change([...changes, put("token/tombstone", { value: 1 })], bo)
    await other.change([remove("token/tombstone")], bo)
    const path = workshop.at("other.lamplog")
    await other.exportProject(path)
    expect(await project.diff(path)).toEqual([
      { type: "component", id: "c", change: "removed", fields: { name: { before: "C" } } },
      ...expected,
    ])
    expect(await other.diff(path)).toEqual([])
  })
})

describe("cloning", () => {
  it("gives a new node with the same history and state, that can write", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], ana)
    await project.change([patch("token/a", { value: 2 })], ana)
    const clone = await workshop.replicaOf(project)
    const [mine, theirs] = [await project.status(), await clone.status()]
    expect(theirs.node).not.toBe(mine.node)
    expect({ ...theirs, node: mine.node }).toEqual(mine)
    expect(await clone.verify()).toMatchObject({ ok: true })
    expect(await clone.change([patch("token/a", { value: 3 })], bo)).toMatchObject({ lamport: 3 })
    expect(await collect(clone.log())).toHaveLength(3)
  })

  it("leaves nothing behind when the archive does not hold what it says", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], ana)
    const path = workshop.at("a.lamplog")
    const { fileSize } = await project.exportProject(path)
    const bytes = readFileSync(path)
    const at = bytes.indexOf(Buffer.from("logs/"))
    bytes[at + 120]! ^= 1
    writeFileSync(workshop.at("bad.lamplog"), bytes)
    const directory = workshop.at("clone")
    const cloning = cloneProject(workshop.at("bad.lamplog"), { ...workshop.options, directory })
    expect(await cloning.catch((error: unknown) => error)).toHaveProperty("stage")
    expect(existsSync(directory)).toBe(false)
    truncateSync(path, fileSize - 30)
    mkdirSync(directory)
    writeFileSync(workshop.at("clone/mine.txt"), "mine")
    expect(await codeOf(cloneProject(path, { ...workshop.options, directory }))).toBe(
      "archive-truncated",
    )
    expect(readdirSync(directory)).toEqual(["mine.txt"])
  })

  it("leaves a project that is there alone", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], ana)
    const path = workshop.at("a.lamplog")
    await project.exportProject(path)
    const directory = workshop.at("a")
    expect(await codeOf(cloneProject(path, { ...workshop.options, directory }))).toBe(
      "project-exists",
    )
    expect((await project.status()).events).toBe(1)
  })
})
