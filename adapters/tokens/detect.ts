/**
 * Which format a file is in, by what is in it and not by its name.
 *
 * A file is one of the known formats only if it holds at least one token; anything else, such as a
 * package.json, a JSON Schema or a list, is unknown, and never an import of nothing.
 */
import { isObject, vendorKey } from "./model.ts"
import type { Json, JsonObject, TokenFormat } from "./model.ts"
import { isSets, isToken, vendorNotes } from "./node.ts"
import { parsedFile } from "./parse.ts"

const isJsonSchema = (root: JsonObject): boolean =>
  typeof root.$schema === "string" && root.$schema.includes("json-schema.org")

const isResolver = (root: JsonObject, path: string): boolean =>
  Array.isArray(root.resolutionOrder) ||
  (/\.resolver\.json5?$/i.test(path) && typeof root.version === "string")

/** Whether any object under this one, itself left out, fits. */
const someObject = (node: JsonObject, fits: (object: JsonObject) => boolean): boolean =>
  Object.entries(node).some(
    ([key, value]) =>
      isObject(value) &&
      (key[0] !== "$" || key === "$root") &&
      (fits(value) || someObject(value, fits)),
  )

/** The format of a parsed file; undefined if it holds no token that we know how to read. */
export const formatOf = (root: Json, path: string): TokenFormat | undefined => {
  if (!isObject(root) || isJsonSchema(root)) return undefined
  if (isResolver(root, path)) return "resolver"
  if (vendorNotes(root)?.version !== undefined) return "dtcg"
  if (someObject(root, (object) => Object.hasOwn(object, "$value"))) return "dtcg"
  const flat = Object.values(root).every((value) => isObject(value) || typeof value === "string")
  const spectrum = (object: JsonObject) =>
    isSets(object.sets) || (Object.hasOwn(object, "value") && typeof object.uuid === "string")
  if (flat && someObject(root, spectrum)) return "spectrum"
  if (someObject(root, (object) => Object.hasOwn(object, "value"))) return "style-dictionary"
  return someObject(root, (object) => isToken(object, "dtcg")) ? "dtcg" : undefined
}

/** The format of a text; undefined if it cannot be read or is no token file. */
export const detectTokenFormat = (text: string, path: string): TokenFormat | undefined => {
  try {
    return formatOf(parsedFile({ path, text }).root, path)
  } catch {
    return undefined
  }
}

/**
 * A flat map of words, or nothing at all: notes about tokens that stand beside real token files,
 * such as lists of removed names. Harmless in company, and no token file alone.
 */
export const isPlainMap = (root: Json): boolean =>
  isObject(root) &&
  !Object.hasOwn(root, vendorKey) &&
  Object.values(root).every((value) => !isObject(value))
