/**
 * What goes into an archive comes out of it, whole, and only adds.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { ArchiveProgress } from "../../src/archive/archive.ts"
import { segmentPath, snapshotPath } from "../../src/archive/archive.ts"
import { inspectArchive } from "../../src/archive/inspect.ts"
import { openArchive } from "../../src/archive/open.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { verifyHead } from "../../src/event/hash.ts"
import { segmentBytesMax } from "../../src/log/segment.ts"
import { Author } from "../../src/store/author.ts"
import { openConflicts } from "../../src/store/query.ts"
import { Replica } from "../../src/store/replica.ts"
import { contentOf, fileHash, setToken, Stage, taken, verified } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

/** A project with several types, a tombstone, a conflict and text beyond ASCII. */
const seeded = async (): Promise<readonly [Replica, Replica]> => {
  const ana = stage.replica("ana")
  const bo = stage.replica("bo")
  const write = new Author(ana)
  write.write(
    [
      { op: "put", type: "token", id: "blue", fields: { value: "#00f", tags: ["a", "ü"] } },
      { op: "put", type: "token", id: "10", fields: { value: "#111", modes: { 1: "x", dark: 2 } } },
      { op: "put", type: "component", id: "Knöpf/🔘", fields: { name: "tab\there\nand there" } },
    ],
    { actor: "ana", at: "2026-01-01T00:00:00Z", reason: "begin" },
  )
  write.write([{ op: "delete", type: "token", id: "10" }], { actor: "ana" })
  const { path } = await stage.exported(ana)
  await taken(path, bo)
  setToken(ana, "blue", "#001")
  setToken(bo, "blue", "#002")
  await taken((await stage.exported(bo)).path, ana)
  return [ana, bo]
}

const listed = async <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for await (const item of items) all.push(item)
  return all
}

describe("an archive", () => {
  it("brings a new replica to the exporter's state, conflicts and tombstones too", async () => {
    const [ana] = await seeded()
    const { path, manifest } = await stage.exported(ana)
    const cy = stage.replica("cy")
    const received = await taken(path, cy)
    expect(received.events).toBe(manifest.events)
    expect(cy.digest()).toBe(ana.digest())
    expect(cy.lines.frontier()).toEqual(ana.lines.frontier())
    expect(openConflicts(cy)).toEqual(openConflicts(ana))
    expect(openConflicts(cy)).toHaveLength(1)
  })

  it("changes nothing when it is taken a second time", async () => {
    const [ana, bo] = await seeded()
    const { path } = await stage.exported(ana)
    await taken(path, bo)
    const before = contentOf(bo)
    const again = await taken(path, bo)
    expect(again).toMatchObject({ events: 0, setAside: 0, forks: [] })
    expect(contentOf(bo)).toBe(before)
  })

  it("adds nothing when it is older than what is held", async () => {
    const [ana] = await seeded()
    const { path } = await stage.exported(ana)
    setToken(ana, "red", "#f00")
    const before = contentOf(ana)
    expect((await taken(path, ana)).events).toBe(0)
    expect(contentOf(ana)).toBe(before)
  })

  it("says in its manifest what it holds", async () => {
    const [ana] = await seeded()
    const { path, fileSize, exportHash, manifest } = await stage.exported(ana)
    expect(manifest).toMatchObject({
      project: ana.project,
      name: "stage",
      schema: { name: "design-system" },
      itemCounts: { component: 1, token: 1 },
      events: 6,
      entities: 3,
      conflicts: 1,
      setAside: 0,
      digest: ana.digest(),
      frontier: ana.lines.frontier(),
    })
    const inspected = await Effect.runPromise(inspectArchive(path))
    expect(inspected).toMatchObject({ path, fileSize, exportHash, manifest, encrypted: false })
  })

  it("shows its snapshot entity by entity, by type and id", async () => {
    const [ana] = await seeded()
    const { path } = await stage.exported(ana)
    const entities = await Effect.runPromise(
      Effect.scoped(
        Effect.flatMap(openArchive(path), (archive) =>
          Effect.promise(async () => await listed(archive.snapshot())),
        ),
      ),
    )
    expect(entities.map(({ type, id, deleted }) => [type, id, deleted])).toEqual([
      ["component", "Knöpf/🔘", false],
      ["token", "10", true],
      ["token", "blue", false],
    ])
    expect(openConflicts(ana)).toMatchObject(entities[2]!.conflicts)
    expect(entities[2]!.conflicts).toHaveLength(1)
  })

  it("holds nothing but its members' names and a snapshot when the project is empty", async () => {
    const ana = stage.replica("ana")
    const { path, manifest } = await stage.exported(ana)
    expect(manifest.members.map((member) => member.path)).toEqual([snapshotPath])
    const bo = stage.replica("bo")
    expect((await taken(path, bo)).events).toBe(0)
    expect(await verified(path)).toMatchObject({ ok: true, findings: [] })
  })

  it("carries the exporter's signature over its own log, and others' as they came", async () => {
    const [ana, bo] = await seeded()
    const { manifest } = await stage.exported(ana)
    expect(manifest.logs).toHaveLength(2)
    for (const { node, publicKey, signature, to, head } of manifest.logs) {
      expect(verifyHead(publicKey, signature!, ana.project, node, to, head)).toBe(true)
    }
    expect(manifest.logs.map(({ node }) => node).sort()).toEqual([ana.node, bo.node].sort())
  })

  it("holds what another handle has written meanwhile, or nothing of it", async () => {
    const ana = stage.replica("ana")
    for (let index = 0; index < 20; index++) setToken(ana, `t${index}`, "x".repeat(60_000))
    const held = ana.lines.frontier()
    let wrote = false
    const { manifest, path } = await stage.exported(ana, {
      onProgress: () => {
        if (!wrote) setToken(ana, "late", "#fff")
        wrote = true
      },
    })
    expect(wrote).toBe(true)
    expect(manifest.frontier).toEqual(held)
    expect(await verified(path)).toMatchObject({ ok: true })
  })

  it("can be made of whatever can be written, odd names of types too", async () => {
    const ana = stage.replica("ana", { schema: "open" })
    const bo = stage.replica("bo", { schema: "open" })
    const write = (type: string) =>
      new Author(ana).write([{ op: "put", type, id: "10", fields: { value: 1 } }], { actor: "ana" })
    for (const type of ["10", "toString", "hasOwnProperty", "ä ö", '"']) write(type)
    for (const type of ["__proto__", "constructor", "prototype"]) {
      expect(() => write(type)).toThrow(/entity type/)
    }
    const { path, manifest } = await stage.exported(ana)
    expect(Object.keys(manifest.itemCounts)).toHaveLength(5)
    await taken(path, bo)
    expect(bo.digest()).toBe(ana.digest())
  })

  it("holds all that another handle on the same project wrote, and leaves its log whole", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "first", "1")
    const again = Replica.open(ana.directory, {
      schemas: builtInSchemas(),
      stateDirectory: join(stage.folder, "state"),
    })
    try {
      expect(again.lines.eventCount).toBe(1)
      setToken(ana, "second", "2")
      const { manifest } = await stage.exported(again)
      expect(manifest).toMatchObject({ events: 2, logs: [{ to: 2 }] })
    } finally {
      again.close()
    }
    setToken(ana, "third", "3")
    const { path, manifest } = await stage.exported(ana)
    expect(manifest.events).toBe(3)
    expect(await verified(path)).toMatchObject({ ok: true, findings: [] })
  })

  it("reports how far it has come, to the end", async () => {
    const [ana, bo] = await seeded()
    const seen: Array<ArchiveProgress> = []
    const note = (progress: ArchiveProgress) => void seen.push(progress)
    const { path } = await stage.exported(ana, { onProgress: note })
    await taken(path, bo, note)
    for (const stageName of ["measuring", "writing", "receiving"]) {
      const last = seen.findLast((progress) => progress.stage === stageName)
      expect(last, stageName).toMatchObject({ done: last?.total })
    }
  })
})

