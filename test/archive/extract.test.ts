/**
 * Extracts: what is chosen is in them, what is not stays hidden, and everything in them is proven.
 */
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { proofsPath, snapshotPath } from "../../src/archive/archive.ts"
import type { Manifest, Selection } from "../../src/archive/archive.ts"
import { openArchive } from "../../src/archive/open.ts"
import { checkProofs } from "../../src/archive/proof-check.ts"
import type { WrittenArchive } from "../../src/archive/write.ts"
import type { JsonObject } from "../../src/event/canonical.ts"
import { sha256 } from "../../src/event/hash.ts"
import { Author } from "../../src/store/author.ts"
import type { Replica } from "../../src/store/replica.ts"
import { Random } from "../simulation/random.ts"
import { forged } from "./forged.ts"
import { contentOf, fileHash, refusal, setToken, Stage, storedMembers, taken } from "./stage.ts"
import type { Members } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

const put = (replica: Replica, name: string, fields: JsonObject): void => {
  const slash = name.indexOf("/")
  const [type, id] = [name.slice(0, slash), name.slice(slash + 1)]
  new Author(replica).write([{ op: "put", type, id, fields }], { actor: "ana" })
}

/** A small design system: a theme and a component over aliases of aliases, and much beside them. */
const seeded = (name = "ana"): Replica => {
  const ana = stage.replica(name)
  put(ana, "token/color.blue", { value: "#00f", tags: ["brand", "base"] })
  put(ana, "token/color.link", { value: "{color.blue}", tags: ["brand"] })
  put(ana, "token/colorful", { value: "#f0f" })
  put(ana, "token/size.secret-one", { value: 1, status: "draft" })
  put(ana, "token/size.two", { value: 2, status: "final" })
  put(ana, "group/color", { description: "all colours" })
  put(ana, "component/Button", { name: "Button", tokens: ["color.link", "no.such"] })
  put(ana, "component/Card", { name: "Card", tokens: ["size.two"] })
  put(ana, "style/gone", { name: "gone" })
  new Author(ana).write([{ op: "delete", type: "style", id: "gone" }], { actor: "ana" })
  for (let index = 0; index < 60; index++) put(ana, `asset/a${index}`, { name: `file ${index}` })
  return ana
}

const extracted = async (
  replica: Replica,
  select: Selection,
  store = true,
): Promise<WrittenArchive> => await stage.exported(replica, { select, store })

const memberText = (members: Members, path: string): string =>
  members.find(([name]) => name === path)![1].toString("utf8")

const namesIn = (written: WrittenArchive): ReadonlyArray<string> =>
  memberText(storedMembers(written), snapshotPath)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { readonly type: string; readonly id: string })
    .map(({ type, id }) => `${type}/${id}`)

const checked = async (path: string, runProofs?: number): Promise<void> => {
  const check = Effect.scoped(
    Effect.flatMap(openArchive(path), (archive) =>
      Effect.promise(async (signal) => {
        try {
          await checkProofs(archive, signal, runProofs)
        } catch (error) {
          return error as Error
        }
        return undefined
      }),
    ),
  )
  const fault = await Effect.runPromise(check)
  if (fault !== undefined) throw fault
}

