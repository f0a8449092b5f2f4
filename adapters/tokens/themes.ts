/**
 * What a resolver says about themes, as entities: one per context of a modifier, one for a modifier
 * that says something of itself, and one, `$resolver`, for the document. Which files the tokens came
 * from is not kept: a file may move without anything changing.
 */
import { isObject, resolverName } from "./model.ts"
import type { ForeignEntity, Json, JsonObject } from "./model.ts"
import { modeFromPath } from "./path.ts"

/** One entry of a resolution order. */
export interface Entry {
  readonly kind: "set" | "modifier"
  readonly name: string
  readonly body: JsonObject
}

/** Fields of a theme that mean something else to the engine. */
const taken: ReadonlySet<string> = new Set(["", "values", "tags", "extends", "extensions"])

/** What a document says of itself, beside what the format asks for. */
const described = (properties: JsonObject): JsonObject => {
  const fields: { [name: string]: Json } = {}
  for (const [key, value] of Object.entries(properties)) {
    if (key === "$extensions" && isObject(value)) fields.extensions = value
    else fields[taken.has(key) || key.startsWith("values/") ? `plain.${key}` : key] = value
  }
  return fields
}

export const themesOfModifier = (
  entry: Entry,
  contexts: ReadonlyArray<string>,
  order: number,
): ReadonlyArray<ForeignEntity> => {
  const { contexts: _contexts, name: _name, type: _type, default: chosen, ...rest } = entry.body
  const themes = contexts.map((context) => ({
    type: "theme",
    id: modeFromPath([entry.name, context]),
    fields: {
      name: context,
      modifier: entry.name,
      context,
      default: chosen === context,
      order,
    },
  }))
  if (Object.keys(rest).length === 0) return themes
  const fields = { ...described(rest), name: entry.name, modifier: entry.name, order }
  return [{ type: "theme", id: modeFromPath([entry.name]), fields }, ...themes]
}

/** The resolver as a whole: what it says of itself, its order, and what its sets say. */
export const themeOfResolver = (root: JsonObject, entries: ReadonlyArray<Entry>): ForeignEntity => {
  const { sets: _sets, modifiers: _modifiers, $defs: _defs, ...rest } = root
  const resolutionOrder = entries.map((entry) => `${entry.kind}s/${entry.name}`)
  const sets: Array<readonly [string, JsonObject]> = []
  for (const { kind, name, body } of entries) {
    const { sources: _sources, name: _name, type: _type, ...said } = body
    if (kind === "set" && Object.keys(said).length > 0) sets.push([name, described(said)])
  }
  const fields = { ...described(rest), resolutionOrder }
  return {
    type: "theme",
    id: resolverName,
    fields: sets.length === 0 ? fields : { ...fields, sets: Object.fromEntries(sets) },
  }
}
