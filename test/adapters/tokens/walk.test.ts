/** Tokens, groups and their names: every oddity of real files survives, under a name of its own. */
import { describe, expect, it } from "vitest"
import { entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import { idFromPath, modeFromPath, pathFromId } from "../../../adapters/tokens/path.ts"
import { file } from "./package-files.ts"

const entitiesOf = (content: unknown, path?: string) => {
  const { entities } = entitiesFromTokenFiles([file(content, path)])
  return Object.fromEntries(entities.map(({ type, id, fields }) => [`${type} ${id}`, fields]))
}

describe("ids", () => {
  const names = ["", "a", ".", "\\", "a.b", "\\e", "e", "a\\", "/", "$root"]
  const paths = names.flatMap((one) => [[one], ...names.map((two) => [one, two])])

  it("differ for different paths, and lead back to them", () => {
    expect(new Set(paths.map(idFromPath)).size).toBe(paths.length)
    for (const path of paths) expect(pathFromId(idFromPath(path))).toEqual(path)
  })

  it("join names with dots and escape dots and backslashes in them", () => {
    expect(idFromPath(["color", "red.dark", "a\\b"])).toBe("color.red\\.dark.a\\\\b")
  })

  it("that no path has lead nowhere", () => {
    for (const id of ["", "a..b", "a\\", "a\\b", ".", "\\ea"])
      expect(pathFromId(id)).toBeUndefined()
  })

  it("of modes differ for different paths too", () => {
    expect(new Set(paths.map(modeFromPath)).size).toBe(paths.length)
    expect(modeFromPath(["$default"])).not.toBe("$default")
  })
})

describe("a DTCG file", () => {
  it("gives tokens their properties without the dollar, and keeps all others as they are", () => {
    const token = {
      $value: { value: 0, unit: "px" },
      $type: "dimension",
      $description: "d",
      $deprecated: "use b",
      $extensions: { "org.example": { a: [1, null] } },
      $x: 1,
      alpha: 0.5,
      mix: { color: "{b}", weight: 0.1 },
      uuid: "u",
    }
    expect(entitiesOf({ a: token })).toEqual({
      "token a": {
        value: token.$value,
        type: "dimension",
        description: "d",
        deprecated: "use b",
        extensions: token.$extensions,
        $x: 1,
        alpha: 0.5,
        mix: token.mix,
        uuid: "u",
      },
    })
  })

  it("gives a group an entity only when it holds properties, and its tokens inherit nothing", () => {
    const content = {
      $schema: "s",
      color: { $type: "color", note: "plain", accent: { red: { $value: "#f00" } } },
      empty: {},
    }
    expect(entitiesOf(content)).toEqual({
      "group $root": { $schema: "s" },
      "group color": { type: "color", note: "plain" },
      "token color.accent.red": { value: "#f00" },
    })
  })

  it("keeps tokens that hold tokens, tokens without a value, references and a group's own token", () => {
    const content = {
      a: { $value: 1, hover: { $value: 2, x: { y: { $value: 3 } } } },
      g: { $root: { $value: "{a}" }, $extends: "{h}" },
      h: { $type: "color", $extensions: { "com.example": 1 }, $root: { $value: 4 } },
      r: { $ref: "#/a" },
      n: { $value: null },
      v: { $type: "color", $extensions: { "com.example": { light: "#fff" } } },
      'maths "А"': { "20%": { $value: "calc({a} * 2)" } },
      list: { 10: { $value: [] }, 2: { $value: {} } },
    }
    expect(entitiesOf(content)).toEqual({
      "token a": { value: 1 },
      "token a.hover": { value: 2 },
      "token a.hover.x.y": { value: 3 },
      "group g": { $extends: "{h}" },
      "token g.$root": { value: "{a}" },
      "group h": { type: "color", extensions: { "com.example": 1 } },
      "token h.$root": { value: 4 },
      "token r": { $ref: "#/a" },
      "token n": { value: null },
      "token v": { type: "color", extensions: { "com.example": { light: "#fff" } } },
      'token maths "А".20%': { value: "calc({a} * 2)" },
      "token list.10": { value: [] },
      "token list.2": { value: {} },
    })
  })

  it("keeps plain properties apart from the ones with a dollar", () => {
    const content = {
      a: { $value: 1, $type: "number", value: 2, type: "x", modes: 3, description: "d" },
    }
    expect(entitiesOf(content)).toEqual({
      "token a": {
        value: 1,
        type: "number",
        "plain.value": 2,
        "plain.type": "x",
        "plain.modes": 3,
        description: "d",
      },
    })
  })

  it("keeps aside what the engine would take for part of a map or set, or has no name", () => {
    const plain = { "": 1, "modes/dark": 2, "extensions/x": 3, extensions: 4, tags: "one" }
    const aside = Object.entries(plain).map(([name, value]) => [`plain.${name}`, value])
    expect(
      entitiesOf({ a: { $value: 1, ...plain }, b: { $value: 1, tags: ["one", "two"] } }),
    ).toEqual({
      "token a": { value: 1, ...Object.fromEntries(aside) },
      "token b": { value: 1, tags: ["one", "two"] },
    })
  })

  it("may have a group called value, and a token spelled without the dollar", () => {
    const content = { a: { value: { $value: 1 } }, b: { value: "16px", comment: "c" } }
    expect(entitiesOf(content)).toEqual({
      "token a.value": { value: 1 },
      "token b": { value: "16px", comment: "c" },
    })
  })

  it("leaves extensions of other tools and broken notes under our own key alone", () => {
    const extensions = { "dev.lamplog": { fields: "not an object" }, "org.example": 1 }
    expect(entitiesOf({ a: { $value: 1, $extensions: extensions } })).toEqual({
      "token a": { value: 1, extensions },
    })
  })

  it("refuses a path that no entity can have as its id", () => {
    const deep = { ["a".repeat(600)]: { ["b".repeat(600)]: { $value: 1 } } }
    expect(() => entitiesOf(deep)).toThrow(expect.objectContaining({ code: "name-too-long" }))
  })
})

describe("a Style Dictionary file", () => {
  it("gives tokens their properties under their own names, at any depth", () => {
    const content = {
      size: { a: { b: { c: { d: { e: { f: { value: "-{size.s}", deprecated: "no" } } } } } } },
      meta: { "meta keyword": { value: { x: 1 }, type: "custom", comment: "c", themeable: true } },
    }
    expect(entitiesOf(content, "a.json")).toEqual({
      "token size.a.b.c.d.e.f": { value: "-{size.s}", deprecated: "no" },
      "token meta.meta keyword": { value: { x: 1 }, type: "custom", comment: "c", themeable: true },
    })
  })

  it("keeps what its own output repeats of a token as properties", () => {
    const token = {
      value: "16px",
      type: "dimension",
      filePath: "a.json",
      isSource: true,
      original: { value: "{b}", type: "dimension" },
      name: "SizeA",
      attributes: { category: "size", value: 1 },
      path: ["size", "a"],
    }
    expect(entitiesOf({ size: { a: token } }, "a.json")).toEqual({ "token size.a": token })
  })

  it("has token names with $ at the places where DTCG has properties", () => {
    const content = { a: { value: 1, $description: "d", $type: "t", type: "u" } }
    expect(entitiesOf(content, "a.json")).toEqual({
      "token a": { value: 1, description: "d", $type: "t", type: "u" },
    })
  })
})
