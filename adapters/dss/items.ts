/**
 * The items of one file: a list, or an object that holds one, each with an id of its own.
 */
import type { Json, JsonObject } from "../../src/index.ts"
import { isObject } from "./manifest.ts"
import { placeIn } from "./parse.ts"
import { refuse } from "./refuse.ts"
import { microsFrom } from "./times.ts"
import type { Times } from "./times.ts"

/** Nesting of one field, in levels: an event puts up to three around it and stops at 32. */
const fieldDepthMax = 29
/** Length of an id, in UTF-16 code units. */
const idLengthMax = 1024

/** Entity types by the files that hold them. */
export const typeByFile: ReadonlyMap<string, string> = new Map([
  ["tokens.json", "token"],
  ["components.json", "component"],
  ["themes.json", "theme"],
  ["styles.json", "style"],
])

export interface Item {
  readonly type: string
  readonly id: string
  readonly content: JsonObject
  readonly times: Times
  /** For messages: `tokens.json[3] (token/brand)`. */
  readonly place: string
  /** Times that are there and cannot be read, by name. */
  readonly unreadable: ReadonlyArray<string>
}

/** The list in a file, and the steps that lead to it; undefined when there is none. */
export const listIn = (
  root: Json,
  type: string,
): { readonly list: ReadonlyArray<Json>; readonly steps: ReadonlyArray<string> } | undefined => {
  if (Array.isArray(root)) return { list: root as ReadonlyArray<Json>, steps: [] }
  if (!isObject(root)) return undefined
  for (const name of [`${type}s`, "items", "data"]) {
    const list = Object.hasOwn(root, name) ? root[name] : undefined
    if (Array.isArray(list)) return { list: list as ReadonlyArray<Json>, steps: [name] }
  }
  return undefined
}

const depthOf = (value: Json): number => {
  if (value === null || typeof value !== "object") return 0
  let deepest = 0
  for (const part of Object.values(value)) deepest = Math.max(deepest, depthOf(part as Json))
  return deepest + 1
}

const idFrom = (item: JsonObject, place: string): string => {
  const { id } = item
  if (id === undefined || id === null || id === "") {
    const remedy = "Give the item an id, or take it out."
    throw refuse("schema", "item-without-id", place, "the item has no id", remedy)
  }
  const text = typeof id === "number" && Number.isSafeInteger(id) ? String(id) : id
  if (typeof text === "string" && text.length <= idLengthMax) return text
  const message = `an id is a text of 1 to ${idLengthMax} characters or a whole number, and this is none`
  throw refuse("schema", "item-id", `${place}.id`, message, "Give the item another id.")
}

const itemFrom = (value: Json, type: string, place: string): Item => {
  if (!isObject(value)) {
    const message = "the item is not an object"
    throw refuse("schema", "item-not-object", place, message, "Take it out of the list.")
  }
  const id = idFrom(value, place)
  for (const [name, field] of Object.entries(value)) {
    if (depthOf(field) <= fieldDepthMax) continue
    const message = `it is nested deeper than ${fieldDepthMax} levels`
    throw refuse("structure", "too-deep", `${place}.${name}`, message, "Flatten this value.")
  }
  const created = microsFrom(value.created_at)
  const updated = microsFrom(value.updated_at)
  const unreadable = [
    ...(created === undefined && (value.created_at ?? null) !== null ? ["created_at"] : []),
    ...(updated === undefined && (value.updated_at ?? null) !== null ? ["updated_at"] : []),
  ]
  const named = `${place} (${type}/${id})`
  return { type, id, content: value, times: { created, updated }, place: named, unreadable }
}

/** The items of a file that has been parsed. */
export const itemsFrom = (path: string, root: Json, type: string): ReadonlyArray<Item> => {
  const found = listIn(root, type)
  if (found === undefined) {
    throw refuse(
      "schema",
      "items-missing",
      path,
      `the file holds no list of ${type}s`,
      `Give a list of items, or an object with such a list under "${type}s", "items" or "data".`,
    )
  }
  const firstById = new Map<string, number>()
  return found.list.map((value, index) => {
    const place = placeIn(path, [...found.steps, index])
    const item = itemFrom(value, type, place)
    const first = firstById.get(item.id)
    if (first !== undefined) {
      const message = `the id "${item.id}" is that of item ${first} too`
      const remedy = "Keep one of the two items, or give one another id."
      throw refuse("schema", "item-twice", place, message, remedy)
    }
    firstById.set(item.id, index)
    return item
  })
}
