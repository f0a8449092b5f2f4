/**
 * The common case of the fold: an event whose author had seen everything.
 *
 * When an event's parents are exactly the entity's heads, it descends from all applied events, so
 * each write simply replaces what stood before. `stepEntity` does that without the history;
 * everything else goes through `foldEntity`. The two agree byte for byte (test/state).
 */
import { compareBytes, pointerStep } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import type { MapDelta } from "../event/event.ts"
import type { Reference } from "../event/stamp.ts"
import { sortedObject, textOfSorted, wholeEntity } from "./entity.ts"
import type { EntityState, HistoryEvent } from "./entity.ts"
import { mergeKindOf } from "./schema.ts"
import type { TypeDefinition } from "./schema.ts"
import { isWhole, upcastEvent } from "./upcast.ts"

const sawEverything = (
  parents: ReadonlyArray<Reference>,
  heads: ReadonlyArray<Reference>,
): boolean =>
  parents.length === heads.length &&
  heads.every((head) => parents.some((parent) => parent.hash === head.hash))

const withMap = (before: Json | undefined, delta: JsonObject): Json | undefined => {
  const entries = new Map(Object.entries((before ?? {}) as JsonObject))
  const set = (delta.set ?? {}) as JsonObject
  for (const key of (delta.remove ?? []) as ReadonlyArray<string>) entries.delete(key)
  for (const [key, value] of Object.entries(set)) entries.set(key, value)
  return entries.size === 0 ? undefined : sortedObject(entries)
}

const withSet = (before: Json | undefined, delta: JsonObject): Json | undefined => {
  const elements = new Map<string, Json>()
  for (const value of (before ?? []) as ReadonlyArray<Json>)
    elements.set(textOfSorted(value), value)
  for (const value of (delta.remove ?? []) as ReadonlyArray<Json>) {
    elements.delete(textOfSorted(value))
  }
  for (const value of (delta.add ?? []) as ReadonlyArray<Json>) {
    elements.set(textOfSorted(value), value)
  }
  if (elements.size === 0) return undefined
  return [...elements]
    .sort((left, right) => compareBytes(left[0], right[0]))
    .map(([, value]) => value)
}

/** Field and key names, as conflicts call them, that an event writes. */
const writtenNames = (definition: TypeDefinition, event: HistoryEvent): ReadonlySet<string> => {
  const names = new Set((event.unset ?? []).map(pointerStep))
  for (const [field, value] of Object.entries(event.fields ?? {})) {
    const kind = mergeKindOf(definition, field)
    if (kind === "register") names.add(pointerStep(field))
    if (kind !== "map") continue
    const { set, remove } = value as MapDelta
    for (const key of [...Object.keys(set ?? {}), ...(remove ?? [])]) {
      names.add(`${pointerStep(field)}/${pointerStep(key)}`)
    }
  }
  return names
}

/** Whether an event changes a whole map or set: which keys it takes out, the history tells. */
const holdsWhole = (definition: TypeDefinition, event: HistoryEvent): boolean => {
  if (event.kind === undefined || event.kind >= definition.version) return false
  return Object.entries(event.fields ?? {}).some(
    ([field, value]) =>
      mergeKindOf(definition, field) !== "register" && isWhole(value as JsonObject),
  )
}

/** Whether a body's fields are the state as they stand: most entities begin so. */
const onlyRegisters = (definition: TypeDefinition, fields: JsonObject | undefined): boolean => {
  for (const field in fields) if (mergeKindOf(definition, field) !== "register") return false
  return true
}

/**
 * The state after `event`, or undefined when the history is needed to know it. `before` is undefined
 * for an entity without applied events; the caller says whether it has any others.
 */
export const stepEntity = (
  definition: TypeDefinition,
  before: EntityState | undefined,
  written: HistoryEvent,
): EntityState | undefined => {
  const event = upcastEvent(definition, written)
  if (holdsWhole(definition, event) || !sawEverything(event.parents, before?.heads ?? []))
    return undefined
  const { node, seq, lamport, hash } = event
  const heads = [{ node, seq, lamport, hash }]
  if (event.op === "delete") {
    return { fields: before?.fields ?? {}, deleted: true, heads, conflicts: [] }
  }
  const deleted = before?.deleted ?? false
  // A deleted entity shows no conflicts; only a restart knows, without the history, that none is left.
  if (deleted && event.op === "resolve") return undefined
  const restarts = before === undefined || event.op === "put" || (event.op === "patch" && deleted)
  if (restarts && onlyRegisters(definition, event.fields)) {
    return { fields: event.fields ?? {}, deleted: false, heads, conflicts: [] }
  }
  const fields = new Map(restarts ? [] : Object.entries(before.fields))
  const put = (field: string, value: Json | undefined) =>
    value === undefined ? fields.delete(field) : fields.set(field, value)
  for (const field of event.unset ?? []) fields.delete(field)
  for (const [field, value] of Object.entries(event.fields ?? {})) {
    const kind = mergeKindOf(definition, field)
    if (kind === "register") put(field, value)
    else if (kind === "map") put(field, withMap(fields.get(field), value as JsonObject))
    else put(field, withSet(fields.get(field), value as JsonObject))
  }
  let conflicts = restarts ? [] : before.conflicts
  if (conflicts.length > 0) {
    const written = writtenNames(definition, event)
    conflicts = conflicts.filter((conflict) =>
      conflict.field === wholeEntity && conflict.kind === "delete-edit"
        ? event.op === "patch"
        : !written.has(conflict.field),
    )
  }
  return { fields: sortedObject(fields), deleted: false, heads, conflicts }
}
