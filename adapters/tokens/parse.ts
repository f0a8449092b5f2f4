/**
 * From the text of a file to its JSON, or to an error that says where the text is wrong.
 *
 * Files named `.json5` or `.jsonc` are read as JSON5, all others as strict JSON.
 */
import JSON5 from "json5"
import { parse, printParseErrorCode } from "jsonc-parser"
import type { ParseError } from "jsonc-parser"
import { fileCharactersMax, TokenFileError } from "./model.ts"
import type { Json, Problem, TokenFile } from "./model.ts"
import { placeOf } from "./place.ts"
import { Scanner } from "./scan.ts"
import type { Scan } from "./scan.ts"

export interface ParsedFile {
  readonly path: string
  readonly root: Json
  /** Levels of nesting. */
  readonly depth: number
  readonly problems: ReadonlyArray<Problem>
}

const unreadable = (language: string, reason: string, where: string): TokenFileError =>
  new TokenFileError({
    code: "not-json",
    message: `the file is not ${language}: ${reason}`,
    where,
    remedy:
      language === "JSON"
        ? "correct the text at this place; files with comments or unquoted keys end in .json5"
        : "correct the text at this place",
  })

const parsedJson = (path: string, text: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch {
    // JSON.parse does not always say where; jsonc-parser does, but is slower.
    const errors: Array<ParseError> = []
    try {
      parse(text, errors, { disallowComments: true, allowTrailingComma: false })
    } catch {
      // Brackets nested so deep that even finding the mistake fails: report the start.
    }
    const [first] = errors
    const reason =
      first === undefined ? "it is incomplete" : wordsOf(printParseErrorCode(first.error))
    throw unreadable("JSON", reason, placeOf(path, text, first?.offset ?? 0))
  }
}

const wordsOf = (name: string): string => name.replace(/\B[A-Z]/g, " $&").toLowerCase()

const parsedJson5 = (path: string, text: string): Json => {
  try {
    return JSON5.parse<Json>(text)
  } catch (cause) {
    const { lineNumber = 1, columnNumber = 1 } = cause as {
      lineNumber?: number
      columnNumber?: number
    }
    const reason = String((cause as Error).message).replace(/^JSON5: | at \d+:\d+$/g, "")
    throw unreadable("JSON5", reason, `${path}:${lineNumber}:${columnNumber}`)
  }
}

const withoutNegativeZero = (value: Json): Json => {
  if (value === 0) return 0
  if (value === null || typeof value !== "object") return value
  if (Array.isArray(value)) return value.map(withoutNegativeZero)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withoutNegativeZero(item as Json)]),
  )
}

/** Throws `TokenFileError`. */
export const parsedFile = (file: TokenFile): ParsedFile => {
  const { path } = file
  if (file.text.length > fileCharactersMax) {
    throw new TokenFileError({
      code: "file-too-large",
      message: `the file holds more than ${fileCharactersMax} characters`,
      where: path,
      remedy: "split it into several files and import them together",
    })
  }
  const text = file.text.startsWith("\uFEFF") ? file.text.slice(1) : file.text
  const json5 = /\.json(5|c)$/i.test(path)
  const root = json5 ? parsedJson5(path, text) : parsedJson(path, text)
  const scan = new Scanner(path, text, json5).scan()
  return {
    path,
    root: scan.negativeZero ? withoutNegativeZero(root) : root,
    depth: scan.depth,
    problems: repeatedKeys(path, scan),
  }
}

const repeatedKeys = (path: string, scan: Scan): ReadonlyArray<Problem> => {
  const problem = (message: string, where: string): Problem => ({
    severity: "warning",
    stage: "structure",
    code: "key-repeated",
    message,
    where,
  })
  const problems = scan.repeated.map(({ key, where }) =>
    problem(`the key ${JSON.stringify(key)} stands twice with the same value; one is kept`, where),
  )
  const rest = scan.repeatedCount - problems.length
  return rest === 0 ? problems : [...problems, problem(`${rest} more keys stand twice`, path)]
}
