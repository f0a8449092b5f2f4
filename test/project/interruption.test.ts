/**
 * Long calls can be stopped at any point and leave nothing; they tell how far they have come.
 */
import { existsSync, readdirSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { cloneProject } from "../../src/index.ts"
import type { Change, OpenProject, Progress } from "../../src/index.ts"
import { ana, bo, collect, listText, put, Workshop } from "./workshop.ts"

const many = (count: number): ReadonlyArray<Change> =>
  Array.from({ length: count }, (_, index) => put(`token/t${index}`, { value: index }))

const count = 2500
const enough = 10

/** A project, an archive of another one with many events, and a list with as many things. */
const laden = async (workshop: Workshop) => {
  const source = await workshop.project("source")
  await source.changeEach(many(count), ana)
  const archive = workshop.at("source.lamplog")
  await source.exportProject(archive)
  const things = Object.fromEntries(many(count).map(({ id, fields }) => [`token/${id}`, fields!]))
  return { source, archive, list: workshop.file("list.json", listText(things)) }
}

interface Followed {
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

/** Stops a call at its k-th report; gives the reason it ended with, or none. */
const stoppedAt = async (k: number, run: (call: Followed) => Promise<unknown>) => {
  const controller = new AbortController()
  let reports = 0
  const onProgress = (): void => {
    if (++reports === k) controller.abort(new Error(`stopped at ${k}`))
  }
  return run({ signal: controller.signal, onProgress }).then(
    () => "done",
    (error: unknown) => (error as Error).message,
  )
}

const calls: ReadonlyArray<
  readonly [
    name: string,
    run: (
      project: OpenProject,
      files: { archive: string; list: string },
      call: Followed,
    ) => Promise<unknown>,
  ]
> = [
  [
    "importing an archive's values",
    (p, { archive }, call) => p.importProject([archive], { ...bo, ...call }),
  ],
  ["importing foreign files", (p, { list }, call) => p.importProject([list], { ...bo, ...call })],
  ["one change of many entities", (p, _files, call) => p.change(many(count), { ...bo, ...call })],
  ["analysing an import", (p, { list }, call) => p.analyzeImport([list], { ...bo, ...call })],
  ["comparing", (p, { archive }, call) => p.diff(archive, call)],
]

describe.each(calls)("%s", (_name, run) => {
  it("can be stopped at any report, and then nothing was changed", async () => {
    const workshop = new Workshop()
    const files = await laden(workshop)
    const project = await workshop.project("target")
    await project.change([put("token/own", { value: 1 })], bo)
    const before = await workshop.traceOf(project, "target")
    for (let k = 1; k <= enough; k++) {
      const end = await stoppedAt(k, (call) => run(project, files, call))
      if (end === "done") {
        expect(k, "at least one report before the end").toBeGreaterThan(1)
        break
      }
      expect(end).toBe(`stopped at ${k}`)
      expect(await workshop.traceOf(project, "target")).toEqual(before)
    }
  })

  it("reports in order, never more than the total", async () => {
    const workshop = new Workshop()
    const files = await laden(workshop)
    const project = await workshop.project("target")
    const reports: Array<Progress> = []
    const { signal } = new AbortController()
    await run(project, files, { signal, onProgress: (progress) => reports.push(progress) })
    expect(reports.length).toBeGreaterThan(2)
    const last = new Map<string, number>()
    for (const { stage, done, total } of reports) {
      expect(done).toBeLessThanOrEqual(total ?? Infinity)
      expect(done).toBeGreaterThanOrEqual(last.get(stage) ?? 0)
      last.set(stage, done)
    }
  })
})

describe("merging a long history", () => {
  it("can be stopped at any report, goes on as if nothing had been, and then succeeds", async () => {
    const workshop = new Workshop()
    const source = await workshop.project("source")
    const clone = await workshop.replicaOf(source)
    await source.changeEach(many(count), ana)
    const path = workshop.at("long.lamplog")
    await source.exportProject(path)
    for (let k = 1; k <= 3; k++) {
      expect(await stoppedAt(k, (call) => clone.mergeProject(path, call))).toBe(`stopped at ${k}`)
      expect(await clone.status()).toMatchObject({ events: 0, entities: {} })
    }
    expect(await clone.mergeProject(path)).toMatchObject({ events: count, newItemsCount: count })
    expect((await clone.status()).digest).toBe((await source.status()).digest)
  })
})

describe("changes each of their own", () => {
  it("stay as far as they were committed when they are stopped", async () => {
    const project = await new Workshop().project()
    const end = await stoppedAt(2, (call) => project.changeEach(many(5000), { ...ana, ...call }))
    expect(end).toBe("stopped at 2")
    expect((await project.status()).events).toBe(2000)
  })
})

describe("cloning a long history", () => {
  it("leaves no folder behind when it is stopped", async () => {
    const workshop = new Workshop()
    const { archive } = await laden(workshop)
    const directory = workshop.at("clone")
    const end = await stoppedAt(2, (call) =>
      cloneProject(archive, { ...workshop.options, directory }, call),
    )
    expect(end).toBe("stopped at 2")
    expect(existsSync(directory)).toBe(false)
  })
})

describe("exporting a long history", () => {
  it("leaves no file behind when it is stopped", async () => {
    const workshop = new Workshop()
    const { source } = await laden(workshop)
    const before = readdirSync(workshop.folder).sort()
    const end = await stoppedAt(2, (call) => source.exportProject(workshop.at("out.lamplog"), call))
    expect(end).toBe("stopped at 2")
    expect(readdirSync(workshop.folder).sort()).toEqual(before)
  })
})

describe("a call that is aborted before it begins", () => {
  it("does nothing and rejects with the reason", async () => {
    const project = await new Workshop().project()
    const reason = new Error("never mind")
    const signal = AbortSignal.abort(reason)
    await expect(project.change([put("token/a", { value: 1 })], { ...ana, signal })).rejects.toBe(
      reason,
    )
    expect((await project.status()).events).toBe(0)
    await expect(collect(project.list({}, { signal }))).rejects.toBe(reason)
    const directory = new Workshop().at("never")
    const cloning = cloneProject("none.lamplog", { directory }, { signal })
    await expect(cloning).rejects.toBe(reason)
  })
})
