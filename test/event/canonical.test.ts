/**
 * Canonical JSON: the same text as RFC 8785 wherever both speak, and a refusal everywhere else.
 */
import canonicalize from "canonicalize"
import { describe, expect, it } from "vitest"
import {
  CanonicalError,
  canonicalFromJson,
  compareBytes,
  compareText,
  depthMax,
  equalJson,
  jsonFromCanonical,
  pointerStep,
} from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import { Random } from "../simulation/random.ts"

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof CanonicalError) return error.code
    throw error
  }
}

const whereOf = (value: unknown): string => {
  try {
    canonicalFromJson(value as Json)
    return "accepted"
  } catch (error) {
    return (error as CanonicalError).where
  }
}

const nested = (levels: number): Json => {
  let value: Json = []
  for (let level = 1; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

const characters = [
  "a",
  "b",
  "A",
  "0",
  "9",
  "/",
  "~",
  '"',
  "\\",
  "\b",
  "\t",
  "\n",
  "\f",
  "\r",
  "\u0001",
  "\u001f",
  "\u007f",
  "\u0080",
  "\u00e9",
  "\u2028",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "\u{10000}",
  "\u{1f600}",
  "\u{10ffff}",
]

const randomText = (random: Random): string =>
  Array.from({ length: random.below(5) }, () => random.pick(characters)).join("")

const floats = new DataView(new ArrayBuffer(8))

/** Any double that may be written, most of them with all their digits. */
const randomNumber = (random: Random): number => {
  if (random.chance(0.3)) return random.below(2000) - 1000
  if (random.chance(0.3)) return Number((random.next() * 1000).toFixed(random.below(8)))
  floats.setUint32(0, random.below(2 ** 32))
  floats.setUint32(4, random.below(2 ** 32))
  const number = floats.getFloat64(0)
  const legal =
    Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number))
  return legal ? number : 0.5
}

const randomJson = (random: Random, levels: number): Json => {
  const kind = random.below(levels > 0 ? 7 : 5)
  if (kind === 0) return random.pick([null, true, false])
  if (kind <= 2) return randomNumber(random)
  if (kind <= 4) return randomText(random)
  const parts = Array.from({ length: random.below(5) }, () => randomJson(random, levels - 1))
  if (kind === 5) return parts
  return Object.fromEntries(
    parts.map((part) => [random.chance(0.2) ? String(random.below(12)) : randomText(random), part]),
  )
}