describe("segments", () => {
  it("are cut after 4 MiB, and give the same log again", async () => {
    const ana = stage.replica("ana")
    const write = new Author(ana)
    for (let group = 0; group < 6; group++) {
      const changes = Array.from({ length: 10 }, (_, index) => ({
        op: "put" as const,
        type: "token",
        id: `t${group}.${index}`,
        fields: { description: `${group}.${index} ${"ä".repeat(50_000)}` },
      }))
      write.write(changes, { actor: "ana" })
    }
    const { path, manifest } = await stage.exported(ana)
    const [log] = manifest.logs
    expect(log!.members).toEqual([segmentPath(ana.node, 1), segmentPath(ana.node, 51)])
    const sizes = manifest.members.map(({ size }) => size)
    expect(sizes[0]).toBeGreaterThanOrEqual(segmentBytesMax)
    const bo = stage.replica("bo")
    await taken(path, bo)
    expect(bo.digest()).toBe(ana.digest())
    expect(fileHash((await stage.exported(bo)).path)).toBe(fileHash(path))
  })

  it("are never cut inside a transaction, however long it is", async () => {
    const ana = stage.replica("ana")
    const changes = Array.from({ length: 12 }, (_, index) => ({
      op: "put" as const,
      type: "token",
      id: `t${index}`,
      fields: { description: "x".repeat(500_000) },
    }))
    setToken(ana, "before", "1")
    new Author(ana).write(changes, { actor: "ana" })
    setToken(ana, "after", "2")
    const { path, manifest } = await stage.exported(ana)
    expect(manifest.logs[0]!.members).toEqual([segmentPath(ana.node, 1), segmentPath(ana.node, 14)])
    expect(manifest.members[0]!.size).toBeGreaterThan(segmentBytesMax + 1_000_000)
    const bo = stage.replica("bo")
    expect((await taken(path, bo)).events).toBe(14)
    expect(await verified(path)).toMatchObject({ ok: true })
  })
})

describe("an archive since a frontier", () => {
  it("brings a reader who holds that frontier up to date", async () => {
    const [ana, bo] = await seeded()
    await taken((await stage.exported(ana)).path, bo)
    const since = bo.lines.frontier()
    setToken(ana, "green", "#0f0")
    const { path, manifest } = await stage.exported(ana, { since })
    expect(manifest.events).toBe(1)
    expect(manifest.frontier).toEqual(ana.lines.frontier())
    expect((await taken(path, bo)).events).toBe(1)
    expect(bo.digest()).toBe(ana.digest())
  })

  it("holds no event for a reader who lacks none", async () => {
    const [ana] = await seeded()
    const { manifest } = await stage.exported(ana, { since: ana.lines.frontier() })
    expect(manifest).toMatchObject({ events: 0, logs: [] })
  })

  it("is refused when nobody here knows that frontier", async () => {
    const [ana] = await seeded()
    const since = { [ana.node]: { seq: 99, hash: "0".repeat(64) } }
    await expect(stage.exported(ana, { since })).rejects.toMatchObject({ code: "frontier-unknown" })
    expect(readdirSync(stage.folder).filter((name) => name.endsWith(".part"))).toEqual([])
  })
})
