/**
 * Which entities a selection means, told by an entity alone.
 *
 * Whoever exports asks it of everything that lives; whoever checks an extract asks it again of what
 * is in it. What chosen entities refer to is taken along by `choose.ts`.
 */
import { canonicalFromJson, compareText, equalJson } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import type { FieldCondition, OpenReference, Selection } from "./archive.ts"

/** An entity whose fields are read only when a condition is about them. */
export interface Selectable {
  readonly type: string
  readonly id: string
  readonly fields: () => JsonObject
}

/** The types whose ids are paths, joined with dots. */
const groupedTypes: ReadonlySet<string> = new Set(["token", "group"])
const tagsField = "tags"

/** Tells conditions apart, and sorts them. No name of a field holds a line feed in JSON. */
export const keyOfCondition = ({ field, value }: FieldCondition): string =>
  `${JSON.stringify(field)}\n${canonicalFromJson(value)}`

export const compareOpen = (left: OpenReference, right: OpenReference): number =>
  compareText(left.from, right.from) ||
  compareText(left.field, right.field) ||
  compareText(left.to, right.to)

const isBelow = (id: string, group: string): boolean => id === group || id.startsWith(`${group}.`)

type Condition = (entity: Selectable) => boolean

const ofTypes = (types: ReadonlyArray<string>): Condition => {
  const wanted = new Set(types)
  return ({ type }) => wanted.has(type)
}

const ofNames = (names: ReadonlyArray<string>): Condition => {
  const wanted = new Set(names)
  return ({ type, id }) => wanted.has(`${type}/${id}`)
}

const inGroups =
  (groups: ReadonlyArray<string>): Condition =>
  ({ type, id }) =>
    groupedTypes.has(type) && groups.some((group) => isBelow(id, group))

const withTags = (tags: ReadonlyArray<string>): Condition => {
  const wanted = new Set<Json>(tags)
  return ({ fields }) => {
    const has = fields()[tagsField]
    return Array.isArray(has) && has.some((tag) => wanted.has(tag as Json))
  }
}

const whereFields = (conditions: ReadonlyArray<FieldCondition>): Condition => {
  const byField = [...Map.groupBy(conditions, ({ field }) => field)]
  return ({ fields }) => {
    const has = fields()
    return byField.every(
      ([field, wanted]) =>
        Object.hasOwn(has, field) && wanted.some(({ value }) => equalJson(has[field]!, value)),
    )
  }
}

/** Conditions on an entity's name alone. */
const nameConditions = ({ types, entities, groups }: Selection): ReadonlyArray<Condition> => [
  ...(types === undefined ? [] : [ofTypes(types)]),
  ...(entities === undefined ? [] : [ofNames(entities)]),
  ...(groups === undefined ? [] : [inGroups(groups)]),
]

/** Whether an entity is chosen, not asking what refers to it. */
export const selectorOf = (selection: Selection): Condition => {
  const { tags, where } = selection
  const conditions = [
    ...nameConditions(selection),
    ...(tags === undefined ? [] : [withTags(tags)]),
    ...(where === undefined ? [] : [whereFields(where)]),
  ]
  return (entity) => conditions.every((holds) => holds(entity))
}

/**
 * Whether an entity that is not in a selection's extract is known not to live where it is from: names
 * alone decide whether it would be in. Undefined when values decide, too.
 */
export const exhaustedBy = (
  selection: Selection,
): ((type: string, id: string) => boolean) | undefined => {
  if (selection.tags !== undefined || selection.where !== undefined) return undefined
  const conditions = nameConditions(selection)
  const fields = (): JsonObject => ({})
  return (type, id) => conditions.every((holds) => holds({ type, id, fields }))
}
