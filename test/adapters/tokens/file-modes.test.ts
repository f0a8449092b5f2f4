/** Themes as files: which mode a file stands for, and what of a token is shared by its modes. */
import { describe, expect, it } from "vitest"
import { entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import { file, primerFiles } from "./package-files.ts"

/** Files that all define the token `a`, each with its own path as the value. */
const modesOf = (...paths: ReadonlyArray<string>): ReadonlyArray<string> => {
  const files = paths.map((path) => file({ a: { $value: path }, b: { $value: path } }, path))
  const { modes } = entitiesFromTokenFiles(files).entities[0]!.fields
  const named = Object.entries(modes as { [mode: string]: { value: string } })
  return paths.map((path) => named.find(([, { value }]) => value === path)![0])
}

describe("the mode of a file", () => {
  it.each<[ReadonlyArray<string>, ReadonlyArray<string>]>([
    [
      ["light.json", "dark.json"],
      ["light", "dark"],
    ],
    [
      ["theme-light.tokens.json", "theme-dark.tokens.json"],
      ["light", "dark"],
    ],
    [
      ["color/light/app-light.json", "color/dark/app-dark.json"],
      ["light", "dark"],
    ],
    [
      ["size.json", "size-coarse.json"],
      ["$default", "coarse"],
    ],
    [
      ["type.json", "type-lg.json", "type-max.json"],
      ["$default", "lg", "max"],
    ],
    [
      ["a/light/color.json", "a/dark/color.json"],
      ["light", "dark"],
    ],
    [
      [
        "c/dark/dark.json",
        "c/dark/dark.dimmed.json",
        "c/light/light.json",
        "c/light/light.hc.json",
      ],
      ["dark", "dark.dimmed", "light", "light.hc"],
    ],
    [
      [
        "light/base-light.json",
        "dark/base-dark.json",
        "light/over/light.hc.json",
        "dark/over/dark.hc.json",
      ],
      ["light", "dark", "light.hc", "dark.hc"],
    ],
    [
      ["__proto__.json", "constructor.json"],
      ["proto", "constructor'"],
    ],
    [
      ["x/one.json", "y/two.json"],
      ["one", "two"],
    ],
    [
      ["x/y.json", "z/w/y.json"],
      ["x", "z-w"],
    ],
    [
      ["Größe/hell.json", "Größe/dunkel.json"],
      ["hell", "dunkel"],
    ],
  ])("%j is %j", (paths, modes) => {
    expect(modesOf(...paths)).toEqual(modes)
  })

  it("stays with the largest of several files for one theme; the others add their names", () => {
    const paths = [
      "light/all-light.json",
      "dark/all-dark.json",
      "light/few-light.json",
      "dark/few-dark.json",
    ]
    const files = paths.map((path) => {
      const names = path.includes("all") ? "abcdefg" : "axyz"
      const tokens = names.split("").map((name) => [name, { $value: path }] as const)
      return file(Object.fromEntries(tokens), path)
    })
    const [a, b] = entitiesFromTokenFiles(files).entities.map(({ fields }) =>
      Object.keys(fields.modes as object),
    )
    expect(a!.sort()).toEqual(["dark", "few-dark", "few-light", "light"])
    expect(b!.sort()).toEqual(["dark", "light"])
  })

  it("is always one of its own, however alike the paths are", () => {
    const paths = [
      "a/b.json",
      "a-b.json",
      "a_b.json",
      "a.b.json",
      "b.json",
      "a.json",
      "a/b/a.json",
      "x/a/b.json",
    ]
    expect(new Set(modesOf(...paths)).size).toBe(paths.length)
  })

  it("in Primer is the theme, or the pointer's size", () => {
    const { entities } = entitiesFromTokenFiles(primerFiles())
    const counts: { [mode: string]: number } = {}
    for (const { type, fields } of entities) {
      if (type !== "token") continue
      for (const mode of Object.keys((fields.modes as object) ?? {})) {
        counts[mode] = (counts[mode] ?? 0) + 1
      }
    }
    expect(counts).toEqual({
      light: 290,
      dark: 290,
      "light.high-contrast": 81,
      "dark.high-contrast": 81,
      "dark.dimmed": 81,
      coarse: 4,
      fine: 4,
      $default: 3,
    })
  })
})

describe("a token defined by several files", () => {
  const entity = (light: object, dark: object) =>
    entitiesFromTokenFiles([file({ a: light }, "light.json"), file({ a: dark }, "dark.json")])
      .entities[0]!.fields

  it("has one value when all define it alike, whatever the order of keys", () => {
    const fields = entity(
      { $value: { x: 1, y: 2 }, $type: "t" },
      { $type: "t", $value: { y: 2, x: 1 } },
    )
    expect(fields).toEqual({ value: { x: 1, y: 2 }, type: "t" })
  })

  it("shares what all definitions share, and keeps the rest in its modes", () => {
    const fields = entity(
      { $value: 1, $type: "number", $description: "light" },
      { $value: 1, $type: "number", $extensions: { "org.example": 1 } },
    )
    expect(fields).toEqual({
      type: "number",
      modes: {
        light: { value: 1, description: "light" },
        dark: { value: 1, extensions: { "org.example": 1 } },
      },
    })
  })

  it("keeps what only some definitions say in those, however many agree", () => {
    const files = [
      file({ a: { $value: 1, $type: "number" } }, "light.json"),
      file({ a: { $value: 2, $type: "number" } }, "dark.json"),
      file({ a: { $value: 3 } }, "dim.json"),
    ]
    expect(entitiesFromTokenFiles(files).entities[0]!.fields).toEqual({
      modes: {
        light: { value: 1, type: "number" },
        dark: { value: 2, type: "number" },
        dim: { value: 3 },
      },
    })
    const [less, more] = [{ $value: 1 }, { $value: 1, $description: "more" }]
    expect(entity(more, less)).toEqual({
      modes: { light: { value: 1, description: "more" }, dark: { value: 1 } },
    })
    expect(entity(less, more)).toEqual({
      modes: { dark: { value: 1, description: "more" }, light: { value: 1 } },
    })
  })

  it("joins the modes that files hold themselves with the modes of the files", () => {
    const sets = (value: number) => ({ sets: { mobile: { value } }, value: 0 })
    expect(entity(sets(1), sets(2))).toEqual({
      modes: {
        light: { value: 0 },
        dark: { value: 0 },
        "light/mobile": { value: 1 },
        "dark/mobile": { value: 2 },
      },
    })
  })
})

describe("a group described by several files", () => {
  it("holds what they agree on, and modes only for what they do not", () => {
    const group = (more: object) => ({ g: { ...more, a: { $value: 1 } } })
    const { entities } = entitiesFromTokenFiles([
      file(group({ $type: "number", $description: "light" }), "light.json"),
      file(group({ $type: "number", $description: "dark" }), "dark.json"),
      file({ g: { note: "n" }, z: { $value: 1 } }, "notes.json"),
    ])
    expect(entities[0]).toEqual({
      type: "group",
      id: "g",
      fields: {
        type: "number",
        note: "n",
        modes: { light: { description: "light" }, dark: { description: "dark" } },
      },
    })
  })
})
