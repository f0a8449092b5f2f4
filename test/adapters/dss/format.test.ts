/**
 * Old exports as documents: what their items become, in which order, and what is refused or doubted.
 */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { dss } from "../../../adapters/dss/index.ts"
import { LamplogError } from "../../../src/index.ts"
import type { ForeignFile, Json } from "../../../src/index.ts"

const file = (path: string, content: Json | string): ForeignFile => ({
  path,
  text: typeof content === "string" ? content : JSON.stringify(content),
})

const manifest = file("old.dss/manifest.json", { schemaVersion: "1.4.0" })
const tokens = (content: Json | string): ForeignFile => file("old.dss/tokens.json", content)

/** Items with times that nobody doubts. */
const item = (id: string, fields: { readonly [name: string]: Json } = {}) => ({
  id,
  created_at: "2023-01-01T00:00:00Z",
  ...fields,
})

const readTokens = (...items: ReadonlyArray<Json>) => dss.read([manifest, tokens(items)])

const refusal = (...files: ReadonlyArray<ForeignFile>): LamplogError => {
  try {
    dss.read(files)
  } catch (error) {
    if (error instanceof LamplogError) return error
    throw error
  }
  throw new Error("it was read")
}

describe("an item", () => {
  it("keeps all it says under its own names, but for its id", () => {
    const said = { name: "Brand", value: { x: [1] }, nothing: null, tags: ["a"] }
    expect(readTokens(item("a", said)).entities).toEqual([
      { type: "token", id: "a", fields: { created_at: "2023-01-01T00:00:00Z", ...said } },
    ])
  })

  it("may have a whole number for an id, and stand in an object", () => {
    for (const root of [{ tokens: [item("7")] }, { items: [item("7")] }, { data: [item("7")] }]) {
      expect(dss.read([manifest, tokens(root)]).entities.map(({ id }) => id)).toEqual(["7"])
    }
    expect(readTokens({ ...item("x"), id: 7 }).entities[0]!.id).toBe("7")
  })

  it("gives way where a map or set of this model has the name", () => {
    const { fields } = readTokens(
      item("a", { tags: "one", modes: [1], "modes/dark": 2, extensions: null, "": 3 }),
    ).entities[0]!
    expect(fields).toEqual({
      created_at: "2023-01-01T00:00:00Z",
      "plain.tags": "one",
      "plain.modes": [1],
      "plain.modes/dark": 2,
      "plain.": 3,
    })
  })

  it("refers to tokens where this model looks for them", () => {
    const files = [
      file("components.json", [item("c", { token_references: ["a"], props: {} })]),
      file("themes.json", [item("t", { tokens: { a: "#fff" } })]),
    ]
    const fields = dss.read([manifest, ...files]).entities.map((entity) => entity.fields)
    expect(fields).toMatchObject([{ tokens: ["a"], props: {} }, { values: { a: "#fff" } }])
    const other = file("components.json", [item("c", { tokens: ["b"], token_references: ["a"] })])
    expect(dss.read([other]).entities[0]!.fields).toMatchObject({
      tokens: ["b"],
      token_references: ["a"],
    })
  })
})

describe("the order of items", () => {
  const idsOf = (...items: ReadonlyArray<Json>) => readTokens(...items).entities.map(({ id }) => id)

  it("is that of their last changes, in every spelling of a time", () => {
    const times: ReadonlyArray<Json> = [
      "2023-01-01",
      "2023-01-01T00:00:01",
      "2023-01-01 00:00:02.5",
      "2023-01-01T02:00:03+02:00",
      "2022-12-31T16:00:04-0800",
      1672531205,
      1672531206000,
      1672531207000000,
      "1672531208",
      "2023-01-01T00:00:08.000001Z",
    ]
    const items = times.map((time, index) => ({
      id: `t${index}`,
      created_at: "2022-01-01",
      updated_at: time,
    }))
    expect(idsOf(...items.toReversed())).toEqual(items.map(({ id }) => id))
    expect(readTokens(...items).problems).toEqual([])
  })

  it("ties by type, then id; what says no time comes first", () => {
    const files = [
      manifest,
      tokens([item("b"), item("a"), { id: "none" }]),
      file("components.json", [item("z")]),
    ]
    const names = dss.read(files).entities.map(({ type, id }) => `${type}/${id}`)
    expect(names).toEqual(["token/none", "component/z", "token/a", "token/b"])
  })

  it("does not depend on the order of files, the machine's zone, or anything but the files", () => {
    const files = [
      manifest,
      tokens([item("b", { updated_at: "2023-05-05 05:05" }), item("a", { updated_at: 5e9 })]),
      file("old.dss/styles.json", [item("s")]),
    ]
    const zone = process.env.TZ
    const documents = ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"].map((name) => {
      process.env.TZ = name
      return dss.read(files.toReversed())
    })
    process.env.TZ = zone
    if (zone === undefined) delete process.env.TZ
    for (const document of documents) expect(document).toEqual(dss.read(files))
  })
})

