/**
 * Dry runs change nothing: every file of the project, and the record outside it, has the same bytes
 * and the same times afterwards, and no file is left.
 */
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import type { MergeAnalysis, MergeSummary } from "../../src/index.ts"
import { dtcg } from "../../adapters/tokens/index.ts"
import { openProject } from "../../src/index.ts"
import { stage } from "./stage.ts"

const { directory, environment, folder, json, path, run } = stage()

interface Trace {
  readonly hash: string
  readonly modified: bigint
}

/** Bytes and times of every file below a folder. */
const traceOf = (below: string): { readonly [file: string]: Trace } =>
  Object.fromEntries(
    readdirSync(below, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [
        file,
        {
          hash: createHash("sha256").update(readFileSync(file)).digest("hex"),
          modified: statSync(file, { bigint: true }).mtimeNs,
        },
      ]),
  )

const everything = () => traceOf(directory)

const tokens = (count: number, value: string): string =>
  JSON.stringify(
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        `t${index}`,
        { $type: "color", $value: value, $description: `token ${index} `.repeat(8) },
      ]),
    ),
  )

const many = 2000

/** What is told, without how long it took. */
const told = ({ stdout }: { readonly stdout: string }): string => stdout

beforeAll(async () => {
  folder("mine")
  folder("other")
  await json(["init", "--name", "Mine"], { in: "mine" })
  await json(["init", "--name", "Other"], { in: "other" })
  writeFileSync(path("start.tokens.json"), tokens(40, "#000000"))
  writeFileSync(path("next.tokens.json"), tokens(many, "#ffffff"))
  await json(["import", "../start.tokens.json"], { in: "mine" })
  await json(["import", "../next.tokens.json"], { in: "other" })
  await json(["export", "../other.lamplog"], { in: "other" })
  await json(["export", "../mine.lamplog"], { in: "mine" })
  await json(["clone", "mine.lamplog", "theirs"])
  await json(["set", "token/t1", "value=#111111"], { in: "mine" })
  await json(["delete", "token/t2"], { in: "mine" })
  await json(["set", "token/t1", "value=#222222"], { in: "theirs" })
  await json(["set", "token/t2", "value=#222222"], { in: "theirs" })
  await json(["import", "../next.tokens.json"], { in: "theirs" })
  await json(["export", "../theirs.lamplog"], { in: "theirs" })
  await json(["export", "../extract.lamplog", "--type", "token", "--where", "type=color"], {
    in: "theirs",
  })
})

const dryRuns: ReadonlyArray<readonly [what: string, argv: ReadonlyArray<string>]> = [
  ["importing token files", ["import", "../next.tokens.json"]],
  ["importing token files and pruning", ["import", "../next.tokens.json", "--prune"]],
  ["importing an archive of this project", ["import", "../theirs.lamplog"]],
  ["going back to an archive", ["import", "../mine.lamplog", "--strategy", "replace"]],
  ["importing another project's values", ["import", "../other.lamplog"]],
  ["importing an extract", ["import", "../extract.lamplog"]],
  ["merging", ["merge", "../theirs.lamplog"]],
  ["merging by one side", ["merge", "../theirs.lamplog", "--strategy", "keep-local"]],
  ["merging by the other", ["merge", "../theirs.lamplog", "--strategy", "keep-imported"]],
  ["importing what is no archive", ["import", "../mine/.lamplog/project.db"]],
]

