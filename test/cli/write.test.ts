/** `set`, `put`, `delete`, `apply`: what they write, and what they leave. */
import { writeFileSync } from "node:fs"
import { beforeEach, describe, expect, it } from "vitest"
import type { EntityDocument, LogDocument, StatusDocument, WriteDocument } from "./documents.ts"
import { stage } from "./stage.ts"
import type { RunOptions } from "./stage.ts"

const { run, json, folder, path } = stage()

let count = 0
let here = ""
beforeEach(async () => {
  here = `project-${(count += 1)}`
  folder(here)
  await json(["init"], { in: here })
})

const write = (...argv: ReadonlyArray<string>) => json<WriteDocument>(argv, { in: here })
const fields = async (name: string) =>
  (await json<EntityDocument>(["get", name], { in: here })).fields
const log = () => json<ReadonlyArray<LogDocument>>(["log"], { in: here })
const apply = (lines: ReadonlyArray<unknown>, ...argv: ReadonlyArray<string>) => {
  const input = lines.map((line) => JSON.stringify(line)).join("\n")
  return json<WriteDocument>(["apply", "-", ...argv], { in: here, input })
}

describe("set", () => {
  it("takes JSON as JSON and anything else as a string", async () => {
    await write("set", "token/a", "value=#fff", "size=4", 'word="4"', "nothing=null", "both=a=b")
    expect(await fields("token/a")).toEqual({
      value: "#fff",
      size: 4,
      word: "4",
      nothing: null,
      both: "a=b",
    })
  })

  it("ends the type at the first slash of an entity's name", async () => {
    await write("set", "token/a/b=c", "value=1")
    expect(await json(["get", "token/a/b=c"], { in: here })).toMatchObject({
      type: "token",
      id: "a/b=c",
    })
  })

  it("clears fields, and leaves the others", async () => {
    await write("set", "token/a", "value=1", "type=color", "description=x")
    expect(await write("set", "token/a", "value=2", "--unset", "type", "--unset", "x")).toEqual({
      events: 1,
      lamport: 2,
    })
    expect(await fields("token/a")).toEqual({ value: 2, description: "x" })
  })

  it("writes nothing when everything is as asked", async () => {
    await write("set", "token/a", "value=1")
    expect(await write("set", "token/a", "value=1")).toEqual({ events: 0, lamport: 1 })
  })

  it("keeps who and why with the event", async () => {
    await write("set", "token/a", "value=1", "--actor", "ana", "--reason", "because")
    expect(await log()).toMatchObject([{ actor: "ana", reason: "because", op: "put", seq: 1 }])
  })

  it("writes one key of a map", async () => {
    await write("set", "token/a", 'modes/dark={"value":1}', 'modes/light={"value":2}')
    await write("set", "token/a", "--unset", "modes/dark")
    expect(await fields("token/a")).toEqual({ modes: { light: { value: 2 } } })
  })
})

describe("put", () => {
  it("makes the entity exactly this, from a flag or from stdin", async () => {
    await write("set", "token/a", "value=1", "type=color")
    await write("put", "token/a", "--data", '{"value":2}')
    expect(await fields("token/a")).toEqual({ value: 2 })
    const input = '{"value":3,\n"description":"é"}'
    await json(["put", "token/a", "--data", "-"], { in: here, input })
    expect(await fields("token/a")).toEqual({ value: 3, description: "é" })
  })

  it("makes an entity without fields when there is no data", async () => {
    await write("put", "token/a")
    expect(await fields("token/a")).toEqual({})
  })
})

describe("delete", () => {
  it("deletes once; what is absent or deleted is no error and no event", async () => {
    await write("set", "token/a", "value=1")
    expect(await write("delete", "token/a")).toEqual({ events: 1, lamport: 2 })
    expect(await write("delete", "token/a")).toEqual({ events: 0, lamport: 2 })
    expect(await write("delete", "token/never")).toEqual({ events: 0, lamport: 2 })
    expect(await json(["get", "token/a"], { in: here })).toMatchObject({ deleted: true })
  })
})

