/**
 * From what an entity is to what it should be: the difference, field by field, and the change that
 * makes it.
 *
 * Maps are compared key by key (`modes/dark`) and sets as sets, so that a change names nothing that
 * is as it should be: what is not named is not written, and an open conflict there stays open.
 */
import { canonicalFromJson, compareText, equalJson, pointerStep } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import type { Change } from "../state/change.ts"
import type { Conflict, EntityState } from "../state/entity.ts"
import { mergeKindOf } from "../state/schema.ts"
import type { TypeDefinition } from "../state/schema.ts"

export interface FieldDifference {
  /** A field, or `map/key` (JSON Pointer escaped). */
  readonly name: string
  /** Undefined when there is none. */
  readonly before: Json | undefined
  readonly after: Json | undefined
}

/** What an entity should be: whole values, maps as objects and sets as arrays. */
export interface Wanted {
  readonly type: string
  readonly id: string
  readonly fields: JsonObject
}

/** An entity by its name: a type holds no "/". */
export const nameOf = (entity: { readonly type: string; readonly id: string }): string =>
  `${entity.type}/${entity.id}`

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const own = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** A set as the state keeps it: each element once, in canonical order; none when it is empty. */
const asSet = (value: Json | undefined): Json | undefined => {
  if (!Array.isArray(value)) return value
  const elements = value as ReadonlyArray<Json>
  const distinct = new Map(elements.map((element) => [canonicalFromJson(element), element]))
  const sorted = [...distinct].sort((left, right) => compareText(left[0], right[0]))
  return sorted.length === 0 ? undefined : sorted.map(([, element]) => element)
}

const isSame = (before: Json | undefined, after: Json | undefined): boolean =>
  before === undefined || after === undefined ? before === after : equalJson(before, after)

/** Fields, and keys of maps, in which two entities differ. */
export const fieldDifferences = (
  definition: TypeDefinition,
  before: JsonObject,
  after: JsonObject,
): ReadonlyArray<FieldDifference> => {
  const found: Array<FieldDifference> = []
  const compare = (name: string, had: Json | undefined, has: Json | undefined): void => {
    if (!isSame(had, has)) found.push({ name, before: had, after: has })
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const had = own(before, name)
    const has = own(after, name)
    const kind = mergeKindOf(definition, name)
    // A value of the wrong shape is compared whole; whoever writes it is refused.
    const maps = (had === undefined || isObject(had)) && (has === undefined || isObject(has))
    if (kind === "map" && maps) {
      const keys = new Set([...Object.keys(had ?? {}), ...Object.keys(has ?? {})])
      for (const key of keys) {
        const place = `${pointerStep(name)}/${pointerStep(key)}`
        compare(place, had && own(had, key), has && own(has, key))
      }
    } else if (kind === "set") compare(name, asSet(had), asSet(has))
    else compare(name, had, has)
  }
  return found
}

const unescapeStep = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~")

/** The field, or field and key, that a conflict is about. */
export const conflictPlace = (
  conflict: Conflict,
): { readonly field: string; readonly key?: string } => {
  const slash = conflict.field.indexOf("/")
  if (slash < 0) return { field: unescapeStep(conflict.field) }
  return {
    field: unescapeStep(conflict.field.slice(0, slash)),
    key: unescapeStep(conflict.field.slice(slash + 1)),
  }
}

/** The value that stands, or should stand, where a conflict is. */
export const valueAt = (fields: JsonObject, conflict: Conflict): Json | undefined => {
  const { field, key } = conflictPlace(conflict)
  const value = own(fields, field)
  if (key === undefined) return value
  return isObject(value) ? own(value, key) : undefined
}

/**
 * The change that turns a state into what is wanted; undefined when nothing is to be done. Conflicts
 * in `settled` are written even where the value is as wanted, which settles them.
 */
export const changeTowards = (
  definition: TypeDefinition,
  state: EntityState | undefined,
  wanted: Wanted,
  settled: ReadonlyArray<Conflict> = [],
): Change | undefined => {
  const { type, id } = wanted
  if (state === undefined || state.deleted) return { op: "put", type, id, fields: wanted.fields }
  const fields = new Map<string, Json>()
  const unset = new Set<string>()
  const write = (name: string, value: Json | undefined): void => {
    if (value === undefined) unset.add(name)
    else fields.set(name, value)
  }
  for (const { name, after } of fieldDifferences(definition, state.fields, wanted.fields)) {
    write(name, after)
  }
  for (const conflict of settled) {
    if (conflict.kind !== "field") continue
    const { field, key } = conflictPlace(conflict)
    write(key === undefined ? field : conflict.field, valueAt(wanted.fields, conflict))
  }
  if (fields.size === 0 && unset.size === 0) return undefined
  return { op: "patch", type, id, fields: Object.fromEntries(fields), unset: [...unset] }
}
