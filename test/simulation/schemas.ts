/**
 * One schema in two versions: what the second knows and the first does not is set aside by those who
 * have not upgraded yet.
 */
import { SchemaRegistry } from "../../src/state/schema.ts"
import type { FieldDefinition, ProjectSchema } from "../../src/state/schema.ts"

const map: FieldDefinition = { kind: "map" }
const set: FieldDefinition = { kind: "set" }

export const schemaName = "simulated"
export type SchemaVersion = 1 | 2

const versions: { readonly [version in SchemaVersion]: ProjectSchema } = {
  1: {
    name: schemaName,
    version: 1,
    open: false,
    types: {
      thing: { version: 1, fields: { m: map, s: set } },
      note: { version: 1, fields: { s: set } },
    },
  },
  2: {
    name: schemaName,
    version: 2,
    open: false,
    types: {
      thing: { version: 1, fields: { m: map, s: set } },
      // To those who know version 1 only, `late` is a register and whatever version 2 writes unknown.
      note: { version: 2, fields: { s: set, late: { kind: "map", since: 2 } } },
      lamp: { version: 1, fields: { m: map } },
    },
  },
}

export const schemaOf = (version: SchemaVersion): ProjectSchema => versions[version]

export const registryOf = (version: SchemaVersion): SchemaRegistry =>
  new SchemaRegistry().register(versions[version])
