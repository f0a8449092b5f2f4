/**
 * What a reader understands, and the promise that a merge kind never changes.
 */
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import type { Body, Header } from "../../src/event/event.ts"
import {
  mergeKindOf,
  SchemaError,
  SchemaRegistry,
  typeOf,
  valueProblems,
} from "../../src/state/schema.ts"
import type { MergeKind, ProjectSchema, TypeDefinition } from "../../src/state/schema.ts"
import { notUnderstood } from "../../src/state/understood.ts"

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

  it("takes new types, new registers, and maps and sets that say since when they are", () => {
    const registry = new SchemaRegistry().register(first)
    const lamp = {
      version: 2,
      fields: {
        ...first.types.lamp!.fields,
        shape: { kind: "register" },
        modes: { kind: "map", since: 2 },
        labels: { kind: "set", since: 2 },
      },
    } as const
    const next = { ...first, version: 2, types: { lamp, chair: { version: 2, fields: {} } } }
    expect(registry.register(next).get("shop")).toBe(next)
    expect(registry.names).toEqual(["shop"])
  })

  it("refuses a map or set that older events may hold as a register, in either order", () => {
    const next = schemaOf(2, { parts: "map", tags: "set", modes: "map" })
    expect(codeOf(() => new SchemaRegistry().register(first).register(next))).toBe("field-since")
    expect(codeOf(() => new SchemaRegistry().register(next).register(first))).toBe("field-since")
  })

  it("refuses versions of types, fields and upcasts that no event can have", () => {
    const lamp = (change: Partial<TypeDefinition>): ProjectSchema => ({
      ...first,
      version: 3,
      types: { lamp: { version: 2, fields: {}, ...change } },
    })
    const refused: ReadonlyArray<readonly [string, Partial<TypeDefinition>]> = [
      ["type-version", { version: 4 }],
      ["type-version", { version: 0 }],
      ["type-version", { version: 1.5 }],
      ["field-since", { fields: { modes: { kind: "map", since: 3 } } }],
      ["field-since", { fields: { modes: { kind: "map", since: 0 } } }],
      ["field-since", { upcasts: { 3: (change) => change } }],
    ]
    for (const [code, change] of refused) {
      expect(codeOf(() => new SchemaRegistry().register(lamp(change)))).toBe(code)
    }
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

describe("an event of an older version", () => {
  const second: ProjectSchema = {
    ...first,
    version: 2,
    types: {
      lamp: {
        version: 2,
        fields: { ...first.types.lamp!.fields, modes: { kind: "map", since: 2 } },
        upcasts: {
          2: ({ fields = {}, unset = [] }) => {
            if (fields.bad === "throws") throw new Error("no")
            const { bad, ...rest } = fields
            return { fields: bad === undefined ? rest : { ...rest, parts: bad }, unset }
          },
        },
      },
    },
  }
  const isRead = (content: Partial<Body>) =>
    notUnderstood(second, header(), body(content)) === undefined

  it("may hold anything where a map stands today, and is judged as its author's version was", () => {
    for (const modes of [1, null, [], { set: 1 }, { dark: 1 }, "x"]) {
      expect(isRead({ fields: { modes } }), JSON.stringify(modes)).toBe(true)
      expect(isRead({ fields: { modes }, kind: 2 }), JSON.stringify(modes)).toBe(false)
    }
    expect(isRead({ unset: ["modes"] })).toBe(true)
    expect(isRead({ unset: ["modes"], kind: 2 })).toBe(false)
    expect(isRead({ fields: { parts: { dark: 1 } } })).toBe(false)
  })

  it("cannot hold what only upcasts make", () => {
    expect(isRead({ fields: { parts: { clear: true } } })).toBe(false)
    expect(isRead({ fields: { modes: { clear: true } }, kind: 2 })).toBe(false)
  })

  it("is set aside when it cannot be read as one of today", () => {
    expect(isRead({ fields: { bad: "throws" } })).toBe(false)
    expect(isRead({ fields: { bad: "no map" } })).toBe(false)
    expect(isRead({ fields: { bad: { set: { a: Number.NaN } } } })).toBe(false)
    expect(isRead({ fields: { bad: { set: { a: 1 } } } })).toBe(true)
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
