/**
 * Events of several versions side by side: one set of events, one state, however it was reached.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { foldEntity } from "../../src/state/fold.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import type { ProjectSchema, TypeDefinition } from "../../src/state/schema.ts"
import { upcastEvent, upcastValues } from "../../src/state/upcast.ts"
import type { HistoryEvent } from "../../src/state/entity.ts"
import type { Change } from "../../src/state/change.ts"
import type { JsonObject } from "../../src/event/canonical.ts"
import type { Replica } from "../../src/store/replica.ts"
import { Random } from "../simulation/random.ts"
import { carry, seedOf, Shelf, write } from "../store/replicas.ts"

/** Three versions: a rename, then a register that becomes a map, and another a set. */
const thing: TypeDefinition = {
  version: 3,
  fields: { m: { kind: "map" }, modes: { kind: "map", since: 3 }, s: { kind: "set", since: 2 } },
  upcasts: {
    2: ({ fields = {}, unset = [] }) => {
      const { old, ...rest } = fields
      return {
        fields: old === undefined ? rest : { ...rest, name: old },
        unset: unset.map((name) => (name === "old" ? "name" : name)),
      }
    },
  },
}

const versions: ReadonlyArray<TypeDefinition> = [
  { version: 1, fields: { m: { kind: "map" } } },
  {
    version: 2,
    fields: { m: { kind: "map" }, s: { kind: "set", since: 2 } },
    upcasts: thing.upcasts!,
  },
  thing,
]

const schemaOf = (version: number): ProjectSchema => ({
  name: "things",
  version,
  open: false,
  types: { thing: versions[version - 1]! },
})

const event = (
  kind: number,
  fields: JsonObject,
  unset: ReadonlyArray<string> = [],
): HistoryEvent => ({
  node: "n",
  seq: 1,
  lamport: 1,
  hash: "0",
  op: "put",
  parents: [],
  applied: true,
  actor: "ana",
  kind,
  fields,
  unset,
})

describe("an event read as one of today", () => {
  it("goes through every version between, and those of today through none", () => {
    const now = upcastEvent(thing, event(1, { old: 1, modes: { b: 1, a: 2 }, s: [1] }, ["x"]))
    expect(now).toMatchObject({
      fields: {
        name: 1,
        modes: { clear: true, set: { a: 2, b: 1 } },
        s: { clear: true, add: [1] },
      },
      unset: ["x"],
    })
    expect(Object.keys((now.fields as { modes: { set: object } }).modes.set)).toEqual(["a", "b"])
    const second = event(2, { old: 1, s: { add: [1] } })
    expect(upcastEvent(thing, second).fields).toEqual(second.fields)
    const today = event(3, { modes: { set: { a: 1 } } })
    expect(upcastEvent(thing, today)).toBe(today)
  })

  it("clears a map or set that it cleared, or gave what no map or set can hold", () => {
    const { fields } = upcastEvent(thing, event(1, { modes: "dark" }, ["s", "old"]))
    expect(fields).toEqual({ modes: { clear: true }, s: { clear: true } })
    expect(upcastEvent(thing, event(1, {}, ["s", "old"])).unset).toEqual(["name"])
  })

  it("shows whole values like the events that wrote them", () => {
    const values = { m: { k: 1 }, modes: { a: 1 }, old: "x", s: ["b", "a"] }
    expect(upcastValues(thing, 1, values)).toEqual({
      m: { k: 1 },
      modes: { a: 1 },
      name: "x",
      s: ["b", "a"],
    })
    expect(upcastValues(thing, 3, values)).toBe(values)
    expect(upcastValues(thing, 1, { modes: 5 })).toEqual({})
  })
})

