/**
 * The properties of one object in a token file, as fields of an entity.
 *
 * `$type`, `$description`, `$deprecated` and `$extensions` lose their "$"; everything else keeps its
 * own name, so that nothing a file holds is lost. Where a plain property would take a name that means
 * something else here, it is called `plain.NAME`. What Lamplog noted in an earlier export is restored
 * exactly as it was.
 */
import { compareText, defaultMode, isObject, vendorKey } from "./model.ts"
import type { Json, JsonObject } from "./model.ts"
import { isSets, vendorNotes } from "./node.ts"
import type { VendorNotes } from "./node.ts"
import { modeFromPath } from "./path.ts"

export type Fields = { [name: string]: Json }

const standardNames: { readonly [property: string]: string } = {
  $value: "value",
  $type: "type",
  $description: "description",
  $deprecated: "deprecated",
  $extensions: "extensions",
}

/** The field a property goes to: the first of these names that is free. */
const namesFor = (key: string, value: Json, plain: boolean): ReadonlyArray<string> => {
  if (key === "$extensions" && !isObject(value)) return [key]
  if (Object.hasOwn(standardNames, key)) return [standardNames[key]!, key]
  if (key[0] === "$") return [key]
  const aside = `plain.${key}`
  if (key === "value") return plain ? [key] : [aside]
  return key === "" || /^(modes|extensions)\//.test(key) || isMisshapen(key, value)
    ? [aside]
    : [key, aside]
}

/** Whether the engine, to which `modes` and `extensions` are maps and `tags` a set, refuses a value. */
const isMisshapen = (key: string, value: Json): boolean =>
  key === "modes" ||
  (key === "extensions" && !isObject(value)) ||
  (key === "tags" && !(Array.isArray(value) && new Set(value).size === value.length))

const freeName = (fields: Fields, names: ReadonlyArray<string>): string => {
  let name = names.find((one) => !Object.hasOwn(fields, one)) ?? `plain.${names.at(-1)}`
  while (Object.hasOwn(fields, name)) name = `plain.${name}`
  return name
}

/** Modes by name; a set that only holds sets keeps what it says itself, without a value. */
const modesFromSets = (sets: JsonObject, outer: ReadonlyArray<string>, modes: Fields): Fields => {
  for (const [name, set] of Object.entries(sets)) {
    const path = [...outer, name]
    const inner = (set as JsonObject).sets
    const nested = isSets(inner)
    const own = Object.entries(set as JsonObject).filter(([key]) => !(nested && key === "sets"))
    if (own.length > 0 || !nested) modes[modeFromPath(path)] = Object.fromEntries(own)
    if (nested) modesFromSets(inner, path, modes)
  }
  return modes
}

const withSets = (fields: Fields, sets: JsonObject): Fields => {
  const { value, ...rest } = fields
  const modes: Fields = value === undefined ? {} : { [defaultMode]: { value } }
  return { ...rest, modes: modesFromSets(sets, [], modes) }
}

/** The extensions without our own notes; undefined when nothing else was there. */
const othersExtensions = (extensions: Json): Json | undefined => {
  const { [vendorKey]: _notes, ...others } = extensions as JsonObject
  return Object.keys(others).length === 0 ? undefined : others
}

const withNotes = (fields: Fields, notes: VendorNotes): Fields => {
  const { value, ...rest } = fields
  const restored: Fields = { ...rest, ...notes.fields }
  if (notes.modes !== undefined) restored.modes = notes.modes
  else if (value !== undefined && !Object.hasOwn(restored, "value")) restored.value = value
  return restored
}

/** The mode whose value stands for the token where only one can: the default, else the first. */
export const baseModeOf = (modes: JsonObject): string | undefined => {
  const named = Object.keys(modes).filter((mode) => {
    const entry = modes[mode]
    return isObject(entry) && Object.hasOwn(entry, "value")
  })
  return named.includes(defaultMode) ? defaultMode : named.sort(compareText)[0]
}

/**
 * The fields of a token or group, from those of its properties that are no tokens or groups of
 * their own.
 */
export const fieldsFrom = (properties: JsonObject, kind: "token" | "group"): Fields => {
  // In a token written without "$", names without "$" come first.
  const plain =
    kind === "token" && !Object.hasOwn(properties, "$value") && !Object.hasOwn(properties, "$ref")
  const fields: Fields = {}
  const entries = Object.entries(properties)
  const first = entries.filter(([key]) => (key[0] === "$") !== plain)
  const second = entries.filter(([key]) => (key[0] === "$") === plain)
  const notes = vendorNotes(properties)
  for (const [key, value] of [...first, ...second]) {
    const kept = key === "$extensions" && notes !== undefined ? othersExtensions(value) : value
    if (kept === undefined) continue
    fields[freeName(fields, namesFor(key, kept, plain))] = kept
  }
  if (plain && isSets(fields.sets)) {
    const { sets, ...rest } = fields
    return withSets(rest, sets as JsonObject)
  }
  return notes === undefined ? fields : withNotes(fields, notes)
}
