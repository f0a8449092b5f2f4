/**
 * What a three-way merge of token files must come to, worked out from the authored JSON alone: which
 * tokens only one side changed, and of which both sides changed the same field or mode differently.
 */
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import { equalJson } from "../../src/event/canonical.ts"

/** A token as its author wrote it; undefined where this version has none. */
export type Authored = JsonObject | undefined

export interface ThreeWay {
  readonly name: string
  readonly base: Authored
  readonly ours: Authored
  readonly theirs: Authored
}

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

/** The parts of a token that merge apart: its properties, and each mode of its `sets`. */
const partsOf = (token: JsonObject): ReadonlyMap<string, Json> => {
  const parts = new Map<string, Json>()
  const modes = (sets: JsonObject, path: ReadonlyArray<string>): void => {
    for (const [name, mode] of Object.entries(sets)) {
      const here = [...path, name]
      if (!isObject(mode) || !isObject(mode.sets)) parts.set(`mode ${here.join("/")}`, mode)
      else {
        const { sets: inner, ...own } = mode
        // A mode that holds modes has properties of its own, too.
        if (Object.keys(own).length > 0) parts.set(`mode ${here.join("/")}`, own)
        modes(inner as JsonObject, here)
      }
    }
  }
  for (const [name, value] of Object.entries(token)) {
    if (name === "sets" && isObject(value)) modes(value, [])
    else parts.set(`field ${name}`, value)
  }
  return parts
}

const equal = (left: Json | undefined, right: Json | undefined): boolean =>
  left === undefined || right === undefined ? left === right : equalJson(left, right)

const changed = (before: Authored, after: Authored): boolean => !equal(before, after)

export const onlyOneSide = (token: ThreeWay): "ours" | "theirs" | undefined => {
  const ours = changed(token.base, token.ours)
  const theirs = changed(token.base, token.theirs)
  return ours === theirs ? undefined : ours ? "ours" : "theirs"
}

/** Whether the two sides want different things of the same field or mode, or of the token's life. */
export const collides = (token: ThreeWay): boolean => {
  const { base, ours, theirs } = token
  if (!changed(base, ours) || !changed(base, theirs) || equal(ours, theirs)) return false
  if (ours === undefined || theirs === undefined) return true
  const before = partsOf(base ?? {})
  const left = partsOf(ours)
  const right = partsOf(theirs)
  const names = new Set([...before.keys(), ...left.keys(), ...right.keys()])
  return [...names].some((name) => {
    const was = before.get(name)
    return (
      !equal(was, left.get(name)) &&
      !equal(was, right.get(name)) &&
      !equal(left.get(name), right.get(name))
    )
  })
}

/** Whether one side moved a token between `value` and `sets`. */
export const movedShape = (token: ThreeWay): boolean => {
  const shape = (authored: Authored) =>
    authored === undefined ? "none" : "sets" in authored ? "sets" : "value"
  const base = shape(token.base)
  return [token.ours, token.theirs].some((side) => side !== undefined && shape(side) !== base)
}
