/** Two people and their archives: clone, export, merge, conflicts, resolve, diff, import, verify. */
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { beforeEach, describe, expect, it } from "vitest"
import type {
  ConflictDocument,
  EntityDocument,
  LogDocument,
  StatusDocument,
  WriteDocument,
} from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"

const { run, json, folder, path } = stage()

let count = 0
let ana = ""
let bo = ""
const status = (who: string) => json<StatusDocument>(["status"], { in: who })
const set = (who: string, ...argv: ReadonlyArray<string>) =>
  json<WriteDocument>(["set", ...argv, "--actor", who.startsWith("ana") ? "ana" : "bo"], {
    in: who,
  })

/** Everything one holds goes to the other. */
const give = async <A>(from: string, to: string, ...argv: ReadonlyArray<string>): Promise<A> => {
  const file = path(`${(count += 1)}.lamplog`)
  await json(["export", file], { in: from })
  return json<A>(["merge", file, ...argv], { in: to })
}

beforeEach(async () => {
  count += 1
  ana = `ana-${count}`
  bo = `bo-${count}`
  folder(ana)
  await json(["init", "--name", "Both"], { in: ana })
  await set(ana, "token/blue", "value=#0000ff", "type=color")
  await set(ana, "token/red", "value=#ff0000")
  await json(["export", `../${ana}.lamplog`], { in: ana })
  await json(["clone", `${ana}.lamplog`, bo])
})

describe("export", () => {
  it("tells what it wrote, and the same state gives the same bytes", async () => {
    const summary = await json<Record<string, unknown>>(["export", "one.lamplog"], { in: ana })
    expect(summary).toMatchObject({
      success: true,
      archivePath: path(ana, "one.lamplog"),
      itemCounts: { token: 2 },
      error: null,
    })
    const first = readFileSync(path(ana, "one.lamplog"))
    expect(summary.fileSize).toBe(first.length)
    await json(["export", "two.lamplog"], { in: ana })
    expect(readFileSync(path(ana, "two.lamplog")).equals(first)).toBe(true)
  })

  it("writes over a file only when forced", async () => {
    writeFileSync(path(ana, "there"), "precious")
    expectRefusal(await run(["export", "there", "--json"], { in: ana }), "[a-z-]+", 1)
    expect(readFileSync(path(ana, "there"), "utf8")).toBe("precious")
    await json(["export", "there", "--force"], { in: ana })
    expect(await json(["inspect", "there"], { in: ana })).toMatchObject({ name: "Both" })
  })

  it("writes one DTCG file that reads back as the same state", async () => {
    await json(["export", "tokens.json", "--format", "dtcg"], { in: ana })
    expect(JSON.parse(readFileSync(path(ana, "tokens.json"), "utf8"))).toMatchObject({
      blue: { $value: "#0000ff", $type: "color" },
    })
    expect(await json(["diff", "tokens.json"], { in: ana })).toEqual([])
  })
})

