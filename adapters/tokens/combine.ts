/**
 * Many definitions of one token or group, from several files, as one entity.
 *
 * A token that all files define alike has one `value`. One that differs has `modes`: what all
 * definitions share stands beside the modes, what differs stands in them, so that the definition a
 * file gave can be read back. Groups are merged property by property: files add to each other, and
 * only a property on which they disagree moves into modes.
 */
import { equalJson } from "./equality.ts"
import type { Fields } from "./fields.ts"
import { defaultMode, forbiddenKeys, isObject } from "./model.ts"
import type { Json, JsonObject } from "./model.ts"
import { modeBelow } from "./path.ts"
import type { Definition } from "./walk.ts"

/** One definition and the mode it holds for. */
export interface Layer {
  readonly definition: Definition
  readonly mode: string
}

/** Puts a mode in under a name of its own: two files never overwrite each other. */
const addMode = (modes: Fields, name: string, entry: Json): void => {
  let free = name
  while (Object.hasOwn(modes, free) || forbiddenKeys.has(free)) free += "'"
  modes[free] = entry
}

export const allAlike = (layers: ReadonlyArray<Layer>): boolean =>
  layers.every(({ definition }) => equalJson(definition.fields, layers[0]!.definition.fields))

/** A token with one mode per layer, which are at least two or not for the default mode. */
export const tokenFromLayers = (layers: ReadonlyArray<Layer>): JsonObject => {
  const [first, ...others] = layers.map((layer) => layer.definition.fields)
  const shared: Fields = {}
  for (const [name, value] of Object.entries(first!)) {
    if (name === "value" || name === "modes") continue
    if (others.every((fields) => Object.hasOwn(fields, name) && equalJson(fields[name], value))) {
      shared[name] = value
    }
  }
  const modes: Fields = {}
  for (const { definition, mode } of layers) {
    const own: Fields = {}
    for (const [name, value] of Object.entries(definition.fields)) {
      if (name !== "modes" && !Object.hasOwn(shared, name)) own[name] = value
    }
    const nested = definition.fields.modes
    if (!isObject(nested)) addMode(modes, mode, own)
    else if (Object.keys(own).length > 0) addMode(modes, mode, own)
    for (const [inner, entry] of Object.entries(isObject(nested) ? nested : {})) {
      addMode(modes, modeBelow(mode, inner), entry)
    }
  }
  return { ...shared, modes }
}

/** A group that several files describe. */
export const groupFromLayers = (layers: ReadonlyArray<Layer>): JsonObject => {
  const fields: Fields = {}
  const disputed = new Set<string>()
  for (const { definition } of layers) {
    for (const [name, value] of Object.entries(definition.fields)) {
      if (!Object.hasOwn(fields, name)) fields[name] = value
      else if (!equalJson(fields[name], value)) disputed.add(name)
    }
  }
  if (disputed.size === 0) return fields
  const modes: Fields = {}
  for (const { definition, mode } of layers) {
    const own = Object.entries(definition.fields).filter(([name]) => disputed.has(name))
    if (own.length > 0) addMode(modes, mode, Object.fromEntries(own))
  }
  const agreed = Object.entries(fields).filter(([name]) => !disputed.has(name))
  return { ...Object.fromEntries(agreed), modes }
}

/** Whether layers all alike may stand as one value: they hold in the default, or in all modes. */
export const coversEverything = (
  layers: ReadonlyArray<Layer>,
  groupsOfModes: ReadonlyArray<ReadonlyArray<string>>,
): boolean => {
  const held = new Set(layers.map((layer) => layer.mode))
  return (
    held.has(defaultMode) ||
    groupsOfModes.some((modes) => modes.length > 0 && modes.every((mode) => held.has(mode)))
  )
}
