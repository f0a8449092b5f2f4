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
import { cloneProject, inspectArchive, verifyArchive } from "../../src/index.ts"
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
