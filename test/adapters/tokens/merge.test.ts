/**
 * Whether a three-way merge can meet conflicts where they are: a field or a mode, not a whole token.
 * The merge here is the plainest there is; the cases are shaped like those in Spectrum's history.
 */
import { isDeepStrictEqual } from "node:util"
import { describe, expect, it } from "vitest"
import { entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import { file } from "./package-files.ts"

/** Registers of a token: its fields, and each of its modes. */
const registers = (token: object): Map<string, unknown> => {
  const { entities } = entitiesFromTokenFiles([file({ token }, "tokens.json")])
  const { modes, ...fields } = entities[0]!.fields
  return new Map([
    ...Object.entries(fields),
    ...Object.entries((modes as object) ?? {}).map(
      ([mode, entry]) => [`modes/${mode}`, entry] as const,
    ),
  ])
}

const conflicts = (base: object, ours: object, theirs: object): ReadonlyArray<string> => {
  const [before, left, right] = [base, ours, theirs].map(registers)
  return [...new Set([...before!.keys(), ...left!.keys(), ...right!.keys()])].filter((name) => {
    const [from, one, other] = [before!.get(name), left!.get(name), right!.get(name)]
    const same = isDeepStrictEqual
    return !same(from, one) && !same(from, other) && !same(one, other)
  })
}

const set = (value: string, more: object = {}) => ({ value, ...more })
const sets = (desktop: string, mobile: string) => ({ desktop: set(desktop), mobile: set(mobile) })

describe("concurrent changes of one token", () => {
  it("of different modes do not conflict", () => {
    const at = (desktop: string, mobile: string) => ({
      component: "c",
      sets: sets(desktop, mobile),
    })
    expect(conflicts(at("1px", "2px"), at("3px", "2px"), at("1px", "4px"))).toEqual([])
  })

  it("of one mode conflict in that mode alone", () => {
    const at = (desktop: string, mobile: string) => ({
      component: "c",
      sets: sets(desktop, mobile),
    })
    expect(conflicts(at("1px", "2px"), at("3px", "2px"), at("5px", "4px"))).toEqual([
      "modes/desktop",
    ])
  })

  it("of a value and of its notes do not conflict", () => {
    const base = { value: "{gray-200}", uuid: "u" }
    expect(
      conflicts(base, { ...base, value: "{gray-300}" }, { ...base, deprecated: true }),
    ).toEqual([])
  })

  it("of the same note conflict there", () => {
    const base = { value: "1px", uuid: "u" }
    expect(conflicts(base, { ...base, uuid: "v" }, { ...base, uuid: "w", value: "2px" })).toEqual([
      "uuid",
    ])
  })

  it("of nested modes conflict in the nested mode", () => {
    const at = (value: string) => ({
      sets: { spectrum: { sets: sets("1px", "2px") }, express: { sets: sets(value, "3px") } },
    })
    expect(conflicts(at("4px"), at("5px"), at("6px"))).toEqual(["modes/express/desktop"])
  })

  it("conflict in the value when one side splits it into modes and the other changes it", () => {
    const base = { component: "c", value: "1px" }
    const split = { component: "c", sets: sets("1px", "2px") }
    expect(conflicts(base, split, { ...base, value: "3px" })).toEqual(["value"])
  })
})
