/** JSON from users: what passes, what is refused, and where the refusal points. */
import { describe, expect, it } from "vitest"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { jsonFromText, valueFromText } from "../../src/cli/json.ts"

const refusal = (text: string, read = jsonFromText): readonly [string, string | undefined] => {
  try {
    read(text, { name: "x" })
  } catch (error) {
    if (!(error instanceof LamplogError)) throw error
    expect(error.remedy).not.toBe("")
    return [error.code, error.where]
  }
  throw new Error(`not refused: ${text}`)
}

const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels)

describe("strict JSON", () => {
  const refused: ReadonlyArray<readonly [text: string, code: string, where: string]> = [
    ['{"a":1,"a":2}', "duplicate-key", "x:1:8"],
    ['{"a":1,\n "\\u0061":2}', "duplicate-key", "x:2:2"],
    ['[{"a":{"b":1}},{"a":{"b":1,"b":1}}]', "duplicate-key", "x:1:28"],
    ['{"__proto__":1}', "key-forbidden", "x:1:2"],
    ['{"\\u005f_proto__":1}', "key-forbidden", "x:1:2"],
    ['{"constructor":1}', "key-forbidden", "x:1:2"],
    ["[1e400]", "number-not-finite", "x:1:2"],
    ["-1e400", "number-not-finite", "x:1:1"],
    ["9007199254740993", "integer-too-large", "x:1:1"],
    ["1e20", "integer-too-large", "x:1:1"],
    ['"\\ud800"', "lone-surrogate", "x:1:1"],
    ['"\ud800"', "lone-surrogate", "x:1:1"],
    ['{"\\udc00":1}', "lone-surrogate", "x:1:2"],
    ['"\\u0000"', "nul-character", "x:1:1"],
    [nested(33), "too-deep", "x:1:33"],
    [nested(100_000), "too-deep", "x:1:33"],
    ["NaN", "not-json", "x:1:1"],
    ["", "not-json", "x:1:1"],
    ["01", "not-json", "x:1:2"],
    ["-", "not-json", "x:1:1"],
    ["1.", "not-json", "x:1:2"],
    ["[1,]", "not-json", "x:1:4"],
    ["{,}", "not-json", "x:1:2"],
    ['{"a" 1}', "not-json", "x:1:6"],
    ["{'a':1}", "not-json", "x:1:2"],
    ['"abc', "not-json", "x:1:5"],
    ['"a\nb"', "not-json", "x:1:3"],
    ['"\\x"', "not-json", "x:1:3"],
    ['"\\u12g4"', "not-json", "x:1:3"],
    ["[1] 2", "not-json", "x:1:5"],
    ["\ufeff1", "not-json", "x:1:1"],
    ["tru", "not-json", "x:1:1"],
  ]
  for (const [text, code, where] of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))} as ${code} at ${where}`, () => {
      expect(refusal(text)).toEqual([code, where])
    })
  }

  const kept = [
    "null",
    "-0.5e-3",
    "9007199254740991",
    '"\\ud83d\\ude00 \\u0041\\n"',
    ' {"b" : [1 ,2, {"c":null}] , "a":{} }\r\n',
    '{"toString":1,"1":2}',
    nested(32),
  ]
  for (const text of kept) {
    it(`reads ${text.slice(0, 40).trim()} as JSON.parse does`, () => {
      const value = jsonFromText(text, { name: "x" })
      expect(value).toEqual(JSON.parse(text))
      expect(canonicalFromJson(value)).not.toBe("")
    })
  }

  it("counts the levels that an event puts around a value", () => {
    expect(() => jsonFromText(nested(31), { name: "x", levelsAround: 2 })).toThrow(/30 levels/)
    expect(jsonFromText(nested(30), { name: "x", levelsAround: 2 })).toBeDefined()
  })

  it("counts lines from where the text stands in its file", () => {
    expect(() => jsonFromText("{", { name: "f", line: 7 })).toThrow(/^f:7:2:/)
  })
})

describe("a value of FIELD=VALUE", () => {
  it("is JSON when it parses, else the text itself", () => {
    const read = (text: string) => valueFromText(text, { name: "x" })
    expect(read("4")).toBe(4)
    expect(read('"4"')).toBe("4")
    expect(read("#0000ff")).toBe("#0000ff")
    expect(read("null")).toBe(null)
    expect(read("")).toBe("")
    expect(read("{a}")).toBe("{a}")
    expect(read("NaN")).toBe("NaN")
  })

  it("is refused, not taken as text, when it parses to what cannot be kept", () => {
    expect(refusal('{"a":1,"a":1}', valueFromText as typeof jsonFromText)[0]).toBe("duplicate-key")
    expect(refusal("1e400", valueFromText as typeof jsonFromText)[0]).toBe("number-not-finite")
  })
})
