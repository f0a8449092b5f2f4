/**
 * From what is asked for to the smallest event that does it.
 */
import { describe, expect, it } from "vitest"
import { CanonicalError, equalJson } from "../../src/event/canonical.ts"
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { planWrite } from "../../src/state/change.ts"
import type { Change } from "../../src/state/change.ts"
import type { Conflict, EntityState, HistoryEvent } from "../../src/state/entity.ts"
import { foldEntity } from "../../src/state/fold.ts"
import { stepEntity } from "../../src/state/step.ts"
import { Random } from "../simulation/random.ts"
import { oddDefinition as definition } from "./history.ts"

const state = (fields: JsonObject, conflicts: ReadonlyArray<Conflict> = []): EntityState => ({
  fields,
  deleted: false,
  heads: [{ node: "n", seq: 1, lamport: 1, hash: "0" }],
  conflicts,
})

const conflictOn = (field: string, kind: Conflict["kind"] = "field"): Conflict => ({
  id: "0",
  field,
  kind,
  candidates: [],
  winner: { node: "n", seq: 1 },
})

type Asked = Omit<Change, "type" | "id">

const plan = (before: EntityState | undefined, ...asked: ReadonlyArray<Asked>) =>
  planWrite(
    definition,
    before,
    asked.map((change) => ({ ...change, type: "thing", id: "one" })),
    "thing/one",
  )

const deleted: EntityState = { ...state({ x: 1 }), deleted: true }

describe("a change of an entity that does not live", () => {
  it("creates it with a put, whatever was asked for", () => {
    expect(plan(undefined, { op: "put", fields: { x: 1 } })).toEqual({
      op: "put",
      fields: { x: 1 },
    })
    expect(plan(undefined, { op: "patch", fields: { x: 1 } })).toEqual({
      op: "put",
      fields: { x: 1 },
    })
    expect(plan(undefined, { op: "patch" })).toEqual({ op: "put" })
  })

  it("begins a deleted one anew: nothing of what it was comes back", () => {
    expect(plan(deleted, { op: "patch", fields: { y: 2 } })).toEqual({
      op: "put",
      fields: { y: 2 },
    })
  })

  it("writes nothing when it is to be deleted", () => {
    expect(plan(undefined, { op: "delete" })).toBeUndefined()
    expect(plan(deleted, { op: "delete" })).toBeUndefined()
    expect(plan(undefined, { op: "put", fields: { x: 1 } }, { op: "delete" })).toBeUndefined()
  })
})

describe("a change of a living entity", () => {
  it("writes only what differs", () => {
    const before = state({ x: 1, "a/b": { b: 1, a: [0] } })
    expect(
      plan(before, { op: "patch", fields: { x: 1, "a/b": { a: [-0], b: 1 } } }),
    ).toBeUndefined()
    expect(plan(before, { op: "patch", fields: { x: 2, "a/b": { a: [0], b: 1 } } })).toEqual({
      op: "patch",
      fields: { x: 2 },
    })
    expect(plan(before, { op: "patch", unset: ["x", "nothing"] })).toEqual({
      op: "patch",
      unset: ["x"],
    })
  })

  it("stores a put as the patch that has the same effect", () => {
    const before = state({ x: 1, "1": 2, m: { k: 1, b: 2 }, s: ["a", "b"] })
    expect(
      plan(before, { op: "put", fields: { x: 1, "~": 3, m: { k: 1, "k/x": 5 }, s: ["b"] } }),
    ).toEqual({
      op: "patch",
      fields: {
        "~": 3,
        m: { remove: ["b"], set: { "k/x": 5 } },
        s: { remove: ["a"] },
      },
      unset: ["1"],
    })
  })

  it("tells null, which is a value, from nothing", () => {
    expect(plan(state({ x: 1 }), { op: "patch", fields: { x: null } })).toEqual({
      op: "patch",
      fields: { x: null },
    })
    expect(plan(state({ x: null }), { op: "patch", fields: { x: null } })).toBeUndefined()
    expect(plan(state({ x: null }), { op: "patch", unset: ["x"] })).toEqual({
      op: "patch",
      unset: ["x"],
    })
  })

  it("clears before it writes, and lets a later change have the last word", () => {
    const before = state({ x: 1 })
    expect(plan(before, { op: "patch", fields: { x: 2 }, unset: ["x"] })).toEqual({
      op: "patch",
      fields: { x: 2 },
    })
    expect(
      plan(
        before,
        { op: "patch", fields: { x: 2 } },
        { op: "patch", fields: { y: 1 } },
        { op: "patch", fields: { x: 1 } },
      ),
    ).toEqual({ op: "patch", fields: { y: 1 } })
    expect(plan(before, { op: "patch", fields: { x: 2 } }, { op: "delete" })).toEqual({
      op: "delete",
    })
    expect(plan(before, { op: "delete" }, { op: "put", fields: { y: 1 } })).toEqual({
      op: "patch",
      fields: { y: 1 },
      unset: ["x"],
    })
    expect(plan(before, { op: "delete" }, { op: "patch", fields: { x: 1 } })).toBeUndefined()
  })
})

