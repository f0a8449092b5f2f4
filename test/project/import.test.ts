/**
 * Importing foreign files: the smallest events, what is deleted, what is refused, what is only told.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { dtcg } from "../../adapters/tokens/index.ts"
import { openProject } from "../../src/index.ts"
import { ana, bo, codeOf, collect, listText, patch, put, Workshop } from "./workshop.ts"

const twoTokens = { "token/blue": { value: "#00f" }, "token/red": { value: "#f00" } }

describe("importing foreign files", () => {
  it("writes one event for each entity, as one atomic change with a reason", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const summary = await project.importProject([workshop.file("a.json", listText(twoTokens))], ana)
    expect(summary).toMatchObject({ success: true, events: 2, itemCounts: { token: 2 } })
    const log = await collect(project.log())
    expect(log.map(({ lamport, body }) => [lamport, body.actor, body.reason])).toEqual([
      [1, "ana", "import of a.json"],
      [1, "ana", "import of a.json"],
    ])
  })

  it("writes nothing for a file that says what is there already", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.file("a.json", listText(twoTokens))
    await project.importProject([path], ana)
    expect(await project.importProject([path], ana)).toMatchObject({ events: 0 })
  })

  it("writes only the fields, keys and elements that differ", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const before = {
      value: 1,
      modes: { dark: { value: 2 }, light: { value: 3 } },
      tags: ["x", "y"],
    }
    const after = { modes: { dark: { value: 9 }, wide: { value: 4 } }, tags: ["y", "z"] }
    await project.change([put("token/blue", before), put("token/red", { value: 1 })], ana)
    const path = workshop.file(
      "a.json",
      listText({ "token/blue": after, "token/red": { value: 1 } }),
    )
    expect(await project.importProject([path], ana)).toMatchObject({ events: 1 })
    const [last] = await collect(project.log({ reverse: true }))
    expect(last?.header.op).toBe("patch")
    expect(last?.body.unset).toEqual(["value"])
    expect(last?.body.fields).toEqual({
      modes: { remove: ["light"], set: { dark: { value: 9 }, wide: { value: 4 } } },
      tags: { add: ["z"], remove: ["x"] },
    })
    expect((await project.get("token", "blue"))?.fields).toEqual(after)
  })

  it("keeps what the files do not name, unless they are to be pruned", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change(
      [put("token/old", { value: 1 }), put("component/button", { name: "Button" })],
      ana,
    )
    const path = workshop.file("a.json", listText(twoTokens))
    await project.importProject([path], ana)
    expect((await project.status()).entities).toEqual({ component: 1, token: 3 })
    expect(await project.importProject([path], { ...ana, prune: true })).toMatchObject({
      events: 1,
    })
    expect((await project.status()).entities).toEqual({ component: 1, token: 2 })
    expect((await project.get("token", "old"))?.deleted).toBe(true)
  })

  it("replaces the types that the files speak for, and no others", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change(
      [put("token/old", { value: 1 }), put("component/button", { name: "Button" })],
      ana,
    )
    const path = workshop.file("a.json", listText(twoTokens))
    await project.importProject([path], { ...ana, strategy: "replace" })
    expect((await project.status()).entities).toEqual({ component: 1, token: 2 })
  })

  it("takes all files of one format together, and a folder for the files in it", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    workshop.file("set/b.json", listText({ "token/b": { value: 1 } }))
    workshop.file("set/deep/a.json", listText({ "token/a": { value: 1 } }))
    workshop.file("set/package.json", "{}")
    workshop.file("set/node_modules/c.json", listText({ "token/c": { value: 1 } }))
    const summary = await project.importProject([workshop.at("set")], ana)
    expect(summary.itemCounts).toEqual({ token: 2 })
    expect(summary.warnings.map(({ code, where }) => [code, where])).toEqual([
      ["file-left-out", workshop.at("set/package.json")],
    ])
    expect((await project.status()).lamport).toBe(1)
  })
})

describe("importing what cannot be taken", () => {
  it("refuses a file in no known format by its name, and changes nothing", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.file("notes.json", '{"a":1}')
    const failure = await project.importProject([path], ana).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: "format-undetected", stage: "schema", where: path })
    expect((await project.status()).events).toBe(0)
  })

  it("lets the one known format say why it refuses a file named beside its own", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const paths = [workshop.file("a.json", listText(twoTokens)), workshop.file("b.json", "{}")]
    const failure = await project.importProject(paths, ana).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: "not-a-list", remedy: "Give a list.", stage: "schema" })
  })

  it.each([
    ["a missing file", "file-missing", (workshop: Workshop) => [workshop.at("none.json")]],
    ["no file", "nothing-named", () => []],
    [
      "bytes that are no text",
      "not-text",
      (workshop: Workshop) => {
        writeFileSync(workshop.at("x.json"), Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))
        return [workshop.at("x.json")]
      },
    ],
    [
      "a folder without files",
      "folder-empty",
      (workshop: Workshop) => {
        mkdirSync(workshop.at("empty"))
        return [workshop.at("empty")]
      },
    ],
    ["what is no file at all", "not-a-file", () => ["/dev/null"]],
    [
      "an entity of an unknown type",
      "type-unknown",
      (workshop: Workshop) => [workshop.file("a.json", listText({ "planet/mars": { value: 1 } }))],
    ],
    [
      "a list where a map belongs",
      "not-a-map",
      (workshop: Workshop) => [workshop.file("a.json", listText({ "token/a": { modes: [1] } }))],
    ],
    [
      "a key that is not allowed",
      "key-forbidden",
      (workshop: Workshop) => [
        workshop.file(
          "a.json",
          '{"list":"of things","types":[],"things":{"token/a":{"__proto__":1}}}',
        ),
      ],
    ],
  ])("refuses %s as %s", async (_what, code, paths) => {
    const workshop = new Workshop()
    const project = await workshop.project()
    expect(await codeOf(project.importProject(paths(workshop), ana))).toBe(code)
    expect((await project.status()).events).toBe(0)
  })

  it("refuses an unknown format with those that are known", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.file("a.json", listText(twoTokens))
    const failure = await project
      .importProject([path], { ...ana, format: "scss" })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: "format-unknown",
      remedy: "Use one of auto, lamplog, list.",
    })
  })
})

describe("importing where people disagree", () => {
  /** Two replicas changed one token apart and met; `blue` is contested in the one given. */
  const contested = async (workshop: Workshop) => {
    const project = await workshop.project()
    await project.change([put("token/blue", { value: 1, modes: { dark: { value: 1 } } })], ana)
    const other = await workshop.replicaOf(project)
    await other.change([patch("token/blue", { value: 2, "modes/dark": { value: 2 } })], bo)
    await project.change([patch("token/blue", { value: 3, "modes/dark": { value: 3 } })], ana)
    await workshop.carry(other, project)
    const state = (await project.get("token", "blue"))!
    expect(state.conflicts.map(({ field }) => field)).toEqual(["modes/dark", "value"])
    return { project, fields: state.fields, ids: state.conflicts.map(({ id }) => id).sort() }
  }

  it("leaves a conflict open where a merged file says what is there", async () => {
    const workshop = new Workshop()
    const { project, fields } = await contested(workshop)
    const path = workshop.file("a.json", listText({ "token/blue": fields }))
    const summary = await project.importProject([path], ana)
    expect(summary).toMatchObject({ events: 0, settledConflicts: [] })
    expect(await project.conflicts()).toHaveLength(2)
  })

  it("settles a conflict where a merged file says something else, and lists it", async () => {
    const workshop = new Workshop()
    const { project, fields } = await contested(workshop)
    const path = workshop.file("a.json", listText({ "token/blue": { ...fields, value: 9 } }))
    const summary = await project.importProject([path], ana)
    expect(summary.settledConflicts).toHaveLength(1)
    expect((await project.conflicts()).map(({ field }) => field)).toEqual(["modes/dark"])
  })

  it("settles every conflict that a replacing file has a value for, and lists them", async () => {
    const workshop = new Workshop()
    const { project, fields, ids } = await contested(workshop)
    const path = workshop.file("a.json", listText({ "token/blue": fields }))
    const summary = await project.importProject([path], { ...ana, strategy: "replace" })
    expect(summary.events).toBe(1)
    expect([...summary.settledConflicts].sort()).toEqual(ids)
    expect(await project.conflicts()).toEqual([])
    expect((await project.get("token", "blue"))?.fields).toEqual(fields)
  })

  it("settles a replacing file's doubt whether an entity exists: it does", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/blue", { value: 1 })], ana)
    const other = await workshop.replicaOf(project)
    await other.change([{ op: "delete", type: "token", id: "blue" }], bo)
    await project.change([patch("token/blue", { value: 2 })], ana)
    await workshop.carry(other, project)
    expect((await project.conflicts()).map(({ kind }) => kind)).toEqual(["delete-edit"])
    const path = workshop.file("a.json", listText({ "token/blue": { value: 2 } }))
    const summary = await project.importProject([path], { ...ana, strategy: "replace" })
    expect(summary).toMatchObject({ events: 1 })
    expect(summary.settledConflicts).toHaveLength(1)
    expect(await project.conflicts()).toEqual([])
  })
})

