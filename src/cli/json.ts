/**
 * JSON as people and scripts write it, read so strictly that nothing is lost on the way in.
 *
 * `JSON.parse` keeps the last of two equal keys, rounds large integers and turns 1e400 into infinity.
 * A project that stores values for ever refuses all of that, and says where it stands in the text.
 *
 * Invariants
 *  1. What passes has a canonical form: the engine will not refuse it later for its spelling.
 *  2. Every refusal names line and column, both counted from 1.
 *  3. One pass over the text, no recursion deeper than the limit, whatever the input.
 */
import { depthMax } from "../event/canonical.ts"
import type { Json } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"

export interface JsonSource {
  /** What the text is to the user: a file, a flag, a field. */
  readonly name: string
  /** Line of the text's first line in its file. */
  readonly line?: number
  /** Levels of nesting that the engine puts around the value. */
  readonly levelsAround?: number
}

const quote = 0x22
const backslash = 0x5c
const minus = 0x2d
const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"])
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const remedies: { readonly [code: string]: string } = {
  "not-json":
    "Correct the JSON there; strings and keys take double quotes, and no comma ends a list.",
  "duplicate-key": "Keep one of the two; JSON readers would silently drop the other.",
  "integer-too-large": "Write it as a string: numbers beyond 2^53-1 lose digits.",
  "number-not-finite": "Write a number that fits a double, or a string.",
  "lone-surrogate": "Write the whole character, or both halves of the pair.",
  "nul-character": "Leave U+0000 out.",
  "key-forbidden": "Choose another name for the key.",
  "too-deep": "Split the value over several fields or entities.",
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

class Scan {
  readonly #text: string
  readonly #source: JsonSource
  readonly #depthMax: number
  readonly #wellFormed: boolean
  #at = 0

  constructor(text: string, source: JsonSource) {
    this.#text = text
    this.#source = source
    this.#depthMax = depthMax - (source.levelsAround ?? 0)
    this.#wellFormed = text.isWellFormed()
  }

  document(): void {
    this.#value(0)
    this.#blanks()
    if (this.#at < this.#text.length) throw this.#unexpected("the end")
  }

  #refuse(code: string, message: string, at: number): LamplogError {
    const before = this.#text.slice(0, at)
    const lastBreak = before.lastIndexOf("\n")
    const line = (this.#source.line ?? 1) + (before.match(/\n/g)?.length ?? 0)
    const where = `${this.#source.name}:${line}:${at - lastBreak}`
    return new LamplogError({
      stage: "structure",
      code,
      message: `${where}: ${message}.`,
      remedy: remedies[code]!,
      where,
    })
  }

  #unexpected(wanted: string): LamplogError {
    const rest = this.#text.slice(this.#at, this.#at + 1)
    const found = rest === "" ? "the text ends" : `${JSON.stringify(rest)} stands`
    return this.#refuse("not-json", `${found} where ${wanted} should be`, this.#at)
  }

  #blanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
    }
  }

  #value(depth: number): void {
    this.#blanks()
    const code = this.#text.charCodeAt(this.#at)
    if (code === quote) this.#string()
    else if (code === 0x7b) this.#object(depth + 1)
    else if (code === 0x5b) this.#array(depth + 1)
    else if (code === minus || isDigit(code)) this.#number()
    else if (this.#text.startsWith("true", this.#at)) this.#at += 4
    else if (this.#text.startsWith("false", this.#at)) this.#at += 5
    else if (this.#text.startsWith("null", this.#at)) this.#at += 4
    else throw this.#unexpected("a value")
  }

  #enter(depth: number): void {
    if (depth > this.#depthMax) {
      throw this.#refuse("too-deep", `nested deeper than ${this.#depthMax} levels`, this.#at)
    }
    this.#at += 1
    this.#blanks()
  }

  /** Steps over a closing sign or a comma; true when it was the closing one. */
  #closes(sign: number, name: string): boolean {
    this.#blanks()
    const code = this.#text.charCodeAt(this.#at)
    if (code !== sign && code !== 0x2c) throw this.#unexpected(`"," or ${name}`)
    this.#at += 1
    return code === sign
  }

  #array(depth: number): void {
    this.#enter(depth)
    if (this.#text.charCodeAt(this.#at) === 0x5d) {
      this.#at += 1
      return
    }
    do this.#value(depth)
    while (!this.#closes(0x5d, `"]"`))
  }

  #object(depth: number): void {
    this.#enter(depth)
    if (this.#text.charCodeAt(this.#at) === 0x7d) {
      this.#at += 1
      return
    }
    const keys = new Set<string>()
    do {
      this.#blanks()
      const start = this.#at
      if (this.#text.charCodeAt(start) !== quote) throw this.#unexpected("a key in double quotes")
      const escaped = this.#string()
      const raw = this.#text.slice(start, this.#at)
      const key = escaped ? (JSON.parse(raw) as string) : raw.slice(1, -1)
      if (forbiddenKeys.has(key)) {
        throw this.#refuse("key-forbidden", `the key "${key}" is not allowed`, start)
      }
      if (keys.has(key)) {
        throw this.#refuse("duplicate-key", `the key ${JSON.stringify(key)} stands twice`, start)
      }
      keys.add(key)
      this.#blanks()
      if (this.#text.charCodeAt(this.#at) !== 0x3a) throw this.#unexpected(`":"`)
      this.#at += 1
      this.#value(depth)
    } while (!this.#closes(0x7d, `"}"`))
  }

  #number(): void {
    const start = this.#at
    numberPattern.lastIndex = start
    const digits = numberPattern.exec(this.#text)?.[0]
    if (digits === undefined) throw this.#unexpected("a number")
    this.#at += digits.length
    if (isDigit(this.#text.charCodeAt(this.#at))) throw this.#unexpected("the end of a number")
    const value = Number(digits)
    if (!Number.isFinite(value)) {
      throw this.#refuse(
        "number-not-finite",
        `the number ${digits.slice(0, 40)} is too large`,
        start,
      )
    }
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      const message = `the integer ${digits.slice(0, 40)} is beyond 2^53-1 and would lose digits`
      throw this.#refuse("integer-too-large", message, start)
    }
  }

  /** Steps over a string; true when it holds an escape. */
  #string(): boolean {
    const start = this.#at
    let escaped = false
    for (this.#at += 1; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === quote) break
      if (code === backslash) {
        escaped = true
        this.#escape()
      } else if (!(code >= 0x20)) {
        throw this.#unexpected("the rest of a string")
      }
    }
    this.#at += 1
    if (this.#wellFormed && !escaped) return false
    const text = JSON.parse(this.#text.slice(start, this.#at)) as string
    if (!text.isWellFormed()) {
      throw this.#refuse("lone-surrogate", "a string holds half of a surrogate pair", start)
    }
    if (text.includes("\u0000")) {
      throw this.#refuse("nul-character", "a string holds the character U+0000", start)
    }
    return escaped
  }

  /** Steps to the last character of an escape. */
  #escape(): void {
    this.#at += 1
    const letter = this.#text[this.#at] ?? ""
    if (letter === "u") {
      const digits = this.#text.slice(this.#at + 1, this.#at + 5)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#unexpected("four hexadecimal digits")
      this.#at += 4
    } else if (letter === "" || !`"\\/bfnrt`.includes(letter)) throw this.#unexpected("an escape")
  }
}

/** The value of a JSON text. Throws `LamplogError` for what cannot be kept exactly. */
export const jsonFromText = (text: string, source: JsonSource): Json => {
  new Scan(text, source).document()
  return JSON.parse(text) as Json
}

/** A value as `FIELD=VALUE` writes it: JSON when it parses, else the text itself. */
export const valueFromText = (text: string, source: JsonSource): Json => {
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  return jsonFromText(text, source)
}
