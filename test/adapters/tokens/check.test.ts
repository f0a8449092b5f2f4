/** Problems beside the data: types, references and cycles, reported and never refused. */
import { describe, expect, it } from "vitest"
import { entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import { exampleFiles, file, spectrumFiles, spectrumVersions } from "./package-files.ts"

const problemsOf = (content: unknown, path?: string): ReadonlyArray<string> =>
  entitiesFromTokenFiles([file(content, path)]).problems.map(
    ({ code, where }) => `${code} ${where}`,
  )

const one = { $type: "number", $value: 1 }
const alias = (to: string, $type = "number") => ({ $type, $value: `{${to}}` })

describe("problems of a DTCG file", () => {
  it.each<[string, object, ReadonlyArray<string>]>([
    [
      "nothing wrong",
      { a: one, g: { $type: "number", b: { $value: 2 } }, c: { $value: "{a}" } },
      [],
    ],
    ["a missing type", { a: { $value: 1 } }, ["type-missing a"]],
    ["an unknown type", { a: { $type: "string", $value: "x" } }, ["type-unknown a"]],
    ["an invalid value", { a: { $type: "color", $value: "#fff" } }, ["value-invalid a"]],
    [
      "an invalid value by a group's type",
      { g: { $type: "color", a: { $value: 1 } } },
      ["value-invalid g.a"],
    ],
    [
      "an inherited type by $extends",
      { h: { $type: "number" }, g: { $extends: "{h}", a: { $value: 1 } } },
      [],
    ],
    ["a dangling reference", { a: alias("b") }, ["reference-dangling a"]],
    ["a dangling pointer", { a: { $type: "number", $ref: "#/b" } }, ["reference-dangling a"]],
    ["a pointer into a value", { a: one, "x/y": { $type: "number", $ref: "#/a/$value/0" } }, []],
    ["a pointer to an escaped name", { "x/y": one, b: { $type: "number", $ref: "#/x~1y" } }, []],
    ["a reference to a group", { g: { a: one }, b: alias("g") }, ["reference-to-group b"]],
    ["a reference to a group's own token", { g: { $root: one }, b: alias("g.$root") }, []],
    ["a reference to another type", { a: one, b: alias("a", "duration") }, ["type-mismatch b"]],
    [
      "a reference inside a value",
      { a: { $type: "gradient", $value: ["{b}"] } },
      ["reference-dangling a"],
    ],
    ["a token that refers to itself", { a: alias("a") }, ["reference-cycle a"]],
    [
      "a circle",
      { a: alias("b"), b: alias("c"), c: alias("a"), d: alias("a") },
      ["reference-cycle a", "reference-cycle b", "reference-cycle c"],
    ],
    [
      "a name no reference can reach",
      { "a{b}": one, "c.d": one },
      ["name-invalid a{b}", "name-invalid c\\.d"],
    ],
    ["a reference to a name with a dot", { "c.d": one, b: alias("c.d") }, ["name-invalid c\\.d"]],
    ["tokens in a token", { a: { ...one, b: one } }, ["token-with-members a"]],
    ["a value and a reference", { a: { ...one, $ref: "#/b" }, b: one }, ["value-and-reference a"]],
    [
      "no value",
      { v: { $type: "color", $extensions: { "com.example": 1 } }, a: one },
      ["value-missing v"],
    ],
  ])("%s", (_what, content, expected) => {
    expect([...problemsOf(content)].sort()).toEqual([...expected].sort())
  })

  it("are found in each mode, and name it", () => {
    const { problems } = entitiesFromTokenFiles([
      file({ a: { $type: "number", $value: "x" } }, "dark.json"),
      file({ a: { $type: "number", $value: 1 } }, "light.json"),
    ])
    expect(problems).toEqual([
      expect.objectContaining({
        code: "value-invalid",
        where: "a",
        stage: "schema",
        severity: "warning",
      }),
    ])
    expect(problems[0]!.message).toContain("mode dark")
  })

  it("know the type of a token from the first mode that a reference meets", () => {
    const { problems } = entitiesFromTokenFiles([
      file({ a: one, c: { $type: "duration", $value: "{a}" } }, "dark.json"),
      file({ a: { $value: 2 } }, "light.json"),
    ])
    expect(problems.map(({ code, where }) => `${code} ${where}`)).toEqual([
      "type-missing a",
      "type-mismatch c",
    ])
  })

  it("of two modes make no circle together, of one mode they do", () => {
    const circle = (dark: string) =>
      entitiesFromTokenFiles([
        file({ a: { $value: "{b}", $type: "number" }, b: one }, "light.json"),
        file({ a: one, b: { $value: dark, $type: "number" } }, "dark.json"),
      ]).problems.map(({ code }) => code)
    expect(circle("{a}")).toEqual([])
    expect(circle("{b}")).toEqual(["reference-cycle"])
  })
})

describe("problems of other formats", () => {
  it("follow a mode that a token lacks to its default", () => {
    const content = {
      a: { sets: { light: { value: "{b}" } } },
      b: { value: "{a}", sets: { dark: { value: "1px" } } },
    }
    expect(problemsOf(content, "a.json")).toEqual(["reference-cycle a", "reference-cycle b"])
  })

  it("are about references only, wherever they stand in a text", () => {
    const content = {
      a: { value: "#fff", type: "anything" },
      b: { value: "calc({a.value} * {missing.x})" },
      c: { palette: { value: "{d}" }, part: { value: "{c.palette.value.12}" } },
      d: { 12: { value: 1 } },
    }
    expect(problemsOf(content, "a.json")).toEqual([
      "reference-dangling b",
      "reference-to-group c.palette",
    ])
  })
})

describe("problems", () => {
  it("are not found in the references of complete real sets", () => {
    const referential = [
      ...spectrumVersions.map((version) => spectrumFiles(version)),
      exampleFiles("figma-sds", true),
      exampleFiles("adobe-spectrum", false),
      exampleFiles("github-primer", true),
    ].flatMap((files) => entitiesFromTokenFiles(files).problems)
    expect(referential.filter(({ stage }) => stage === "referential")).toEqual([])
  })

  it("are found when files of a set are imported one at a time", () => {
    const codes = spectrumFiles("14-0-0").flatMap((one) =>
      entitiesFromTokenFiles([one]).problems.map(({ code }) => code),
    )
    expect(codes.filter((code) => code === "reference-dangling").length).toBeGreaterThan(100)
  })

  it("are counted beyond a thousand, errors first", () => {
    const tokens = Object.fromEntries(
      Array.from({ length: 3000 }, (_, index) => [`t${index}`, { $value: 1 }]),
    )
    const resolver = {
      version: "2025.10",
      resolutionOrder: [1, { name: "s", type: "set", sources: [tokens] }],
    }
    const { problems } = entitiesFromTokenFiles([file(resolver)])
    expect(problems).toHaveLength(1001)
    expect(problems[0]).toMatchObject({ severity: "error", code: "order-invalid" })
    expect(problems[1000]).toMatchObject({ code: "more-problems" })
    expect(problems[1000]!.message).toContain("2001 more")
  })

  it("survive a chain of aliases as long as the file", () => {
    const chain = Object.fromEntries(
      Array.from({ length: 50_000 }, (_, index) => [`t${index}`, { $value: `{t${index + 1}}` }]),
    )
    const codes = new Set(
      problemsOf({ ...chain, t50000: alias("t0") }).map((line) => line.split(" ")[0]),
    )
    expect(codes).toContain("reference-cycle")
  })
})
