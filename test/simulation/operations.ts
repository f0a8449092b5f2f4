/**
 * What may happen to a project, as plain data: a history is a number of replicas and a list of these.
 *
 * Operations name replicas, conflicts and candidates by any number; who carries them out takes it
 * modulo what there is. So every part of a history is a history, which is what shrinking needs.
 */
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import type { Change } from "../../src/state/change.ts"
import { Random } from "./random.ts"
import type { SchemaVersion } from "./schemas.ts"

/** How much of what one replica holds is carried to another. */
export type Extent =
  /** Everything. */
  | "all"
  /** What the other lacks, from where it stops. */
  | "lacking"
  /** What has a lamport up to some share of the highest: closed under causality. */
  | "early"
  /** Each log up to any event: often refused, for then nothing may change. */
  | "torn"

export type Operation =
  | {
      readonly do: "write"
      readonly at: number
      readonly changes: ReadonlyArray<Change>
      /** Through a second connection to the same file. */
      readonly beside: boolean
    }
  | {
      readonly do: "resolve"
      readonly at: number
      readonly conflict: number
      readonly take: number
      /** Written instead of a candidate's value. */
      readonly value?: Json
    }
  | {
      readonly do: "give"
      readonly from: number
      readonly to: number
      readonly extent: Extent
      readonly seed: number
      readonly twice: boolean
    }
  /** An archive carries everything. */
  | { readonly do: "archive"; readonly from: number; readonly to: number; readonly since: boolean }
  /** A second database that goes on under the same key, unnoticed: a fork. */
  | { readonly do: "clone"; readonly at: number }
  /** A copied folder, which is noticed. */
  | { readonly do: "copy"; readonly at: number }
  | { readonly do: "save"; readonly at: number }
  /** The database as it was saved last: in place or as another file, with or without its record. */
  | {
      readonly do: "restore"
      readonly at: number
      readonly inPlace: boolean
      readonly recordLost: boolean
    }
  | { readonly do: "upgrade"; readonly at: number }
  | { readonly do: "reopen"; readonly at: number }

export interface History {
  readonly seed: number
  /** Schema version of each replica at the start. */
  readonly replicas: ReadonlyArray<SchemaVersion>
  readonly operations: ReadonlyArray<Operation>
}

const ids = ["a", "b", "c/d"]
const registers = ["x", "x", "x", "a/b", "1"]
const keys = ["k", "k", "k/~", "2"]
const values: ReadonlyArray<Json> = [null, 1, 2, "a", "b", { "10": 1, "9": { b: 0, a: [] } }]
const elements: ReadonlyArray<Json> = ["t", "u", 10, 9, { "1": 0 }, "\uff5e", "\u{1f600}"]

const mapOf = (random: Random): JsonObject =>
  Object.fromEntries(random.some(keys, 0.4).map((key) => [key, random.pick(values)]))

const randomFields = (random: Random, type: string): JsonObject => {
  const fields: { [field: string]: Json } = {}
  for (let count = random.between(1, 2); count > 0; count--) {
    const kind = random.below(10)
    if (kind < 6) fields[random.pick(registers)] = random.pick(values)
    else if (kind < 8 && type !== "note") {
      if (random.chance(0.5)) fields["m"] = mapOf(random)
      else fields[`m/${random.pick(["k", "k~1~0", "2"])}`] = random.pick(values)
    } else if (type === "note" && random.chance(0.3)) fields["late"] = mapOf(random)
    else if (type !== "lamp") fields["s"] = random.some(elements, 0.4)
  }
  return fields
}

const familiar = ["thing", "thing", "thing", "thing", "note", "lamp"]
/** Where replicas know different versions, more of what only some of them know. */
const strange = ["thing", "thing", "note", "note", "lamp"]

const randomChange = (random: Random, types: ReadonlyArray<string>): Change => {
  const type = random.pick(types)
  const id = random.chance(0.5) ? ids[0]! : random.pick(ids)
  const kind = random.below(20)
  if (kind < 4) return { op: "delete", type, id }
  const fields = randomFields(random, type)
  if (kind < 8) return { op: "put", type, id, fields }
  const unset = random.chance(0.2) ? [random.pick([...registers, "m/k", "s"])] : undefined
  return { op: "patch", type, id, fields, ...(unset === undefined ? {} : { unset }) }
}

const randomWrite = (random: Random, types: ReadonlyArray<string>) => ({
  do: "write" as const,
  at: random.below(8),
  changes: Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => randomChange(random, types)),
  beside: random.chance(0.05),
})

