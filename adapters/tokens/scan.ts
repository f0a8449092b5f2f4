/**
 * What a JSON parser does not tell: repeated keys, and where in the text a thing stands.
 *
 * One pass over text that has already parsed, JSON or JSON5. It refuses what the engine could not
 * hold, with line and column: names and texts that are not well-formed, forbidden keys, numbers that
 * would lose digits, and nesting that is too deep. A repeated key is refused too; only JSON5 may
 * repeat a key with the very same value, which real token files do, and which loses nothing.
 */
import JSON5 from "json5"
import { equalJson } from "./equality.ts"
import { fileDepthMax, forbiddenKeys, TokenFileError, vendorKey } from "./model.ts"
import { placeOf } from "./place.ts"

export interface Scan {
  /** Levels of nesting. */
  readonly depth: number
  /** Whether `-0` occurs, which has no canonical form. */
  readonly negativeZero: boolean
  /** Keys written twice with equal values: the first few, and how many there are. */
  readonly repeated: ReadonlyArray<{ readonly key: string; readonly where: string }>
  readonly repeatedCount: number
}

interface Span {
  start: number
  end: number
}

/** An object or array that is open at this point of the text. */
interface Frame {
  /** Spans of the values by key; undefined for an array. */
  readonly members: Map<string, Span> | undefined
  readonly start: number
  key: string | undefined
  span: Span | undefined
  /** The first value of the key that is being repeated. */
  earlier: Span | undefined
}

/** Repeated keys whose place is looked up: finding a line takes a walk through the text. */
const placesMax = 100
/** Levels that the entities of an export may stand deeper than a token. */
const vendorDepth = 8

const quote = 34
const apostrophe = 39
const backslash = 92

export class Scanner {
  readonly #path: string
  readonly #text: string
  readonly #json5: boolean
  /** Whether any text could hold U+0000 or half a surrogate pair at all. */
  readonly #suspicious: boolean
  readonly #frames: Array<Frame> = []
  readonly #repeated: Array<{ key: string; where: string }> = []
  #repeatedCount = 0
  #depth = 0
  #negativeZero = false

  constructor(path: string, text: string, json5: boolean) {
    this.#path = path
    this.#text = text
    this.#json5 = json5
    this.#suspicious = /\\[ux0]|\0/.test(text) || !text.isWellFormed()
  }

  scan(): Scan {
    const text = this.#text
    for (let at = 0; at < text.length;) {
      switch (text.charCodeAt(at)) {
        case 123: // {
        case 91: // [
          this.#open(at, text.charCodeAt(at) === 123)
          at++
          break
        case 125: // }
        case 93: // ]
          this.#endMember(at)
          this.#frames.pop()
          at++
          break
        case 44: // ,
          this.#endMember(at)
          at++
          break
        case 58: {
          // :
          const frame = this.#frames.at(-1)
          if (frame?.span !== undefined) frame.span.start = at + 1
          at++
          break
        }
        case 47: // a comment of JSON5
          at = this.#afterComment(at)
          break
        case quote:
        case apostrophe:
          at = this.#string(at)
          break
        default:
          at = this.#word(at)
      }
    }
    return {
      depth: this.#depth,
      negativeZero: this.#negativeZero,
      repeated: this.#repeated,
      repeatedCount: this.#repeatedCount,
    }
  }

  #refuse(code: string, message: string, offset: number, remedy: string): TokenFileError {
    return new TokenFileError({
      code,
      message,
      where: placeOf(this.#path, this.#text, offset),
      remedy,
    })
  }

