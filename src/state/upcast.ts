/**
 * Events of older versions of their type, read as if they were of today's.
 *
 * What an event says is a function of its own bytes, the version in its body, and the reader's
 * definition of the type; never of other events or of the state. So every reader of one version of a
 * schema sees one state, whoever wrote what when. The bytes stay as they are.
 *
 * From each version to the next
 *  1. A map or set that the next version lists (`since`) was a register until then: its old value is
 *     read as a change of the whole, which takes out what its author had seen and puts in the value.
 *  2. The type's own `upcasts` function, if there is one, turns the change into one of that version.
 *  3. What then is no change of a map or set where one belongs takes out what its author had seen.
 */
import { canonicalFromJson } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import type { HistoryEvent } from "./entity.ts"
import { mergeKindOf } from "./schema.ts"
import type { FieldChange, FieldDefinition, MergeKind, TypeDefinition } from "./schema.ts"

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

/** How a field merged in a version of its type. */
export const mergeKindAt = (
  definition: TypeDefinition,
  field: string,
  version: number,
): MergeKind => {
  const kind = mergeKindOf(definition, field)
  return kind !== "register" && sinceOf(definition.fields[field]!) > version ? "register" : kind
}

const sinceOf = ({ since }: FieldDefinition): number => since ?? 1

/**
 * Marks a change of the whole of a map or set, which takes out all that its author had seen. Only
 * upcasts make such changes; no event holds one.
 */
export const wholeMark = "clear"

export const isWhole = (delta: JsonObject): boolean => delta[wholeMark] === true

const cleared: JsonObject = { [wholeMark]: true }

/** An old register's value as a change of the map or set that it has become; else as it is. */
const wholeOf = (kind: MergeKind, value: Json): Json => {
  if (kind === "map" && isObject(value)) return { ...cleared, set: value }
  if (kind === "set" && Array.isArray(value))
    return { ...cleared, add: value as ReadonlyArray<Json> }
  return value
}

const isDelta = (kind: MergeKind, value: Json): boolean => {
  const keys = kind === "map" ? [wholeMark, "set", "remove"] : [wholeMark, "add", "remove"]
  return isObject(value) && Object.keys(value).every((key) => keys.includes(key))
}

/** What changes from one version of a type to the next. */
interface Step {
  readonly version: number
  /** Maps and sets that this version lists first. */
  readonly listed: ReadonlyArray<readonly [string, MergeKind]>
  readonly upcast: ((change: FieldChange) => FieldChange) | undefined
}

const stepsByDefinition = new WeakMap<TypeDefinition, ReadonlyArray<Step>>()

/** The versions at which anything changes for those who read older events, in order. */
const stepsOf = (definition: TypeDefinition): ReadonlyArray<Step> => {
  const known = stepsByDefinition.get(definition)
  if (known !== undefined) return known
  const steps: Array<Step> = []
  for (let version = 2; version <= definition.version; version++) {
    const listed = Object.entries(definition.fields).flatMap(([name, field]) =>
      field.kind !== "register" && sinceOf(field) === version ? [[name, field.kind] as const] : [],
    )
    const upcast = definition.upcasts?.[version]
    if (listed.length > 0 || upcast !== undefined) steps.push({ version, listed, upcast })
  }
  stepsByDefinition.set(definition, steps)
  return steps
}

const namesAny = (change: FieldChange, listed: Step["listed"]): boolean =>
  listed.some(
    ([name]) => Object.hasOwn(change.fields ?? {}, name) || (change.unset ?? []).includes(name),
  )

const afterStep = ({ listed, upcast }: Step, change: FieldChange): FieldChange => {
  if (upcast === undefined && !namesAny(change, listed)) return change
  const fields: { [name: string]: Json } = { ...change.fields }
  const unset = new Set(change.unset)
  for (const [name, kind] of listed) {
    if (Object.hasOwn(fields, name)) fields[name] = wholeOf(kind, fields[name]!)
    else if (unset.has(name)) fields[name] = cleared
    unset.delete(name)
  }
  const before: FieldChange = { fields, unset: [...unset] }
  const after = upcast === undefined ? before : upcast(before)
  const read: { [name: string]: Json } = { ...after.fields }
  for (const [name, kind] of listed) {
    if (Object.hasOwn(read, name) && !isDelta(kind, read[name]!)) read[name] = cleared
  }
  return { fields: read, unset: after.unset ?? [] }
}

/**
 * What a change written in version `kind` means in the version that this reader knows. Throws what an
 * upcast throws, and `CanonicalError` for what it gives that no event may hold.
 */
export const upcastChange = (
  definition: TypeDefinition,
  kind: number,
  change: FieldChange,
): FieldChange => {
  let read = change
  for (const step of stepsOf(definition)) if (step.version > kind) read = afterStep(step, read)
  if (read === change) return change
  const { fields = {}, unset = [] } = read
  // Keys in canonical order, as in a body.
  return JSON.parse(canonicalFromJson({ fields, unset })) as FieldChange
}

/** An event as this reader's version of its type has it. */
export const upcastEvent = (definition: TypeDefinition, event: HistoryEvent): HistoryEvent => {
  const { kind, fields, unset } = event
  if (kind === undefined || kind >= definition.version) return event
  if (fields === undefined && unset === undefined) return event
  const change = upcastChange(definition, kind, {
    ...(fields === undefined ? {} : { fields }),
    ...(unset === undefined ? {} : { unset }),
  })
  const { fields: read = {}, unset: dropped = [] } = change
  return {
    ...event,
    fields: Object.keys(read).length === 0 ? undefined : read,
    unset: dropped.length === 0 ? undefined : dropped,
  }
}

/** The values of an entity, whole, as a schema of version `version` kept them, as this reader does. */
export const upcastValues = (
  definition: TypeDefinition,
  version: number,
  values: JsonObject,
): JsonObject => {
  if (version >= definition.version) return values
  const written = Object.entries(values).map(([name, value]): [string, Json] => {
    const kind = mergeKindAt(definition, name, version)
    return [name, kind === "map" ? { set: value } : kind === "set" ? { add: value } : value]
  })
  const { fields = {} } = upcastChange(definition, version, { fields: Object.fromEntries(written) })
  const read = Object.entries(fields).flatMap(([name, value]): Array<[string, Json]> => {
    const kind = mergeKindOf(definition, name)
    if (kind === "register") return [[name, value]]
    const part = (value as JsonObject)[kind === "map" ? "set" : "add"]
    return part === undefined ? [] : [[name, part]]
  })
  return Object.fromEntries(read)
}