describe("references into nothing", () => {
  const dangling = listText({ "token/a": { value: "{nowhere}" }, "token/b": { value: "{a}" } })

  it("are warnings of a merging import", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const summary = await project.importProject([workshop.file("a.json", dangling)], ana)
    expect(summary.warnings).toMatchObject([
      { stage: "referential", code: "reference-dangling", where: "token/a value" },
    ])
    expect(summary.events).toBe(2)
  })

  it("refuse a replacing import as a whole", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const paths = [workshop.file("a.json", dangling)]
    const replacing = { ...ana, strategy: "replace" as const }
    expect(await codeOf(project.importProject(paths, replacing))).toBe("reference-dangling")
    expect((await project.status()).events).toBe(0)
    const analysis = await project.analyzeImport(paths, replacing)
    expect(analysis).toMatchObject({ isValid: false, errors: [{ where: "token/a value" }] })
  })

  it("are warnings of a replacing import that allows them", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const paths = [workshop.file("a.json", dangling)]
    const allowing = { ...ana, strategy: "replace" as const, allowDangling: true }
    const warnings = [{ code: "reference-dangling", where: "token/a value" }]
    const analysis = await project.analyzeImport(paths, allowing)
    expect(analysis).toMatchObject({ isValid: true, errors: [], warnings })
    expect(await project.importProject(paths, allowing)).toMatchObject({ events: 2, warnings })
  })

  it("are found where pruning takes away what others point at", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change(
      [put("token/old", { value: 1 }), put("component/button", { tokens: ["old"] })],
      ana,
    )
    const path = workshop.file("a.json", listText(twoTokens))
    const summary = await project.importProject([path], { ...ana, prune: true })
    expect(summary.warnings).toMatchObject([
      { message: "component/button points at token/old, which is deleted." },
    ])
  })
})

