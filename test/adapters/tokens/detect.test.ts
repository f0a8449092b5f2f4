/** Which format a file is in, and that a file of no known format is never an import of nothing. */
import { describe, expect, it } from "vitest"
import { detectTokenFormat, dtcg, entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import { exampleFiles, file, packageFiles, primerFiles, spectrumFiles } from "./package-files.ts"

const format = (content: unknown, path = "a.json") => {
  const { text } = file(content)
  return detectTokenFormat(text, path)
}

describe("the format of a file", () => {
  it.each<[string, unknown]>([
    ["dtcg", { a: { $value: "#fff", $type: "color" } }],
    ["dtcg", { a: { b: { c: { $value: null } } } }],
    ["dtcg", { a: { $ref: "#/b" } }],
    ["dtcg", { a: { $root: { $value: 1 } } }],
    ["dtcg", { a: { $type: "color", $extensions: { "com.example": { light: "#fff" } } } }],
    ["dtcg", { x: { value: 1 }, a: { $value: 1 } }],
    ["style-dictionary", { a: { b: { value: "16px" } } }],
    ["style-dictionary", { a: { value: 1, original: { value: "{b}" }, name: "a", path: ["a"] } }],
    ["spectrum", { a: { sets: { light: { value: "1" }, dark: { value: "2" } } } }],
    ["spectrum", { a: { value: "1", uuid: "0d60e8b4" } }],
    ["resolver", { version: "2025.10", resolutionOrder: [] }],
  ])("is %s", (expected, content) => {
    expect(format(content)).toBe(expected)
  })

  it("is told from the content of real files, whatever they are called", () => {
    const formats = (files: ReturnType<typeof spectrumFiles>) =>
      new Set(files.map(({ text }) => detectTokenFormat(text, "unnamed")))
    expect(formats(spectrumFiles("12-22-1"))).toEqual(new Set(["spectrum"]))
    expect(formats(spectrumFiles("15-4-1"))).toEqual(new Set(["spectrum"]))
    expect(formats(exampleFiles("figma-sds", false))).toEqual(new Set(["dtcg"]))
    const [resolver] = packageFiles("dtcg-examples", ".", "figma-sds.resolver.json")
    expect(detectTokenFormat(resolver!.text, "unnamed")).toBe("resolver")
  })

  it("is unknown for text that is not JSON", () => {
    expect(detectTokenFormat("{", "a.json")).toBeUndefined()
  })
})

const packageJson = { name: "x", version: "1.0.0", scripts: { test: "vitest" }, files: ["a"] }
const schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  properties: { $value: { $value: 1 }, value: { value: 1 } },
}
const unknown: ReadonlyArray<readonly [string, unknown]> = [
  ["an empty object", {}],
  ["a list", [{ $value: 1 }]],
  ["a word", '"$value"'],
  ["null", "null"],
  ["a package.json", packageJson],
  ["a JSON Schema", schema],
  ["groups without tokens", { color: { $type: "color", red: {} } }],
  ["a map of words", { "--color-red": "#f00", removed: null }],
  ["a value without a name", { $value: 1 }],
]

describe.each(unknown)("%s", (_name, content) => {
  it("has no format and is refused", () => {
    expect(format(content)).toBeUndefined()
    expect(() => entitiesFromTokenFiles([file(content, "x.json")])).toThrow(
      expect.objectContaining({ code: "no-tokens", where: "x.json", stage: "schema" }),
    )
  })
})

describe("beside real token files", () => {
  const tokens = file({ a: { $value: 1 } }, "tokens.json")

  it.each([packageJson, schema, [1]])("a file of unknown shape is still refused: %j", (content) => {
    expect(() => entitiesFromTokenFiles([tokens, file(content, "x.json")])).toThrow(
      expect.objectContaining({ code: "no-tokens", where: "x.json" }),
    )
  })

  it("a flat map of names, or an empty file, is left out and reported", () => {
    const { entities, problems } = entitiesFromTokenFiles([
      tokens,
      file({ "old-name": null, other: "new" }, "removed.json"),
      file({}, "empty.json"),
    ])
    expect(entities).toHaveLength(1)
    expect(problems.map(({ code, where }) => [code, where])).toEqual(
      expect.arrayContaining([
        ["not-a-token-file", "empty.json"],
        ["not-a-token-file", "removed.json"],
      ]),
    )
  })

  it("files in several formats make one document", () => {
    const { format: formats, entities } = entitiesFromTokenFiles([
      tokens,
      file({ b: { c: { value: "{a}" } } }, "sd.json"),
      file({ d: { sets: { light: { value: 1 } } } }, "spectrum.json"),
    ])
    expect(formats).toBe("dtcg+spectrum+style-dictionary")
    expect(entities.map(({ id }) => id)).toEqual(["a", "b.c", "d"])
  })

  it("no files at all are refused", () => {
    expect(() => entitiesFromTokenFiles([])).toThrow(expect.objectContaining({ code: "no-tokens" }))
  })
})

describe("importing twice", () => {
  it("gives the same document", () => {
    expect(entitiesFromTokenFiles(primerFiles())).toEqual(entitiesFromTokenFiles(primerFiles()))
  })
})

describe("as a foreign format", () => {
  it("takes token files, and broken JSON for the sake of a good message", () => {
    expect(dtcg.detect(file({ a: { $value: 1 } }))).toBe(true)
    expect(dtcg.detect(file('{"a": {"$value": 1,}}', "a.json"))).toBe(true)
    expect(dtcg.detect(file(packageJson, "package.json"))).toBe(false)
    expect(dtcg.detect(file("PK\u0003\u0004", "a.lamplog"))).toBe(false)
  })
})