const randomGive = (random: Random) => ({
  do: "give" as const,
  from: random.below(8),
  to: random.below(8),
  extent: random.pick<Extent>(["all", "all", "lacking", "lacking", "early", "torn"]),
  seed: random.below(2 ** 31),
  twice: random.chance(0.1),
})

const randomResolve = (random: Random): Operation => ({
  do: "resolve",
  at: random.below(8),
  conflict: random.below(8),
  take: random.below(4),
  ...(random.chance(0.2) ? { value: random.pick(values) } : {}),
})

/** The same write on two clones, so that their logs part inside a transaction or not at all. */
const twinWrites = (
  random: Random,
  at: number,
  types: ReadonlyArray<string>,
): ReadonlyArray<Operation> => {
  const shared = {
    op: "patch" as const,
    type: "thing",
    id: "a",
    fields: { x: random.pick(values) },
  }
  const tail = () => ({ ...randomChange(random, types), id: random.pick(["b", "c/d"]) })
  // The clone is the newest replica: -1 from the end.
  return [
    { do: "write", at, changes: [shared, tail()], beside: false },
    { do: "write", at: -1, changes: [shared, tail()], beside: false },
  ]
}

const restore = (random: Random, at: number): Operation => ({
  do: "restore",
  at,
  inPlace: random.chance(0.6),
  recordLost: random.chance(0.4),
})

/** A backup is put back after others have seen what came later; then work goes on. */
const rollback = (
  random: Random,
  at: number,
  types: ReadonlyArray<string>,
): ReadonlyArray<Operation> => {
  const other = random.below(8)
  const write = (): Operation => ({ ...randomWrite(random, types), at, beside: false })
  const give = (from: number, to: number): Operation => ({
    ...randomGive(random),
    from,
    to,
    extent: "all",
  })
  return [
    write(),
    { do: "save", at },
    write(),
    give(at, other),
    restore(random, at),
    ...(random.chance(0.5) ? [give(other, at)] : []),
    write(),
    give(at, other),
  ]
}

const rare = (random: Random, types: ReadonlyArray<string>): ReadonlyArray<Operation> => {
  const at = random.below(8)
  switch (random.below(7)) {
    case 0:
      return [{ do: "clone", at }, ...(random.chance(0.6) ? twinWrites(random, at, types) : [])]
    case 1:
      return [{ do: "copy", at }]
    case 2:
      return [{ do: "save", at }]
    case 3:
      return random.chance(0.5) ? [restore(random, at)] : rollback(random, at, types)
    case 4:
      return [{ do: "upgrade", at }]
    case 5:
      return [{ do: "archive", from: random.below(8), to: at, since: random.chance(0.5) }]
    default:
      return [{ do: "reopen", at }]
  }
}

/** Something that everybody has, so that later edits have a common ancestor. */
const sharedBeginning = (random: Random, replicas: number): ReadonlyArray<Operation> => {
  const changes = random.some(ids, 0.7).map((id) => ({
    op: "put" as const,
    type: "thing",
    id,
    fields: { x: random.pick(values), ...randomFields(random, "thing") },
  }))
  const write: Operation = { do: "write", at: 0, changes, beside: false }
  const gives = Array.from({ length: replicas - 1 }, (_, index): Operation => ({
    do: "give",
    from: 0,
    to: index + 1,
    extent: "all",
    seed: random.below(2 ** 31),
    twice: false,
  }))
  return changes.length === 0 ? [] : [write, ...gives]
}

/** A history chosen by its seed alone. */
export const randomHistory = (seed: number): History => {
  const random = new Random(seed)
  const mixed = random.chance(0.3)
  const types = mixed ? strange : familiar
  const replicas = Array.from({ length: random.between(2, 5) }, (): SchemaVersion =>
    mixed && random.chance(0.5) ? 1 : 2,
  )
  const operations: Array<Operation> = []
  if (random.chance(0.6)) operations.push(...sharedBeginning(random, replicas.length))
  const length = operations.length + random.between(5, 40)
  while (operations.length < length) {
    const kind = random.below(20)
    if (kind < 8) operations.push(randomWrite(random, types))
    else if (kind < 15) operations.push(randomGive(random))
    else if (kind < 18) operations.push(randomResolve(random))
    else operations.push(...rare(random, types))
  }
  return { seed, replicas, operations }
}
