/**
 * From what a caller asks for to a selection as archives write it down: sorted, each part once, and
 * refused where it can mean nothing.
 */
import { keyOfCondition } from "../archive/select.ts"
import type { FieldCondition, Selection } from "../archive/archive.ts"
import { CanonicalError, canonicalFromJson, compareText } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import { typeOf } from "../state/schema.ts"
import type { ProjectSchema } from "../state/schema.ts"
import type { ExportSelection } from "./export-options.ts"

/** Levels of nesting that a manifest has left for a value in its selection. */
const valueLevelsMax = 10

const refuse = (code: string, message: string, remedy: string, where?: string): LamplogError =>
  new LamplogError({ code, message, remedy, ...(where === undefined ? {} : { where }) })

const sortedBy = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => string): ReadonlyArray<A> =>
  [...new Map(items.map((item) => [keyOf(item), item]))]
    .sort((left, right) => compareText(left[0], right[0]))
    .map(([, item]) => item)

const sorted = (items: ReadonlyArray<string>): ReadonlyArray<string> =>
  sortedBy(items, (item) => item)

const checkTypes = (schema: ProjectSchema, types: ReadonlyArray<string>): void => {
  for (const type of types) {
    if (typeOf(schema, type) !== undefined) continue
    const known = Object.keys(schema.types).sort().join(", ")
    const message = `The schema ${schema.name} has no type "${type}".`
    throw refuse("type-unknown", message, `Use one of: ${known}.`, type)
  }
}

const checkNames = (names: ReadonlyArray<string>): void => {
  for (const name of names) {
    const slash = name.indexOf("/")
    if (slash > 0 && slash < name.length - 1) continue
    const message = `"${name.slice(0, 100)}" does not name an entity.`
    throw refuse("entity-name", message, "Write TYPE/ID, such as token/color.blue.")
  }
}

const checkCondition = ({ field, value }: FieldCondition): void => {
  try {
    canonicalFromJson(value, valueLevelsMax)
  } catch (error) {
    if (!(error instanceof CanonicalError)) throw error
    const message = `The value to look for in ${field} cannot stand in a selection: ${error.message}.`
    throw refuse("selection-value", message, "Choose by another field, or by --id.", field)
  }
}

/** The selection that is meant; undefined when everything is. */
export const selectionFrom = (
  schema: ProjectSchema,
  { entities, groups, open = false, tags, types, where }: ExportSelection,
): Selection | undefined => {
  const parts = { types, entities, groups, tags, where }
  const given = Object.entries(parts).filter(([, items]) => items !== undefined)
  if (given.length === 0 && !open) return undefined
  const empty = given.find(([, items]) => items!.length === 0 || items!.some((item) => item === ""))
  if (given.length === 0 || empty !== undefined) {
    const message =
      empty === undefined
        ? "An export that leaves references open has to choose entities first."
        : `The export is to choose by ${empty[0]}, but none is named.`
    throw refuse("selection-empty", message, "Say which entities: --type, --group, --tag, --id …")
  }
  checkTypes(schema, types ?? [])
  checkNames(entities ?? [])
  for (const condition of where ?? []) checkCondition(condition)
  return {
    ...(types === undefined ? {} : { types: sorted(types) }),
    ...(entities === undefined ? {} : { entities: sorted(entities) }),
    ...(groups === undefined ? {} : { groups: sorted(groups) }),
    ...(tags === undefined ? {} : { tags: sorted(tags) }),
    ...(where === undefined ? {} : { where: sortedBy(where, keyOfCondition) }),
    closed: !open,
  }
}