describe("times that cannot be", () => {
  const codesOf = (...items: ReadonlyArray<Json>) =>
    readTokens(...items).problems.map(({ code, where }) => [code, where])
  const place = "old.dss/tokens.json[0] (token/x)"

  it("are told, and do not keep the item out", () => {
    const doubtful: ReadonlyArray<readonly [string, { readonly [name: string]: Json }]> = [
      ["time-missing", {}],
      ["time-missing", { created_at: null }],
      ["time-implausible", { created_at: "1999-12-31T23:59:59Z" }],
      ["time-implausible", { created_at: "2100-01-01" }],
      ["time-implausible", { created_at: "2024-01-02", updated_at: "2024-01-01" }],
    ]
    for (const [code, fields] of doubtful) {
      expect(codesOf({ id: "x", ...fields }), JSON.stringify(fields)).toEqual([[code, place]])
    }
    for (const time of ["yesterday", "2023-02-30", "2023-01-01T25:00", true, [1]]) {
      const found = codesOf({ id: "x", created_at: "2023-01-01", updated_at: time })
      expect(found, String(time)).toEqual([["time-unreadable", place]])
    }
  })

  it("are later than the export, or years after all other items", () => {
    const dated = file("manifest.json", { schemaVersion: 1, exportDate: "2023-06-01T00:00:00" })
    const late = tokens([item("x", { updated_at: "2023-06-03" }), item("y")])
    const { problems } = dss.read([dated, late])
    expect(problems.map(({ code, where }) => [code, where])).toEqual([["time-implausible", place]])
    expect(problems[0]!.message).toContain("after the export itself")
    const others = ["a", "b", "c", "d"].map((id) => item(id))
    expect(codesOf({ id: "x", created_at: "2035-01-01" }, ...others)).toEqual([
      ["time-implausible", place],
    ])
  })

  it("are told a thousand times, then counted", () => {
    const items = Array.from({ length: 1500 }, (_, index) => ({ id: `i${index}` }))
    const { problems } = readTokens(...items)
    expect(problems).toHaveLength(1001)
    expect(problems.at(-1)).toMatchObject({
      code: "more-problems",
      message: "… and 500 warnings more",
    })
  })
})

describe("the hash of an export", () => {
  const content = { schemaVersion: "1.4.0", b: { z: "Größe 😀", a: [1, 2.5] }, a: true }
  const compact = `{"a":true,"b":{"a":[1,2.5],"z":"Größe 😀"},"schemaVersion":"1.4.0"}`
  const python = `{"a": true, "b": {"a": [1, 2.5], "z": "Gr\\u00f6\\u00dfe \\ud83d\\ude00"}, "schemaVersion": "1.4.0"}`
  const hashed = (text: string) => createHash("sha256").update(text).digest("hex")
  const withHash = (exportHash: Json) => file("manifest.json", { ...content, exportHash })

  it("is taken in every form that the old programs hashed", () => {
    for (const text of [compact, python]) {
      for (const hash of [hashed(text), hashed(text).toUpperCase(), `sha256:${hashed(text)}`]) {
        expect(dss.read([withHash(hash), tokens([item("a")])]).problems).toEqual([])
      }
    }
  })

  it("knows how Python writes numbers", () => {
    const numbers = '"a": 1.0, "b": 1e-07, "c": 0.0001, "d": -2.5, "e": 100.0, "f": 0'
    const hash = hashed(`{${numbers}, "schemaVersion": 1}`)
    const text = `{"exportHash": "${hash}", "schemaVersion": 1, ${numbers}}`
    expect(dss.read([file("manifest.json", text), tokens([])]).schemaVersion).toBe(1)
    const changed = text.replace("1.0", "1.25")
    expect(refusal(file("manifest.json", changed), tokens([])).code).toBe("export-hash")
  })

  it("is refused when it does not fit, or is none", () => {
    for (const hash of [hashed("x"), "", 5, { a: 1 }, hashed(compact).slice(1)]) {
      const error = refusal(withHash(hash), tokens([item("a")]))
      expect(error, JSON.stringify(hash)).toMatchObject({
        stage: "manifest",
        code: "export-hash",
        where: "manifest.json",
      })
      expect(error.remedy).toContain("new copy")
    }
  })
})

