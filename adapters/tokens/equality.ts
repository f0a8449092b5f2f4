/**
 * JSON as a value: when two are the same, how deep one goes, and the one way to print it.
 */
import { compareText, isObject } from "./model.ts"
import type { Json, JsonObject } from "./model.ts"

/** Deep equality; the order of keys makes no difference. */
export const equalJson = (left: Json | undefined, right: Json | undefined): boolean => {
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, at) => equalJson(item, right[at]))
  }
  if (!isObject(left) || !isObject(right)) return false
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equalJson(left[key], right[key]))
  )
}

/** Levels of nesting: 0 for a word or number, 1 for an object of those. */
export const depthOf = (value: Json): number => {
  if (value === null || typeof value !== "object") return 0
  let deepest = 0
  for (const item of Object.values(value as JsonObject)) deepest = Math.max(deepest, depthOf(item))
  return deepest + 1
}

const printed = (value: Json, indent: string): string => {
  if (value === null || typeof value !== "object") return JSON.stringify(value)
  const inner = `${indent}  `
  const lines = Array.isArray(value)
    ? value.map((item) => inner + printed(item as Json, inner))
    : Object.keys(value)
        .sort(compareText)
        .map(
          (key) => `${inner}${JSON.stringify(key)}: ${printed((value as JsonObject)[key]!, inner)}`,
        )
  const [open, close] = Array.isArray(value) ? "[]" : "{}"
  return lines.length === 0 ? `${open}${close}` : `${open}\n${lines.join(",\n")}\n${indent}${close}`
}

/** Two blanks a level, keys in code unit order (integer-like ones too), a newline at the end. */
export const prettyJson = (value: Json): string => `${printed(value, "")}\n`
