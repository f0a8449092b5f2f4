/**
 * One program through both doors, promises and Effect: the same answers, the same refusals.
 */
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as doors from "../../src/effect.ts"
import * as lamplog from "../../src/index.ts"
import type { Change, LamplogError, Progress } from "../../src/index.ts"
import { layerTemporary, temporaryProject } from "../../src/testing/index.ts"
import { ana, collect, listText, lists, makeFolder, patch, put } from "../project/workshop.ts"

const seeded = () => {
  const folder = makeFolder()
  const options = {
    directory: join(folder, "a"),
    stateDirectory: join(folder, "state"),
    formats: [lists],
    clock: () => 0,
  }
  return { folder, options, at: (name: string) => join(folder, name) }
}

const changes: ReadonlyArray<Change> = [
  put("token/a", { value: 1 }),
  put("token/b", { value: "{a}" }),
]

/** What differs from run to run: keys, and how long things took. */
const same = (value: unknown, secrets: ReadonlyArray<string>): unknown =>
  JSON.parse(
    secrets
      .reduce((text, secret) => text.replaceAll(secret, "…"), JSON.stringify(value) ?? "null")
      .replaceAll(/"durationSeconds":[\d.e-]+/g, '"durationSeconds":0')
      .replaceAll(/"fileSize":\d+/g, '"fileSize":0')
      .replaceAll(/(?<=["/])[a-z2-7]{26}(?=["/])/g, "node")
      .replaceAll(/[0-9a-f]{64}/g, "hash"),
  )

/** A status without names of nodes, whose order is another each time. */
const standing = ({ frontier, ...status }: lamplog.Status) => ({
  ...status,
  heads: Object.values(frontier)
    .map(({ seq }) => seq)
    .sort((left, right) => left - right),
})

type Answers = Record<string, unknown>

const throughPromises = async (): Promise<Answers> => {
  const { at, folder, options } = seeded()
  const project = await lamplog.initProject({ ...options, name: "p" })
  const answers: Answers = {}
  answers.change = await project.change(changes, ana)
  answers.each = await project.changeEach([patch("token/a", { value: 2 })], ana)
  answers.get = await project.get("token", "a")
  answers.list = await collect(project.list())
  answers.log = (await collect(project.log())).map(({ header, body }) => [header.op, body])
  answers.export = await project.exportProject(at("a.lamplog"))
  const clone = await lamplog.cloneProject(at("a.lamplog"), { ...options, directory: at("b") })
  await clone.change([patch("token/a", { value: 3 })], ana)
  await project.change([patch("token/a", { value: 4 })], ana)
  await clone.exportProject(at("b.lamplog"))
  answers.analysis = (await project.analyzeMerge(at("b.lamplog"))).hasConflicts
  answers.merge = (await project.mergeProject(at("b.lamplog"))).conflictsCount
  const [conflict] = await project.conflicts()
  answers.conflict = (await project.conflict(conflict!.id)).field
  answers.resolve = await project.resolve(conflict!.id, { value: 9 }, ana)
  answers.stale = await project
    .resolve(conflict!.id, { value: 9 }, ana)
    .catch((error: LamplogError) => error.code)
  const list = at("list.json")
  writeFileSync(list, listText({ "token/c": { value: 1 } }))
  answers.diff = await project.diff(list)
  answers.wouldImport = await project.analyzeImport([list], ana)
  const reports: Array<Progress> = []
  answers.import = await project.importProject([list], {
    ...ana,
    onProgress: (progress) => reports.push(progress),
  })
  answers.reports = reports
  answers.inspect = (await lamplog.inspectArchive(at("a.lamplog"))).manifest
  answers.archive = await lamplog.verifyArchive(at("a.lamplog"))
  answers.verify = await project.verify()
  answers.status = standing(await project.status())
  await clone.close()
  await project.close()
  rmSync(folder, { recursive: true })
  return same(answers, [folder]) as Answers
}

const throughEffects = async (): Promise<Answers> => {
  const { at, folder, options } = seeded()
  const answers: Answers = {}
  const other = { ...options, directory: at("b") }
  const onClone = Effect.gen(function* () {
    const clone = yield* doors.Project
    yield* clone.change([patch("token/a", { value: 3 })], ana)
    yield* clone.exportProject(at("b.lamplog"))
  })
  const program = Effect.gen(function* () {
    const project = yield* doors.Project
    answers.change = yield* project.change(changes, ana)
    answers.each = yield* project.changeEach(Stream.make(patch("token/a", { value: 2 })), ana)
    answers.get = yield* project.get("token", "a")
    answers.list = yield* Stream.runCollect(project.list())
    const log = yield* Stream.runCollect(project.log())
    answers.log = log.map(({ header, body }) => [header.op, body])
    answers.export = yield* project.exportProject(at("a.lamplog"))
    yield* doors.cloneProject(at("a.lamplog"), at("b"), options)
    yield* Effect.provide(onClone, doors.layerProject(other))
    yield* project.change([patch("token/a", { value: 4 })], ana)
    answers.analysis = (yield* project.analyzeMerge(at("b.lamplog"))).hasConflicts
    answers.merge = (yield* project.mergeProject(at("b.lamplog"))).conflictsCount
    const [conflict] = yield* project.conflicts
    answers.conflict = (yield* project.conflict(conflict!.id)).field
    answers.resolve = yield* project.resolve(conflict!.id, { value: 9 }, ana)
    const stale = yield* Effect.result(project.resolve(conflict!.id, { value: 9 }, ana))
    answers.stale = Result.isFailure(stale) ? stale.failure.code : "none"
    const list = at("list.json")
    writeFileSync(list, listText({ "token/c": { value: 1 } }))
    answers.diff = yield* project.diff(list)
    answers.wouldImport = yield* project.analyzeImport([list], ana)
    const reports: Array<Progress> = []
    answers.import = yield* Effect.provideService(
      project.importProject([list], ana),
      doors.ProgressReporter,
      (progress) => reports.push(progress),
    )
    answers.reports = reports
    answers.inspect = (yield* doors.inspectArchive(at("a.lamplog"))).manifest
    answers.archive = yield* doors.verifyArchive(at("a.lamplog"))
    answers.verify = yield* project.verify
    answers.status = standing(yield* project.status)
  })
  await Effect.runPromise(
    Effect.andThen(
      doors.initProject({ ...options, name: "p" }),
      Effect.provide(program, doors.layerProject(options)),
    ),
  )
  rmSync(folder, { recursive: true })
  return same(answers, [folder]) as Answers
}

describe("both doors", () => {
  it("give the same answers to the same program", async () => {
    const [promises, effects] = [await throughPromises(), await throughEffects()]
    expect(effects).toEqual(promises)
    expect(promises.stale).toBe("conflict-changed")
    expect(promises.reports).not.toEqual([])
  })

  it("have the same calls", async () => {
    const { project, remove } = await temporaryProject()
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(project))
    await remove()
    const keys = await Effect.runPromise(
      Effect.provide(Effect.map(doors.Project, Object.keys), layerTemporary()),
    )
    // One asset is the promise door's short way of adding several.
    const beside = ["constructor", "close", "addAsset"]
    expect(methods.filter((name) => !beside.includes(name)).sort()).toEqual(keys.sort())
  })
})
