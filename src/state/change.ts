/**
 * From what a person asks for to the smallest event that does it.
 *
 * Several changes of one entity fold into one event. A field that already has the value asked for is
 * not written, except to settle an open conflict on it. Whole maps and sets become deltas against
 * the author's state, so that two people who add different keys do not overwrite each other.
 */
import { canonicalFromJson, equalJson, pointerStep } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import { sortedObject } from "./entity.ts"
import type { EntityState } from "./entity.ts"
import { mergeKindOf } from "./schema.ts"
import type { TypeDefinition } from "./schema.ts"

/** One line of `apply`, one call of `put`, `patch` or `delete`. */
export interface Change {
  readonly op: "put" | "patch" | "delete"
  readonly type: string
  readonly id: string
  readonly fields?: JsonObject
  /** `patch` only: fields to clear (`map/key` clears one key of a map). */
  readonly unset?: ReadonlyArray<string>
  readonly reason?: string
}

/** What to write: the op of the event and its field changes. */
export interface PlannedWrite {
  readonly op: "put" | "patch" | "delete"
  readonly fields?: JsonObject
  readonly unset?: ReadonlyArray<string>
}

type Target = Map<string, Json>

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ stage: "schema", code, message, remedy, where })

const isObject = (value: Json): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const distinct = (elements: ReadonlyArray<Json>): ReadonlyArray<Json> => [
  ...new Map(elements.map((element) => [canonicalFromJson(element), element])).values(),
]

/** A value in the shape its field keeps; refuses a list for a map and the like. */
const normalised = (
  definition: TypeDefinition,
  field: string,
  value: Json,
  where: string,
): Json => {
  const kind = mergeKindOf(definition, field)
  if (kind === "map" && !isObject(value)) {
    throw refuse(
      "not-a-map",
      `${where}: ${field} is a map, but the value is not an object`,
      `Give an object, such as {"key": value}.`,
      `${where} ${field}`,
    )
  }
  if (kind === "set") {
    if (!Array.isArray(value)) {
      throw refuse(
        "not-a-set",
        `${where}: ${field} is a set, but the value is not an array`,
        `Give an array, such as ["one", "two"].`,
        `${where} ${field}`,
      )
    }
    return distinct(value as ReadonlyArray<Json>)
  }
  return value
}

const unescapeStep = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~")

const isEmpty = (value: Json): boolean =>
  Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0

/** Splits `map/key`; undefined when the name is a field of its own. */
const mapKeyOf = (
  definition: TypeDefinition,
  name: string,
): { readonly field: string; readonly key: string } | undefined => {
  const slash = name.indexOf("/")
  if (slash < 1 || Object.hasOwn(definition.fields, name)) return undefined
  const field = unescapeStep(name.slice(0, slash))
  if (mergeKindOf(definition, field) !== "map") return undefined
  return { field, key: unescapeStep(name.slice(slash + 1)) }
}

class Draft {
  readonly target: Target
  alive: boolean
  /** Names, as conflicts call them, that the person mentioned. */
  readonly named = new Set<string>()
  readonly #definition: TypeDefinition
  readonly #where: string

  constructor(definition: TypeDefinition, state: EntityState | undefined, where: string) {
    this.#definition = definition
    this.#where = where
    this.alive = state !== undefined && !state.deleted
    this.target = new Map(this.alive ? Object.entries(state!.fields) : [])
  }