describe("a file that is no export", () => {
  const cases: ReadonlyArray<readonly [string, Json | string, string, string]> = [
    ["duplicate-key", '[{"id":"a"},{"id":"b","v":{"x":1,"x":1}}]', "[1].v", "structure"],
    ["duplicate-key", '[{"id":"a","id":"b"}]', "[0]", "structure"],
    ["item-without-id", [item("a"), { name: "b" }], "[1]", "schema"],
    ["item-without-id", [{ id: null }], "[0]", "schema"],
    ["item-without-id", [{ id: "" }], "[0]", "schema"],
    ["item-id", [{ id: 1.5 }], "[0].id", "schema"],
    ["item-id", [{ id: ["a"] }], "[0].id", "schema"],
    ["item-id", [{ id: "x".repeat(1025) }], "[0].id", "schema"],
    ["item-twice", [item("a"), item("b"), item("a")], "[2]", "schema"],
    ["item-not-object", [item("a"), 5], "[1]", "schema"],
    ["item-not-object", [null], "[0]", "schema"],
    ["item-not-object", { items: [[item("a")]] }, ".items[0]", "schema"],
    ["items-missing", { color: { value: 1 } }, "", "schema"],
    ["items-missing", "5", "", "schema"],
    ["not-json", '[{"id":"a"},]', ":1", "structure"],
    ["not-json", '[\n{"id": NaN}]', ":2", "structure"],
    ["not-json", "", ":1", "structure"],
    ["integer-too-large", '[{"id":"a","v":[12345678901234567890]}]', "[0].v[0]", "schema"],
    ["number-not-finite", '[{"id":"a","v":1e999}]', "[0].v", "schema"],
    ["key-forbidden", '[{"id":"a","__proto__":1}]', "[0]", "schema"],
    ["lone-surrogate", '[{"id":"a","v":"\\ud800"}]', "[0].v", "schema"],
    ["nul-character", '[{"id":"a","v":"\\u0000"}]', "[0].v", "schema"],
    ["too-deep", `[{"id":"a","v":${"[".repeat(30)}${"]".repeat(30)}}]`, "[0].v", "structure"],
    ["too-deep", `[{"id":"a","v":${"[".repeat(60)}${"]".repeat(60)}}]`, ":1", "structure"],
    ["too-deep", "[".repeat(2_000_000), ":1", "structure"],
    ["too-deep", `${'{"a":'.repeat(500_000)}1${"}".repeat(500_000)}`, ":1", "structure"],
  ]

  for (const [code, content, place, stage] of cases) {
    const shown = (typeof content === "string" ? content : JSON.stringify(content)).slice(0, 40)
    it(`is refused whole, with the place: ${code} in ${shown}`, () => {
      const error = refusal(manifest, tokens(content))
      expect(error).toMatchObject({ code, stage, where: `old.dss/tokens.json${place}` })
      expect(error.remedy).not.toBe("")
      expect(error.message).toContain("old.dss/tokens.json")
    })
  }

  it("is refused when its manifest is none, or nothing else is there", () => {
    for (const content of [{}, { schemaVersion: null }, { schemaVersion: " " }, [], 5]) {
      const error = refusal(file("manifest.json", content), tokens([]))
      expect(error).toMatchObject({ code: "manifest-invalid", stage: "manifest" })
    }
    expect(refusal(manifest)).toMatchObject({
      code: "items-missing",
      where: "old.dss/manifest.json",
    })
    expect(refusal(tokens([]), file("other/tokens.json", []))).toMatchObject({ code: "file-twice" })
  })

  it("is told where it is only beside an export, or the manifest is missing", () => {
    const { problems } = dss.read([tokens([]), file("old.dss/more.json", "{")])
    expect(problems.map(({ code }) => code)).toEqual(["file-left-out", "manifest-missing"])
  })
})

describe("an export is known by what is in its files", () => {
  const cases: ReadonlyArray<readonly [boolean, string, Json | string]> = [
    [true, "manifest.json", { schemaVersion: 1 }],
    [true, "a/b/TOKENS.json", [item("a")]],
    [true, "styles.json", []],
    [true, "themes.json", { themes: [] }],
    [true, "components.json", { items: [item("a")] }],
    [true, "tokens.json", `\uFEFF${JSON.stringify([item("a")])}`],
    [false, "manifest.json", { schemaVersion: 1, format: "lamplog-archive" }],
    [false, "manifest.json", { name: "web app" }],
    [false, "package.json", [item("a")]],
    [false, "tokens.json", { color: { $value: "#fff" } }],
    [false, "tokens.json", { items: [{ $value: 1 }] }],
    [false, "tokens.json", "[{"],
    [false, "tokens.json", 5],
  ]
  for (const [known, path, content] of cases) {
    const shown = (typeof content === "string" ? content : JSON.stringify(content)).slice(0, 40)
    it(`${path} with ${shown}: ${known ? "yes" : "no"}`, () => {
      expect(dss.detect(file(path, content))).toBe(known)
    })
  }
})
