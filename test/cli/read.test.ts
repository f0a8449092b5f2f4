/** `get`, `list`, `log`: what scripts find under which key, filters, and long answers in pieces. */
import { beforeAll, describe, expect, it } from "vitest"
import { OutputClosed } from "../../src/cli/terminal.ts"
import type { EntityDocument, LogDocument } from "./documents.ts"
import { stage } from "./stage.ts"

const { run, json, folder } = stage()
const here = "reading"

beforeAll(async () => {
  folder(here)
  await json(["init"], { in: here })
  const write = (...argv: ReadonlyArray<string>) => json(argv, { in: here })
  await write("set", "token/b", "value=#0000ff", "type=color", "--actor", "ana")
  await write("set", "token/a", "value=1", "type=number", "--actor", "bo", "--reason", "new")
  await write("set", "theme/t", "name=Dark")
  await write("set", "token/b", "value=#0000fe", "--unset", "type")
  await write("delete", "token/a")
})

const list = (...argv: ReadonlyArray<string>) =>
  json<ReadonlyArray<EntityDocument>>(["list", ...argv], { in: here })
const log = (...argv: ReadonlyArray<string>) =>
  json<ReadonlyArray<LogDocument>>(["log", ...argv], { in: here })
const names = (entities: ReadonlyArray<EntityDocument>) =>
  entities.map(({ type, id }) => `${type}/${id}`)

describe("get", () => {
  it("gives an entity's fields, and its history when asked", async () => {
    const entity = { type: "token", id: "b", fields: { value: "#0000fe" }, deleted: false }
    expect(await json(["get", "token/b"], { in: here })).toEqual({ ...entity, conflicts: [] })
    const { history } = await json<EntityDocument>(["get", "token/b", "--history"], { in: here })
    expect(history!.map(({ op, unset }) => [op, unset])).toEqual([
      ["put", undefined],
      ["patch", ["type"]],
    ])
  })

  it("shows deleted entities as such", async () => {
    expect(await json(["get", "token/a"], { in: here })).toMatchObject({ deleted: true })
    expect((await run(["get", "token/a"], { in: here })).stdout).toContain("deleted")
  })
})

describe("list", () => {
  it("sorts by type, then id, and shows the living", async () => {
    expect(names(await list())).toEqual(["theme/t", "token/b"])
    expect(names(await list("token"))).toEqual(["token/b"])
    expect(names(await list("--deleted"))).toEqual(["token/a"])
    expect(await list("component")).toEqual([])
  })

  it("filters by the exact values of fields, all of which must hold", async () => {
    expect(names(await list("--where", "value=#0000fe"))).toEqual(["token/b"])
    expect(await list("--where", "value=#0000fe", "--where", "type=color")).toEqual([])
    expect(await list("--where", "name=dark")).toEqual([])
  })
})

describe("log", () => {
  it("has every event in total order with the keys that scripts rely on", async () => {
    const events = await log()
    expect(events.map(({ lamport }) => lamport)).toEqual([1, 2, 3, 4, 5])
    expect(events[1]).toEqual({
      node: events[0]!.node,
      seq: 2,
      lamport: 2,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      parents: [],
      type: "token",
      id: "a",
      op: "put",
      fields: { value: 1, type: "number" },
      actor: "bo",
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      reason: "new",
    })
    expect(events[3]!.parents).toEqual([{ node: events[0]!.node, seq: 1, hash: events[0]!.hash }])
  })

  it("filters, turns round, and stops", async () => {
    const lamports = async (...argv: ReadonlyArray<string>) =>
      (await log(...argv)).map(({ lamport }) => lamport)
    const node = (await log("--limit", "1"))[0]!.node
    expect(await lamports("token/b")).toEqual([1, 4])
    expect(await lamports("--actor", "ana")).toEqual([1])
    expect(await lamports("--node", node)).toHaveLength(5)
    expect(await lamports("--node", node.slice(0, 6), "--limit", "2")).toEqual([1, 2])
    expect(await lamports("--since", `3@${node}`)).toEqual([4, 5])
    expect(await lamports("--reverse", "--limit", "2")).toEqual([5, 4])
    expect(await lamports("--reverse", "token/a")).toEqual([5, 2])
    expect(await lamports("--limit", "0")).toEqual([])
    expect(await lamports("--node", "a".repeat(26))).toEqual([])
  })
})

describe("long answers", () => {
  const many = "many"
  const lineCount = 12_000
  beforeAll(async () => {
    folder(many)
    await json(["init", "--schema", "open"], { in: many })
    const lines = Array.from({ length: lineCount }, (_, index) =>
      JSON.stringify({ op: "put", type: "t", id: `${index}`, fields: { text: "x".repeat(100) } }),
    )
    await json(["apply", "-"], { in: many, input: lines.join("\n") })
  })

  it("come in pieces that a slow reader can wait for, and are one document", async () => {
    const pieces: Array<string> = []
    let waiting = 0
    const write = async (text: string) => {
      waiting += 1
      expect(waiting).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      pieces.push(text)
      waiting -= 1
    }
    expect((await run(["list", "--json"], { in: many, write })).status).toBe(0)
    expect(pieces.length).toBeGreaterThan(3)
    expect(JSON.parse(pieces.join(""))).toHaveLength(lineCount)
  })

  it("end quietly when nobody reads them any more", async () => {
    let written = 0
    const write = async () => {
      written += 1
      if (written === 2) throw new OutputClosed()
    }
    const { status, stderr } = await run(["log"], { in: many, write })
    expect({ status, stderr, written }).toEqual({ status: 0, stderr: "", written: 2 })
  })

  it("that break off half-way are not followed by a second document", async () => {
    const pieces: Array<string> = []
    const abort = new AbortController()
    const write = async (text: string) => {
      pieces.push(text)
      abort.abort()
    }
    const options = { in: many, write, signal: abort.signal }
    const { status, stderr } = await run(["list", "--json"], options)
    expect(status).toBe(130)
    expect(pieces.join("")).toMatch(/^\[\n/)
    expect(pieces.join("")).not.toContain("interrupted")
    expect(stderr).toContain("Interrupted")
  })

  it("leave stdout to the error when they fail before the first piece", async () => {
    const { node } = await json<{ node: string }>(["status"], { in: many })
    const other = node.startsWith("a") ? "b" : "a"
    const { status, stdout } = await run(["log", "--node", other, "--json"], { in: many })
    expect(status).toBe(1)
    expect(JSON.parse(stdout).error.code).toBe("node-unknown")
  })
})
