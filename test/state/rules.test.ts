/**
 * The rules of state, one small history each.
 *
 * A history is written as a script: every event says what its author had seen. `fold` and `step` and
 * the oracle are compared on random histories elsewhere; here each rule stands on its own.
 */
import { describe, expect, it } from "vitest"
import type { JsonObject } from "../../src/event/canonical.ts"
import type { Operation } from "../../src/event/event.ts"
import type { Conflict, EntityState, HistoryEvent } from "../../src/state/entity.ts"
import { foldEntity } from "../../src/state/fold.ts"
import type { TypeDefinition } from "../../src/state/schema.ts"

const definition: TypeDefinition = {
  version: 1,
  fields: { modes: { kind: "map" }, tags: { kind: "set" } },
}

interface Content {
  readonly fields?: JsonObject
  readonly unset?: ReadonlyArray<string>
  readonly applied?: false
}

class Script {
  readonly events: Array<HistoryEvent> = []
  readonly #written = new Map<string, number>()

  #next(node: string): number {
    const seq = 1 + (this.#written.get(node) ?? 0)
    this.#written.set(node, seq)
    return seq
  }

  /** Writes an event whose author is named and had seen exactly these. */
  write(
    node: string,
    op: Operation,
    seen: ReadonlyArray<HistoryEvent>,
    content: Content = {},
  ): HistoryEvent {
    const { applied = true, ...written } = content
    const event: HistoryEvent = {
      node,
      seq: this.#next(node),
      lamport: 1 + Math.max(0, ...seen.map(({ lamport }) => lamport)),
      hash: `${node}${this.events.length}`.padEnd(64, "0"),
      op,
      parents: seen.map(({ node: of, seq, hash }) => ({ node: of, seq, hash })),
      applied,
      actor: `${node}@example.org`,
      ...written,
    }
    this.events.push(event)
    return event
  }

  get state(): EntityState {
    return foldEntity("thing", "one", definition, this.events)!
  }

  get conflicts(): ReadonlyArray<Conflict> {
    return this.state.conflicts
  }
}

const x = (value: number): Content => ({ fields: { x: value } })

describe("a field", () => {
  it("has the value of the write that had seen the other, whatever their place in the order", () => {
    const script = new Script()
    const first = script.write("z", "put", [], x(1))
    script.write("a", "patch", [first], x(2))
    expect(script.state).toMatchObject({ fields: { x: 2 }, conflicts: [] })
  })

  it("written at once by two people keeps both, and provisionally shows the higher in order", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    const b = script.write("b", "patch", [first], x(2))
    const c = script.write("c", "patch", [first], x(3))
    expect(script.state.fields).toEqual({ x: 3 })
    expect(script.conflicts).toMatchObject([
      {
        field: "x",
        kind: "field",
        base: 1,
        candidates: [
          { node: "b", value: 2, actor: "b@example.org" },
          { node: "c", value: 3 },
        ],
        winner: { node: "c", seq: c.seq },
      },
    ])
    const settled = script.write("a", "resolve", [b, c], x(2))
    expect(script.state).toMatchObject({
      fields: { x: 2 },
      conflicts: [],
      heads: [{ hash: settled.hash }],
    })
  })

  it("has no conflict where both wrote the same, or wrote different fields", () => {
    const script = new Script()
    const first = script.write("a", "put", [], { fields: { x: { a: 2, b: 1 } } })
    script.write("b", "patch", [first], { fields: { x: { "2": 1, "10": 0 }, y: 1 } })
    script.write("c", "patch", [first], { fields: { x: { "10": 0, "2": 1 }, z: 1 } })
    expect(script.state).toMatchObject({ fields: { y: 1, z: 1 }, conflicts: [] })
  })

  it("cleared by one and written by another is a conflict, null and nothing too", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    script.write("b", "patch", [first], { fields: { x: null } })
    script.write("c", "patch", [first], { unset: ["x"] })
    expect(script.state.fields).toEqual({})
    expect(script.conflicts[0]?.candidates).toMatchObject([{ value: null }, { absent: true }])
    expect(script.conflicts[0]?.candidates[1]).not.toHaveProperty("value")
  })

  it("keeps a conflict open that nobody who wrote later had seen whole", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    const b = script.write("b", "patch", [first], x(2))
    script.write("c", "patch", [first], x(3))
    const before = script.conflicts[0]!.id
    script.write("b", "patch", [b], x(4))
    expect(script.conflicts[0]?.candidates).toMatchObject([{ value: 3 }, { value: 4 }])
    expect(script.conflicts[0]?.id, "it is another conflict now").not.toBe(before)
  })

  it("settled in two ways at once is a conflict of its own, and says by whom", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    const b = script.write("b", "patch", [first], x(2))
    const c = script.write("c", "patch", [first], x(3))
    script.write("b", "resolve", [b, c], x(2))
    script.write("c", "resolve", [b, c], x(3))
    expect(script.conflicts).toHaveLength(1)
    expect(script.conflicts[0]?.afterResolutionBy?.map(({ node }) => node)).toEqual(["b", "c"])
  })
})