describe("a change of a whole map", () => {
  const at = (seq: number, fields: JsonObject, kind: number, parents: HistoryEvent["parents"]) => ({
    ...event(kind, fields),
    op: "patch" as const,
    seq,
    lamport: seq,
    hash: String(seq),
    parents,
  })
  const first = at(1, { modes: { a: 1, b: 2 } }, 1, [])
  const before = [{ node: "n", seq: 1, hash: "1" }]

  it("takes out the keys that its author had seen", () => {
    const state = foldEntity("thing", "x", thing, [first, at(2, { modes: { b: 3 } }, 1, before)])
    expect(state).toMatchObject({ fields: { modes: { b: 3 } }, conflicts: [] })
  })

  it("leaves those that somebody else wrote meanwhile, and disagrees about those both changed", () => {
    const theirs = at(2, { modes: { set: { a: 5, c: 6 } } }, 3, before)
    const state = foldEntity("thing", "x", thing, [
      first,
      theirs,
      at(3, { modes: { b: 3 } }, 1, before),
    ])
    expect(state?.fields).toEqual({ modes: { b: 3, c: 6 } })
    expect(state?.conflicts.map(({ field, base }) => [field, base])).toEqual([["modes/a", 1]])
  })
})

let shelf: Shelf
beforeEach(() => (shelf = new Shelf()))
afterEach(() => shelf.remove())

const randomChange = (random: Random, version: number): Change => {
  const id = `t${random.below(20)}`
  const roll = random.next()
  if (roll < 0.1) return { op: "delete", type: "thing", id }
  const whole = Object.fromEntries(
    random.some(["a", "b", "c"], 0.5).map((key) => [key, random.below(4)]),
  )
  const fields: Record<string, JsonObject[string]> = {}
  if (random.chance(0.4)) fields[version === 1 ? "old" : "name"] = random.below(4)
  if (random.chance(0.3)) fields["m/k"] = random.below(4)
  if (random.chance(0.4)) fields.modes = version < 3 && random.chance(0.1) ? "dark" : whole
  if (random.chance(0.4)) fields.s = random.some([1, 2, 3], 0.5)
  const unset = random.chance(0.2) ? [random.pick(["modes", "s", "old", "name"])] : []
  const rest = unset.filter((name) => fields[name] === undefined)
  return {
    op: roll < 0.2 ? "put" : "patch",
    type: "thing",
    id,
    fields,
    ...(roll < 0.2 ? {} : { unset: rest }),
  }
}

const randomExchange = (seed: number): void => {
  const random = new Random(seed)
  const open = (name: string, version: number): Replica =>
    shelf.create(`${seed}-${name}`, {
      project: "aaaqeayeaudaocajbifqydiob4",
      seed: seedOf(name),
      schema: "things",
      schemas: new SchemaRegistry().register(schemaOf(version)),
    })
  const writers = [1, 1, 2, 2, 3, 3].map((version, index) => ({
    version,
    replica: open(`w${index}`, version),
  }))
  for (let round = 0; round < 40; round++) {
    const { replica, version } = random.pick(writers)
    // Several in a row: what follows what its author had seen is applied step by step.
    for (let edits = random.between(1, 4); edits > 0; edits--) {
      write(replica, [randomChange(random, version)])
    }
    if (random.chance(0.8)) carry(replica, random.pick(writers).replica)
  }
  const first = open("r0", 3)
  const second = open("r1", 3)
  for (const { replica } of writers) carry(replica, first)
  for (const { replica } of writers.toReversed()) carry(replica, second)
  const digest = first.digest()
  expect(second.digest()).toBe(digest)
  first.transaction(() => first.projection.rebuild())
  expect(first.digest()).toBe(digest)
  const { version, replica } = writers.at(-1)!
  carry(second, replica)
  expect([version, replica.digest()]).toEqual([3, digest])
}

describe("writers of three versions", () => {
  const only = process.env.LAMPLOG_SEED
  const seeds = only === undefined ? [1, 2, 3, 4] : [Number(only)]

  it("leave one state, taken in any order, step by step or folded anew", () => {
    for (const seed of seeds) {
      try {
        randomExchange(seed)
      } catch (error) {
        throw new Error(`seed ${seed} (LAMPLOG_SEED=${seed} replays it): ${String(error)}`, {
          cause: error,
        })
      }
    }
  })
})
