/** What is refused as a whole, and whether the error says where and what to do. */
import { describe, expect, it } from "vitest"
import { entitiesFromTokenFiles, TokenFileError } from "../../../adapters/tokens/index.ts"
import { file, primerFiles } from "./package-files.ts"

const refusal = (text: string, path = "a.tokens.json"): TokenFileError => {
  try {
    entitiesFromTokenFiles([file(text, path)])
  } catch (error) {
    if (error instanceof TokenFileError) return error
    throw error
  }
  throw new Error(`accepted: ${text.slice(0, 80)}`)
}

const nested = (levels: number): string =>
  `${'{"a":'.repeat(levels - 1)}{"$value":1}${"}".repeat(levels - 1)}`

describe("a file that cannot be read", () => {
  it.each<[string, string, string, string]>([
    ["a comma too many", '{"a":\n {"$value": 1,}}', "not-json", "a.tokens.json:2:15"],
    ["single quotes", "{'a': 1}", "not-json", "a.tokens.json:1:2"],
    ["a literal cut short", '{\n\n"a": tru}', "not-json", "a.tokens.json:3:6"],
    ["a missing end", '{"a": {"$value": 1}', "not-json", "a.tokens.json:1:20"],
    ["nothing at all", "", "not-json", "a.tokens.json:1:1"],
    [
      "a repeated key",
      '{"a": {"$value": 1},\n "a": {"$value": 2}}',
      "duplicate-key",
      "a.tokens.json:2:2",
    ],
    [
      "a repeated equal key",
      '{"a": {"$value": 1, "$value": 1}}',
      "duplicate-key",
      "a.tokens.json:1:21",
    ],
    [
      "a repeated escaped key",
      '{"a": {"$value": 1}, "\\u0061": 1}',
      "duplicate-key",
      "a.tokens.json:1:22",
    ],
    ["__proto__", '{"a": {"$value": 1, "__proto__": 2}}', "name-forbidden", "a.tokens.json:1:21"],
    ["constructor", '{"constructor": {"$value": 1}}', "name-forbidden", "a.tokens.json:1:2"],
    ["prototype", '{"a": {"$value": {"prototype": 1}}}', "name-forbidden", "a.tokens.json:1:19"],
    ["U+0000 in a name", '{"a\\u0000": {"$value": 1}}', "nul-character", "a.tokens.json:1:2"],
    ["U+0000 in a value", '{"a": {"$value": "\\u0000"}}', "nul-character", "a.tokens.json:1:18"],
    ["half a pair in a name", '{"\\ud83c": {"$value": 1}}', "lone-surrogate", "a.tokens.json:1:2"],
    ["half a pair as it is", '{"a": {"$value": "\ud83c"}}', "lone-surrogate", "a.tokens.json:1:18"],
    ["a number without end", '{"a": {"$value": 1e999}}', "number-not-finite", "a.tokens.json:1:18"],
    [
      "digits that get lost",
      '{"a": {"$value": 9007199254740993}}',
      "integer-too-large",
      "a.tokens.json:1:18",
    ],
    ["33 levels", nested(33), "too-deep", "a.tokens.json:1:161"],
    [
      "a hundred thousand levels",
      "[".repeat(100_000) + "]".repeat(100_000),
      "too-deep",
      "a.tokens.json:1:33",
    ],
    ["endless brackets", "[".repeat(100_000), "not-json", "a.tokens.json:1:1"],
  ])("because of %s is refused with its place", (_why, text, code, where) => {
    const error = refusal(text)
    expect({ code: error.code, where: error.where }).toEqual({ code, where })
    expect(error.remedy).not.toBe("")
    expect(error.stage).toBe("structure")
  })

  it.each<[string, string, string, string]>([
    ["a missing value", "{a: {$value: }}", "not-json", "a.json5:1:14"],
    ["NaN", "{a: {\n$value: NaN}}", "number-not-finite", "a.json5:2:9"],
    [
      "another value for a key",
      "{a: {$value: 1, /* : */ $value: 2}}",
      "duplicate-key",
      "a.json5:1:32",
    ],
    ["an unquoted __proto__", "// {\n{__proto__: {$value: 1}}", "name-forbidden", "a.json5:2:2"],
    ["U+0000 by a short escape", "{a: {$value: 'b\\0'}}", "nul-character", "a.json5:1:14"],
  ])("as JSON5 because of %s is refused with its place", (_why, text, code, where) => {
    const error = refusal(text, "a.json5")
    expect({ code: error.code, where: error.where }).toEqual({ code, where })
  })
})

describe("a value that is too deep for the engine in its field", () => {
  it("is refused with the id of its token", () => {
    const value = (levels: number) =>
      `{"b": {"$value": ${"[".repeat(levels)}${"]".repeat(levels)}}}`
    expect(refusal(value(30))).toMatchObject({ code: "too-deep", where: "b" })
    expect(entitiesFromTokenFiles([file(value(29))]).entities).toHaveLength(1)
  })
})

describe("a file that can be read", () => {
  const valueOf = (text: string, path = "a.tokens.json") =>
    entitiesFromTokenFiles([file(text, path)]).entities[0]!.fields.value

  it("may be 32 levels deep", () => {
    expect(valueOf(nested(32))).toBe(1)
  })

  it("may begin with a byte order mark", () => {
    expect(valueOf('\uFEFF{"a": {"$value": 1}}')).toBe(1)
  })

  it("has no negative zero, which has no canonical form", () => {
    expect(valueOf('{"a": {"$value": {"x": [-0.0]}}}')).toEqual({ x: [0] })
  })

  it("may be JSON5 in all its spellings", () => {
    const text = `// a comment: {
      { a: { '$value': { hex: 0x1F, 'it\\'s': "/* no */", plus: +1, dot: .5, "\\u0062": 'c\\\nd', }, }, }`
    const value = { hex: 31, "it's": "/* no */", plus: 1, dot: 0.5, b: "cd" }
    expect(valueOf(text, "a.json5")).toEqual(value)
  })

  it("may repeat a key with the same value in JSON5, as Primer does, and is told so", () => {
    const { entities, problems } = entitiesFromTokenFiles(primerFiles())
    expect(entities.filter(({ type }) => type === "token")).toHaveLength(1488)
    const repeated = problems.filter(({ code }) => code === "key-repeated")
    expect(repeated).toHaveLength(80)
    expect(repeated[0]!.where).toBe("base/color/dark/dark.dimmed.json5:34:23")
  })

  it("is refused when it is named twice", () => {
    const twice = [file({ a: { $value: 1 } }), file({ a: { $value: 1 } })]
    expect(() => entitiesFromTokenFiles(twice)).toThrow(
      expect.objectContaining({ code: "file-twice" }),
    )
  })
})
