/**
 * JSON messages as they travel: UTF-8, object keys sorted by UTF-16 code units, no blanks, every key
 * once; the form of RFC 8785 for the values that messages hold. Anything else is refused, so that no
 * two readers can understand one message differently.
 */
import type { Json } from "../../src/index.ts"

const depthMax = 16
/** Objects, arrays and members that a message may have: what parsing builds stays small. */
const partsMax = 400_000

const canonical = (value: Json): string => {
  if (value === null || typeof value !== "object") return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item as Json)).join(",")}]`
  const object = value as { readonly [key: string]: Json }
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(object[key]!)}`)
  return `{${members.join(",")}}`
}

export const bytesFromJson = (value: Json): Buffer => Buffer.from(canonical(value))

/** Whether parsing a text builds so little that it may be parsed. */
const isSmall = (text: string): boolean => {
  let depth = 0
  let parts = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text[at]
    if (unit === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++
    } else if (unit === ",") parts++
    else if (unit === "{" || unit === "[") {
      parts++
      depth++
      if (depth > depthMax) return false
    } else if (unit === "}" || unit === "]") depth--
  }
  return parts <= partsMax
}

/** Reads a message; undefined when the bytes are not in canonical form. */
export const jsonFromBytes = (bytes: Uint8Array): Json | undefined => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    if (!isSmall(text)) return undefined
    const value = JSON.parse(text) as Json
    return canonical(value) === text ? value : undefined
  } catch {
    return undefined
  }
}
