/**
 * One text for one value: RFC 8785 (JSON Canonicalization Scheme), and what Lamplog refuses.
 *
 * Writers encode with `canonicalFromJson`, once. Readers never re-encode: they parse the bytes they
 * were given and accept them only if those bytes are already canonical (`jsonFromCanonical`). That
 * one comparison rules out duplicate keys, rounded numbers, odd escapes, BOMs and stray blanks.
 *
 * Refused on both sides: NaN and infinities, integers beyond 2^53-1, lone surrogates, U+0000, depth
 * over 32, and the keys `__proto__`, `constructor`, `prototype`. Integer-like keys are legal.
 */

export type Json =
  | null
  | boolean
  | number
  | string
  | ReadonlyArray<Json>
  | { readonly [key: string]: Json }

export type JsonObject = { readonly [key: string]: Json }

/** Deepest nesting of arrays and objects, in levels. */
export const depthMax = 32

export type CanonicalCode =
  | "not-json"
  | "not-canonical"
  | "number-not-finite"
  | "integer-too-large"
  | "lone-surrogate"
  | "nul-character"
  | "key-forbidden"
  | "too-deep"
  | "too-many-values"

/** A value that has no canonical text; `where` is a JSON Pointer into the value. */
export class CanonicalError extends Error {
  readonly code: CanonicalCode
  readonly where: string
  constructor(code: CanonicalCode, message: string, where: string) {
    super(message)
    this.name = "CanonicalError"
    this.code = code
    this.where = where
  }
}

/** Values in one text, as far as commas tell. No event can have as many; a snapshot's line could. */
const valuesMax = 1_000_000
/** Longer texts are looked over before they are parsed. */
const parsedAtOnceLength = 64 * 1024

const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"])

/** Whether canonical text refuses an object key. */
export const isForbiddenKey = (key: string): boolean => forbiddenKeys.has(key)

/** RFC 6901: `~` and `/` inside one step of a pointer. */
export const pointerStep = (step: string): string =>
  step.includes("~") || step.includes("/") ? step.replaceAll("~", "~0").replaceAll("/", "~1") : step

const checkString = (text: string, where: string): void => {
  if (!text.isWellFormed()) {
    throw new CanonicalError("lone-surrogate", "a string holds half of a surrogate pair", where)
  }
  if (text.includes("\u0000")) {
    throw new CanonicalError("nul-character", "a string holds the character U+0000", where)
  }
}

const checkKey = (key: string, where: string): void => {
  if (forbiddenKeys.has(key)) {
    throw new CanonicalError("key-forbidden", `the key "${key}" is not allowed`, where)
  }
  checkString(key, where)
}

const checkNumber = (value: number, where: string): void => {
  if (!Number.isFinite(value)) {
    throw new CanonicalError("number-not-finite", "a number is not finite", where)
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new CanonicalError(
      "integer-too-large",
      `the integer ${value} is beyond 2^53-1 and would lose digits`,
      where,
    )
  }
}

/**
 * Whether an object is only its members. Others have ideas of their own about their JSON (a Buffer
 * writes its keys unsorted, a Map writes none), so their text would not be what was checked.
 */
const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === Object.prototype || prototype === null) return true
  // Another realm's plain object.
  return Object.getPrototypeOf(prototype) === null
}

const notPlain = (value: object, where: string): CanonicalError => {
  const tag = Object.prototype.toString.call(value)
  return new CanonicalError("not-json", `${tag} is neither an array nor a plain object`, where)
}

const tooDeep = (where: string): CanonicalError =>
  new CanonicalError("too-deep", `nested deeper than ${depthMax} levels`, where)

/** UTF-16 code unit order, as RFC 8785 §3.2.3 asks; JavaScript's default for strings. */
export const compareText = (left: string, right: string): number =>
  left < right ? -1 : left > right ? 1 : 0

/** Surrogates stand for what UTF-8 puts after U+FFFF; in UTF-16 they come before U+E000. */
const byteRank = (unit: number): number =>
  unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit

/** The order of the texts' UTF-8 bytes, which beyond the basic plane is not that of code units. */
export const compareBytes = (left: string, right: string): number => {
  const end = Math.min(left.length, right.length)
  for (let at = 0; at < end; at++) {
    const here = left.charCodeAt(at)
    const there = right.charCodeAt(at)
    if (here !== there) return byteRank(here) - byteRank(there)
  }
  return left.length - right.length
}