describe("apply", () => {
  it("folds lines on one entity into one event of one atomic change", async () => {
    const written = await apply([
      { op: "put", type: "token", id: "a", fields: { value: 1, type: "color" } },
      { op: "patch", type: "token", id: "a", fields: { value: 2 }, unset: ["type"] },
      { op: "put", type: "token", id: "b", fields: { value: 3 }, reason: "own" },
      { op: "delete", type: "token", id: "never" },
    ])
    expect(written).toEqual({ events: 2, lamport: 1 })
    expect(await fields("token/a")).toEqual({ value: 2 })
    expect((await log()).map(({ lamport, reason }) => [lamport, reason])).toEqual([
      [1, null],
      [1, "own"],
    ])
  })

  it("makes every line an event of its own, in order, with --no-atomic", async () => {
    const lines = Array.from({ length: 2500 }, (_, index) => ({
      op: "patch",
      type: "token",
      id: `t${index % 7}`,
      fields: { value: index },
    }))
    expect(await apply(lines, "--no-atomic")).toEqual({ events: 2500, lamport: 2500 })
    const events = await log()
    expect(events.map(({ fields: { value } }) => value)).toEqual(lines.map((_, index) => index))
  })

  it("ignores blank lines, carriage returns and a byte order mark, and reads files", async () => {
    const file = path(here, "lines.jsonl")
    writeFileSync(
      file,
      '\ufeff{"op":"put","type":"token","id":"é"}\r\n\r\n  \n{"op":"put","type":"token","id":"b"}',
    )
    expect(await write("apply", "lines.jsonl")).toMatchObject({ events: 2 })
    expect(await json(["get", "token/é"], { in: here })).toMatchObject({ id: "é" })
  })

  it("writes nothing for no lines", async () => {
    expect(await apply([])).toEqual({ events: 0, lamport: 0 })
    expect(await apply([], "--no-atomic")).toEqual({ events: 0, lamport: 0 })
  })

  it("reads lines however the bytes come in pieces", async () => {
    const bytes = Buffer.from(
      '{"op":"put","type":"token","id":"ä🙂"}\n{"op":"put","type":"token","id":"b"}\n',
    )
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (const byte of bytes) yield Uint8Array.of(byte)
    }
    const input: RunOptions["input"] = pieces()
    expect(await json(["apply", "-"], { in: here, input })).toMatchObject({ events: 2 })
    expect(await json(["get", "token/ä🙂"], { in: here })).toMatchObject({ id: "ä🙂" })
  })

  const good = '{"op":"put","type":"token","id":"good","fields":{"value":1}}'
  const bad: ReadonlyArray<readonly [line: string, code: string]> = [
    ["{", "not-json"],
    ["[]", "line-invalid"],
    ['{"op":"put","type":"token"}', "line-invalid"],
    ['{"op":"put","type":"token","id":7}', "line-invalid"],
    ['{"op":"upsert","type":"token","id":"a"}', "op-unknown"],
    ['{"op":"put","type":"token","id":"a","field":{}}', "key-unknown"],
    ['{"op":"put","type":"token","id":"a","fields":[]}', "line-invalid"],
    ['{"op":"delete","type":"token","id":"a","fields":{}}', "line-invalid"],
    ['{"op":"put","type":"token","id":"a","unset":["x"]}', "line-invalid"],
    ['{"op":"patch","type":"token","id":"a","unset":"x"}', "line-invalid"],
    ['{"op":"put","type":"token","id":"a","reason":""}', "line-invalid"],
    ['{"op":"put","op":"put","type":"token","id":"a"}', "duplicate-key"],
    ['{"op":"put","type":"tokn","id":"a"}', "type-unknown"],
    ['{"op":"put","type":"token","id":"a","fields":{"modes":[]}}', "not-a-map"],
    ['{"op":"put","type":"token","id":"a","fields":{"":1}}', "field-name"],
  ]
  for (const [line, code] of bad) {
    for (const flags of [[], ["--no-atomic"]]) {
      it(`refuses ${line} by its line ${flags.join("")}`, async () => {
        const input = `${good}\n\n${line}\n${good}\n`
        const outcome = await run(["apply", "-", ...flags, "--json"], { in: here, input })
        const { error } = JSON.parse(outcome.stdout)
        expect(error.code).toBe(code)
        expect(error.where).toMatch(/^stdin:3\b/)
        expect(error.message).toContain("stdin:3")
        expect(outcome.status).toBe(1)
        expect(await json<StatusDocument>(["status"], { in: here })).toMatchObject({ events: 0 })
      })
    }
  }

  it("tells how many lines are in when a later group is refused", async () => {
    const lines = Array.from({ length: 1500 }, (_, index) => ({
      op: "put",
      type: index === 1200 ? "tokn" : "token",
      id: "same",
      fields: { value: index },
    }))
    const input = lines.map((line) => JSON.stringify(line)).join("\n")
    const outcome = await run(["apply", "-", "--no-atomic", "--json"], { in: here, input })
    const { error } = JSON.parse(outcome.stdout)
    expect(error).toMatchObject({ code: "type-unknown", where: "stdin:1201" })
    expect(error.remedy).toContain("first 1,000 changes")
    expect(await json<StatusDocument>(["status"], { in: here })).toMatchObject({ events: 1000 })
  })
})