describe("a map", () => {
  it("merges keys apart, and calls a conflict by field and key", () => {
    const script = new Script()
    const first = script.write("a", "put", [], { fields: { modes: { set: { dark: 1 } } } })
    script.write("b", "patch", [first], { fields: { modes: { set: { "a/b~": 2, dark: 3 } } } })
    script.write("c", "patch", [first], { fields: { modes: { set: { "a/b~": 4 } } } })
    expect(script.state.fields).toEqual({ modes: { "a/b~": 4, dark: 3 } })
    expect(script.conflicts.map(({ field }) => field)).toEqual(["modes/a~1b~0"])
  })

  it("without a key left is no field", () => {
    const script = new Script()
    const first = script.write("a", "put", [], { fields: { modes: { set: { dark: 1 } } } })
    script.write("a", "patch", [first], { fields: { modes: { remove: ["dark"] } } })
    expect(script.state.fields).toEqual({})
  })
})

describe("a set", () => {
  it("keeps an element that someone added while another removed it", () => {
    const script = new Script()
    const first = script.write("a", "put", [], { fields: { tags: { add: ["t", "u"] } } })
    script.write("b", "patch", [first], { fields: { tags: { remove: ["t", "u"] } } })
    script.write("c", "patch", [first], { fields: { tags: { add: ["t"] } } })
    expect(script.state).toMatchObject({ fields: { tags: ["t"] }, conflicts: [] })
  })

  it("holds values once, in the order of their canonical bytes", () => {
    const script = new Script()
    const add = ["\u{1f600}", "\uff5e", "a", 10, 9, { a: 1, b: 1 }, { a: 1, b: 1 }]
    script.write("a", "put", [], { fields: { tags: { add } } })
    expect(script.state.fields["tags"]).toEqual(["a", "\uff5e", "\u{1f600}", 10, 9, { a: 1, b: 1 }])
  })
})

describe("a put", () => {
  it("puts an end to all that its author had seen, and to nothing else", () => {
    const script = new Script()
    const first = script.write("a", "put", [], { fields: { x: 1, y: 1, tags: { add: ["t"] } } })
    script.write("b", "patch", [first], { fields: { y: 2, tags: { add: ["u"] } } })
    const gone = script.write("c", "delete", [first])
    script.write("c", "put", [gone], { fields: { z: 3 } })
    expect(script.state.fields).toEqual({ tags: ["u"], y: 2, z: 3 })
  })

  it("is what a patch of a deleted entity amounts to", () => {
    const script = new Script()
    const first = script.write("a", "put", [], { fields: { x: 1, y: 1 } })
    const gone = [script.write("a", "delete", [first]), script.write("b", "delete", [first])]
    script.write("a", "patch", gone, { fields: { y: 2 } })
    expect(script.state).toMatchObject({ deleted: false, fields: { y: 2 }, conflicts: [] })
  })
})