/** Encodes any value, sorting keys as it goes. */
const encode = (value: Json, where: string, depth: number): string => {
  if (value === null || typeof value === "boolean") return String(value)
  if (typeof value === "string") {
    checkString(value, where)
    return JSON.stringify(value)
  }
  if (typeof value === "number") {
    checkNumber(value, where)
    return JSON.stringify(value)
  }
  if (typeof value !== "object") {
    throw new CanonicalError("not-json", `a value of type ${typeof value} is not JSON`, where)
  }
  if (depth >= depthMax) throw tooDeep(where)
  if (Array.isArray(value)) {
    const items = value as ReadonlyArray<Json>
    let text = "["
    for (let index = 0; index < items.length; index++) {
      if (index > 0) text += ","
      text += encode(items[index]!, `${where}/${index}`, depth + 1)
    }
    return `${text}]`
  }
  if (!isPlain(value)) throw notPlain(value, where)
  const object = value as JsonObject
  let text = "{"
  for (const key of Object.keys(object).sort()) {
    const step = `${where}/${pointerStep(key)}`
    checkKey(key, step)
    const member = object[key]
    if (member === undefined) {
      throw new CanonicalError("not-json", "a member is undefined, which is not JSON", step)
    }
    if (text.length > 1) text += ","
    text += `${JSON.stringify(key)}:${encode(member, step, depth + 1)}`
  }
  return `${text}}`
}

/**
 * Checks a value; true when its keys stand in canonical order already, so that JSON.stringify, several
 * times faster than `encode`, writes the canonical text. Does not keep track of places: `encode`
 * refuses the same values and tells where.
 */
const checkValue = (value: Json, depth: number, strings: boolean): boolean => {
  if (value === null || typeof value === "boolean") return true
  if (typeof value === "string") {
    if (strings) checkString(value, "")
    return true
  }
  if (typeof value === "number") {
    checkNumber(value, "")
    return true
  }
  if (typeof value !== "object") {
    throw new CanonicalError("not-json", `a value of type ${typeof value} is not JSON`, "")
  }
  if (depth >= depthMax) throw tooDeep("")
  let sorted = true
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!checkValue(value[index] as Json, depth + 1, strings)) sorted = false
    }
    return sorted
  }
  if (!isPlain(value)) throw notPlain(value, "")
  let previous: string | undefined
  for (const key of Object.keys(value)) {
    checkKey(key, "")
    if (previous !== undefined && previous > key) sorted = false
    previous = key
    if (!checkValue((value as JsonObject)[key]!, depth + 1, strings)) sorted = false
  }
  return sorted
}

/** The canonical text of a value whose outermost level is `depth`. */
const textFrom = (value: Json, depth: number, strings: boolean): string => {
  let sorted: boolean
  try {
    sorted = checkValue(value, depth, strings)
  } catch (error) {
    encode(value, "", depth)
    throw error
  }
  return sorted ? JSON.stringify(value) : encode(value, "", depth)
}

/**
 * The canonical text of a value. Throws `CanonicalError` for what has none. Only what is built around
 * values of bodies, such as an entity's line, may be deeper than `depthMax` levels.
 */
export const canonicalFromJson = (value: Json, levelsMax = depthMax): string =>
  textFrom(value, depthMax - levelsMax, true)

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c

/**
 * Refuses a long text that a parser would build too much from: a level or a value costs two bytes to
 * write and a hundred to hold, so 100 MiB of brackets would end the process.
 */
const checkShape = (text: string, levelsMax: number): void => {
  let depth = 0
  let commas = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === quote) {
      for (at++; at < text.length && text.charCodeAt(at) !== quote; at++) {
        if (text.charCodeAt(at) === backslash) at++
      }
    } else if (unit === comma) {
      commas++
      if (commas >= valuesMax) {
        throw new CanonicalError("too-many-values", `more than ${valuesMax} values in one text`, "")
      }
    } else if (unit === 0x5b || unit === 0x7b) {
      depth++
      if (depth > levelsMax) throw tooDeep("")
    } else if (unit === 0x5d || unit === 0x7d) depth--
  }
}

/**
 * Parses text that must be canonical already. Throws `CanonicalError`.
 *
 * The engine reorders integer-like keys, so an object that came out unsorted is encoded again to be
 * compared; every other text is compared with one JSON.stringify.
 */
export const jsonFromCanonical = (text: string, levelsMax = depthMax): Json => {
  if (text.length > parsedAtOnceLength) checkShape(text, levelsMax)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    throw new CanonicalError("not-json", "the text is not JSON", "")
  }
  // A canonical text writes every character as itself but controls, so `\u` is the only way in for
  // a lone surrogate or U+0000 once the bytes were valid UTF-8.
  const strings = text.includes("\\u") || !text.isWellFormed()
  if (textFrom(value, depthMax - levelsMax, strings) !== text) {
    throw new CanonicalError("not-canonical", "the text is not in canonical form (RFC 8785)", "")
  }
  return value
}

/** Deep equality of JSON values, by canonical form: key order and -0 make no difference. */
export const equalJson = (left: Json, right: Json): boolean => {
  if (left === right) return true
  if (left === null || right === null) return false
  if (typeof left !== "object" || typeof right !== "object") return false
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false
    return left.every((item, index) => equalJson(item as Json, right[index] as Json))
  }
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(right, key) &&
      equalJson((left as JsonObject)[key]!, (right as JsonObject)[key]!),
  )
}
