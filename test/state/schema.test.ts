/**
 * What a reader understands, and the promise that a merge kind never changes.
 */
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import type { Body, Header } from "../../src/event/event.ts"
import {
  mergeKindOf,
  notUnderstood,
  SchemaError,
  SchemaRegistry,
  typeOf,
  valueProblems,
} from "../../src/state/schema.ts"
import type { MergeKind, ProjectSchema } from "../../src/state/schema.ts"

const schemaOf = (
  version: number,
  fields: { readonly [field: string]: MergeKind },
  change: Partial<ProjectSchema> = {},
): ProjectSchema => ({
  name: "shop",
  version,
  open: false,
  types: {
    lamp: {
      version,
      fields: Object.fromEntries(Object.entries(fields).map(([field, kind]) => [field, { kind }])),
    },
  },
  ...change,
})

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof SchemaError) return error.code
    throw error
  }
}

const first = schemaOf(1, { parts: "map", tags: "set", name: "register" })

describe("the registry of schemas", () => {
  it("refuses a field that would merge otherwise than before, in every direction", () => {
    const changes: ReadonlyArray<{ readonly [field: string]: MergeKind }> = [
      { parts: "set", tags: "set" },
      { parts: "register", tags: "set" },
      { parts: "map", tags: "map" },
      { parts: "map", tags: "set", name: "map" },
      { tags: "set" },
      {},
    ]
    for (const fields of changes) {
      const registry = new SchemaRegistry().register(first)
      expect(codeOf(() => registry.register(schemaOf(2, fields)))).toBe("merge-kind-changed")
      expect(registry.get("shop"), "a refusal changes nothing").toBe(first)
    }
  })

  it("refuses to make a map or set of a field that anyone may have written as a register", () => {
    const registry = new SchemaRegistry().register(schemaOf(1, { name: "register" }))
    expect(codeOf(() => registry.register(schemaOf(2, { name: "set" })))).toBe("merge-kind-changed")
  })

  it("refuses to forget a type whose maps or sets events may hold", () => {
    const registry = new SchemaRegistry().register(first)
    expect(codeOf(() => registry.register(schemaOf(2, {}, { types: {} })))).toBe(
      "merge-kind-changed",
    )
  })

  it("takes new types, new fields, and lists of what was a register already", () => {
    const registry = new SchemaRegistry().register(first)
    const next = schemaOf(2, { parts: "map", tags: "set", name: "register", modes: "map" })
    expect(registry.register(next).get("shop")).toBe(next)
    expect(registry.names).toEqual(["shop"])
  })

  it("keeps the newest version, whatever is registered last", () => {
    const next = schemaOf(2, { parts: "map", tags: "set", name: "register" })
    expect(new SchemaRegistry().register(next).register(first).get("shop")).toBe(next)
  })

  it("refuses names that no entity type may have", () => {
    for (const type of ["", "a/b", "lamplog", "t".repeat(129), "\ud800"]) {
      const types = { [type]: { version: 1, fields: {} } }
      expect(codeOf(() => new SchemaRegistry().register(schemaOf(1, {}, { types })))).toBe(
        "type-name",
      )
    }
  })

  it("says which schema it does not know", () => {
    expect(codeOf(() => new SchemaRegistry().get("nothing"))).toBe("schema-unknown")
  })
})

describe("types and fields", () => {
  it("are registers unless they are listed, even where a name means something to the engine", () => {
    const lamp = typeOf(first, "lamp")!
    expect(["parts", "tags", "name", "anything"].map((field) => mergeKindOf(lamp, field))).toEqual([
      "map",
      "set",
      "register",
      "register",
    ])
    for (const name of ["toString", "hasOwnProperty", "valueOf"]) {
      expect(mergeKindOf(lamp, name)).toBe("register")
      expect(typeOf(first, name)).toBeUndefined()
    }
    expect(typeOf({ ...first, open: true }, "toString")?.fields).toEqual({})
  })
})

const header = (change: Partial<Header> = {}): Header => ({
  node: "n",
  seq: 1,
  lamport: 1,
  type: "lamp",
  id: "one",
  op: "patch",
  parents: [],
  body: "0",
  ...change,
})

const body = (change: Partial<Body> = {}): Body => ({ kind: 1, actor: "ana", ...change })

const isUnderstood = (changed: Partial<Header>, content: Partial<Body> = {}): boolean =>
  notUnderstood(first, header(changed), body(content)) === undefined

describe("an event", () => {
  it("is understood when its type, version, operation and deltas are", () => {
    for (const op of ["put", "patch", "delete", "resolve"] as const) {
      expect(isUnderstood({ op })).toBe(true)
    }
    expect(
      isUnderstood(
        {},
        {
          fields: {
            anything: [1],
            parts: { set: { k: 1 }, remove: ["b"] },
            tags: { add: [1, {}], remove: [[]] },
          },
          unset: ["name", "other"],
        },
      ),
    ).toBe(true)
    expect(isUnderstood({}, { fields: { parts: {}, tags: {} } })).toBe(true)
  })

  it("is set aside when it is of a newer version, another type or an unknown operation", () => {
    expect(isUnderstood({}, { kind: 2 })).toBe(false)
    expect(isUnderstood({ type: "chair" })).toBe(false)
    expect(isUnderstood({ op: "rename" as Header["op"] })).toBe(false)
    expect(isUnderstood({ op: "toString" as Header["op"] })).toBe(false)
  })

  it("is set aside when what it does to a map or set has another shape", () => {
    for (const parts of [
      1,
      null,
      [],
      { other: 1 },
      { set: [] },
      { remove: {} },
      { remove: [1] },
      { add: [] },
    ]) {
      expect(isUnderstood({}, { fields: { parts } }), JSON.stringify(parts)).toBe(false)
    }
    for (const tags of [1, null, [], { other: 1 }, { add: {} }, { remove: 1 }, { set: {} }]) {
      expect(isUnderstood({}, { fields: { tags } }), JSON.stringify(tags)).toBe(false)
    }
    expect(isUnderstood({}, { unset: ["parts"] })).toBe(false)
    expect(isUnderstood({}, { unset: ["tags"] })).toBe(false)
  })

  it("about the project itself is understood only where it goes on from another log", () => {
    expect(isUnderstood({ type: "lamplog", op: "continue" })).toBe(true)
    for (const op of ["admit", "retire", "redact"] as const) {
      expect(isUnderstood({ type: "lamplog", op })).toBe(false)
    }
  })

  it("of any type is understood by an open schema, as version 1 of it", () => {
    const open = { ...first, open: true }
    expect(notUnderstood(open, header({ type: "chair" }), body())).toBeUndefined()
    expect(notUnderstood(open, header({ type: "chair" }), body({ kind: 2 }))).toBeDefined()
  })
})

describe("value schemas", () => {
  it("report what does not fit, by field, key and element, and refuse nothing", () => {
    const definition = {
      version: 1,
      fields: {
        name: { kind: "register" as const, value: Schema.String },
        parts: { kind: "map" as const, value: Schema.Finite },
        tags: { kind: "set" as const, value: Schema.String },
      },
    }
    const problems = valueProblems(definition, {
      name: 5,
      parts: { a: 1, b: "x" },
      tags: ["ok", 1],
      other: 1,
    })
    expect(problems.map(({ field }) => field)).toEqual(["name", "parts/b", "tags"])
    expect(valueProblems(definition, { name: "x", parts: {}, tags: [] })).toEqual([])
  })
})
