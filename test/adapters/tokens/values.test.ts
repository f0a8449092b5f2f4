/** The 13 types of DTCG: what each takes, and what is said about a value it does not take. */
import { describe, expect, it } from "vitest"
import { isKnownType, valueProblem } from "../../../adapters/tokens/index.ts"
import type { Json } from "../../../adapters/tokens/index.ts"

const px = { value: 1, unit: "px" }
const ms = { value: 100, unit: "ms" }
const red = { colorSpace: "srgb", components: [1, 0, 0] }
const ease = [0.4, 0, 1, 1.5]
const shadow = { color: red, offsetX: px, offsetY: px, blur: px, spread: px }
const font = { fontFamily: "A", fontSize: px, fontWeight: 400, letterSpacing: px, lineHeight: 1.2 }

const valid: ReadonlyArray<readonly [string, Json]> = [
  ["color", red],
  ["color", { ...red, alpha: 0.5, hex: "#fF0000" }],
  ["color", { colorSpace: "oklch", components: ["none", 0.4, 359.9] }],
  ["color", { colorSpace: "lab", components: [50, -160, 160] }],
  ["color", { colorSpace: "srgb", components: [{ $ref: "#/a/$value/components/0" }, 0, 0] }],
  ["dimension", { value: -0.5, unit: "rem" }],
  ["fontFamily", "Inter"],
  ["fontFamily", ["Inter", "{font.fallback}"]],
  ["fontWeight", 1],
  ["fontWeight", "semi-bold"],
  ["duration", { value: 0, unit: "s" }],
  ["cubicBezier", ease],
  ["number", 1e9],
  ["strokeStyle", "dashed"],
  ["strokeStyle", { dashArray: [px, "{gap}"], lineCap: "round" }],
  ["border", { color: "{red}", width: px, style: "solid" }],
  ["transition", { duration: ms, delay: "{none}", timingFunction: ease }],
  ["shadow", { ...shadow, inset: true }],
  ["shadow", [shadow, "{shadow.far}"]],
  [
    "gradient",
    [
      { color: red, position: 0 },
      { color: "{b}", position: 1 },
    ],
  ],
  ["typography", font],
  ["typography", { ...font, fontFamily: { $ref: "#/a" } }],
  ["color", "{a.b}"],
  ["color", { $ref: "#/a" }],
]

const invalid: ReadonlyArray<readonly [string, Json, string]> = [
  ["color", "#ff0000", "no object"],
  ["color", { colorSpace: "rgb", components: [1, 0, 0] }, "colorSpace"],
  ["color", { ...red, components: [1, 0] }, "2 items"],
  ["color", { ...red, components: [1, 0, 1.1] }, "item 3"],
  ["color", { colorSpace: "hsl", components: [360, 0, 0] }, "item 1"],
  ["color", { colorSpace: "lch", components: [50, -1, 0] }, "item 2"],
  ["color", { ...red, hex: "#f00" }, "hex"],
  ["color", { ...red, alpha: 2 }, "alpha"],
  ["color", { ...red, toString: 1 }, "toString"],
  ["dimension", "16px", "no object"],
  ["dimension", { value: 1 }, "unit is missing"],
  ["dimension", { value: 1, unit: "em" }, "unit"],
  ["dimension", { value: "1", unit: "px" }, "no number"],
  ["fontFamily", [], "0 items"],
  ["fontFamily", 1, "no text"],
  ["fontWeight", 1001, "1001"],
  ["fontWeight", "Bold", "Bold"],
  ["duration", { value: 1, unit: "px" }, "unit"],
  ["cubicBezier", [0, 0, 1], "3 items"],
  ["cubicBezier", [0, 0, 1.1, 0], "1.1"],
  ["number", "1", "no number"],
  ["strokeStyle", "wavy", "wavy"],
  ["strokeStyle", { dashArray: [], lineCap: "round" }, "dashArray"],
  ["border", { color: red, width: px }, "style is missing"],
  ["transition", { duration: ms, timingFunction: ease }, "delay is missing"],
  ["shadow", [{ ...shadow, alpha: 1 }], "alpha"],
  ["shadow", { ...shadow, inset: "yes" }, "inset"],
  ["gradient", [{ color: red, position: 2 }], "position"],
  ["typography", { ...font, lineHeight: px }, "lineHeight"],
  ["number", null, "no number"],
]

describe("a value", () => {
  it.each(valid)("%s takes %j", (type, value) => {
    expect(valueProblem(type, value)).toBeUndefined()
  })

  it.each(invalid)("%s does not take %j", (type, value, said) => {
    expect(valueProblem(type, value)).toContain(said)
  })

  it("is checked for each of the 13 types, and only those are known", () => {
    const types = new Set([...valid, ...invalid].map(([type]) => type))
    expect(types.size).toBe(13)
    for (const type of types) expect(isKnownType(type)).toBe(true)
    for (const type of ["string", "toString", "constructor", ""]) {
      expect(isKnownType(type)).toBe(false)
      expect(valueProblem(type, 1)).toBeUndefined()
    }
  })
})
