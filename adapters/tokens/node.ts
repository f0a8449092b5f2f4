/**
 * What one object in a token file is: a token, a group, or a plain value.
 *
 * Formats differ in how a token is written: `$value` or `$ref` in DTCG, `value` in Style Dictionary,
 * `sets` in Spectrum. The importer, the detection and the export ask here, so that they agree.
 */
import { isObject, rootName, vendorKey, vendorVersion } from "./model.ts"
import type { Json, JsonObject, TokenFormat } from "./model.ts"

/** What Lamplog wrote beside a token, group or file in an earlier export. */
export interface VendorNotes {
  /** Fields that DTCG has no place for, under their own names. */
  readonly fields?: JsonObject
  readonly modes?: JsonObject
  /** Said where the object alone does not tell. */
  readonly entity?: "token" | "group"
  /** In the root only. */
  readonly version?: number
  readonly entities?: ReadonlyArray<Json>
}

const noteShapes: { readonly [key: string]: (value: Json) => boolean } = {
  fields: isObject,
  modes: isObject,
  entity: (value) => value === "token" || value === "group",
  version: (value) => typeof value === "number",
  entities: Array.isArray,
}

/** Our own notes; undefined where there are none, or another tool wrote something else there. */
export const vendorNotes = (node: JsonObject): VendorNotes | undefined => {
  const extensions = node.$extensions
  if (!isObject(extensions) || !Object.hasOwn(extensions, vendorKey)) return undefined
  const notes = extensions[vendorKey]!
  if (!isObject(notes)) return undefined
  if (typeof notes.version === "number" && notes.version > vendorVersion)
    return notes as VendorNotes
  const ours = Object.entries(notes).every(
    ([key, value]) => Object.hasOwn(noteShapes, key) && noteShapes[key]!(value),
  )
  return ours ? (notes as VendorNotes) : undefined
}

/** Spectrum: `sets` maps every mode to an object with a value, or with sets of its own. */
export const isSets = (value: Json | undefined): value is JsonObject =>
  isObject(value) &&
  Object.keys(value).length > 0 &&
  Object.values(value).every(
    (set) => isObject(set) && (Object.hasOwn(set, "value") || isSets(set.sets)),
  )

const groupsOf = (node: JsonObject): ReadonlyArray<JsonObject> =>
  Object.entries(node).flatMap(([key, value]) =>
    isObject(value) && (key[0] !== "$" || key === rootName) ? [value] : [],
  )

/** Whether an object is itself a token. */
export const isToken = (node: JsonObject, format: TokenFormat): boolean => {
  const marked = vendorNotes(node)?.entity
  if (marked !== undefined) return marked === "token"
  if (Object.hasOwn(node, "$value")) return true
  if (format === "dtcg") {
    if (typeof node.$ref === "string") return true
    if (Object.hasOwn(node, "value"))
      return !isObject(node.value) || !holdsToken(node.value, format)
    // A leaf with a type and a vendor's own values: the value itself lives in the extension.
    return (
      typeof node.$type === "string" && isObject(node.$extensions) && groupsOf(node).length === 0
    )
  }
  return Object.hasOwn(node, "value") || isSets(node.sets)
}

/** Whether an object, or anything in it, is an entity of its own and not a plain value. */
export const holdsToken = (node: JsonObject, format: TokenFormat): boolean =>
  isToken(node, format) ||
  vendorNotes(node)?.entity !== undefined ||
  groupsOf(node).some((child) => holdsToken(child, format))

/** Style Dictionary's output repeats the token it was made of; those copies are no tokens. */
export const isBuildOutput = (node: JsonObject): boolean =>
  isObject(node.original) &&
  (Array.isArray(node.path) || typeof node.filePath === "string" || typeof node.name === "string")
