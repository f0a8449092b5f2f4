/**
 * The 13 types of DTCG 2025.10 and what a value of each may be.
 *
 * A check takes a value and says what is wrong with it, or nothing. Checks report and never convert:
 * no real token set passes all of them.
 */
import { isObject } from "./model.ts"
import type { Json } from "./model.ts"

/** What is wrong with a value; undefined when nothing is. */
export type Check = (value: Json) => string | undefined

/** `{group.token}`, or an object `{"$ref": "#/group/token"}`. */
export const isReference = (value: Json): boolean =>
  typeof value === "string"
    ? /^\{[^{}]+\}$/.test(value)
    : isObject(value) && typeof value.$ref === "string"

const shown = (value: Json): string => {
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

const number =
  (least = -Infinity, most = Infinity): Check =>
  (value) => {
    if (typeof value !== "number") return `${shown(value)} is no number`
    return value < least || value > most ? `${value} is not from ${least} to ${most}` : undefined
  }

const word =
  (words: ReadonlyArray<string>): Check =>
  (value) =>
    words.includes(value as string) ? undefined : `${shown(value)} is none of ${words.join(", ")}`

const text: Check = (value) =>
  typeof value === "string" ? undefined : `${shown(value)} is no text`

const orReference =
  (check: Check): Check =>
  (value) =>
    isReference(value) ? undefined : check(value)

const list =
  (check: Check, least = 1, most = Infinity): Check =>
  (value) => {
    if (!Array.isArray(value)) return `${shown(value)} is no list`
    if (value.length < least || value.length > most) return `it has ${value.length} items`
    for (const [index, item] of (value as ReadonlyArray<Json>).entries()) {
      const wrong = orReference(check)(item)
      if (wrong !== undefined) return `item ${index + 1}: ${wrong}`
    }
    return undefined
  }

type Members = { readonly [name: string]: Check }

/** Own members only: a type or member may well be called `toString`. */
const checkNamed = (members: Members, name: string): Check | undefined =>
  Object.hasOwn(members, name) ? members[name] : undefined

const object =
  (required: Members, optional: Members = {}): Check =>
  (value) => {
    if (!isObject(value)) return `${shown(value)} is no object`
    for (const name of Object.keys(required)) {
      if (!Object.hasOwn(value, name)) return `${name} is missing`
    }
    for (const [name, member] of Object.entries(value)) {
      const check = checkNamed(required, name) ?? checkNamed(optional, name)
      if (check === undefined) return `${name} is not known here`
      const wrong = orReference(check)(member)
      if (wrong !== undefined) return `${name}: ${wrong}`
    }
    return undefined
  }

const either =
  (first: Check, second: Check, isFirst: (value: Json) => boolean): Check =>
  (value) =>
    isFirst(value) ? first(value) : second(value)

const component =
  (least: number, most: number, beforeMost = false): Check =>
  (value) =>
    value === "none"
      ? undefined
      : (number(least, most)(value) ?? (beforeMost && value === most ? `${most} is 0` : undefined))

const unit = component(0, 1)
const percentage = component(0, 100)
const hue = component(0, 360, true)
const chroma = component(0, Infinity)
const free = component(-Infinity, Infinity)

const components: { readonly [colorSpace: string]: readonly [Check, Check, Check] } = {
  srgb: [unit, unit, unit],
  "srgb-linear": [unit, unit, unit],
  hsl: [hue, percentage, percentage],
  hwb: [hue, percentage, percentage],
  lab: [percentage, free, free],
  lch: [percentage, chroma, hue],
  oklab: [unit, free, free],
  oklch: [unit, chroma, hue],
  "display-p3": [unit, unit, unit],
  "a98-rgb": [unit, unit, unit],
  "prophoto-rgb": [unit, unit, unit],
  rec2020: [unit, unit, unit],
  "xyz-d65": [unit, unit, unit],
  "xyz-d50": [unit, unit, unit],
}

const colorShape = object(
  { colorSpace: word(Object.keys(components)), components: list(free, 3, 3) },
  {
    alpha: number(0, 1),
    hex: (value) =>
      typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value)
        ? undefined
        : `${shown(value)} is not like #rrggbb`,
  },
)

const color: Check = (value) => {
  const wrong = colorShape(value)
  if (wrong !== undefined || !isObject(value)) return wrong
  const checks = components[value.colorSpace as string]
  if (checks === undefined || !Array.isArray(value.components)) return undefined
  for (const [index, check] of checks.entries()) {
    const outside = orReference(check)(value.components[index] as Json)
    if (outside !== undefined) return `components: item ${index + 1}: ${outside}`
  }
  return undefined
}

const dimension = object({ value: number(), unit: word(["px", "rem"]) })
const duration = object({ value: number(), unit: word(["ms", "s"]) })
const fontFamily = either(list(text), text, Array.isArray)
const isText = (value: Json) => typeof value === "string"
const fontWords =
  "thin hairline extra-light ultra-light light normal regular book medium semi-bold demi-bold bold extra-bold ultra-bold black heavy extra-black ultra-black"
const fontWeight = either(word(fontWords.split(" ")), number(1, 1000), isText)
const strokeWords = "solid dashed dotted double groove ridge outset inset"
const strokeStyle = either(
  word(strokeWords.split(" ")),
  object({ dashArray: list(dimension), lineCap: word(["round", "butt", "square"]) }),
  isText,
)
const shadow = object(
  { color, offsetX: dimension, offsetY: dimension, blur: dimension, spread: dimension },
  {
    inset: (value) =>
      typeof value === "boolean" ? undefined : `${shown(value)} is not true or false`,
  },
)

const cubicBezier: Check = (value) =>
  list(number(), 4, 4)(value) ??
  [0, 2]
    .map((index) => orReference(number(0, 1))((value as ReadonlyArray<Json>)[index]!))
    .find((wrong) => wrong !== undefined)

/** Every type there is; a type that is not listed is unknown. */
const checksByType: Members = {
  color,
  dimension,
  fontFamily,
  fontWeight,
  duration,
  cubicBezier,
  number: number(),
  strokeStyle,
  border: object({ color, width: dimension, style: strokeStyle }),
  transition: object({ duration, delay: duration, timingFunction: cubicBezier }),
  shadow: either(list(shadow), shadow, Array.isArray),
  gradient: list(object({ color, position: number(0, 1) })),
  typography: object({
    fontFamily,
    fontSize: dimension,
    fontWeight,
    letterSpacing: dimension,
    lineHeight: number(),
  }),
}

export const isKnownType = (type: string): boolean => Object.hasOwn(checksByType, type)

/** What is wrong with the value of a token of this type; references are no business of a type. */
export const valueProblem = (type: string, value: Json): string | undefined =>
  isReference(value) ? undefined : checkNamed(checksByType, type)?.(value)
