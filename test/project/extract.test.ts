/**
 * Taking in an extract: its values only, proven, and nothing beyond what it speaks for.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { proofsPath, snapshotPath } from "../../src/archive/archive.ts"
import { cloneProject, openProject, verifyArchive } from "../../src/index.ts"
import type { OpenProject } from "../../src/index.ts"
import type { ExportSelection } from "../../src/project/export-options.ts"
import { forged } from "../archive/forged.ts"
import { setToken, Stage } from "../archive/stage.ts"
import { ana, bo, codeOf, collect, patch, put, remove, Workshop } from "./workshop.ts"

const system = [
  put("token/color.blue", { value: "#00f", tags: ["brand"] }),
  put("token/color.link", { value: "{color.blue}", tags: ["brand"] }),
  put("token/size.one", { value: 1 }),
  put("component/Button", { name: "Button", tokens: ["color.link"] }),
]

/** A project of the system, and an extract of it. */
const extracted = async (workshop: Workshop, select: ExportSelection) => {
  const project = await workshop.project()
  await project.change(system, ana)
  const path = workshop.at("extract.lamplog")
  const { exportHash } = await project.exportProject(path, { select })
  return { project, path, exportHash }
}

const names = async (project: OpenProject): Promise<ReadonlyArray<string>> =>
  (await collect(project.list())).map(({ type, id }) => `${type}/${id}`)

const replace = { ...bo, strategy: "replace" as const }