describe("inspect", () => {
  it("shows the manifest without a project", async () => {
    const { project, digest } = await status(ana)
    folder("nowhere")
    expect(await json(["inspect", `../${ana}.lamplog`], { in: "nowhere" })).toMatchObject({
      format: "lamplog-archive",
      project,
      digest,
      name: "Both",
      events: 2,
      itemCounts: { token: 2 },
      exportHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })
})

describe("clone", () => {
  it("holds the same under a node of its own", async () => {
    const [mine, theirs] = [await status(ana), await status(bo)]
    expect(theirs).toMatchObject({
      project: mine.project,
      name: "Both",
      digest: mine.digest,
      frontier: mine.frontier,
      events: 2,
    })
    expect(theirs.node).not.toBe(mine.node)
  })

  it("answers with the status and keeps its actor", async () => {
    const answer = await json<StatusDocument>([
      "clone",
      `${ana}.lamplog`,
      `${bo}-too`,
      "--actor",
      "cy",
    ])
    expect(answer).toMatchObject({ actor: "cy", events: 2 })
    const environment = { LAMPLOG_ACTOR: "" }
    const again = await json<StatusDocument>(["status"], { in: `${bo}-too`, environment })
    expect(again).toEqual(answer)
  })

  it("leaves nothing behind when it is refused", async () => {
    writeFileSync(path(`${count}.broken`), "PK not really")
    expectRefusal(await run(["clone", `${count}.broken`, "new", "--json"]), "[a-z-]+", 1)
    expect(existsSync(path("new"))).toBe(false)
    expectRefusal(await run(["clone", `${ana}.lamplog`, bo, "--json"]), "project-exists", 1)
  })
})

describe("merge", () => {
  it("takes in disjoint edits without a word, both ways, to one digest", async () => {
    await set(ana, "token/blue", "value=#0000fe")
    await set(bo, "token/blue", "description=sky")
    await set(bo, "token/green", "value=#00ff00")
    const summary = await give<Record<string, unknown>>(bo, ana)
    expect(summary).toMatchObject({
      success: true,
      newItemsCount: 1,
      updatedItemsCount: 1,
      deletedItemsCount: 0,
      conflictsCount: 0,
      resolutionStrategy: "lamport",
      durationSeconds: expect.any(Number),
    })
    await give(ana, bo)
    expect((await status(ana)).digest).toBe((await status(bo)).digest)
    expect(summary.digest).toBe((await status(ana)).digest)
  })

  it("tells beforehand what it would do, and does nothing then", async () => {
    await set(ana, "token/blue", "value=#00000a")
    await set(bo, "token/blue", "value=#00000b")
    await set(bo, "token/green", "value=1")
    const before = await status(ana)
    const analysis = await give<Record<string, unknown>>(bo, ana, "--dry-run")
    expect(analysis).toMatchObject({
      newItems: ["token/green"],
      hasConflicts: true,
      conflictedItems: [
        {
          type: "token",
          entity: "blue",
          field: "value",
          base: "#0000ff",
          local: "#00000a",
          imported: "#00000b",
        },
      ],
    })
    expect(await status(ana)).toEqual(before)
  })
})

/** Both set the blue apart; each then holds both events. */
const disagree = async (): Promise<ConflictDocument> => {
  await set(ana, "token/blue", "value=#00000a")
  await set(bo, "token/blue", "value=#00000b")
  await give(bo, ana)
  await give(ana, bo)
  const open = await json<ReadonlyArray<ConflictDocument>>(["conflicts"], { in: ana })
  expect(await json(["conflicts"], { in: bo })).toEqual(open)
  expect(open).toHaveLength(1)
  return open[0]!
}

describe("conflicts", () => {
  it("have the keys that scripts rely on", async () => {
    const conflict = await disagree()
    const nodes = [(await status(ana)).node, (await status(bo)).node]
    expect(conflict).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      type: "token",
      entity: "blue",
      field: "value",
      kind: "field",
      base: "#0000ff",
    })
    expect(
      Object.fromEntries(conflict.candidates.map(({ actor, value }) => [actor, value])),
    ).toEqual({ ana: "#00000a", bo: "#00000b" })
    expect(nodes).toContain(conflict.winner)
    const entity = await json<EntityDocument>(["get", "token/blue"], { in: ana })
    expect(entity.conflicts).toEqual([conflict])
    const winner = conflict.candidates.find(({ node }) => node === conflict.winner)!
    expect(entity.fields.value).toBe(winner.value)
    expect(await json(["conflicts", conflict.id.slice(0, 9)], { in: ana })).toEqual([conflict])
    expect((await run(["conflicts"], { in: ana })).stdout).toContain("#00000b")
  })

  it("show a cleared candidate as absent, and no base where there was none", async () => {
    await set(ana, "token/blue", "--unset", "value")
    await set(bo, "token/blue", "value=1")
    await set(ana, "token/blue", "description=a")
    await set(bo, "token/blue", "description=b")
    await give(bo, ana)
    const open = await json<ReadonlyArray<ConflictDocument>>(["conflicts", "--json"], { in: ana })
    const [description, value] = open.toSorted((a, b) => (a.field < b.field ? -1 : 1))
    const cleared = value!.candidates.find(({ actor }) => actor === "ana")!
    expect(cleared.absent).toBe(true)
    expect(Object.hasOwn(cleared, "value")).toBe(false)
    expect(Object.hasOwn(description!, "base")).toBe(false)
  })

  for (const [how, argv, value] of [
    ["a node", (c: ConflictDocument) => ["--take", c.candidates[0]!.node], 0],
    [
      "a node and seq",
      (c: ConflictDocument) => {
        const [{ node, seq }] = c.candidates as [ConflictDocument["candidates"][0]]
        return ["--take", `${node}:${seq}`]
      },
      0,
    ],
    [
      "the beginning of a node",
      (c: ConflictDocument) => ["--take", c.candidates[1]!.node.slice(0, 20)],
      1,
    ],
    ["a value", () => ["--value", '{"of":["my",-5]}'], { of: ["my", -5] }],
    ["a negative number", () => ["--value", "-5"], -5],
  ] as const) {
    it(`are settled for everyone by ${how}`, async () => {
      const conflict = await disagree()
      const argvOf = argv(conflict)
      const id = conflict.id.slice(0, 10)
      expect(await json(["resolve", id, ...argvOf, "--reason", "so"], { in: ana })).toMatchObject({
        events: 1,
      })
      await give(ana, bo)
      for (const who of [ana, bo]) {
        expect(await json(["conflicts"], { in: who })).toEqual([])
        const entity = await json<EntityDocument>(["get", "token/blue"], { in: who })
        const expected = value === 0 || value === 1 ? conflict.candidates[value]!.value : value
        expect(entity.fields.value).toEqual(expected)
      }
      const [last] = await json<ReadonlyArray<LogDocument & { settles: string }>>(
        ["log", "--reverse", "--limit", "1"],
        { in: bo },
      )
      expect(last).toMatchObject({ op: "resolve", settles: conflict.id, reason: "so" })
    })
  }

  it("refuse what does not settle them, and stay open", async () => {
    const conflict = await disagree()
    const before = await status(ana)
    const refusals: ReadonlyArray<readonly [argv: ReadonlyArray<string>, code: string]> = [
      [[conflict.id, "--take", "a".repeat(26)], "candidate-unknown"],
      [[conflict.id, "--take", `${conflict.winner}:99`], "candidate-unknown"],
      [[conflict.id, "--value", '{"a":1,"a":2}'], "duplicate-key"],
      [["0".repeat(32), "--take", conflict.winner], "conflict-[a-z]+"],
    ]
    for (const [argv, code] of refusals) {
      expectRefusal(await run(["resolve", ...argv, "--json"], { in: ana }), code, 1)
    }
    expect(await status(ana)).toEqual(before)
  })

  it("of a delete and an edit take either side, but no value", async () => {
    await json(["delete", "token/red"], { in: ana })
    await set(bo, "token/red", "value=#aa0000")
    await give(bo, ana)
    const [conflict] = await json<ReadonlyArray<ConflictDocument>>(["conflicts"], { in: ana })
    expect(conflict).toMatchObject({ kind: "delete-edit", entity: "red" })
    const value = await run(["resolve", conflict!.id, "--value", "1", "--json"], { in: ana })
    expectRefusal(value, "value-not-applicable", 1)
    const { node } = await status(ana)
    await json(["resolve", conflict!.id, "--take", node], { in: ana })
    expect(await json(["get", "token/red"], { in: ana })).toMatchObject({ deleted: true })
  })
})