describe("canonicalFromJson", () => {
  it("writes what an independent implementation of RFC 8785 writes, and reads it back", () => {
    for (let seed = 0; seed < 5000; seed++) {
      const value = randomJson(new Random(seed), 4)
      const text = canonicalFromJson(value)
      expect(text, `seed ${seed}`).toBe(canonicalize(value))
      expect(equalJson(jsonFromCanonical(text), value), `seed ${seed}`).toBe(true)
      expect(canonicalFromJson(jsonFromCanonical(text)), `seed ${seed}`).toBe(text)
    }
  })

  it("writes the numbers of RFC 8785, appendix B, as they stand there", () => {
    const samples: ReadonlyArray<readonly [bits: string, text: string]> = [
      ["0000000000000000", "0"],
      ["8000000000000000", "0"],
      ["0000000000000001", "5e-324"],
      ["8000000000000001", "-5e-324"],
      ["4340000000000000", "refused"],
      ["c340000000000000", "refused"],
      ["4430000000000000", "refused"],
      ["7fefffffffffffff", "refused"],
      ["7fffffffffffffff", "refused"],
      ["7ff0000000000000", "refused"],
      ["433fffffffffffff", "9007199254740991"],
      ["44b52d02c7e14af5", "refused"],
      ["3eb0c6f7a0b5ed8d", "0.000001"],
      ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
      ["41b3de4355555553", "333333333.3333332"],
      ["41b3de4355555554", "333333333.33333325"],
      ["41b3de4355555555", "333333333.3333333"],
      ["41b3de4355555556", "333333333.3333334"],
      ["41b3de4355555557", "333333333.33333343"],
      ["becbf647612f3696", "-0.0000033333333333333333"],
      ["43143ff3c1cb0959", "1424953923781206.2"],
    ]
    for (const [bits, text] of samples) {
      floats.setBigUint64(0, BigInt(`0x${bits}`))
      const number = floats.getFloat64(0)
      if (text === "refused")
        expect(
          codeOf(() => canonicalFromJson(number)),
          bits,
        ).toBeDefined()
      else expect(canonicalFromJson(number), bits).toBe(text)
    }
  })

  it("sorts keys by UTF-16 code unit, those that look like numbers too", () => {
    const value = {
      "\ufb33": 1,
      "\u{1f600}": 2,
      "\r": 3,
      "10": 4,
      "9": 5,
      "": 6,
      b: { "2": 1, "1": 2 },
    }
    expect(canonicalFromJson(value)).toBe(
      '{"":6,"\\r":3,"10":4,"9":5,"b":{"1":2,"2":1},"\u{1f600}":2,"\ufb33":1}',
    )
  })

  it.each([
    [Number.NaN, "number-not-finite"],
    [Number.POSITIVE_INFINITY, "number-not-finite"],
    [Number.NEGATIVE_INFINITY, "number-not-finite"],
    [2 ** 53, "integer-too-large"],
    [-(2 ** 53), "integer-too-large"],
    [1e300, "integer-too-large"],
    ["\ud800", "lone-surrogate"],
    ["a\udc00b", "lone-surrogate"],
    ["\ude00\ud83d", "lone-surrogate"],
    ["a\u0000", "nul-character"],
    [{ "\ud800": 1 }, "lone-surrogate"],
    [{ "\u0000": 1 }, "nul-character"],
    [JSON.parse('{"__proto__":1}'), "key-forbidden"],
    [{ constructor: 1 }, "key-forbidden"],
    [{ a: [{ prototype: 1 }] }, "key-forbidden"],
    [undefined, "not-json"],
    [{ a: undefined }, "not-json"],
    [[undefined], "not-json"],
    [() => 1, "not-json"],
    [1n, "not-json"],
    [Symbol("x"), "not-json"],
    [new Date(0), "not-json"],
    [{ a: new Date(0) }, "not-json"],
    [Buffer.from("ab"), "not-json"],
    [[Buffer.from("a long one, of more than ten bytes")], "not-json"],
    [new Map([["a", 1]]), "not-json"],
    [
      new (class {
        toJSON() {
          return { z: 1, a: 1 }
        }
      })(),
      "not-json",
    ],
  ])("refuses %o as %s", (value, code) => {
    expect(codeOf(() => canonicalFromJson(value as Json))).toBe(code)
  })

  it("refuses more levels of nesting than the limit, and not one less", () => {
    expect(codeOf(() => canonicalFromJson(nested(depthMax)))).toBeUndefined()
    expect(codeOf(() => canonicalFromJson(nested(depthMax + 1)))).toBe("too-deep")
    expect(codeOf(() => canonicalFromJson(nested(200_000)))).toBe("too-deep")
    expect(codeOf(() => canonicalFromJson(nested(depthMax + 4), depthMax + 4))).toBeUndefined()
    expect(codeOf(() => canonicalFromJson(nested(depthMax + 5), depthMax + 4))).toBe("too-deep")
  })

  it("points at what it refuses, whether keys stand in order or not", () => {
    expect(whereOf({ a: [0, { "b/c~": Number.NaN }] })).toBe("/a/1/b~1c~0")
    expect(whereOf({ z: 1, a: [0, { "b/c~": Number.NaN }] })).toBe("/a/1/b~1c~0")
    expect(whereOf([1, [2, "\ud800"]])).toBe("/1/1")
    expect(whereOf(1n)).toBe("")
  })
})

