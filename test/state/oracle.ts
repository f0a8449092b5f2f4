/**
 * What an entity's history means, said as plainly as possible and as slowly as need be.
 *
 * An independent reading of the rules: every set of ancestors is written out, every rule is the
 * sentence it came from, nothing is kept from one question to the next. `foldEntity` must agree with
 * it on every history; where they differ, one of the two is wrong and the rules decide.
 */
import { canonicalFromJson, pointerStep } from "../../src/event/canonical.ts"
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import { sha256 } from "../../src/event/hash.ts"
import type { HistoryEvent } from "../../src/state/entity.ts"
import { mergeKindOf } from "../../src/state/schema.ts"
import type { TypeDefinition } from "../../src/state/schema.ts"

interface MapChange {
  /** Of the whole map: what its author had seen and it does not set, it takes out. */
  readonly clear?: boolean
  readonly set?: JsonObject
  readonly remove?: ReadonlyArray<string>
}

/** A register that an event wrote: a field, or a map's key. `undefined` is a cleared one. */
interface Write {
  readonly event: HistoryEvent
  readonly field: string
  readonly key?: string
  readonly value: Json | undefined
}

/** The total order: lamport, node, seq, chain hash. */
export const byOrder = (left: HistoryEvent, right: HistoryEvent): number =>
  left.lamport - right.lamport ||
  (left.node < right.node ? -1 : left.node > right.node ? 1 : 0) ||
  left.seq - right.seq ||
  (left.hash < right.hash ? -1 : 1)

const textOf = (value: Json | undefined): string =>
  value === undefined ? "absent" : canonicalFromJson(value)

const byText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

const byBytes = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left), Buffer.from(right))

/** Every event that each event's author had seen, itself not among them. */
const ancestorsOf = (
  events: ReadonlyArray<HistoryEvent>,
): ReadonlyMap<string, ReadonlySet<string>> => {
  const byHash = new Map(events.map((event) => [event.hash, event]))
  const known = new Map<string, ReadonlySet<string>>()
  const visit = (event: HistoryEvent): ReadonlySet<string> => {
    const before = known.get(event.hash)
    if (before !== undefined) return before
    const seen = new Set<string>()
    for (const { hash } of event.parents) {
      const parent = byHash.get(hash)
      if (parent === undefined) continue
      seen.add(hash)
      for (const older of visit(parent)) seen.add(older)
    }
    known.set(event.hash, seen)
    return seen
  }
  for (const event of events) visit(event)
  return known
}

/**
 * An event as one of today: a map or set that its version did not list was a register, whose value
 * or clearing was about the whole of it.
 */
const asOfToday = (definition: TypeDefinition, event: HistoryEvent): HistoryEvent => {
  const { kind, fields = {}, unset = [] } = event
  if (kind === undefined) return event
  const listedLater = Object.entries(definition.fields).filter(
    ([, field]) => field.kind !== "register" && (field.since ?? 1) > kind,
  )
  const changed: { [field: string]: Json } = { ...fields }
  for (const [name, field] of listedLater) {
    const value = fields[name]
    if (value === undefined && !unset.includes(name)) continue
    const isList = Array.isArray(value)
    const isMap = value !== null && typeof value === "object" && !isList
    changed[name] =
      field.kind === "map" && isMap
        ? { clear: true, set: value as JsonObject }
        : field.kind === "set" && isList
          ? { clear: true, add: value as ReadonlyArray<Json> }
          : { clear: true }
  }
  const left = unset.filter((name) => !listedLater.some(([listed]) => listed === name))
  return { ...event, fields: changed, unset: left }
}

/** One history under examination: the events that count, and who had seen whom. */
class Reading {
  readonly type: string
  readonly id: string
  readonly definition: TypeDefinition
  readonly applied: ReadonlyArray<HistoryEvent>
  readonly #ancestors: ReadonlyMap<string, ReadonlySet<string>>
  readonly #all: ReadonlyMap<string, HistoryEvent>

  constructor(
    type: string,
    id: string,
    events: ReadonlyArray<HistoryEvent>,
    definition: TypeDefinition,
  ) {
    this.type = type
    this.id = id
    this.definition = definition
    this.applied = events
      .filter((event) => event.applied)
      .map((event) => asOfToday(definition, event))
      .toSorted(byOrder)
    this.#ancestors = ancestorsOf(events)
    this.#all = new Map(events.map((event) => [event.hash, event]))
  }

  /** Whether the author of `later` had seen `earlier`. */
  before(earlier: HistoryEvent, later: HistoryEvent): boolean {
    return this.#ancestors.get(later.hash)!.has(earlier.hash)
  }