describe("diff", () => {
  it("tells what differs, field by field, and shows colours on a terminal", async () => {
    await set(bo, "token/blue", "value=#123456", "--unset", "type")
    await set(bo, "token/new", "value=1")
    await json(["delete", "token/red"], { in: bo })
    await json(["export", `../${bo}.lamplog`], { in: bo })
    const file = path(`${bo}.lamplog`)
    expect(await json(["diff", file], { in: ana })).toEqual([
      {
        type: "token",
        id: "blue",
        change: "changed",
        fields: { value: { before: "#0000ff", after: "#123456" }, type: { before: "color" } },
      },
      { type: "token", id: "new", change: "added", fields: { value: { after: 1 } } },
      {
        type: "token",
        id: "red",
        change: "removed",
        fields: { value: { before: "#ff0000" } },
      },
    ])
    const options = { in: ana, environment: { COLORTERM: "truecolor" } }
    const shown = await run(["diff", file], { ...options, outputIsTerminal: true })
    expect(shown.stdout).toContain("48;2;18;52;86m")
    expect((await run(["diff", file], options)).stdout).not.toContain("\u001b")
  })
})

describe("import", () => {
  const tokens = { blue: { $value: "#00f", $type: "color" }, gap: { $value: 4, $type: "number" } }

  it("turns token files into the smallest set of events", async () => {
    writeFileSync(path(ana, "t.json"), JSON.stringify(tokens))
    const summary = await json<Record<string, unknown>>(
      ["import", "t.json", "--reason", "taken over"],
      { in: ana },
    )
    expect(summary).toMatchObject({
      success: true,
      projectName: "Both",
      itemCounts: { token: 2 },
      events: 2,
      error: null,
      migrationPerformed: false,
      requiresBackgroundJob: false,
    })
    expect(await json(["import", "t.json"], { in: ana })).toMatchObject({ events: 0 })
    const [last] = await json<ReadonlyArray<LogDocument>>(["log", "--reverse", "--limit", "1"], {
      in: ana,
    })
    expect(last).toMatchObject({ reason: "taken over", actor: "tester" })
  })

  it("deletes what the files no longer hold only when asked to prune", async () => {
    writeFileSync(path(ana, "t.json"), JSON.stringify(tokens))
    await json(["import", "t.json"], { in: ana })
    expect(await json(["get", "token/red"], { in: ana })).toMatchObject({ deleted: false })
    await json(["import", "t.json", "--prune"], { in: ana })
    expect(await json(["get", "token/red"], { in: ana })).toMatchObject({ deleted: true })
  })

  it("tells beforehand what it would do, and does nothing then", async () => {
    writeFileSync(path(ana, "t.json"), JSON.stringify(tokens))
    const before = await status(ana)
    expect(await json(["import", "t.json", "--dry-run"], { in: ana })).toMatchObject({
      isValid: true,
      errors: [],
      itemCounts: { token: 2 },
      schemaVersion: 1,
      events: 2,
    })
    expect(await status(ana)).toEqual(before)
  })

  it("replaces the state by an archive's, the difference written as events", async () => {
    await set(ana, "token/blue", "value=#00000a")
    await set(ana, "token/extra", "value=1")
    await json(["import", `../${ana}.lamplog`, "--strategy", "replace"], { in: ana })
    const entities = await json<ReadonlyArray<EntityDocument>>(["list"], { in: ana })
    expect(entities.map(({ id, fields }) => [id, fields.value])).toEqual([
      ["blue", "#0000ff"],
      ["red", "#ff0000"],
    ])
  })
})

describe("verify", () => {
  it("finds a good replica and a good archive whole", async () => {
    const replica = await json<{ ok: boolean; checked: object }>(["verify"], { in: ana })
    expect(replica.ok).toBe(true)
    expect(Object.keys(replica.checked)).not.toEqual([])
    expect(await json(["verify", `../${ana}.lamplog`], { in: ana })).toMatchObject({ ok: true })
  })

  it("tells what is wrong with an archive: the findings, an error, exit status 1", async () => {
    const file = path(`${ana}.lamplog`)
    truncateSync(file, 700)
    const outcome = await run(["verify", file, "--json"])
    const document = JSON.parse(outcome.stdout)
    expect(outcome.status).toBe(1)
    expect(document.ok).toBe(false)
    expect(document.findings[0]).toMatchObject({ severity: "error" })
    expect(document.error).toMatchObject({ code: "verification-failed" })
    const people = await run(["verify", file])
    expect(people).toMatchObject({ status: 1, stderr: "" })
    expect(people.stdout).toContain("Damaged")
  })
})