describe("maps and sets", () => {
  it("are written as what changes against the author's state", () => {
    const before = state({ m: { k: 1, "2": 2 }, s: [1, "a"] })
    expect(
      plan(before, { op: "patch", fields: { m: { k: 1, "2": 3 }, s: ["a", [1], "a"] } }),
    ).toEqual({
      op: "patch",
      fields: { m: { set: { "2": 3 } }, s: { add: [[1]], remove: [1] } },
    })
    expect(plan(before, { op: "patch", fields: { m: {}, s: [] } })).toEqual({
      op: "patch",
      fields: { m: { remove: ["2", "k"] }, s: { remove: ["a", 1] } },
    })
    expect(plan(before, { op: "patch", unset: ["m", "s"] })).toEqual({
      op: "patch",
      fields: { m: { remove: ["2", "k"] }, s: { remove: ["a", 1] } },
    })
  })

  it("let one key be named as map/key, escaped as JSON Pointer asks", () => {
    const before = state({ m: { b: 1 } })
    expect(plan(before, { op: "patch", fields: { "m/a~1b~0": 5 }, unset: ["m/b"] })).toEqual({
      op: "patch",
      fields: { m: { remove: ["b"], set: { "a/b~": 5 } } },
    })
    expect(plan(before, { op: "patch", unset: ["m/nothing"] })).toBeUndefined()
    expect(plan(before, { op: "patch", fields: { "~0m/k": 1 } })).toEqual({
      op: "patch",
      fields: { "~m": { set: { k: 1 } } },
    })
  })

  it("leave a field alone whose own name holds a slash", () => {
    expect(
      plan(state({}), { op: "patch", fields: { "m/k": { a: 1 }, "a/b": 2, "x/y": 3 } }),
    ).toEqual({
      op: "patch",
      fields: { "a/b": 2, "m/k": { set: { a: 1 } }, "x/y": 3 },
    })
  })

  it("are refused in another shape, with a place and a remedy", () => {
    for (const fields of [{ m: [1] }, { m: 1 }, { m: null }, { s: {} }, { s: "a" }]) {
      const run = () => plan(state({}), { op: "patch", fields })
      expect(run).toThrow(LamplogError)
      expect(run).toThrow("thing/one")
    }
    expect(() => plan(state({}), { op: "patch", fields: { "": 1 } })).toThrow(LamplogError)
    expect(() => plan(state({}), { op: "patch", fields: { s: [Number.NaN] } })).toThrow(
      CanonicalError,
    )
  })
})

describe("an open conflict", () => {
  it("is settled by writing the value the field has already, if the field is named", () => {
    const before = state({ x: 1, "a/b": 2 }, [conflictOn("x"), conflictOn("a~1b")])
    expect(plan(before, { op: "patch", fields: { x: 1 } })).toEqual({
      op: "patch",
      fields: { x: 1 },
    })
    expect(plan(before, { op: "patch", fields: { "a/b": 2 } })).toEqual({
      op: "patch",
      fields: { "a/b": 2 },
    })
    expect(plan(before, { op: "put", fields: { x: 1, "a/b": 2 } })).toEqual({
      op: "patch",
      fields: { "a/b": 2, x: 1 },
    })
  })

  it("is left open by a change that does not name the field", () => {
    const before = state({ x: 1, y: 1 }, [conflictOn("x")])
    expect(plan(before, { op: "patch", fields: { y: 2 } })).toEqual({
      op: "patch",
      fields: { y: 2 },
    })
    expect(plan(before, { op: "patch", fields: { y: 1 } })).toBeUndefined()
  })

  it("is settled by clearing what is clear already", () => {
    const before = state({}, [conflictOn("x"), conflictOn("m/k~1x")])
    expect(plan(before, { op: "patch", unset: ["x", "m/k~1x"] })).toEqual({
      op: "patch",
      fields: { m: { remove: ["k/x"] } },
      unset: ["x"],
    })
  })

  it("of a map's key is settled by naming the key or the whole map", () => {
    const before = state({ m: { b: 1, c: 2 } }, [conflictOn("m/b")])
    const settles = { op: "patch", fields: { m: { set: { b: 1 } } } }
    expect(plan(before, { op: "patch", fields: { "m/b": 1 } })).toEqual(settles)
    expect(plan(before, { op: "patch", fields: { m: { b: 1, c: 2 } } })).toEqual(settles)
    expect(plan(before, { op: "patch", fields: { "m/c": 2 } })).toBeUndefined()
    const cleared = state({ m: { c: 2 } }, [conflictOn("m/b")])
    expect(plan(cleared, { op: "patch", unset: ["m/b"] })).toEqual({
      op: "patch",
      fields: { m: { remove: ["b"] } },
    })
  })

  it("between a delete and an edit is not settled by an ordinary change", () => {
    const before = state({ x: 1 }, [conflictOn("", "delete-edit")])
    expect(plan(before, { op: "patch", fields: { x: 1 } })).toBeUndefined()
  })
})