describe("a selection", () => {
  const cases: ReadonlyArray<readonly [what: string, Selection, ReadonlyArray<string>]> = [
    [
      "of a type holds that type",
      { types: ["component"], closed: false },
      ["component/Button", "component/Card"],
    ],
    [
      "of groups holds them and what is below them, not what begins alike",
      { groups: ["color"], closed: false },
      ["group/color", "token/color.blue", "token/color.link"],
    ],
    [
      "of tags holds what has one of them",
      { tags: ["base", "nothing"], closed: false },
      ["token/color.blue"],
    ],
    [
      "of values of one field takes them as alternatives",
      {
        where: [
          { field: "status", value: "draft" },
          { field: "status", value: "final" },
        ],
        closed: false,
      },
      ["token/size.secret-one", "token/size.two"],
    ],
    [
      "of values of several fields asks for all of them",
      {
        where: [
          { field: "status", value: "final" },
          { field: "value", value: 2 },
        ],
        closed: false,
      },
      ["token/size.two"],
    ],
    [
      "of several parts asks for all of them",
      { types: ["token"], tags: ["brand"], entities: ["token/color.link"], closed: false },
      ["token/color.link"],
    ],
    [
      "that is closed takes along what is referred to, however far",
      { entities: ["component/Button"], closed: true },
      ["component/Button", "token/color.blue", "token/color.link"],
    ],
  ]
  it.each(cases)("%s", async (_, select, expected) => {
    const ana = seeded()
    const written = await extracted(ana, select)
    expect(namesIn(written)).toEqual(expected)
    expect(written.manifest).toMatchObject({
      logs: [],
      events: 0,
      entities: expected.length,
      digest: ana.digest(),
      frontier: ana.lines.frontier(),
    })
    await checked(written.path)
  })

  it("tells what was taken along, and what points beyond it", async () => {
    const ana = seeded()
    const closed = await extracted(ana, { types: ["component"], closed: true })
    expect(closed.takenAlong).toEqual([
      { type: "token", referredBy: "component", count: 2 },
      { type: "token", referredBy: "token", count: 1 },
    ])
    expect(closed.manifest.extract!.open).toEqual([
      { from: "component/Button", field: "tokens", to: "token/no.such" },
    ])
    const open = await extracted(ana, { entities: ["component/Button"], closed: false })
    expect(open.takenAlong).toEqual([])
    expect(open.manifest.extract!.open).toEqual([
      { from: "component/Button", field: "tokens", to: "token/color.link" },
      { from: "component/Button", field: "tokens", to: "token/no.such" },
    ])
  })

  it("never means what is deleted, nor nothing at all", async () => {
    const ana = seeded()
    const codeOf = async (select: Selection) => (await refusal(extracted(ana, select))).code
    expect(await codeOf({ types: ["style"], closed: true })).toBe("nothing-selected")
    expect(await codeOf({ tags: ["none"], closed: true })).toBe("nothing-selected")
    expect(await codeOf({ entities: ["style/gone"], closed: true })).toBe("entity-unknown")
    expect(await codeOf({ entities: ["token/a", "token/b"], closed: true })).toBe("entity-unknown")
  })

  it("names in the manifest only what it chose", async () => {
    const entities = ["component/Card", "token/size.secret-one"]
    const written = await extracted(seeded(), { types: ["component"], entities, closed: false })
    expect(written.manifest.extract!.selection.entities).toEqual(["component/Card"])
  })
})

describe("an extract", () => {
  it("shows no name and no value of what was not chosen", async () => {
    const written = await extracted(seeded(), { groups: ["color"], closed: true })
    for (const [name, bytes] of storedMembers(written)) {
      for (const hidden of ["secret-one", "Button", "file 1", "asset", "gone"]) {
        expect(bytes.includes(hidden), `${hidden} in ${name}`).toBe(false)
      }
    }
  })

  it("is the same from every replica of one state", async () => {
    const ana = seeded()
    const bo = stage.replica("bo")
    // Bo's tables hold the same entities in other rows.
    setToken(bo, "zzz", "1")
    await taken((await stage.exported(bo)).path, ana)
    await taken((await stage.exported(ana)).path, bo)
    const select: Selection = { tags: ["brand"], closed: true }
    const [one, two] = [await extracted(ana, select, false), await extracted(bo, select, false)]
    expect(fileHash(two.path)).toBe(fileHash(one.path))
  })

  it("changes nothing where it is made", async () => {
    const ana = seeded()
    ana.signOwnHead()
    const before = contentOf(ana)
    await extracted(ana, { types: ["token"], closed: true })
    expect(contentOf(ana)).toBe(before)
  })

  it("says which events each state comes from", async () => {
    const ana = seeded()
    const written = await extracted(ana, { entities: ["token/colorful"], closed: true })
    const lines = memberText(storedMembers(written), proofsPath).trimEnd().split("\n")
    const proofs = lines.map((line) => JSON.parse(line) as { readonly heads?: unknown })
    const place = ana.projection.stateOf("token", "colorful")!.heads[0]!
    expect(proofs.filter(({ heads }) => heads !== undefined)).toMatchObject([
      { heads: [{ hash: place.hash, node: ana.node, seq: 3 }] },
    ])
  })

  it("is refused by a merge, which names import", async () => {
    const { path } = await extracted(seeded(), { types: ["token"], closed: true })
    const refused = await refusal(taken(path, stage.replica("bo")))
    expect(refused).toMatchObject({ code: "archive-extract", stage: "manifest" })
    expect(refused.remedy).toContain("lamplog import")
  })

  it("is proven at random sizes and selections", async () => {
    const seed = 20_261_124
    const random = new Random(seed)
    for (let round = 0; round < 8; round++) {
      const replica = stage.replica(`r${round}`)
      const count = random.between(2, 120)
      const changes = Array.from({ length: count }, (_, index) => ({
        op: "put" as const,
        type: random.pick(["token", "asset", "component"]),
        id: `e${index}`,
        fields: { tags: [`t${index % 5}`], tokens: [`e${random.between(0, count)}`] },
      }))
      new Author(replica).write(changes, { actor: "ana" })
      const closed = random.between(0, 1) === 1
      const written = await extracted(replica, { tags: ["t1"], closed })
      await checked(written.path)
      // However few proofs wait in memory at once.
      for (const runProofs of [1, 20]) await checked(written.path, runProofs)
      expect(namesIn(written).length, `seed ${seed} round ${round}`).toBe(written.manifest.entities)
    }
  })
})

