/**
 * What an item says, as fields of an entity.
 *
 * Everything keeps its own name and value, `created_at` and `updated_at` too; only `id` is no field.
 * Three things are brought into this model, so that references are checked and concurrent edits merge:
 * a component's list of tokens is `tokens`, and a theme's map of tokens is `values`, under whatever name
 * the old server kept them; and what a map or set of this model cannot hold is called `plain.NAME`.
 */
import { builtInSchemas } from "../../src/index.ts"
import type { Json, JsonObject, TypeDefinition } from "../../src/index.ts"
import { isObject } from "./manifest.ts"

const { types } = builtInSchemas().get("design-system")

/** Other names of fields that refer to tokens, by type. */
const synonyms: {
  readonly [type: string]: { readonly field: string; readonly names: ReadonlyArray<string> }
} = {
  component: {
    field: "tokens",
    names: [
      "tokenIds",
      "token_ids",
      "tokenReferences",
      "token_references",
      "tokenRefs",
      "token_refs",
    ],
  },
  theme: {
    field: "values",
    names: ["tokens", "tokenMap", "token_map", "tokenValues", "token_values", "overrides"],
  },
}

const isNames = (value: Json): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "")

/** The item with its references under the names that this model gives them. */
const withKnownNames = (type: string, item: JsonObject): JsonObject => {
  const synonym = synonyms[type]
  if (synonym === undefined || Object.hasOwn(item, synonym.field)) return item
  const fits = synonym.field === "tokens" ? isNames : isObject
  const name = synonym.names.find((one) => Object.hasOwn(item, one) && fits(item[one]!))
  if (name === undefined) return item
  const { [name]: value, ...rest } = item
  return { ...rest, [synonym.field]: value! }
}

/** Whether a field of this name may hold the value; `name/key` would be taken for a key of a map. */
const holds = (definition: TypeDefinition, name: string, value: Json): boolean => {
  const { fields } = definition
  if (name === "") return false
  const step = name.slice(0, Math.max(0, name.indexOf("/")))
  if (Object.hasOwn(fields, step) && fields[step]!.kind === "map") return false
  const kind = Object.hasOwn(fields, name) ? fields[name]!.kind : "register"
  if (kind === "map") return isObject(value)
  return kind === "register" || Array.isArray(value)
}

const isAbsent = (definition: TypeDefinition, name: string, value: Json): boolean =>
  value === null &&
  Object.hasOwn(definition.fields, name) &&
  definition.fields[name]!.kind !== "register"

export const fieldsFrom = (type: string, item: JsonObject): JsonObject => {
  const definition = types[type]!
  const { id: _id, ...said } = withKnownNames(type, item)
  const fields: { [name: string]: Json } = {}
  for (const [name, value] of Object.entries(said)) {
    // No list is an empty one.
    if (isAbsent(definition, name, value)) continue
    let free = name
    while (!holds(definition, free, value) || (free !== name && Object.hasOwn(said, free))) {
      free = `plain.${free}`
    }
    fields[free] = value
  }
  return fields
}
