/**
 * Refusals that a user can reach with words, values and files: each with its code, a remedy, its exit
 * status and the same document, and a project that is as it was.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"
import type { RunOptions } from "./stage.ts"

const { run, json, folder, path } = stage()
const here = "project"

interface Refusal {
  readonly of: string
  readonly argv: ReadonlyArray<string>
  readonly code: string
  /** 1 unless given. */
  readonly status?: number
  readonly options?: RunOptions
}

beforeAll(async () => {
  folder(here)
  folder("nothing")
  await json(["init"], { in: here })
  await json(["set", "token/blue", "value=#0000ff", "type=color"], { in: here })
  await json(["set", "theme/dark", "name=Dark"], { in: here })
  writeFileSync(path(here, "a-file"), "neither an archive nor tokens\n")
  writeFileSync(path(here, "empty.zip"), Buffer.from(`504b0506${"00".repeat(18)}`, "hex"))
  await json(["export", "good.lamplog"], { in: here })
  const archive = readFileSync(path(here, "good.lamplog"))
  writeFileSync(path(here, "short.lamplog"), archive.subarray(0, archive.length - 30))
  // Inside the first member's content; the headers of a zip say nothing that is used.
  archive[200]! ^= 1
  writeFileSync(path(here, "flipped.lamplog"), archive)
  folder("other")
  await json(["init"], { in: "other" })
  await json(["set", "token/blue", "value=1"], { in: "other" })
  await json(["export", `../${here}/other.lamplog`], { in: "other" })
})

/** What must not change. */
const standing = async () => {
  const { digest, frontier, events, node } = await json<Record<string, unknown>>(["status"], {
    in: here,
  })
  const settings = readFileSync(path(here, ".lamplog", "config.json"), "utf8")
  return { digest, frontier, events, node, settings }
}

const check = (refusals: ReadonlyArray<Refusal>): void => {
  for (const { of, argv, code, status, options } of refusals) {
    it(`refuses ${of} as ${code}`, async () => {
      const before = await standing()
      const outcome = await run([...argv, "--json"], { in: here, ...options })
      expectRefusal(outcome, code, status ?? 1)
      expect(await standing()).toEqual(before)
    })
  }
}

const set = (assignment: string) => ["set", "token/x", assignment]
const put = (data: string) => ["put", "token/x", "--data", data]
const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels)

describe("a value", () => {
  check([
    { of: "a key that stands twice", argv: set('value={"a":1,"a":2}'), code: "duplicate-key" },
    { of: "a number beyond doubles", argv: set("value=1e400"), code: "number-not-finite" },
    {
      of: "digits that would be lost",
      argv: set("value=9007199254740993"),
      code: "integer-too-large",
    },
    { of: "half a surrogate pair", argv: set('value="\\ud800"'), code: "lone-surrogate" },
    { of: "half a pair in bare text", argv: set("value=\ud800"), code: "lone-surrogate" },
    { of: "half a pair in a field's name", argv: set("\ud800=1"), code: "lone-surrogate" },
    { of: "U+0000", argv: set('value="\\u0000"'), code: "nul-character" },
    { of: "a key __proto__", argv: set('value={"__proto__":1}'), code: "key-forbidden" },
    { of: "a field __proto__", argv: set("__proto__=1"), code: "key-forbidden" },
    { of: "a field constructor", argv: set("constructor=1"), code: "key-forbidden" },
    { of: "deep nesting", argv: set(`value=${nested(31)}`), code: "too-deep" },
    { of: "absurd nesting", argv: set(`value=${nested(200_000)}`), code: "too-deep" },
    {
      of: "a megabyte and more",
      argv: set(`value=${"x".repeat(1_050_000)}`),
      code: "value-too-long",
    },
    { of: "a number for a map", argv: set("modes=1"), code: "not-a-map" },
    { of: "a number for a set", argv: set("tags=1"), code: "not-a-set" },
    { of: "data cut short", argv: put('{"value":'), code: "not-json" },
    { of: "data with a bare NaN", argv: put('{"value":NaN}'), code: "not-json" },
    { of: "data that is a list", argv: put("[]"), code: "not-an-object" },
    { of: "data that is null", argv: put("null"), code: "not-an-object" },
    { of: "no data", argv: put(""), code: "not-json" },
    { of: "deep data", argv: put(`{"a":${nested(31)}}`), code: "too-deep" },
    {
      of: "data that is no UTF-8",
      argv: put("-"),
      code: "not-utf8",
      options: { input: Uint8Array.of(0x7b, 0xff, 0x7d) },
    },
    {
      of: "data without end",
      argv: put("-"),
      code: "input-too-long",
      options: { input: Buffer.alloc(17 * 1024 * 1024, 0x20) },
    },
  ])
})

