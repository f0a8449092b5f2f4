/**
 * Old exports taken into a project: from a zip as Python writes it, a folder, or file by file.
 *
 * The zips are golden files; `make.py` says what is in them.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { ZipFile } from "yazl"
import { dss } from "../../../adapters/dss/index.ts"
import { dtcg } from "../../../adapters/tokens/index.ts"
import type { LogEntry } from "../../../src/index.ts"
import { ana, bo, codeOf, collect, patch, Workshop } from "../../project/workshop.ts"

const golden = (name: string): string => join(import.meta.dirname, "../../golden", name)
const deflated = golden("old-deflated.dss")
const stored = golden("old-stored.dss")

/** In the order in which they were changed last; twice two of them at once. */
const inOrder = [
  "token/7",
  "token/link",
  "component/button",
  "style/primary",
  "token/brand",
  "theme/dark",
]

const formats = [dss, dtcg]

const namesOf = (log: ReadonlyArray<LogEntry>) =>
  log.map(({ header }) => `${header.type}/${header.id}`)

/** A zip of these members, in this order. */
const zipped = async (workshop: Workshop, name: string, members: Record<string, string>) => {
  const zip = new ZipFile()
  for (const [path, text] of Object.entries(members)) zip.addBuffer(Buffer.from(text), path)
  zip.end()
  const chunks: Array<Buffer> = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  const path = workshop.at(name)
  writeFileSync(path, Buffer.concat(chunks))
  return path
}

const item = (id: string, time: string) => ({ id, value: 1, created_at: time })
const members = {
  "manifest.json": JSON.stringify({ schemaVersion: 1 }),
  "tokens.json": JSON.stringify([item("b", "2023-01-02"), item("a", "2023-01-03")]),
}

describe("an old export", () => {
  it("becomes events of their own, their lamports in the order of the items' times", async () => {
    for (const path of [deflated, stored]) {
      const workshop = new Workshop()
      const project = await workshop.project("a", { formats })
      const summary = await project.importProject([path], ana)
      expect(summary).toMatchObject({
        success: true,
        events: 6,
        itemCounts: { component: 1, style: 1, theme: 1, token: 3 },
        migrationPerformed: true,
        warnings: [],
      })
      const log = await collect(project.log())
      expect(namesOf(log)).toEqual(inOrder)
      const lamports = log.map(({ lamport }) => lamport)
      expect(lamports).toEqual(lamports.map((_, index) => lamports[0]! + index))
      expect(log.every(({ body }) => body.reason === `import of ${path.split("/").at(-1)}`)).toBe(
        true,
      )
    }
  })

  it("writes nothing when it is imported again, whatever it is packed in", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats })
    await project.importProject([deflated], ana)
    const before = await project.status()
    for (const path of [deflated, stored]) {
      expect(await project.importProject([path], bo)).toMatchObject({
        events: 0,
        migrationPerformed: true,
      })
      expect(await project.diff(path)).toEqual([])
    }
    expect(await project.status()).toEqual(before)
  })

  it("may be a folder, or files named one by one", async () => {
    const workshop = new Workshop()
    const files = Object.entries(members).map(([name, text]) => workshop.file(`old/${name}`, text))
    const project = await workshop.project("a", { formats })
    expect((await project.importProject([workshop.at("old")], ana)).events).toBe(2)
    expect((await project.importProject(files, ana)).events).toBe(0)
    expect((await project.importProject(files, { ...ana, format: "dss" })).events).toBe(0)
    expect(namesOf(await collect(project.log()))).toEqual(["token/b", "token/a"])
  })

  it("goes on above what is there, and writes only what differs", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats })
    await project.importProject([deflated], ana)
    await project.change([patch("token/brand", { value: "#000000" })], bo)
    const { lamport } = await project.status()
    expect((await project.importProject([deflated], ana)).events).toBe(1)
    const last = (await collect(project.log())).at(-1)!
    expect(last).toMatchObject({ lamport: lamport + 1, body: { fields: { value: "#0044ff" } } })
    expect(last.header.id).toBe("brand")
  })

  it("deletes with --prune only what such an export holds", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats })
    await project.change([patch("token/extra", { value: 1 }), patch("asset/x", { bytes: 1 })], bo)
    const path = await zipped(workshop, "old.zip", members)
    await project.importProject([path], { ...ana, prune: true })
    const names = (await collect(project.list())).map(({ type, id }) => `${type}/${id}`)
    expect(names).toEqual(["asset/x", "token/a", "token/b"])
  })

  it("is told apart by an analysis, which names its version and changes nothing", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats })
    const before = await workshop.traceOf(project)
    expect(await project.analyzeImport([deflated], ana)).toMatchObject({
      isValid: true,
      events: 6,
      schemaVersion: 1,
    })
    expect(await workshop.traceOf(project)).toEqual(before)
  })
})