const replaced = (path: string, change: (text: string) => string) => (all: Map<string, string>) =>
  void all.set(path, change(all.get(path)!))

const linesOf = (text: string): Array<string> => text.trimEnd().split("\n")
const textOf = (lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\n`).join("")

const isOfExtract = (line: string): boolean => line.includes('"heads"')
const isBucket = (line: string): boolean => line.includes('"bucket"')

describe("a forged extract is found out", () => {
  const select: Selection = { groups: ["color"], closed: true }
  type Attempt = readonly [
    what: string,
    code: string,
    change: (members: Map<string, string>) => void,
    manifest?: (manifest: Manifest) => Manifest,
  ]
  const attempts: ReadonlyArray<Attempt> = [
    [
      "a value is changed",
      "proof-mismatch",
      replaced(snapshotPath, (text) => text.replace("#00f", "#00e")),
    ],
    [
      "an entity is left out",
      "snapshot-mismatch",
      replaced(snapshotPath, (text) => textOf(linesOf(text).slice(1))),
    ],
    [
      "an entity is left out and not counted",
      "proof-mismatch",
      replaced(snapshotPath, (text) => textOf(linesOf(text).slice(1))),
      (manifest) => ({ ...manifest, entities: 2, itemCounts: { token: 2 } }),
    ],
    [
      "an entity is made up",
      "proof-mismatch",
      replaced(snapshotPath, (text) =>
        textOf([
          ...linesOf(text),
          '{"conflicts":[],"deleted":false,"fields":{},"id":"x","type":"token"}',
        ]),
      ),
      (manifest) => ({ ...manifest, entities: 4, itemCounts: { group: 1, token: 3 } }),
    ],
    [
      "an entity is there twice",
      "snapshot-order",
      replaced(snapshotPath, (text) => textOf([...linesOf(text), linesOf(text).at(-1)!])),
    ],
    [
      "the proofs are for a changed value",
      "proof-mismatch",
      (members) => {
        const before = linesOf(members.get(snapshotPath)!).find((line) => line.includes("#00f"))!
        const after = before.replace("#00f", "#00e")
        const hash = (line: string) => sha256(`lamplog:leaf:1\n${line}`)
        replaced(snapshotPath, (text) => text.replace(before, after))(members)
        replaced(proofsPath, (text) => text.replace(hash(before), hash(after)))(members)
      },
    ],
    [
      "a bucket is left out",
      "proof-mismatch",
      replaced(proofsPath, (text) => {
        const lines = linesOf(text)
        const index = lines.findIndex(isBucket)
        return textOf(lines.toSpliced(index, 1))
      }),
    ],
    [
      "proofs are not in order",
      "proof-order",
      replaced(proofsPath, (text) => {
        const [first, second, ...rest] = linesOf(text)
        return textOf([second!, first!, ...rest])
      }),
    ],
    [
      "a line is no proof",
      "proof-line",
      replaced(proofsPath, (text) => textOf([...linesOf(text), '{"name":"x"}'])),
    ],
    [
      "a proof is not canonical",
      "not-canonical",
      replaced(proofsPath, (text) => text.replace('{"', '{ "')),
    ],
    [
      "an entity is said to be none of the extract",
      "proof-needless",
      replaced(proofsPath, (text) =>
        textOf(
          linesOf(text).map((line, index, all) =>
            index === all.findIndex(isOfExtract) ? line.replace(/"heads":\[.*\],/, "") : line,
          ),
        ),
      ),
    ],
    [
      "a head lies beyond the frontier",
      "proof-mismatch",
      replaced(proofsPath, (text) => text.replace(/"seq":\d+/, '"seq":9999')),
    ],
    [
      "the digest is another one",
      "proof-mismatch",
      () => {},
      (manifest) => ({ ...manifest, digest: "0".repeat(64) }),
    ],
    [
      "the selection is another one",
      "selection-mismatch",
      () => {},
      (manifest) => ({
        ...manifest,
        extract: { ...manifest.extract!, selection: { types: ["group"], closed: false } },
      }),
    ],
    [
      "it lists an open reference of what is not in it",
      "selection-mismatch",
      () => {},
      (manifest) => ({
        ...manifest,
        extract: {
          ...manifest.extract!,
          open: [{ from: "token/none", field: "value", to: "token/other" }],
        },
      }),
    ],
    [
      "it lists as left out what is in it",
      "selection-mismatch",
      () => {},
      (manifest) => ({
        ...manifest,
        extract: {
          ...manifest.extract!,
          open: [{ from: "token/color.link", field: "value", to: "token/color.blue" }],
        },
      }),
    ],
  ]
  const named = attempts.map(([what, code, change, manifest]) => ({ what, code, change, manifest }))
  it.each(named)("when $what: $code", async ({ code, change, manifest }) => {
    const written = await extracted(seeded(), select)
    expect((await refusal(checked(await forged(stage, written, change, manifest)))).code).toBe(code)
  })
})