const names = ["x", "a/b", "1", "10", "m", "s", "m/k"]
const leaves: ReadonlyArray<Json> = [null, 1, "a", { "2": 1, "1": 2 }, [], ["a", 1], {}]

const randomFields = (random: Random): JsonObject =>
  Object.fromEntries(
    random.some(names, 0.4).map((name) => {
      if (name === "m" || name === "m/k") {
        return [
          name,
          Object.fromEntries(
            random.some(["k", "1", "a/b"], 0.5).map((key) => [key, random.pick(leaves)]),
          ),
        ]
      }
      if (name === "s") return [name, random.some(leaves, 0.4)]
      return [name, random.pick(leaves)]
    }),
  )

describe("a planned write", () => {
  it("has the effect that was asked for, when it is folded", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Random(seed)
      let history: ReadonlyArray<HistoryEvent> = []
      let current: EntityState | undefined
      for (let round = 0; round < 4; round++) {
        const op = random.pick(["put", "put", "patch", "patch", "delete"] as const)
        const fields = op === "delete" ? undefined : randomFields(random)
        const unset = op === "patch" ? random.some(names, 0.2) : []
        const change: Asked = { op, ...(fields === undefined ? {} : { fields }), unset }
        const planned = plan(current, change)
        const lived = current !== undefined && !current.deleted
        const expected = new Map(lived && op === "patch" ? Object.entries(current!.fields) : [])
        for (const name of unset) expected.delete(name)
        for (const [name, value] of Object.entries(fields ?? {})) {
          const merged = name.startsWith("m") || name === "s"
          const empty = merged && Object.keys(value as object).length === 0
          if (empty) expected.delete(name)
          else expected.set(name, value)
        }
        if (planned !== undefined) {
          const event: HistoryEvent = {
            node: "n",
            seq: history.length + 1,
            lamport: history.length + 1,
            hash: String(history.length + 1),
            parents: current?.heads ?? [],
            applied: true,
            actor: "ana",
            ...planned,
          }
          history = [...history, event]
          current = foldEntity("thing", "one", definition, history)!
          const stepped = stepEntity(
            definition,
            history.length === 1
              ? undefined
              : foldEntity("thing", "one", definition, history.slice(0, -1)),
            event,
          )
          expect(stepped, `seed ${seed}`).toEqual(current)
        }
        if (op === "delete") {
          expect(current?.deleted ?? true, `seed ${seed}`).toBe(true)
          continue
        }
        const sorted = (value: Json) =>
          Array.isArray(value) ? [...value].map((item) => JSON.stringify(item)).sort() : value
        const found = new Map(Object.entries(current!.fields))
        expect([...found.keys()].sort(), `seed ${seed}`).toEqual([...expected.keys()].sort())
        for (const [name, value] of expected) {
          const [want, have] =
            name === "s" ? [sorted(value), sorted(found.get(name)!)] : [value, found.get(name)!]
          expect(equalJson(want, have), `seed ${seed} field ${name}`).toBe(true)
        }
        expect(
          plan(
            current,
            change.op === "put"
              ? change
              : { op: "patch", ...(fields === undefined ? {} : { fields }) },
          ),
          `seed ${seed}: asked again`,
        ).toBeUndefined()
      }
    }
  })
})