describe("an export that is damaged", () => {
  const broken: ReadonlyArray<readonly [code: string, Record<string, string>]> = [
    ["duplicate-key", { ...members, "themes.json": '[{"id":"a","id":"b"}]' }],
    ["item-without-id", { ...members, "styles.json": "[{}]" }],
    ["item-twice", { ...members, "styles.json": '[{"id":1},{"id":"1"}]' }],
    ["not-json", { ...members, "components.json": "[" }],
    ["too-deep", { ...members, "components.json": "[".repeat(1_000_000) }],
    ["export-hash", { ...members, "manifest.json": '{"schemaVersion":1,"exportHash":"00"}' }],
    ["items-missing", { "manifest.json": members["manifest.json"] }],
    ["file-twice", { ...members, "copy/tokens.json": "[]" }],
  ]
  for (const [code, content] of broken) {
    it(`is refused whole: ${code}`, async () => {
      const workshop = new Workshop()
      const project = await workshop.project("a", { formats })
      const path = await zipped(workshop, "old.dss", content)
      const before = await workshop.traceOf(project)
      const analysis = await project.analyzeImport([path], ana)
      expect(analysis).toMatchObject({ isValid: false, errors: [{ code }] })
      expect(analysis.errors[0]!.where).toContain("old.dss/")
      expect(await codeOf(project.importProject([path], ana))).toBe(code)
      expect(await workshop.traceOf(project)).toEqual(before)
    })
  }

  it("is refused where its bytes are not what the zip says", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats })
    const bytes = readFileSync(stored)
    bytes.write("#ffffff", bytes.indexOf("#0044ff"))
    const path = workshop.at("damaged.dss")
    writeFileSync(path, bytes)
    const before = await workshop.traceOf(project)
    for (const format of ["auto", "dss"]) {
      const error = await project
        .importProject([path], { ...ana, format })
        .catch((one: unknown) => one)
      expect(error).toMatchObject({ stage: "archive", code: "member-damaged" })
    }
    expect(await workshop.traceOf(project)).toEqual(before)
  })
})

describe("a zip that is no export", () => {
  it("is refused as what is no archive, whatever lies in it", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats })
    for (const content of [
      { "hello.txt": "hello" },
      { "tokens/base.json": '{"a":{"$value":1}}' },
      { "package.json": "{}" },
      { "broken.json": "{" },
    ]) {
      const path = await zipped(workshop, "unknown.zip", content as Record<string, string>)
      expect(await codeOf(project.importProject([path], ana))).toBe("not-an-archive")
    }
  })

  it("is an archive of this program where its manifest says so", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats })
    await project.change([patch("token/a", { value: 1 })], bo)
    const path = workshop.at("own.zip")
    await project.exportProject(path)
    expect(await project.importProject([path], ana)).toMatchObject({
      events: 0,
      migrationPerformed: false,
    })
    expect(await codeOf(project.importProject([path], { ...ana, format: "dss" }))).toBe(
      "manifest-invalid",
    )
  })
})
