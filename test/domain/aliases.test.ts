/**
 * Which tokens a value points at, however token files write it.
 */
import { describe, expect, it } from "vitest"
import { aliasesIn, extendedGroup } from "../../src/domain/aliases.ts"
import { designSystem } from "../../src/domain/design-system.ts"
import type { Json } from "../../src/event/canonical.ts"

const idsIn = (value: Json) => aliasesIn(value).map(({ id }) => id)

describe("an alias", () => {
  it("is found in every form, wherever it stands", () => {
    const forms: ReadonlyArray<readonly [Json, ReadonlyArray<string>]> = [
      ["{color.blue}", ["color.blue"]],
      ["{ color.blue }", ["color.blue"]],
      ["{a} * {b.c} + 2", ["a", "b.c"]],
      ["{color.blue.value}", ["color.blue"]],
      ["{color.blue.value.components.0}", ["color.blue"]],
      [{ $ref: "#/color/blue" }, ["color.blue"]],
      [{ $ref: "#/color/blue/$value" }, ["color.blue"]],
      [{ $ref: "#/color/blue/$value/components/0" }, ["color.blue"]],
      [{ $ref: "#/color/$root/$value" }, ["color.$root"]],
      [{ $ref: "#/size/1.5/$value" }, ["size.1\\.5"]],
      [{ $ref: "#/a~1b/c~0d/$value" }, ["a/b.c~d"]],
      [{ $ref: "#/color/blue/value" }, ["color.blue"]],
      [
        { color: "{a}", width: { value: "{b}", unit: "px" }, stops: [{ color: "{c}" }] },
        ["a", "b", "c"],
      ],
      [
        ["{a}", ["{b}"], { $ref: "#/c/$value" }],
        ["a", "b", "c"],
      ],
    ]
    for (const [value, ids] of forms) expect(idsIn(value), JSON.stringify(value)).toEqual(ids)
  })

  it("is none where nothing is named, or another file is", () => {
    for (const value of ["#fff", "{}", "a}b{", 5, null, true, [], {}, { $ref: 5 }]) {
      expect(idsIn(value), JSON.stringify(value)).toEqual([])
    }
    for (const $ref of ["other.json#/a", "#", "#/", "#/$defs/x"]) {
      expect(
        idsIn({ $ref }).filter((id) => id !== "\\e"),
        $ref,
      ).toEqual([])
    }
  })

  it("may mean a token whose own name ends in value, or holds dots", () => {
    const [alias] = aliasesIn("{size.value}")
    expect(alias).toMatchObject({ id: "size", exactId: "size.value" })
    expect(aliasesIn("{size.1.5}")[0]!.otherIds!()).toEqual([
      "size\\.1.5",
      "size.1\\.5",
      "size\\.1\\.5",
    ])
    expect(aliasesIn(`{${"a.".repeat(30)}a}`)[0]!.otherIds!()).toEqual([])
  })
})

describe("a group that is extended", () => {
  it("is named in braces, or pointed at", () => {
    for (const value of ["{button}", "button", "#/button", { $ref: "#/button" }]) {
      expect(extendedGroup(value)?.id, JSON.stringify(value)).toBe("button")
    }
    expect(extendedGroup(5)).toBeUndefined()
  })
})

describe("the references of a token", () => {
  const token = designSystem.types.token!

  it("say in which mode they stand", () => {
    const fields = {
      modes: { "a/b": { value: "{x}" }, dark: { value: ["{y}", { $ref: "#/z/$value" }] }, none: 5 },
    }
    const found = token.references!(fields).map(({ id, field, layer }) => [id, field, layer])
    expect(found).toEqual([
      ["x", "modes/a~1b", "a/b"],
      ["y", "modes/dark", "dark"],
      ["z", "modes/dark", "dark"],
    ])
    expect(token.references!({ $ref: "#/x" })).toMatchObject([
      { id: "x", field: "$ref", layer: "" },
    ])
  })

  it("meet the mode they come from, else the default, else the only value", () => {
    const met = (fields: { readonly [name: string]: Json }, mode: string) =>
      token.layersMet!(fields, mode)
    expect(met({ value: 1 }, "dark")).toEqual([""])
    expect(met({ modes: { dark: {}, light: {} } }, "dark")).toEqual(["dark"])
    expect(met({ modes: { $default: {}, light: {} } }, "dark")).toEqual(["$default"])
    expect(met({ modes: { light: {} } }, "dark")).toEqual([])
    expect(met({ modes: { dark: {}, light: {} } }, "")).toEqual(["dark", "light"])
  })
})