  assign(name: string, value: Json): void {
    const part = mapKeyOf(this.#definition, name)
    if (part !== undefined) {
      const before = (this.target.get(part.field) ?? {}) as JsonObject
      this.target.set(part.field, { ...before, [part.key]: value })
      this.named.add(`${pointerStep(part.field)}/${pointerStep(part.key)}`)
      return
    }
    if (name === "") {
      throw refuse("field-name", "a field name is empty", "Name the field.", this.#where)
    }
    this.#mention(name, value)
    const whole = normalised(this.#definition, name, value, this.#where)
    const merged = mergeKindOf(this.#definition, name) !== "register"
    if (merged && isEmpty(whole)) this.target.delete(name)
    else this.target.set(name, whole)
  }

  clear(name: string): void {
    const part = mapKeyOf(this.#definition, name)
    if (part !== undefined) {
      const rest: { [key: string]: Json } = {
        ...((this.target.get(part.field) ?? {}) as JsonObject),
      }
      delete rest[part.key]
      if (Object.keys(rest).length === 0) this.target.delete(part.field)
      else this.target.set(part.field, rest)
      this.named.add(`${pointerStep(part.field)}/${pointerStep(part.key)}`)
      return
    }
    this.#mention(name, {})
    this.target.delete(name)
  }

  /** A whole map mentions the keys it has and those it leaves out. */
  #mention(name: string, value: Json): void {
    this.named.add(pointerStep(name))
    if (mergeKindOf(this.#definition, name) !== "map") return
    const keys = [value, this.target.get(name) ?? {}].flatMap((map) =>
      isObject(map) ? Object.keys(map) : [],
    )
    for (const key of keys) this.named.add(`${pointerStep(name)}/${pointerStep(key)}`)
  }

  change(change: Change): void {
    if (change.op === "delete") {
      this.alive = false
      this.target.clear()
      return
    }
    if (change.op === "put" || !this.alive) {
      for (const name of this.target.keys()) this.#mention(name, {})
      this.target.clear()
    }
    this.alive = true
    for (const name of change.unset ?? []) this.clear(name)
    for (const [name, value] of Object.entries(change.fields ?? {})) this.assign(name, value)
  }
}

/** The change of a map; `settled` are the keys whose open conflict this write settles. */
const mapDelta = (before: JsonObject, after: JsonObject, settled: ReadonlySet<string>): Json => {
  const set = Object.entries(after).filter(
    ([key, value]) =>
      !Object.hasOwn(before, key) || !equalJson(before[key]!, value) || settled.has(key),
  )
  const remove = [...new Set([...Object.keys(before), ...settled])].filter(
    (key) => !Object.hasOwn(after, key),
  )
  return {
    ...(remove.length > 0 ? { remove: remove.sort() } : {}),
    ...(set.length > 0 ? { set: sortedObject(set) } : {}),
  }
}

const setDelta = (before: ReadonlyArray<Json>, after: ReadonlyArray<Json>): Json => {
  const texts = (elements: ReadonlyArray<Json>) =>
    new Set(elements.map((e) => canonicalFromJson(e)))
  const had = texts(before)
  const has = texts(after)
  const ordered = (elements: ReadonlyArray<Json>) =>
    elements.toSorted((left, right) =>
      canonicalFromJson(left) < canonicalFromJson(right) ? -1 : 1,
    )
  const add = ordered(after.filter((element) => !had.has(canonicalFromJson(element))))
  const remove = ordered(before.filter((element) => !has.has(canonicalFromJson(element))))
  return { ...(add.length > 0 ? { add } : {}), ...(remove.length > 0 ? { remove } : {}) }
}

/**
 * The one write that turns `state` into what the changes ask for; undefined when there is nothing to
 * write. Throws `LamplogError` for values of the wrong shape, `CanonicalError` for what is not JSON.
 */
export const planWrite = (
  definition: TypeDefinition,
  state: EntityState | undefined,
  changes: ReadonlyArray<Change>,
  where: string,
): PlannedWrite | undefined => {
  const draft = new Draft(definition, state, where)
  for (const change of changes) draft.change(change)
  const lived = state !== undefined && !state.deleted
  if (!draft.alive) return lived ? { op: "delete" } : undefined
  const before = (lived ? state.fields : {}) as JsonObject
  const contested = new Set(
    lived ? state.conflicts.filter((c) => c.kind === "field").map((c) => c.field) : [],
  )
  const settles = (name: string) => contested.has(name) && draft.named.has(name)
  const fields: Array<readonly [string, Json]> = []
  const unset: Array<string> = []
  const names = new Set([...Object.keys(before), ...draft.target.keys()])
  for (const conflict of contested) names.add(unescapeStep(conflict.split("/")[0]!))
  const settledKeys = (name: string): ReadonlySet<string> => {
    const prefix = `${pointerStep(name)}/`
    const keys = [...contested].filter(
      (conflict) => conflict.startsWith(prefix) && settles(conflict),
    )
    return new Set(keys.map((conflict) => unescapeStep(conflict.slice(prefix.length))))
  }
  for (const name of names) {
    const had = Object.hasOwn(before, name) ? before[name] : undefined
    const has = draft.target.get(name)
    const kind = mergeKindOf(definition, name)
    if (kind === "register") {
      const settling = settles(pointerStep(name))
      if (has === undefined) {
        if (had !== undefined || settling) unset.push(name)
      } else if (had === undefined || settling || !equalJson(had, has)) fields.push([name, has])
      continue
    }
    const delta =
      kind === "map"
        ? mapDelta((had ?? {}) as JsonObject, (has ?? {}) as JsonObject, settledKeys(name))
        : setDelta((had ?? []) as ReadonlyArray<Json>, (has ?? []) as ReadonlyArray<Json>)
    if (!isEmpty(delta)) fields.push([name, delta])
  }
  if (lived && fields.length === 0 && unset.length === 0) return undefined
  return {
    op: lived ? "patch" : "put",
    ...(fields.length > 0 ? { fields: sortedObject(fields) } : {}),
    ...(unset.length > 0 ? { unset: unset.sort() } : {}),
  }
}