describe("importing an extract", () => {
  it("writes its values as events that say where they are from", async () => {
    const workshop = new Workshop()
    const { exportHash, path, project } = await extracted(workshop, { types: ["component"] })
    const { digest, name, project: id } = await project.status()
    const other = await workshop.project("b")
    await other.change([put("token/color.blue", { value: "#00f", tags: ["brand"] })], bo)
    expect(await other.importProject([path], bo)).toMatchObject({
      events: 2,
      itemCounts: { component: 1, token: 2 },
    })
    const log = (await collect(other.log())).slice(-2)
    const origin = `extract ${exportHash} of project ${id} (${name}) at digest ${digest}`
    for (const { body } of log) expect(body.reason).toContain(origin)
    expect(log.map(({ node }) => node)).toEqual(Array(2).fill((await other.status()).node))
    expect(await other.importProject([path], bo)).toMatchObject({ events: 0 })
  })

  it("does the same in the project it is from, as new events", async () => {
    const workshop = new Workshop()
    const { path, project } = await extracted(workshop, { groups: ["color"] })
    await project.change([patch("token/color.blue", { value: "#111" })], ana)
    await project.change([remove("token/color.link")], ana)
    const before = (await project.status()).events
    expect(await project.importProject([path], bo)).toMatchObject({ events: 2 })
    expect((await project.status()).events).toBe(before + 2)
    expect(await project.get("token", "color.blue")).toMatchObject({ fields: { value: "#00f" } })
    expect(await project.get("token", "color.link")).toMatchObject({ deleted: false })
  })

  it("is refused by a merge, and by a clone", async () => {
    const workshop = new Workshop()
    const { path, project } = await extracted(workshop, { types: ["token"] })
    expect(await codeOf(project.mergeProject(path))).toBe("archive-extract")
    expect(await codeOf(project.analyzeMerge(path))).toBe("archive-extract")
    const clone = cloneProject(path, { ...workshop.options, directory: workshop.at("clone") })
    expect(await codeOf(clone)).toBe("archive-extract")
    expect(existsSync(workshop.at("clone"))).toBe(false)
  })

  it("changes nothing when it was forged", async () => {
    const workshop = new Workshop()
    const other = await workshop.project("b")
    const stage = new Stage()
    onTestFinished(() => stage.clear())
    const source = stage.replica("ana")
    setToken(source, "blue", "#00f")
    const written = await stage.exported(source, {
      select: { types: ["token"], closed: true },
      store: true,
    })
    const path = await forged(stage, written, (members) => {
      members.set(snapshotPath, members.get(snapshotPath)!.replace("#00f", "#f00"))
    })
    const trace = await workshop.traceOf(other, "b")
    for (const options of [bo, replace]) {
      expect(await codeOf(other.importProject([path], options))).toBe("proof-mismatch")
    }
    expect(await other.analyzeImport([path], bo)).toMatchObject({
      isValid: false,
      errors: [{ code: "proof-mismatch", where: `${snapshotPath} line 1` }],
    })
    expect(await workshop.traceOf(other, "b")).toEqual(trace)
    expect(await verifyArchive(path)).toMatchObject({
      ok: false,
      findings: [{ code: "proof-mismatch" }],
    })
    expect(await verifyArchive(written.path)).toMatchObject({ ok: true })
  })

  it("changes nothing when it claims to be of the very state that is here, and is not", async () => {
    const workshop = new Workshop()
    const stage = new Stage()
    onTestFinished(() => stage.clear())
    const [source, other] = [stage.replica("ana"), stage.replica("bo")]
    setToken(source, "blue", "#00f")
    setToken(other, "blue", "#f00")
    source.signOwnHead()
    const how = { select: { types: ["token"], closed: true }, store: true }
    const written = await stage.exported(other, how)
    const { frontier } = (await stage.exported(source, how)).manifest
    // Its heads are bo's, which would be beyond ana's frontier.
    const path = await forged(
      stage,
      written,
      (members) => {
        const text = members.get(proofsPath)!
        members.set(proofsPath, text.replaceAll(other.node, source.node))
      },
      (manifest) => ({ ...manifest, frontier }),
    )
    expect(await verifyArchive(path)).toMatchObject({ ok: true })
    const directory = source.directory
    source.close()
    const project = await openProject({
      ...workshop.options,
      directory,
      stateDirectory: join(stage.folder, "state"),
    })
    onTestFinished(() => project.close())
    expect(await codeOf(project.importProject([path], bo))).toBe("proof-mismatch")
    expect((await project.status()).events).toBe(1)
  })

  it("merges without deleting, unless it is told to prune", async () => {
    const workshop = new Workshop()
    const { path } = await extracted(workshop, { types: ["token"] })
    const other = await workshop.project("b")
    await other.change([put("token/mine", { value: 1 }), put("style/s", { name: "S" })], bo)
    await other.importProject([path], bo)
    expect(await names(other)).toContain("token/mine")
    await other.importProject([path], { ...bo, prune: true })
    expect(await names(other)).toEqual([
      "style/s",
      "token/color.blue",
      "token/color.link",
      "token/size.one",
    ])
  })

  it("replaces what its selection means, and deletes nothing outside of it", async () => {
    const workshop = new Workshop()
    const { path } = await extracted(workshop, { groups: ["color"], types: ["token"] })
    const other = await workshop.project("b")
    const mine = [
      put("token/color.old", { value: 1 }),
      put("token/colorful", { value: 1 }),
      put("token/size.mine", { value: 1 }),
      put("group/color", { description: "mine" }),
      put("token/color.blue", { value: "#123", description: "mine" }),
    ]
    await other.change(mine, bo)
    await other.importProject([path], replace)
    expect(await names(other)).toEqual([
      "group/color",
      "token/color.blue",
      "token/color.link",
      "token/colorful",
      "token/size.mine",
    ])
    const { fields } = (await other.get("token", "color.blue"))!
    expect(fields).toEqual({ value: "#00f", tags: ["brand"] })
  })

  it("deletes nothing at all where values decided what is in it", async () => {
    const workshop = new Workshop()
    const { path } = await extracted(workshop, { tags: ["brand"] })
    const other = await workshop.project("b")
    await other.change([put("token/mine", { value: 1, tags: ["brand"] })], bo)
    await other.importProject([path], replace)
    expect(await names(other)).toContain("token/mine")
  })

  it("refuses a replace that leaves references open", async () => {
    const workshop = new Workshop()
    const { path } = await extracted(workshop, { types: ["component"], open: true })
    const other = await workshop.project("b")
    expect(await codeOf(other.importProject([path], replace))).toBe("reference-dangling")
    const { warnings } = await other.importProject([path], bo)
    expect(warnings.map(({ code }) => code)).toContain("reference-dangling")
  })
})

describe("comparing with an extract", () => {
  it("speaks only of what is in it", async () => {
    const workshop = new Workshop()
    const { path, project } = await extracted(workshop, { groups: ["color"] })
    await project.change([patch("token/color.blue", { value: "#111" })], ana)
    await project.change([remove("token/color.link"), put("token/new", { value: 1 })], ana)
    const found = (await project.diff(path)).map(({ change, id }) => `${change} ${id}`)
    expect(found).toEqual(["changed color.blue", "added color.link"])
  })
})