describe("a dry run", () => {
  for (const [what, argv] of dryRuns) {
    it(`leaves no trace: ${what}`, async () => {
      const before = everything()
      const first = await run([...argv, "--dry-run", "--json"], { in: "mine" })
      expect(everything()).toEqual(before)
      const again = await run([...argv, "--dry-run", "--json"], { in: "mine" })
      expect(told(again)).toBe(told(first))
    })
  }

  it("leaves no trace, whatever stops it", async () => {
    const before = everything()
    const controller = new AbortController()
    setImmediate(() => setImmediate(() => controller.abort()))
    const argv = ["merge", "../theirs.lamplog", "--strategy", "keep-local", "--dry-run"]
    await run(argv, { in: "mine", signal: controller.signal })
    expect(everything()).toEqual(before)
  })

  it("leaves the database alone while somebody else has the project open", async () => {
    const open = await openProject({
      directory: path("mine"),
      stateDirectory: environment.LAMPLOG_STATE_DIR!,
    })
    try {
      // These come and go with whoever has the database open.
      const settled = () =>
        Object.entries(everything()).filter(([file]) => !/-(wal|shm)$|open-\d+\.json$/.test(file))
      await open.status()
      const before = settled()
      await json(["merge", "../theirs.lamplog", "--dry-run"], { in: "mine" })
      await json(["import", "../next.tokens.json", "--dry-run"], { in: "mine" })
      expect(settled()).toEqual(before)
    } finally {
      await open.close()
    }
  })

  it("leaves no trace of more than SQLite keeps in memory", async () => {
    const value = "x".repeat(900_000)
    const large = path("large.tokens.json")
    const entries = Array.from({ length: 24 }, (_, index) => [`large${index}`, { $value: value }])
    writeFileSync(large, JSON.stringify(Object.fromEntries(entries)))
    const before = everything()
    const project = await openProject({
      directory: path("mine"),
      stateDirectory: environment.LAMPLOG_STATE_DIR!,
      formats: [dtcg],
    })
    let spilledBytes = 0
    const wal = path("mine/.lamplog/project.db-wal")
    const analysis = await project.analyzeImport([large], {
      actor: "ana",
      prune: true,
      onProgress: () => {
        spilledBytes = Math.max(spilledBytes, existsSync(wal) ? statSync(wal).size : 0)
      },
    })
    expect(analysis).toMatchObject({ isValid: true, itemCounts: { token: 24 } })
    await project.close()
    expect(everything()).toEqual(before)
    expect(spilledBytes).toBeGreaterThan(10_000_000)
  })

  it("of a clone makes nothing, and tells what it would make", async () => {
    const before = everything()
    const analysis = await json<Record<string, unknown>>([
      "clone",
      "theirs.lamplog",
      "new",
      "--dry-run",
    ])
    expect(analysis).toMatchObject({
      projectName: "Mine",
      itemCounts: { token: many },
      conflictsCount: 0,
      signature: { status: "unsigned" },
      warnings: [],
    })
    expect(everything()).toEqual(before)
    expect(existsSync(path("new"))).toBe(false)
    const { status } = await run(["clone", "theirs.lamplog", "mine", "--dry-run"])
    expect(status).toBe(1)
  })
})

describe("what a dry run tells", () => {
  for (const strategy of ["lamport", "keep-local", "keep-imported"]) {
    it(`is what then happens: ${strategy}`, async () => {
      const name = `copy-${strategy}`
      await json(["clone", "mine.lamplog", name])
      await json(["set", "token/t1", "value=#111111"], { in: name })
      await json(["delete", "token/t2"], { in: name })
      const argv = ["merge", "../theirs.lamplog", "--strategy", strategy]
      const analysis = await json<MergeAnalysis>([...argv, "--dry-run"], { in: name })
      const summary = await json<MergeSummary>(argv, { in: name })
      expect(summary).toMatchObject({
        newItemsCount: analysis.newItems.length,
        updatedItemsCount: analysis.updatedItems.length,
        deletedItemsCount: analysis.deletedItems.length,
        events: analysis.events,
        resolvedConflicts: analysis.resolvedConflicts,
      })
      const open = await json<ReadonlyArray<{ readonly id: string }>>(["conflicts"], { in: name })
      expect(analysis.conflictedItems).toHaveLength(2)
      expect(open.map(({ id }) => id).sort()).toEqual(
        analysis.conflictedItems
          .filter(({ outcome }) => outcome === "open")
          .map(({ id }) => id)
          .sort(),
      )
    })
  }
})