  concurrent(left: HistoryEvent, right: HistoryEvent): boolean {
    return left !== right && !this.before(left, right) && !this.before(right, left)
  }

  /** A put, or a patch all of whose parents are deletes. */
  restarts(event: HistoryEvent): boolean {
    if (event.op === "put") return true
    if (event.op !== "patch") return false
    return event.parents.every(({ hash }) => this.#all.get(hash)?.op === "delete")
  }

  heads(): ReadonlyArray<HistoryEvent> {
    return this.applied.filter((event) => !this.applied.some((other) => this.before(event, other)))
  }

  conflictId(field: string, hashes: ReadonlyArray<string>): string {
    const content = canonicalFromJson([this.type, this.id, field, hashes.toSorted(byText)])
    return sha256(`lamplog:conflict:1\n${content}`).slice(0, 32)
  }
}

const nameOf = ({ field, key }: Write): string =>
  key === undefined ? pointerStep(field) : `${pointerStep(field)}/${pointerStep(key)}`

/** Keys of a map that somebody had written before an event's author wrote. */
const keysSeen = (reading: Reading, event: HistoryEvent, field: string): ReadonlyArray<string> =>
  reading.applied
    .filter((other) => other.op !== "delete" && reading.before(other, event))
    .flatMap((other) => {
      const delta = other.fields?.[field] as MapChange | undefined
      return [...(delta?.remove ?? []), ...Object.keys(delta?.set ?? {})]
    })

/** Every write of a register or of a map's key. A delete writes none. */
const registerWrites = (reading: Reading): ReadonlyArray<Write> =>
  reading.applied.flatMap((event): ReadonlyArray<Write> => {
    if (event.op === "delete") return []
    // An event writes a register once: a value beside a clearing of the same register counts.
    const writes = new Map<string, Write>()
    const add = (write: Write) => writes.set(nameOf(write), write)
    for (const field of event.unset ?? []) add({ event, field, value: undefined })
    for (const [field, value] of Object.entries(event.fields ?? {})) {
      const kind = mergeKindOf(reading.definition, field)
      if (kind === "register") add({ event, field, value })
      if (kind !== "map") continue
      const delta = value as MapChange
      if (delta.clear === true) {
        for (const key of keysSeen(reading, event, field))
          add({ event, field, key, value: undefined })
      }
      for (const key of delta.remove ?? []) add({ event, field, key, value: undefined })
      for (const [key, item] of Object.entries(delta.set ?? {})) {
        add({ event, field, key, value: item })
      }
    }
    return [...writes.values()]
  })

const candidateFrom = ({ event, value }: Write): JsonObject => ({
  node: event.node,
  seq: event.seq,
  lamport: event.lamport,
  hash: event.hash,
  actor: event.actor,
  op: event.op,
  ...(value === undefined ? { absent: true } : { value }),
})

/** The resolutions among the events that stand against each other. */
const resolutionsAmong = (events: ReadonlyArray<HistoryEvent>): JsonObject => {
  const resolutions = events
    .filter(({ op }) => op === "resolve")
    .map(({ node, seq, actor }) => ({ node, seq, actor }))
  return resolutions.length === 0 ? {} : { afterResolutionBy: resolutions }
}

/** Writes that no other write of the register, and no restart, supersedes; in order. */
const unsuperseded = (reading: Reading, writes: ReadonlyArray<Write>): ReadonlyArray<Write> =>
  writes.filter(
    ({ event }) =>
      !writes.some((other) => reading.before(event, other.event)) &&
      !reading.applied.some((other) => reading.restarts(other) && reading.before(event, other)),
  )

const fieldConflict = (
  reading: Reading,
  name: string,
  writes: ReadonlyArray<Write>,
  open: ReadonlyArray<Write>,
): JsonObject => {
  const base = writes
    .filter(({ event }) => open.every((candidate) => reading.before(event, candidate.event)))
    .at(-1)
  const winner = open.at(-1)!.event
  return {
    id: reading.conflictId(
      name,
      open.map(({ event }) => event.hash),
    ),
    field: name,
    kind: "field",
    ...(base?.value === undefined ? {} : { base: base.value }),
    candidates: open.map(candidateFrom),
    winner: { node: winner.node, seq: winner.seq },
    ...resolutionsAmong(open.map(({ event }) => event)),
  }
}

/** A delete and an edit, concurrent, and nothing that settles descends from both. */
const deleteEditConflict = (reading: Reading): JsonObject | undefined => {
  if (reading.heads().every(({ op }) => op === "delete")) return undefined
  const edits = reading.applied.filter(({ op }) => op !== "delete")
  const deletes = reading.applied.filter(({ op }) => op === "delete")
  const settlers = reading.applied.filter(
    (event) => event.op !== "patch" || reading.restarts(event),
  )
  const pairs = deletes.flatMap((deletion) =>
    edits
      .filter(
        (edit) =>
          reading.concurrent(deletion, edit) &&
          !settlers.some(
            (settler) => reading.before(deletion, settler) && reading.before(edit, settler),
          ),
      )
      .map((edit) => ({ deletion, edit })),
  )
  if (pairs.length === 0) return undefined
  const unsettled = deletes.filter((event) => pairs.some(({ deletion }) => deletion === event))
  const against = edits.filter((event) => pairs.some(({ edit }) => edit === event))
  const newest = against.filter((event) => !against.some((other) => reading.before(event, other)))
  const candidates = [...unsettled, ...newest].toSorted(byOrder)
  const winner = newest.at(-1)!
  return {
    id: reading.conflictId(
      "",
      candidates.map(({ hash }) => hash),
    ),
    field: "",
    kind: "delete-edit",
    candidates: candidates.map(({ node, seq, lamport, hash, actor, op, fields, unset }) => ({
      node,
      seq,
      lamport,
      hash,
      actor,
      op,
      ...(op === "delete"
        ? { absent: true }
        : {
            value: { ...fields, ...(unset === undefined || unset.length === 0 ? {} : { unset }) },
          }),
    })),
    winner: { node: winner.node, seq: winner.seq },
    ...resolutionsAmong(candidates),
  }
}

/** The elements of a set that some add put there and no remove or restart covers. */
const elementsOf = (reading: Reading, field: string): ReadonlyArray<Json> => {
  const deltaOf = (event: HistoryEvent, part: "add" | "remove"): ReadonlyArray<Json> =>
    event.op === "delete"
      ? []
      : ((event.fields?.[field] as { readonly [part: string]: ReadonlyArray<Json> } | undefined)?.[
          part
        ] ?? [])
  const isWhole = (event: HistoryEvent): boolean =>
    event.op !== "delete" && (event.fields?.[field] as MapChange | undefined)?.clear === true
  const present = new Map<string, Json>()
  for (const event of reading.applied) {
    for (const element of deltaOf(event, "add")) {
      const text = canonicalFromJson(element)
      const covered = reading.applied.some(
        (other) =>
          reading.before(event, other) &&
          (reading.restarts(other) ||
            isWhole(other) ||
            deltaOf(other, "remove").some((removed) => canonicalFromJson(removed) === text)),
      )
      if (!covered) present.set(text, element)
    }
  }
  return [...present].toSorted((left, right) => byBytes(left[0], right[0])).map(([, item]) => item)
}

export interface OracleState {
  readonly fields: JsonObject
  readonly deleted: boolean
  readonly heads: ReadonlyArray<string>
  readonly conflicts: ReadonlyArray<JsonObject>
}

/**
 * The state of an entity after this set of events, in whatever order they are given; undefined when
 * none of them is applied.
 */
export const oracleFold = (
  type: string,
  id: string,
  events: ReadonlyArray<HistoryEvent>,
  definition: TypeDefinition,
): OracleState | undefined => {
  const reading = new Reading(type, id, events, definition)
  const writes = registerWrites(reading)
  const fields: { [field: string]: Json } = {}
  const conflicts: Array<JsonObject> = []
  for (const name of new Set(writes.map(nameOf))) {
    const here = writes.filter((write) => nameOf(write) === name)
    const open = unsuperseded(reading, here)
    const last = open.at(-1)
    if (last === undefined) continue
    if (last.value !== undefined && last.key === undefined) fields[last.field] = last.value
    if (last.value !== undefined && last.key !== undefined) {
      fields[last.field] = { ...(fields[last.field] as JsonObject), [last.key]: last.value }
    }
    if (new Set(open.map(({ value }) => textOf(value))).size > 1) {
      conflicts.push(fieldConflict(reading, name, here, open))
    }
  }
  for (const field of new Set(
    reading.applied.flatMap(({ fields: all }) => Object.keys(all ?? {})),
  )) {
    if (mergeKindOf(definition, field) !== "set") continue
    const elements = elementsOf(reading, field)
    if (elements.length > 0) fields[field] = elements
  }
  const whole = deleteEditConflict(reading)
  const heads = reading.heads()
  const deleted = heads.every(({ op }) => op === "delete")
  if (heads.length === 0) return undefined
  // A deleted entity shows no conflict: there is nothing to look at until it lives again.
  if (deleted) conflicts.length = 0
  return {
    fields,
    deleted,
    heads: heads.map(({ hash }) => hash),
    conflicts: [...(whole === undefined ? [] : [whole]), ...conflicts].toSorted((left, right) =>
      byText(left["field"] as string, right["field"] as string),
    ),
  }
}
