/**
 * Whoever writes reads it back at once: what was asked for is the state.
 */
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import type { Change } from "../../src/state/change.ts"
import { mergeKindOf } from "../../src/state/schema.ts"
import type { TypeDefinition } from "../../src/state/schema.ts"
import { getEntity } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import { hold } from "./broken.ts"

/** The value as a field of its kind shows it: sets without order, empty maps and sets not at all. */
const shown = (definition: TypeDefinition, field: string, value: Json | undefined): string => {
  if (value === undefined) return "absent"
  if (mergeKindOf(definition, field) === "register") return canonicalFromJson(value)
  const parts = Array.isArray(value)
    ? new Set(value.map((item) => canonicalFromJson(item as Json)))
    : Object.entries(value as object).map(([key, item]) => `${key} ${canonicalFromJson(item)}`)
  const texts = [...parts].sort()
  return texts.length === 0 ? "absent" : texts.join(" ")
}

const checkEntity = (replica: Replica, changes: ReadonlyArray<Change>): void => {
  const { type, id, op, fields = {} } = changes.at(-1)!
  const entity = getEntity(replica, type, id)
  const about = () => `${JSON.stringify(changes)} gave ${JSON.stringify(entity)}`
  if (op === "delete") {
    hold("a deleted entity is gone", entity?.deleted !== false, about)
    return
  }
  hold("a written entity lives", entity?.deleted === false, about)
  const definition = replica.projection.definitionOf(type)
  for (const [name, value] of Object.entries(fields)) {
    // `m/key` names one key of the map m.
    if (name.startsWith("m/")) continue
    const [asked, is] = [value, entity!.fields[name]].map((one) => shown(definition, name, one))
    hold("a written field is read back", asked === is || writesPart(fields, name), about)
  }
  if (op !== "put") return
  for (const name of Object.keys(entity!.fields)) {
    const named = Object.keys(fields).some(
      (field) => field === name || field.startsWith(`${name}/`),
    )
    hold("a put leaves nothing else", named, about)
  }
}

const writesPart = (fields: object, map: string): boolean =>
  Object.keys(fields).some((name) => name.startsWith(`${map}/`))

/** Checks the last change of each entity. */
export const checkWritten = (replica: Replica, changes: ReadonlyArray<Change>): void => {
  const byEntity = Map.groupBy(changes, ({ type, id }) => `${type}/${id}`)
  for (const group of byEntity.values()) checkEntity(replica, group)
}
