/**
 * Which events a reader understands: a function of the event and the reader's schema alone, so that
 * equal readers agree. What is not understood is set aside, and asked again after an upgrade.
 */
import type { Json, JsonObject } from "../event/canonical.ts"
import { controlType } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"
import { mergeKindOf, typeOf } from "./schema.ts"
import type { FieldChange, MergeKind, ProjectSchema, TypeDefinition } from "./schema.ts"
import { mergeKindAt, upcastChange, wholeMark } from "./upcast.ts"

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const hasOnly = (value: JsonObject, keys: ReadonlyArray<string>): boolean =>
  Object.keys(value).every((key) => keys.includes(key))

const fitsMap = (value: Json, also: ReadonlyArray<string>): boolean =>
  isObject(value) &&
  hasOnly(value, ["set", "remove", ...also]) &&
  (value.set === undefined || isObject(value.set)) &&
  (value.remove === undefined ||
    (Array.isArray(value.remove) && value.remove.every((key) => typeof key === "string")))

const fitsSet = (value: Json, also: ReadonlyArray<string>): boolean =>
  isObject(value) &&
  hasOnly(value, ["add", "remove", ...also]) &&
  (value.add === undefined || Array.isArray(value.add)) &&
  (value.remove === undefined || Array.isArray(value.remove))

/** What a change does to a field that is of another kind; `also` are parts of deltas beside the usual. */
const faultIn = (
  type: string,
  { fields, unset }: FieldChange,
  kindOf: (field: string) => MergeKind,
  also: ReadonlyArray<string> = [],
): string | undefined => {
  for (const [field, value] of Object.entries(fields ?? {})) {
    const kind = kindOf(field)
    if (kind === "map" && !fitsMap(value, also)) return `${type}.${field} is no change of a map`
    if (kind === "set" && !fitsSet(value, also)) return `${type}.${field} is no change of a set`
  }
  for (const field of unset ?? []) {
    if (kindOf(field) !== "register") return `${type}.${field} cleared as if it were a register`
  }
  return undefined
}

/** Why an older event cannot be read as one of today. */
const upcastFault = (
  type: string,
  definition: TypeDefinition,
  { kind, fields, unset }: Body,
): string | undefined => {
  const change = {
    ...(fields === undefined ? {} : { fields }),
    ...(unset === undefined ? {} : { unset }),
  }
  const kindOf = (field: string): MergeKind => mergeKindOf(definition, field)
  try {
    const fault = faultIn(type, upcastChange(definition, kind, change), kindOf, [wholeMark])
    return fault === undefined
      ? undefined
      : `version ${kind} read as ${definition.version}: ${fault}`
  } catch {
    return `${type} of version ${kind} that cannot be read as version ${definition.version}`
  }
}

const understoodOperations: ReadonlySet<string> = new Set(["put", "patch", "delete", "resolve"])

/** Why a reader with this schema sets an event aside; undefined when it understands it. */
export const notUnderstood = (
  schema: ProjectSchema,
  header: Header,
  body: Body,
): string | undefined => {
  if (header.type === controlType) {
    return header.op === "continue" ? undefined : `control event ${header.op}`
  }
  if (!understoodOperations.has(header.op)) return `operation ${header.op}`
  const definition = typeOf(schema, header.type)
  if (definition === undefined) return `entity type ${header.type}`
  if (body.kind > definition.version) return `${header.type} of version ${body.kind}`
  const fault = faultIn(header.type, body, (field) => mergeKindAt(definition, field, body.kind))
  if (fault !== undefined || body.kind === definition.version) return fault
  return upcastFault(header.type, definition, body)
}
