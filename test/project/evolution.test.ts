/**
 * Schemas change, archives stay: older ones are read as today's, newer ones are kept as they are.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { inspectArchive } from "../../src/archive/inspect.ts"
import { designSystem } from "../../src/domain/design-system.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import type { FieldChange, ProjectSchema } from "../../src/state/schema.ts"
import { openConflicts, snapshotLines } from "../../src/store/query.ts"
import { Replica } from "../../src/store/replica.ts"
import type { Wanted } from "../../src/project/towards.ts"
import { Stage, taken, verified } from "../archive/stage.ts"
import {
  designSystemPath,
  lampsOne,
  lampsReplica,
  lampsTwo,
  newPath,
  oldPath,
  schemasOf,
} from "./evolution-files.ts"
import { ana, Workshop } from "./workshop.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => stage.clear())

const fieldsByName = (replica: Replica) =>
  Object.fromEntries(
    [...snapshotLines(replica)].map((line) => {
      const { type, id, fields } = JSON.parse(line) as Wanted
      return [`${type}/${id}`, fields]
    }),
  )

const manifestOf = async (path: string) => (await Effect.runPromise(inspectArchive(path))).manifest

/** The same folder, opened by a program that knows another version. */
const reopened = (replica: Replica, schema: ProjectSchema): Replica => {
  const { directory } = replica
  replica.close()
  const stateDirectory = join(stage.folder, "state")
  const again = Replica.open(directory, { schemas: schemasOf(schema), stateDirectory })
  onTestFinished(() => again.close())
  return again
}

const asVersionTwo = {
  "lamp/attic": { color: "grey" },
  "lamp/desk": {},
  "lamp/hall": {
    color: "green",
    labels: ["w", "y"],
    modes: { day: 4, dusk: 5 },
    parts: { bulb: 1 },
    tags: ["a"],
    watts: 40,
  },
  "note/one": { text: "hello" },
}

describe("an archive of an older schema", () => {
  it("is read as what it was by those who have not upgraded", async () => {
    const reader = lampsReplica(stage, "reader", lampsOne)
    await taken(oldPath, reader)
    expect(reader.digest()).toBe((await manifestOf(oldPath)).digest)
    expect(fieldsByName(reader)["lamp/hall"]).toMatchObject({ colour: "green", watts: "40W" })
  })

  it("is read as today's: renamed, converted, registers that became maps and sets", async () => {
    const reader = lampsReplica(stage, "reader", lampsTwo)
    const { setAside } = await taken(oldPath, reader)
    expect(setAside).toBe(0)
    expect(fieldsByName(reader)).toEqual(asVersionTwo)
  })

  it("has conflicts where its authors disagreed, by the names and keys of today", async () => {
    const reader = lampsReplica(stage, "reader", lampsTwo)
    await taken(oldPath, reader)
    expect(openConflicts(reader)).toMatchObject([
      { entity: "hall", field: "modes/day", base: 1, candidates: [{ value: 3 }, { value: 4 }] },
    ])
  })

  it("gives one state, taken at once, folded anew, or held since before the upgrade", async () => {
    const reader = lampsReplica(stage, "reader", lampsTwo)
    await taken(oldPath, reader)
    const digest = reader.digest()
    reader.transaction(() => reader.projection.rebuild())
    expect(reader.digest()).toBe(digest)
    const older = lampsReplica(stage, "older", lampsOne)
    await taken(oldPath, older)
    expect(older.digest()).not.toBe(digest)
    expect(reopened(older, lampsTwo).digest()).toBe(digest)
  })

  it("is sound for the full check of either version", async () => {
    for (const schema of [lampsOne, lampsTwo]) {
      expect((await verified(oldPath, schemasOf(schema))).ok).toBe(true)
    }
  })

  it("gives its values to another project as that project's schema has them", async () => {
    const workshop = new Workshop()
    const options = { schemas: schemasOf(lampsTwo), schema: "lamps" }
    const project = await workshop.project("a", options)
    const summary = await project.importProject([oldPath], ana)
    expect(summary.migrationPerformed).toBe(true)
    const hall = await project.get("lamp", "hall")
    expect(hall?.fields).toEqual(asVersionTwo["lamp/hall"])
    expect(await project.diff(oldPath)).toEqual([])
    expect((await project.importProject([oldPath], ana)).events).toBe(0)
  })
})

describe("an archive of a newer schema", () => {
  it("is taken by those who have not upgraded; what they do not know is set aside alone", async () => {
    const reader = lampsReplica(stage, "reader", lampsOne)
    expect((await taken(newPath, reader)).setAside).toBe(2)
    const fields = fieldsByName(reader)
    expect(fields["note/one"]).toEqual({ text: "bye" })
    expect(fields["note/two"]).toEqual({ text: "late", mood: "new" })
    expect(fields["lamp/hall"]).toMatchObject({ colour: "green" })
    expect(fields["shade/wide"]).toBeUndefined()
  })

  it("is passed on with the very bytes of its events, unknown parts and all", async () => {
    const reader = lampsReplica(stage, "reader", lampsOne)
    await taken(newPath, reader)
    const { path } = await stage.exported(reader)
    const again = await manifestOf(path)
    const before = await manifestOf(newPath)
    const segments = ({ members }: typeof before) =>
      members.filter(({ path: member }) => member.startsWith("logs/"))
    expect(segments(again)).toEqual(segments(before))
    expect(again.frontier).toEqual(before.frontier)
    expect(again).toMatchObject({ setAside: 2, schema: { version: 1 } })
    const upgraded = lampsReplica(stage, "upgraded", lampsTwo)
    await taken(path, upgraded)
    expect(upgraded.digest()).toBe(before.digest)
  })

  it("is understood after the upgrade, without being asked for again", async () => {
    const reader = lampsReplica(stage, "reader", lampsOne)
    await taken(newPath, reader)
    expect(reopened(reader, lampsTwo).digest()).toBe((await manifestOf(newPath)).digest)
  })
})

describe("an archive written with version 1 of the design system", () => {
  const renamed = ({ fields = {}, unset = [] }: FieldChange): FieldChange => {
    const { description, ...rest } = fields
    return { fields: description === undefined ? rest : { ...rest, note: description }, unset }
  }
  const group = { ...designSystem.types.group!, version: 2, upcasts: { 2: renamed } }
  const next: ProjectSchema = {
    ...designSystem,
    version: 2,
    types: { ...designSystem.types, group },
  }

  it("is read by this program as it was written", async () => {
    const reader = stage.replica("reader")
    await taken(designSystemPath, reader)
    expect(reader.digest()).toBe((await manifestOf(designSystemPath)).digest)
    expect((await verified(designSystemPath)).findings.map(({ code }) => code)).toEqual([])
  })

  it("is read by a later one as that one's", async () => {
    const schemas = new SchemaRegistry().register(designSystem).register(next)
    const reader = stage.replica("reader", { schemas })
    expect((await taken(designSystemPath, reader)).setAside).toBe(0)
    expect(fieldsByName(reader)).toMatchObject({
      "group/size": { note: "sizes" },
      "token/blue": { value: "#00c", tags: ["b"] },
      "token/text": { modes: { dark: { value: "{blue}" } } },
    })
  })
})
