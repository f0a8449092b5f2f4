/**
 * The JSON of one file, or an error that names the file and the place in it.
 *
 * Strict JSON only, and nothing that Lamplog could not hold: a key that stands twice, nesting beyond
 * what an event may hold, integers that would lose digits, half characters, names that are not
 * allowed. Nothing is repaired: what a reader would silently drop is refused.
 */
import { parse, printParseErrorCode, visit } from "jsonc-parser"
import type { JSONPath, ParseError } from "jsonc-parser"
import type { ForeignFile, Json } from "../../src/index.ts"
import { refuse } from "./refuse.ts"

/** Levels of one file: a list in an object, an item, and a field of 29 levels. */
export const fileDepthMax = 32

const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"])

/** A place in a file as people write it: `old.zip/tokens.json[3].value`. */
export const placeIn = (path: string, steps: JSONPath): string =>
  path + steps.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")

const lineOf = (path: string, text: string, offset: number): string =>
  `${path}:${text.slice(0, offset).split("\n").length}`

/** Only counts brackets, so that no parser is asked to go deeper than the limit. */
const checkDepth = (path: string, text: string): void => {
  const marks = /["{}[\]]/g
  let depth = 0
  for (let found = marks.exec(text); found !== null; found = marks.exec(text)) {
    const mark = found[0]
    if (mark === "}" || mark === "]") depth -= 1
    else if (mark !== '"') {
      if (++depth <= fileDepthMax) continue
      const message = `it is nested deeper than ${fileDepthMax} levels`
      const place = lineOf(path, text, found.index)
      throw refuse("structure", "too-deep", place, message, "Flatten the item at this place.")
    } else {
      let end = found.index + 1
      for (; end < text.length && text[end] !== '"'; end++) if (text[end] === "\\") end++
      marks.lastIndex = end + 1
    }
  }
}

const notJson = (path: string, text: string): Error => {
  const errors: Array<ParseError> = []
  parse(text, errors, { disallowComments: true, allowTrailingComma: false })
  const [first] = errors
  const place = lineOf(path, text, first?.offset ?? 0)
  const reason = first === undefined ? "it is incomplete" : printParseErrorCode(first.error)
  const message = `the file is not JSON (${reason})`
  return refuse("structure", "not-json", place, message, "Export it again, or correct the text.")
}

const checkText = (text: string, place: () => string): void => {
  if (text.includes("\u0000")) {
    const message = "a text holds the character U+0000"
    throw refuse("schema", "nul-character", place(), message, "Remove it from the text.")
  }
  if (!text.isWellFormed()) {
    const message = "a text holds half of a surrogate pair"
    throw refuse("schema", "lone-surrogate", place(), message, "Write the whole character.")
  }
}

const checkNumber = (value: number, place: () => string): void => {
  const remedy = "Write it as a text."
  if (!Number.isFinite(value)) {
    throw refuse("schema", "number-not-finite", place(), "a number is not finite", remedy)
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    const message = "an integer is beyond 2^53-1 and would lose digits"
    throw refuse("schema", "integer-too-large", place(), message, remedy)
  }
}

const checkKey = (key: string, known: Set<string>, place: () => string): void => {
  if (known.has(key)) {
    const message = `the key ${JSON.stringify(key)} stands twice in one object`
    throw refuse("structure", "duplicate-key", place(), message, "Keep one of the two.")
  }
  known.add(key)
  if (forbiddenKeys.has(key)) {
    const message = `the name "${key}" is not allowed`
    throw refuse("schema", "key-forbidden", place(), message, "Give it another name.")
  }
  checkText(key, place)
}

/** What JSON.parse lets pass and Lamplog could not hold. */
const checkContent = (path: string, text: string): void => {
  const open: Array<Set<string>> = []
  visit(text, {
    onObjectBegin: () => {
      open.push(new Set())
    },
    onObjectEnd: () => {
      open.pop()
    },
    onObjectProperty: (key, _offset, _length, _line, _column, steps) => {
      checkKey(key, open.at(-1)!, () => placeIn(path, steps()))
    },
    onLiteralValue: (value: unknown, _offset, _length, _line, _column, steps) => {
      const place = () => placeIn(path, steps())
      if (typeof value === "string") checkText(value, place)
      if (typeof value === "number") checkNumber(value, place)
    },
  })
}

/** The text without the mark that some programs put in front. */
export const textOf = (file: ForeignFile): string =>
  file.text.startsWith("\uFEFF") ? file.text.slice(1) : file.text

/** Throws `LamplogError`. */
export const parsedFile = (file: ForeignFile): Json => {
  const { path } = file
  const text = textOf(file)
  checkDepth(path, text)
  let root: Json
  try {
    root = JSON.parse(text) as Json
  } catch {
    throw notJson(path, text)
  }
  checkContent(path, text)
  return root
}
