/**
 * A call that is stopped has either done nothing or is done, and its end says which: stopped at the
 * last chance it leaves nothing, stopped right after it ends as if nobody had stopped it.
 */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import type { LamplogError } from "../../src/event/failure.ts"
import { restoreProject } from "../../src/project/backup.ts"
import { cloneProject } from "../../src/project/clone.ts"
import { LastChance, Stoppable } from "../../src/project/last-chance.ts"
import { Project } from "../../src/project/project.ts"
import { layerProject } from "../../src/project/service.ts"
import type { ForeignFormat } from "../../src/project/format.ts"
import { ana, bo, put, Workshop } from "./workshop.ts"

type Service = (typeof Project)["Service"]

/** A format that is written only. */
const values: ForeignFormat = {
  name: "values",
  detect: () => false,
  read: () => ({ format: "values", problems: [], scope: [], entities: [] }),
  write: (entities) => JSON.stringify(entities),
}

/** Files and folders that a call works on. */
interface Files {
  readonly archive: string
  readonly backup: string
  readonly out: string
  readonly options: Workshop["options"]
}

const on =
  (run: (project: Service, files: Files) => Effect.Effect<unknown, LamplogError>) =>
  (files: Files, directory: string): Effect.Effect<unknown, LamplogError> =>
    Effect.provide(
      Effect.flatMap(Project, (project) => run(project, files)),
      layerProject({ ...files.options, directory }),
    )

const calls: ReadonlyArray<
  readonly [
    name: string,
    run: (files: Files, directory: string) => Effect.Effect<unknown, LamplogError>,
  ]
> = [
  ["a change", on((project) => project.change([put("token/new", { value: 1 })], bo))],
  ["an import", on((project, { archive }) => project.importProject([archive], bo))],
  ["a merge", on((project, { archive }) => project.mergeProject(archive))],
  ["a restoring", on((project, { backup }) => project.restoreBackup(backup))],
  ["an export", on((project, { out }) => project.exportProject(out))],
  [
    "an export of values",
    on((project, { out }) => project.exportProject(out, { format: "values" })),
  ],
  ["a backup", on((project, { out }) => project.backupProject({ path: out }))],
  ["a clone", ({ archive, options, out }) => cloneProject(archive, out, options)],
  ["a clone from a backup", ({ backup, options, out }) => restoreProject(backup, out, options)],
]

/** Stops a call right before or right after its last chance; whether it came to its end, and did. */
const stopped = async (
  when: "before" | "after",
  run: (files: Files, directory: string) => Effect.Effect<unknown, LamplogError>,
) => {
  const workshop = new Workshop()
  const { options } = workshop
  const source = await workshop.project("source")
  const target = await workshop.replicaOf(source, "target")
  await source.change([put("token/a", { value: 1 })], ana)
  const files = {
    options: { ...options, formats: [values] },
    archive: workshop.at("source.lamplog"),
    backup: workshop.at("source.backup"),
    out: workshop.at("out"),
  }
  await source.exportProject(files.archive)
  await source.backupProject({ path: files.backup })
  await target.close()
  const controller = new AbortController()
  const stoppable = new Stoppable(controller.signal)
  let asked = 0
  const ask = (): void => {
    asked += 1
    if (when === "before") controller.abort(new Error("stopped"))
    stoppable.ask()
    controller.abort(new Error("too late"))
  }
  const call = Effect.provideService(run(files, workshop.at("target")), LastChance, ask)
  const exit = await Effect.runPromiseExit(call, { signal: stoppable.signal })
  const status = on((project) => project.status)(files, workshop.at("target"))
  const { events } = (await Effect.runPromise(status)) as { readonly events: number }
  return { ended: Exit.isSuccess(exit), did: events > 0 || existsSync(files.out), asked }
}

describe.each(calls)("%s", (_name, run) => {
  it("that is stopped before it is done leaves nothing, and says that it was stopped", async () => {
    expect(await stopped("before", run)).toEqual({ ended: false, did: false, asked: 1 })
  })

  it("that is stopped when it can no longer be taken back ends as ever", async () => {
    expect(await stopped("after", run)).toEqual({ ended: true, did: true, asked: 1 })
  })
})