describe("an analysis of an import", () => {
  it("tells what the import then does, and changes nothing", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/blue", { value: 1 }), put("token/x", { value: 1 })], ana)
    const before = await workshop.traceOf(project)
    const paths = [workshop.file("a.json", listText(twoTokens))]
    const options = { ...ana, prune: true }
    const analysis = await project.analyzeImport(paths, options)
    expect(await workshop.traceOf(project)).toEqual(before)
    const summary = await project.importProject(paths, options)
    expect(analysis).toEqual({
      isValid: true,
      errors: [],
      warnings: [],
      itemCounts: summary.itemCounts,
      schemaVersion: 1,
      events: summary.events,
    })
    expect(summary.events).toBe(3)
  })

  it("does not take on the new identity that a copied project is about to write under", async () => {
    const workshop = new Workshop()
    const original = await workshop.project("original")
    await original.change([put("token/blue", { value: 1 })], ana)
    await original.close()
    cpSync(workshop.at("original"), workshop.at("a"), { recursive: true })
    const copy = await openProject({ ...workshop.options, directory: workshop.at("a") })
    const before = await workshop.traceOf(copy)
    expect(before.status.fence).toBe("copied")
    const paths = [workshop.file("a.json", listText(twoTokens))]
    expect(await copy.analyzeImport(paths, ana)).toMatchObject({ isValid: true, events: 2 })
    expect(await workshop.traceOf(copy)).toEqual(before)
    await copy.importProject(paths, ana)
    const after = await copy.status()
    expect(after.node).not.toBe(before.status.node)
    expect(after.continues).toMatchObject({ node: before.status.node, seq: 1, reason: "copied" })
    await copy.close()
  })

  it("answers with the reason when a file cannot be taken", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.file("notes.json", '{"a":1}')
    expect(await project.analyzeImport([path], ana)).toMatchObject({
      isValid: false,
      errors: [{ stage: "schema", code: "format-undetected", where: path }],
      events: 0,
    })
  })

  it("says before anything is read whether the import should run in the background", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.file("a.json", listText(twoTokens))
    const within = async (timeBudgetSeconds: number) =>
      (await project.importProject([path], { ...ana, timeBudgetSeconds })).requiresBackgroundJob
    expect(await within(30)).toBe(false)
    expect(await within(1e-9)).toBe(true)
  })
})

describe("token files through the whole engine", () => {
  it("come out as one file from which the same state is made", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats: [dtcg] })
    const tokens = {
      color: { $type: "color", blue: { $value: "#00f" }, link: { $value: "{color.blue}" } },
    }
    await project.importProject([workshop.file("a.tokens.json", JSON.stringify(tokens))], ana)
    const out = workshop.at("out.json")
    await project.exportProject(out, { format: "dtcg" })
    const again = await workshop.project("b", { formats: [dtcg] })
    await again.importProject([out], { ...bo, strategy: "replace" })
    expect((await again.status()).digest).toBe((await project.status()).digest)
    expect(await project.importProject([out], ana)).toMatchObject({ events: 0 })
    expect(await project.diff(out)).toEqual([])
  })
})
