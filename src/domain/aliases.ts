/**
 * Which tokens a value points at, in all the ways that token files write it.
 *
 *  - `{group.token}`, wherever it stands in a text, for real files calculate with it; older files name
 *    the value, or a part of it: `{group.token.value}`, `{group.token.value.0}`.
 *  - `{"$ref": "#/group/token/$value/…"}`, a JSON Pointer to a token or into its value.
 *
 * Both count in lists and in parts of values, however deep. The id of a token is its path, joined with
 * dots; a dot inside a name is escaped with a backslash, which aliases in braces do not show.
 */
import type { Json, JsonObject } from "../event/canonical.ts"
import type { EntityReference } from "../state/schema.ts"

/** The token that a value refers to: what an `EntityReference` says of a target. */
export type Alias = Pick<EntityReference, "id" | "exactId" | "otherIds">

const bracesPattern = /\{([^{}]+)\}/g
const valuePart = /\.value(\..*)?$/
/** Dots that may stand inside a name, at most, before none of them is taken for that. */
const dotsMax = 4

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const escapedStep = (step: string): string => (step === "" ? "\\e" : step.replace(/[.\\]/g, "\\$&"))

/** All ids that look like this name but for escapes. */
const escapedForms = (name: string): ReadonlyArray<string> => {
  const parts = name.split(".")
  const dots = parts.length - 1
  if (dots === 0 || dots > dotsMax) return []
  const forms: Array<string> = []
  for (let escapes = 1; escapes < 2 ** dots; escapes++) {
    const join = (part: string, at: number) =>
      at === 0 ? part : `${(escapes >> (at - 1)) & 1 ? "\\." : "."}${part}`
    forms.push(parts.map(join).join(""))
  }
  return forms
}

const aliasFromName = (text: string): Alias => {
  const name = text.trim()
  const id = name.replace(valuePart, "")
  const exact = id === name ? {} : { exactId: name }
  return { id, ...exact, otherIds: () => escapedForms(id) }
}

/** The steps of a pointer that name a token or group; the others lead into it. */
const namesInPointer = (pointer: string): ReadonlyArray<string> => {
  const steps = pointer.split("/").slice(1)
  const names = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
  const inside = names.findIndex((name) => name[0] === "$" && name !== "$root")
  return inside === -1 ? names : names.slice(0, inside)
}

/** What a pointer within the same set points at; undefined for one into another file. */
const aliasFromPointer = (pointer: string): Alias | undefined => {
  if (!pointer.startsWith("#/")) return undefined
  const names = namesInPointer(pointer)
  const path = names.map(escapedStep).join(".")
  const id = path.replace(valuePart, "")
  const exact = id === path ? {} : { exactId: path }
  return id === "" ? undefined : { id, ...exact }
}

const collect = (value: Json | undefined, found: Array<Alias>): void => {
  if (typeof value === "string") {
    if (!value.includes("{")) return
    for (const match of value.matchAll(bracesPattern)) found.push(aliasFromName(match[1]!))
  } else if (Array.isArray(value)) {
    for (const part of value) collect(part as Json, found)
  } else if (isObject(value)) {
    for (const [key, part] of Object.entries(value)) {
      const alias = key === "$ref" && typeof part === "string" ? aliasFromPointer(part) : undefined
      if (alias === undefined) collect(part, found)
      else found.push(alias)
    }
  }
}

/** Every token that a value points at. */
export const aliasesIn = (value: Json | undefined): ReadonlyArray<Alias> => {
  const found: Array<Alias> = []
  collect(value, found)
  return found
}

/** What a group extends: `{group}` or a pointer, alone or as `$ref`. */
export const extendedGroup = (value: Json | undefined): Alias | undefined => {
  const written = isObject(value) ? value.$ref : value
  if (typeof written !== "string") return undefined
  if (written.startsWith("#")) return aliasFromPointer(written)
  const name = written.trim().replace(/^\{(.*)\}$/, "$1")
  return name === "" ? undefined : { id: name, otherIds: () => escapedForms(name) }
}