describe("a delete", () => {
  it("deletes only when nobody goes on beside it, and clears nothing itself", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    script.write("a", "delete", [first])
    expect(script.state).toMatchObject({ deleted: true, fields: { x: 1 }, conflicts: [] })
    const edit = script.write("b", "patch", [first], x(2))
    expect(script.state).toMatchObject({ deleted: false, fields: { x: 2 } })
    expect(script.conflicts).toMatchObject([
      { field: "", kind: "delete-edit", winner: { node: "b", seq: edit.seq } },
    ])
  })

  it("beside another delete is no conflict", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    script.write("a", "delete", [first])
    script.write("b", "delete", [first])
    expect(script.state).toMatchObject({ deleted: true, conflicts: [] })
  })

  it.each(["put", "delete", "resolve"] as const)(
    "and an edit beside it are settled by a %s that had seen both",
    (op) => {
      const script = new Script()
      const first = script.write("a", "put", [], x(1))
      const gone = script.write("a", "delete", [first])
      const edit = script.write("b", "patch", [first], x(2))
      script.write("c", op, [gone, edit])
      expect(script.state).toMatchObject({ deleted: op === "delete", conflicts: [] })
    },
  )

  it("and an edit beside it are not settled by a patch that had seen both", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    const gone = script.write("a", "delete", [first])
    const edit = script.write("b", "patch", [first], x(2))
    const before = script.conflicts[0]!.id
    const later = script.write("c", "patch", [gone, edit], x(3))
    expect(script.conflicts.map(({ id }) => id)).toEqual([before])
    script.write("c", "resolve", [later])
    expect(script.conflicts).toEqual([])
  })

  it("stands against the newest edits beside it, in one conflict for the whole entity", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    script.write("a", "delete", [first])
    script.write("b", "delete", [first])
    const edit = script.write("c", "patch", [first], x(2))
    script.write("c", "patch", [edit], { fields: { y: 3 }, unset: ["x"] })
    expect(script.conflicts).toHaveLength(1)
    expect(script.conflicts[0]?.candidates).toMatchObject([
      { node: "a", op: "delete", absent: true },
      { node: "b", op: "delete", absent: true },
      { node: "c", op: "patch", value: { y: 3, unset: ["x"] } },
    ])
  })

  it("that settled a conflict stands against an edit that had not seen it", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    const gone = script.write("a", "delete", [first])
    const edit = script.write("b", "patch", [first], x(2))
    script.write("a", "delete", [gone, edit])
    expect(script.state.deleted).toBe(true)
    script.write("b", "patch", [edit], x(3))
    expect(script.state).toMatchObject({ deleted: false, fields: { x: 3 } })
    expect(script.conflicts.map(({ kind }) => kind)).toEqual(["delete-edit"])
  })
})

describe("a long quarrel over an entity's existence", () => {
  it("is folded, however often one deletes and creates while another edits", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(0))
    let [one, other] = [first, first]
    for (let round = 1; round <= 1000; round++) {
      one = script.write("a", "delete", [one])
      one = script.write("a", "put", [one], x(round))
      other = script.write("b", "patch", [other], x(-round))
    }
    expect(script.conflicts.map(({ kind }) => kind)).toEqual(["delete-edit", "field"])
    script.write("c", "resolve", [one, other], x(0))
    expect(script.state).toMatchObject({ fields: { x: 0 }, conflicts: [] })
  })
})

describe("an event that is not understood", () => {
  it("counts for who had seen whom, and for nothing else", () => {
    const script = new Script()
    const first = script.write("a", "put", [], x(1))
    const strange = script.write("b", "patch", [first], { ...x(2), applied: false })
    const after = script.write("b", "patch", [strange], x(3))
    expect(script.state).toMatchObject({
      fields: { x: 3 },
      heads: [{ hash: after.hash }],
      conflicts: [],
    })
    script.write("c", "patch", [first], x(4))
    expect(script.conflicts[0]?.base).toBe(1)
    expect(script.conflicts[0]?.candidates.map(({ value }) => value)).toEqual([4, 3])
  })

  it("leaves an entity of which nothing is understood without a state", () => {
    const script = new Script()
    script.write("a", "put", [], { ...x(1), applied: false })
    expect(foldEntity("thing", "one", definition, script.events)).toBeUndefined()
  })
})