  #open(at: number, object: boolean): void {
    const frames = this.#frames
    frames.push({
      members: object ? new Map() : undefined,
      start: at,
      key: undefined,
      span: undefined,
      earlier: undefined,
    })
    this.#depth = Math.max(this.#depth, frames.length)
    if (frames.length <= fileDepthMax) return
    const ours = frames[0]!.key === "$extensions" && frames[1]!.key === vendorKey
    if (ours && frames.length <= fileDepthMax + vendorDepth) return
    throw this.#refuse(
      "too-deep",
      `the file is nested deeper than ${fileDepthMax} levels`,
      at,
      "flatten the groups or values at this place",
    )
  }

  #endMember(at: number): void {
    const frame = this.#frames.at(-1)
    if (frame?.span === undefined) return
    frame.span.end = at
    if (frame.earlier !== undefined) this.#repeat(frame.key!, frame.earlier, frame.span)
    frame.key = undefined
    frame.span = undefined
    frame.earlier = undefined
  }

  #repeat(key: string, first: Span, second: Span): void {
    const valueOf = (span: Span) => JSON5.parse(this.#text.slice(span.start, span.end))
    if (!equalJson(valueOf(first), valueOf(second))) throw this.#duplicate(key, second.start)
    if (++this.#repeatedCount > placesMax) return
    this.#repeated.push({ key, where: placeOf(this.#path, this.#text, second.start) })
  }

  #duplicate(key: string, offset: number): TokenFileError {
    return this.#refuse(
      "duplicate-key",
      `the key ${JSON.stringify(key)} stands twice in one object`,
      offset,
      "keep one of the two: a reader would silently drop the first",
    )
  }

  #key(raw: string, at: number): void {
    const frame = this.#frames.at(-1)!
    const quoted = raw[0] === '"' || raw[0] === "'"
    const key = !raw.includes("\\")
      ? quoted
        ? raw.slice(1, -1)
        : raw
      : quoted
        ? JSON5.parse<string>(raw)
        : Object.keys(JSON5.parse<object>(`{${raw}:0}`))[0]!
    if (forbiddenKeys.has(key)) {
      const message = `the name "${key}" is not allowed`
      throw this.#refuse("name-forbidden", message, at, "give it another name")
    }
    if (this.#suspicious) this.#checkText(key, at)
    const earlier = frame.members!.get(key)
    if (earlier !== undefined && !this.#json5) throw this.#duplicate(key, at)
    frame.key = key
    frame.span = { start: at, end: at }
    frame.earlier = earlier
    frame.members!.set(key, frame.span)
  }

  #checkText(text: string, at: number): void {
    if (text.includes("\u0000")) {
      throw this.#refuse("nul-character", "a text holds the character U+0000", at, "remove it")
    }
    if (!text.isWellFormed()) {
      const message = "a text holds half of a surrogate pair"
      throw this.#refuse("lone-surrogate", message, at, "write the whole character")
    }
  }

  #string(start: number): number {
    const text = this.#text
    const mark = text.charCodeAt(start)
    let at = start + 1
    for (; at < text.length && text.charCodeAt(at) !== mark; at++) {
      if (text.charCodeAt(at) === backslash) at++
    }
    at++
    const frame = this.#frames.at(-1)
    if (frame?.members !== undefined && frame.span === undefined) {
      this.#key(text.slice(start, at), start)
    } else if (this.#suspicious) {
      this.#checkText(JSON5.parse<string>(text.slice(start, at)), start)
    }
    return at
  }

  /** A number, a literal, an unquoted key, or blank space. */
  #word(start: number): number {
    const pattern = /[^\s,:[\]{}/"']+|\s+|./uy
    pattern.lastIndex = start
    const word = pattern.exec(this.#text)?.[0] ?? " "
    const end = start + word.length
    if (/^\s/.test(word)) return end
    const frame = this.#frames.at(-1)
    if (frame?.members !== undefined && frame.span === undefined) this.#key(word, start)
    else if (!/^(true|false|null)$/.test(word)) this.#checkNumber(word, start)
    return end
  }

  #checkNumber(word: string, at: number): void {
    const value = Number(word.replace(/^[+-]/, ""))
    if (!Number.isFinite(value)) {
      const message = `the number ${word} is not finite`
      throw this.#refuse("number-not-finite", message, at, "write it as a text")
    }
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      const message = `the integer ${word} is beyond 2^53-1 and would lose digits`
      throw this.#refuse("integer-too-large", message, at, "write it as a text")
    }
    if (value === 0 && word.startsWith("-")) this.#negativeZero = true
  }

  #afterComment(at: number): number {
    const line = this.#text[at + 1] === "/"
    const end = line ? this.#text.indexOf("\n", at) : this.#text.indexOf("*/", at + 2)
    return end === -1 ? this.#text.length : line ? end : end + 2
  }
}