describe("a name", () => {
  check([
    { of: "a type that the schema has not", argv: ["set", "tokn/x", "a=1"], code: "type-unknown" },
    { of: "the reserved type", argv: ["set", "lamplog/x", "a=1"], code: "type-reserved" },
    { of: "a long type", argv: ["set", `${"t".repeat(129)}/x`, "a=1"], code: "type-name" },
    { of: "a long id", argv: ["set", `token/${"x".repeat(1025)}`, "a=1"], code: "id-name" },
    { of: "half a pair in an id", argv: ["delete", "token/\ud800"], code: "id-name" },
    { of: "an entity that never was", argv: ["get", "token/nope"], code: "entity-unknown" },
    { of: "a conflict that never was", argv: ["conflicts", "nope"], code: "conflict-unknown" },
    {
      of: "the resolution of a conflict that never was",
      argv: ["resolve", "ab12", "--value", "1"],
      code: "conflict-unknown",
    },
    {
      of: "the resolution of a conflict that is not open any more",
      argv: ["resolve", "0123456789abcdef0123456789abcdef", "--value", "1"],
      code: "conflict-changed",
    },
    {
      of: "a resolution by what is no JSON",
      argv: ["resolve", "ab12", "--value", "#fff"],
      code: "not-json",
    },
    {
      of: "a resolution of nothing",
      argv: ["resolve", "", "--value", "1"],
      code: "conflict-id",
      status: 2,
    },
    {
      of: "a nameless actor",
      argv: ["set", "token/x", "a=1", "--actor", " "],
      code: "setting-invalid",
      status: 2,
    },
    {
      of: "an actor on two lines",
      argv: ["set", "token/x", "a=1", "--actor", "a\nb"],
      code: "setting-invalid",
      status: 2,
    },
    {
      of: "an endless actor in the environment",
      argv: ["set", "token/x", "a=1"],
      code: "setting-invalid",
      status: 2,
      options: { environment: { LAMPLOG_ACTOR: "a".repeat(300) } },
    },
    {
      of: "an empty reason",
      argv: ["set", "token/x", "a=1", "--reason", ""],
      code: "reason-invalid",
      status: 2,
    },
    {
      of: "an empty project name",
      argv: ["init", "--name", " ", "--project", "x"],
      code: "name-invalid",
      status: 2,
    },
    {
      of: "an unknown setting",
      argv: ["config", "get", "acter"],
      code: "setting-unknown",
      status: 2,
    },
    {
      of: "a setting of the wrong kind",
      argv: ["config", "set", "busyTimeoutMillis", "soon"],
      code: "setting-invalid",
      status: 2,
    },
    {
      of: "a busy timeout in words",
      argv: ["status", "--busy-timeout", "-1"],
      code: "setting-invalid",
      status: 2,
    },
  ])
})

describe("a place", () => {
  check([
    {
      of: "a folder without a project",
      argv: ["status"],
      code: "no-project",
      options: { in: "nothing" },
    },
    {
      of: "a folder that is not there",
      argv: ["status", "--project", "../gone"],
      code: "no-project",
    },
    { of: "a second init", argv: ["init"], code: "project-exists" },
    { of: "an init below a file", argv: ["init", "--project", "a-file/x"], code: "not-writable" },
    { of: "lines that are not there", argv: ["apply", "gone.jsonl"], code: "file-missing" },
    { of: "lines below a file", argv: ["apply", "a-file/x"], code: "file-missing" },
    { of: "a folder of lines", argv: ["apply", "."], code: "file-is-folder" },
    { of: "lines that are prose", argv: ["apply", "a-file"], code: "not-json" },
  ])
})

describe("an archive", () => {
  const files = [
    { of: "a file that is not there", file: "gone", code: "file-missing" },
    { of: "a file below a file", file: "a-file/x", code: "[a-z-]+" },
    { of: "a folder", file: ".lamplog", code: "not-an-archive" },
    { of: "prose", file: "a-file", code: "not-an-archive" },
    { of: "a zip of something else", file: "empty.zip", code: "not-an-archive" },
    { of: "an archive cut short", file: "short.lamplog", code: "archive-truncated" },
  ]
  const takers: ReadonlyArray<ReadonlyArray<string>> = [
    ["merge"],
    ["merge", "--dry-run"],
    ["inspect"],
  ]
  for (const { of, file, code } of files) {
    check(takers.map((argv) => ({ of: `${of} by ${argv.join(" ")}`, argv: [...argv, file], code })))
    check([{ of: `${of} by clone`, argv: ["clone", file, "new"], code }])
  }
  check([
    {
      of: "an archive of another project",
      argv: ["merge", "other.lamplog"],
      code: "other-project",
    },
    { of: "an archive with a changed byte", argv: ["merge", "flipped.lamplog"], code: "[a-z-]+" },
    { of: "a changed byte by import", argv: ["import", "flipped.lamplog"], code: "[a-z-]+" },
    { of: "a changed byte by clone", argv: ["clone", "flipped.lamplog", "new"], code: "[a-z-]+" },
    { of: "a file in the way of an export", argv: ["export", "a-file"], code: "file-exists" },
    { of: "a folder in the way", argv: ["export", ".lamplog", "--force"], code: "not-a-file" },
    { of: "an export to nowhere", argv: ["export", "gone/x.lamplog"], code: "file-missing" },
  ])
})

