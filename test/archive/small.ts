/**
 * The archives that `test/golden/small*.lamplog` hold, made anew from fixed keys, ids and times: a
 * complete one, an extract of the same state, and what came last in it as an incremental one.
 *
 * As a program (`node test/archive/small.ts`) it writes the golden files. That is for a new format
 * version only: bytes that were published never change.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { writeArchive } from "../../src/archive/write.ts"
import type { WriteArchiveOptions } from "../../src/archive/write.ts"
import { Author } from "../../src/store/author.ts"
import { openConflicts } from "../../src/store/query.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import type { Replica } from "../../src/store/replica.ts"
import { ForgedLog, receive } from "../log/forge.ts"
import { Stage, taken } from "./stage.ts"

const goldenFolder = join(import.meta.dirname, "..", "golden")
export const goldenPath = join(goldenFolder, "small.lamplog")
export const goldenExtractPath = join(goldenFolder, "small-extract.lamplog")
export const goldenLaterPath = join(goldenFolder, "small-later.lamplog")

/** A schema of its own, so that the design system may grow. */
export const goldenSchemas = (): SchemaRegistry =>
  new SchemaRegistry().register({
    name: "golden",
    version: 1,
    open: false,
    types: {
      token: { version: 1, fields: { tags: { kind: "set" }, modes: { kind: "map" } } },
      component: { version: 1, fields: {} },
    },
  })

export const goldenReplica = (stage: Stage, name: string): Replica =>
  stage.replica(name, { schema: "golden", schemas: goldenSchemas() })

const at = (second: number): string => `2026-01-01T00:00:0${second}Z`

const write = (
  replica: Replica,
  actor: string,
  second: number,
  changes: Parameters<Author["write"]>[0],
) => void new Author(replica).write(changes, { actor, at: at(second) })

/** A forked log, as a copied machine would write it. */
const forkedLogs = (): ReadonlyArray<ForgedLog> => {
  const trunk = new ForgedLog("cy")
  trunk.add({ lamport: 1, id: "gap", op: "put", body: { fields: { value: "4px" } } })
  trunk.add({ lamport: 2, id: "radius", op: "put", body: { fields: { value: "2px" } } })
  const branch = trunk.branch(1)
  branch.add({ lamport: 2, id: "shadow", op: "put", body: { fields: { value: "none" } } })
  return [trunk, branch]
}

/**
 * Two writers, a transaction, maps, sets, text beyond ASCII, a tombstone, a conflict settled and one
 * left open, a forked log.
 */
const smallReplica = async (stage: Stage) => {
  const ana = goldenReplica(stage, "ana")
  const bo = goldenReplica(stage, "bo")
  write(ana, "ana", 0, [
    { op: "put", type: "token", id: "blue", fields: { value: "#00f", tags: ["brand", "ü"] } },
    { op: "put", type: "token", id: "size", fields: { value: 1.5, modes: { 10: 2, dark: 1e-7 } } },
    { op: "put", type: "component", id: "Knöpf/🔘", fields: { name: "tab\there" } },
  ])
  write(ana, "ana", 1, [{ op: "delete", type: "component", id: "Knöpf/🔘", reason: "unused" }])
  await taken((await stage.exported(ana)).path, bo)
  write(ana, "ana", 2, [{ op: "patch", type: "token", id: "blue", fields: { value: "#00a" } }])
  write(bo, "bo", 3, [{ op: "patch", type: "token", id: "blue", fields: { value: "#00b" } }])
  await taken((await stage.exported(bo)).path, ana)
  const { id } = openConflicts(ana)[0]!
  new Author(ana).append(
    "token",
    "blue",
    "resolve",
    { fields: { value: "#00c" }, settles: id },
    { actor: "ana", at: at(4) },
  )
  write(ana, "ana", 5, [{ op: "patch", type: "token", id: "size", fields: { value: 2 } }])
  write(bo, "bo", 6, [{ op: "patch", type: "token", id: "size", fields: { value: 3 } }])
  await taken((await stage.exported(bo)).path, ana)
  const since = ana.lines.frontier()
  receive(ana, forkedLogs())
  return { ana, since }
}

/** Where the three archives are to be written. */
export interface SmallPaths {
  readonly complete: string
  readonly extract: string
  readonly later: string
}

export const smallArchives = async (stage: Stage, paths: SmallPaths) => {
  const { ana, since } = await smallReplica(stage)
  const written = (path: string, options: WriteArchiveOptions) =>
    Effect.runPromise(writeArchive(ana, path, { ...options, store: true, force: true }))
  const select = {
    types: ["token"],
    where: [
      { field: "value", value: "#00c" },
      { field: "value", value: "4px" },
    ],
    closed: true,
  }
  return {
    complete: await written(paths.complete, {}),
    extract: await written(paths.extract, { select }),
    later: await written(paths.later, { since }),
  }
}

if (process.argv[1] === import.meta.filename) {
  const stage = new Stage()
  const [complete, extract, later] = [goldenPath, goldenExtractPath, goldenLaterPath]
  await smallArchives(stage, { complete, extract, later })
  stage.clear()
}