describe("jsonFromCanonical", () => {
  it.each([
    ['{"b":1,"a":2}', "not-canonical"],
    ['{"a":1,"a":1}', "not-canonical"],
    ['{"9":1,"10":2}', "not-canonical"],
    [' {"a":1}', "not-canonical"],
    ['{"a": 1}', "not-canonical"],
    ['{"a":1}\n', "not-canonical"],
    ["1.0", "not-canonical"],
    ["1E2", "not-canonical"],
    ["-0", "not-canonical"],
    ["0.0000001", "not-canonical"],
    ["0.1000000000000000055511151231257827", "not-canonical"],
    ['"\\u0041"', "not-canonical"],
    ['"\\/"', "not-canonical"],
    ['"\\ud83d\\ude00"', "not-canonical"],
    ['"\\u001F"', "not-canonical"],
    ["9007199254740993", "integer-too-large"],
    ["1e400", "number-not-finite"],
    ['"\\ud800"', "lone-surrogate"],
    ['"\\u0000"', "nul-character"],
    ['{"__proto__":1}', "key-forbidden"],
    ["\ufeff{}", "not-json"],
    ["", "not-json"],
    ["{", "not-json"],
    ["NaN", "not-json"],
    ["01", "not-json"],
    ["'a'", "not-json"],
    ['"\t"', "not-json"],
    ["[1,]", "not-json"],
    ["{} {}", "not-json"],
  ])("refuses %j as %s", (text, code) => {
    expect(codeOf(() => jsonFromCanonical(text))).toBe(code)
  })

  it("refuses text that is nested deeper than the limit without exhausting the stack", () => {
    for (const levels of [depthMax + 1, 5000]) {
      const text = "[".repeat(levels) + "]".repeat(levels)
      expect(codeOf(() => jsonFromCanonical(text))).toBe("too-deep")
    }
    const deepest = "[".repeat(depthMax) + "]".repeat(depthMax)
    expect(canonicalFromJson(jsonFromCanonical(deepest))).toBe(deepest)
  })

  it("accepts a text only if it is the one text of its value", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Random(seed)
      const text = canonicalFromJson(randomJson(random, 3))
      const at = random.below(text.length + 1)
      const changed =
        text.slice(0, at) + random.pick([" ", "0", "\\", '"', "e", "-"]) + text.slice(at)
      let value: Json
      try {
        value = jsonFromCanonical(changed)
      } catch {
        continue
      }
      expect(canonicalize(value), `seed ${seed}`).toBe(changed)
    }
  })
})

describe("equalJson", () => {
  it("is equality of canonical text", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Random(seed)
      const [left, right] = [randomJson(random, 2), randomJson(random, 2)]
      const same = canonicalFromJson(left) === canonicalFromJson(right)
      expect(equalJson(left, right), `seed ${seed}`).toBe(same)
    }
    expect(equalJson({ a: 1, b: [0] }, { b: [-0], a: 1 })).toBe(true)
    expect(equalJson({ a: null }, { b: null })).toBe(false)
    expect(equalJson([], {})).toBe(false)
  })
})

describe("the two orders of texts", () => {
  it("are those of UTF-16 code units and of UTF-8 bytes", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Random(seed)
      const [left, right] = [randomText(random), randomText(random)]
      const bytes = Buffer.compare(Buffer.from(left), Buffer.from(right))
      expect(Math.sign(compareBytes(left, right)), `seed ${seed}`).toBe(bytes)
      expect(Math.sign(compareText(left, right)), `seed ${seed}`).toBe(
        Math.sign(
          Buffer.compare(
            Buffer.from(left, "utf16le").swap16(),
            Buffer.from(right, "utf16le").swap16(),
          ),
        ),
      )
    }
    expect(compareText("\u{1f600}", "\uff5e")).toBeLessThan(0)
    expect(compareBytes("\u{1f600}", "\uff5e")).toBeGreaterThan(0)
  })
})

describe("pointerStep", () => {
  it("escapes ~ and / as RFC 6901 asks", () => {
    expect(["a", "a/b", "~", "~1", "/~/"].map(pointerStep)).toEqual([
      "a",
      "a~1b",
      "~0",
      "~01",
      "~1~0~1",
    ])
  })
})
