/**
 * The golden archives of schemas that changed since, made anew from fixed keys, ids and times.
 *
 * As a program (`node test/project/evolution-files.ts`) it writes them. That is for a new format
 * version only: they stand for files that people have.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { writeArchive } from "../../src/archive/write.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import type { FieldChange, ProjectSchema } from "../../src/state/schema.ts"
import { Author } from "../../src/store/author.ts"
import type { Replica } from "../../src/store/replica.ts"
import { Stage, taken } from "../archive/stage.ts"
import { ForgedLog, receive } from "../log/forge.ts"

const goldenFile = (name: string): string =>
  join(import.meta.dirname, "..", "golden", `${name}.lamplog`)

/** Written by those who knew version 1 of the schema below, and by those who knew version 2. */
export const oldPath = goldenFile("lamps-1")
export const newPath = goldenFile("lamps-2")
/** Written with version 1 of the schema that comes with Lamplog. */
export const designSystemPath = goldenFile("design-system-1")

const lamps = (version: number, types: ProjectSchema["types"]): ProjectSchema => ({
  name: "lamps",
  version,
  open: false,
  types,
})

export const lampsOne = lamps(1, {
  lamp: { version: 1, fields: { parts: { kind: "map" }, tags: { kind: "set" } } },
  note: { version: 1, fields: {} },
})

/** `colour` is called `color`, and watts are a number. */
const upcastLamp = ({ fields = {}, unset = [] }: FieldChange): FieldChange => {
  const { colour, watts, ...rest } = fields
  return {
    fields: {
      ...rest,
      ...(colour === undefined ? {} : { color: colour }),
      ...(typeof watts === "string" ? { watts: parseFloat(watts) } : {}),
    },
    unset: unset.map((name) => (name === "colour" ? "color" : name)),
  }
}

export const lampsTwo = lamps(2, {
  lamp: {
    version: 2,
    fields: {
      parts: { kind: "map" },
      tags: { kind: "set" },
      modes: { kind: "map", since: 2 },
      labels: { kind: "set", since: 2 },
    },
    upcasts: { 2: upcastLamp },
  },
  note: { version: 1, fields: {} },
  shade: { version: 2, fields: {} },
})

export const schemasOf = (schema: ProjectSchema): SchemaRegistry =>
  new SchemaRegistry().register(schema)

export const lampsReplica = (stage: Stage, name: string, schema: ProjectSchema): Replica =>
  stage.replica(name, { schema: "lamps", schemas: schemasOf(schema) })

const write = (
  replica: Replica,
  actor: string,
  second: number,
  changes: Parameters<Author["write"]>[0],
) => void new Author(replica).write(changes, { actor, at: `2026-01-01T00:00:0${second}Z` })

const patch = (id: string, fields: FieldChange["fields"], unset: ReadonlyArray<string> = []) =>
  ({ op: "patch", type: "lamp", id, fields: fields ?? {}, unset }) as const

const save = (replica: Replica, path: string) =>
  Effect.runPromise(writeArchive(replica, path, { store: true, force: true }))

/** Two people who know version 1: what version 2 lists as maps and sets are registers to them. */
const oldReplica = async (stage: Stage): Promise<Replica> => {
  const ana = lampsReplica(stage, "ana", lampsOne)
  const bo = lampsReplica(stage, "bo", lampsOne)
  write(ana, "ana", 0, [
    patch("hall", {
      colour: "red",
      watts: "40W",
      modes: { day: 1, night: 2 },
      labels: ["x", "y"],
      tags: ["a"],
      parts: { bulb: 1 },
    }),
    patch("desk", { colour: "blue", modes: "always", labels: ["z"] }),
    patch("attic", { colour: "grey" }),
    { op: "put", type: "note", id: "one", fields: { text: "hello" } },
  ])
  write(ana, "ana", 1, [{ op: "delete", type: "lamp", id: "attic" }])
  await taken((await stage.exported(ana)).path, bo)
  write(ana, "ana", 2, [patch("hall", { modes: { day: 3 }, labels: ["y", "w"] })])
  write(ana, "ana", 3, [patch("desk", {}, ["colour", "labels"])])
  write(bo, "bo", 4, [patch("hall", { modes: { day: 4, dusk: 5 }, colour: "green" })])
  await taken((await stage.exported(bo)).path, ana)
  return ana
}

/** Someone who knows version 2, and a newer program still, whose additions to events nobody knows. */
const newReplica = async (stage: Stage): Promise<Replica> => {
  const cy = lampsReplica(stage, "cy", lampsTwo)
  await taken(oldPath, cy)
  write(cy, "cy", 5, [patch("hall", { "modes/night": 9, color: "white" })])
  write(cy, "cy", 6, [{ op: "put", type: "shade", id: "wide", fields: { width: 2 } }])
  write(cy, "cy", 7, [{ op: "patch", type: "note", id: "one", fields: { text: "bye" } }])
  const later = new ForgedLog("di")
  later.add({
    lamport: 1,
    type: "note",
    id: "two",
    op: "put",
    header: { colophon: "kept" },
    body: { fields: { text: "late", mood: "new" }, weather: { sky: ["clear"] } },
  })
  receive(cy, [later])
  return cy
}

/** A little of every type. */
const designReplica = (stage: Stage): Replica => {
  const ana = stage.replica("ana", { schemas: builtInSchemas() })
  write(ana, "ana", 0, [
    { op: "put", type: "token", id: "blue", fields: { value: "#00f", type: "color", tags: ["b"] } },
    {
      op: "put",
      type: "token",
      id: "text",
      fields: { modes: { light: { value: "#000" }, dark: { value: "{blue}" } } },
    },
    { op: "put", type: "group", id: "size", fields: { description: "sizes" } },
    { op: "put", type: "component", id: "button", fields: { tokens: ["text"], assets: ["icon"] } },
    { op: "put", type: "theme", id: "dark", fields: { values: { blue: "#009" } } },
    { op: "put", type: "style", id: "primary", fields: { properties: { color: "{text}" } } },
    { op: "put", type: "asset", id: "icon", fields: { mediaType: "image/svg+xml" } },
  ])
  write(ana, "ana", 1, [{ op: "patch", type: "token", id: "blue", fields: { value: "#00c" } }])
  return ana
}

if (process.argv[1] === import.meta.filename) {
  const stages = [new Stage(), new Stage(), new Stage()] as const
  await save(await oldReplica(stages[0]), oldPath)
  await save(await newReplica(stages[1]), newPath)
  await save(designReplica(stages[2]), designSystemPath)
  for (const stage of stages) stage.clear()
}
