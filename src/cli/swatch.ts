/**
 * Whether a value names a colour, and which: for the swatches of `diff` and `conflicts`.
 *
 * Knows #rgb, #rrggbb (with or without alpha), rgb(…), and the colour objects of DTCG 2025.10 with
 * sRGB components or a `hex` fallback. Only for the eye: nothing is compared or stored by it.
 */
import type { Json, JsonObject } from "../event/canonical.ts"

export type Rgb = readonly [red: number, green: number, blue: number]

const hexPattern = /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i
const rgbPattern =
  /^rgba?\(\s*([\d.]+%?)[\s,]+([\d.]+%?)[\s,]+([\d.]+%?)(?:[\s,/]+[\d.]+%?)?\s*\)$/i

const channel = (value: number): number => Math.round(Math.min(255, Math.max(0, value)))

const rgbFromHex = (text: string): Rgb | undefined => {
  if (!hexPattern.test(text)) return undefined
  const digits = text.slice(1)
  const wide = digits.length <= 4 ? digits.replace(/./g, "$&$&") : digits
  return [0, 2, 4].map((at) => Number.parseInt(wide.slice(at, at + 2), 16)) as unknown as Rgb
}

const rgbFromText = (text: string): Rgb | undefined => {
  const match = rgbPattern.exec(text)
  if (match === null) return rgbFromHex(text)
  const parts = match.slice(1, 4).map((part) => {
    const number = Number.parseFloat(part)
    return channel(part.endsWith("%") ? number * 2.55 : number)
  })
  return parts.some(Number.isNaN) ? undefined : (parts as unknown as Rgb)
}

const rgbFromObject = (value: JsonObject): Rgb | undefined => {
  const { colorSpace, components, hex } = value
  if (colorSpace === "srgb" && Array.isArray(components) && components.length === 3) {
    const parts = components.map((part) => (typeof part === "number" ? channel(part * 255) : 0))
    return parts as unknown as Rgb
  }
  if (typeof hex === "string") return rgbFromHex(hex)
  // A token's mode holds its value one level down.
  return value.value === undefined ? undefined : rgbFromValue(value.value)
}

export const rgbFromValue = (value: Json): Rgb | undefined => {
  if (typeof value === "string") return value.length > 64 ? undefined : rgbFromText(value.trim())
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined
  return rgbFromObject(value as JsonObject)
}