describe("a token file", () => {
  const texts = [
    { of: "an empty file", text: "", code: "not-json" },
    { of: "a list", text: "[]", code: "format-undetected" },
    {
      of: "an object without tokens",
      text: '{"name":"x","version":"1"}',
      code: "format-undetected",
    },
    { of: "a file cut short", text: '{"a":{"$value":1', code: "not-json" },
    {
      of: "a key that stands twice",
      text: '{"a":{"$value":1},"a":{"$value":2}}',
      code: "duplicate-key",
    },
    { of: "a token called __proto__", text: '{"__proto__":{"$value":1}}', code: "name-forbidden" },
    { of: "no UTF-8", text: Uint8Array.of(0x7b, 0xff, 0x7d), code: "not-text" },
  ]
  beforeAll(() => {
    for (const [index, { text }] of texts.entries())
      writeFileSync(path(here, `${index}.json`), text)
  })
  for (const [index, { of, code }] of texts.entries()) {
    check([
      { of: `${of} by import`, argv: ["import", `${index}.json`], code },
      { of: `${of} by diff`, argv: ["diff", `${index}.json`], code },
    ])
    it(`lets an import rehearsed find ${of} invalid, and tells why`, async () => {
      const analysis = await json<{ isValid: boolean; errors: ReadonlyArray<{ code: string }> }>(
        ["import", `${index}.json`, "--dry-run"],
        { in: here },
      )
      expect(analysis).toMatchObject({ isValid: false, errors: [{ code }] })
    })
  }
  check([
    { of: "tokens that are not there", argv: ["import", "gone.json"], code: "file-missing" },
    { of: "a folder without tokens", argv: ["import", "../nothing"], code: "folder-empty" },
    {
      of: "an archive as tokens",
      argv: ["import", "other.lamplog", "--format", "dtcg"],
      code: "not-(text|json)",
    },
    {
      of: "tokens as an archive",
      argv: ["import", "0.json", "--format", "lamplog"],
      code: "not-an-archive",
    },
    {
      of: "several archives to become",
      argv: ["import", "other.lamplog", "good.lamplog", "--strategy", "replace"],
      code: "replace-by-several",
    },
  ])
})

describe("input in lines", () => {
  const lines = (count: number) =>
    Array.from({ length: count }, (_, index) => `{"op":"put","type":"token","id":"${index}"}`)
  check([
    {
      of: "a line that is no UTF-8",
      argv: ["apply", "-"],
      code: "not-utf8",
      options: { input: Uint8Array.of(0x0a, 0xc3, 0x28) },
    },
    {
      of: "a line without end",
      argv: ["apply", "-"],
      code: "line-too-long",
      options: { input: Buffer.alloc(9 * 1024 * 1024, 0x61) },
    },
    {
      of: "more entities than one change may have",
      argv: ["apply", "-"],
      code: "transaction-too-large",
      options: { input: lines(100_001).join("\n") },
    },
    {
      of: "an entity too long to be written, after good lines",
      argv: ["apply", "-"],
      code: "value-too-long",
      options: {
        input: `${lines(10).join("\n")}\n{"op":"put","type":"token","id":"x","fields":{"a":"${"x".repeat(1_050_000)}"}}`,
      },
    },
  ])
})

describe("what went wrong for people", () => {
  it("is told on stderr, with the place and what to do, and nothing on stdout", async () => {
    const { status, stdout, stderr } = await run(["apply", "gone.jsonl"], { in: here })
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" })
    expect(stderr).toMatch(/^lamplog: There is no file at .*gone\.jsonl\.\n {2}→ Check the path/)
  })

  it("shows a stack only when asked", async () => {
    const quiet = await run(["get", "token/nope"], { in: here })
    expect(quiet.stderr).not.toMatch(/\n\s+at /)
    const loud = await run(["get", "token/nope", "--debug", "--json"], { in: here })
    expect(loud.stderr).toMatch(/\n\s+at /)
    expect(JSON.parse(loud.stdout).error.code).toBe("entity-unknown")
  })

  it("cannot write escape sequences to the terminal", async () => {
    const { stderr } = await run(["get", "token/\u001b[31mred"], { in: here })
    expect(stderr).toContain("\\u{1b}[31mred")
  })

  it("is called a bug when it is one, without a stack", async () => {
    const printed: Array<string> = []
    const write = async (text: string) => {
      if (printed.push(text) === 1) throw new TypeError("planted")
    }
    const { status, stderr } = await run(["status", "--json"], { in: here, write })
    const error = expectRefusal({ status, stdout: printed[1]!, stderr }, "internal", 1)
    expect(error.message).toContain("planted")
    expect(error.remedy).toContain("--debug")
  })

  it("is told on stderr when stdout itself is broken", async () => {
    const write = async () => {
      throw new Error("no space left")
    }
    const { status, stderr } = await run(["status", "--json"], { in: here, write })
    expect(status).toBe(1)
    expect(stderr).toContain("no space left")
  })
})
