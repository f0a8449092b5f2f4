/**
 * Two replicas exchange what the other lacks: how much is sent, what is kept when it breaks off, how
 * branches and rollbacks are found.
 */
import { copyFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { databaseFile } from "../../src/store/database.ts"
import { readCursor, readMeetings, saveMeeting } from "../../src/store/meetings.ts"
import type { Replica } from "../../src/store/replica.ts"
import { frontierWithWaiting, waitingSummary } from "../../src/store/waiting.ts"
import type { Local } from "../../src/sync/local.ts"
import { outgoing } from "../../src/sync/outgoing.ts"
import { peerOf } from "../../src/sync/peer.ts"
import type { Peer } from "../../src/sync/remote.ts"
import { localOf } from "../../src/sync/replica-local.ts"
import { linesBytesMax, protocolVersion } from "../../src/sync/segment.ts"
import type { Batch } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import { memoryRemote } from "../../src/testing/memory-peer.ts"
import type { Change } from "../../src/state/change.ts"
import { seedOf, Shelf, write } from "../store/replicas.ts"
import { sync } from "./pieces.ts"

const project = "aaaqeayeaudaocajbifqydiob4"
const { signal } = new AbortController()

const put = (id: string, value: string): Change => ({
  op: "put",
  type: "token",
  id,
  fields: { value },
})

/** Events by the thousand, each in a transaction of its own, committed together. */
const writeMany = (replica: Replica, count: number, name: string): void => {
  for (let from = 0; from < count; from += 5000) {
    replica.transaction(() => {
      for (let at = from; at < Math.min(from + 5000, count); at++) {
        write(replica, [put(`${name}${at % 500}`, `${at}`)])
      }
    })
  }
}

const localFor = (replica: Replica): Local => localOf(replica, async (step) => step())

const peerFor = (replica: Replica): Peer =>
  peerOf(localFor(replica), { changed: () => Promise.resolve() })

const hello = { version: protocolVersion, project, node: "a".repeat(26) }

describe("an exchange", () => {
  let shelf: Shelf
  let first: Replica
  let second: Replica
  const create = (name: string, seed = name): Replica => {
    const replica = shelf.create(name, {
      project,
      seed: seedOf(seed),
      stateDirectory: shelf.path(`state of ${name}`),
    })
    replica.sqlite.pragma("synchronous = OFF")
    return replica
  }

  beforeEach(() => {
    shelf = new Shelf()
    first = create("first")
    second = create("second")
  })
  afterEach(() => shelf.remove())

  it("of 10 events that lack among 100,000 takes one request and bytes for those 10", async () => {
    writeMany(first, 100_000, "t")
    sync(first, second)
    writeMany(first, 10, "u")
    const remote = memoryRemote(peerFor(first))
    const local = localFor(second)
    const { since } = await local.stand()
    let events = 0
    const take = async (batch: Batch) => {
      const taken = await local.take(batch)
      events += taken.events
      return taken
    }
    const { frontier } = await remote.pull({ ...hello, since }, take, signal)
    expect(events).toBe(10)
    expect(remote.traffic.roundTrips).toBe(1)
    expect(remote.traffic.receivedBytes).toBeLessThan(10 * 400)
    expect(frontier).toEqual(second.lines.frontier())
    expect(second.digest()).toBe(first.digest())
  })

  it("sends nothing to somebody who is ahead, and says of which log that is not known", async () => {
    writeMany(first, 3, "t")
    sync(first, second)
    writeMany(first, 3, "u")
    const ahead = first.lines.frontier()
    const answer = await peerFor(second).answerPull({ ...hello, since: ahead }, signal)
    expect(answer.unsure).toEqual([first.node])
    const batches: Array<Batch> = []
    for await (const batch of answer.batches) batches.push(batch)
    expect(batches).toEqual([])
  })

  it("of two branches begins near where they part, however long the log is", async () => {
    const twin = create("twin", "first")
    for (const replica of [first, twin]) writeMany(replica, 2000, "t")
    writeMany(first, 7, "mine")
    writeMany(twin, 5, "theirs")
    const local = localFor(first)
    const peer = peerFor(twin)
    const { since } = await local.stand()
    const asked = await peer.answerPull({ ...hello, since }, signal)
    expect(asked.unsure).toEqual([first.node])
    expect(await local.unknownHeads(asked.frontier)).toEqual([first.node])

    const points = await local.pointsOf(asked.unsure)
    expect(points[first.node]!.length).toBeLessThan(16)
    const answer = await peer.answerPull({ ...hello, since, points }, signal)
    let sent = 0
    let forks = 0
    for await (const batch of answer.batches) {
      for (const { from, to } of batch) sent += to - from + 1
      forks += (await local.take(batch)).forks.length
    }
    expect(sent).toBeGreaterThanOrEqual(5)
    expect(sent).toBeLessThanOrEqual(5 + 7)
    expect(forks).toBe(1)
    sync(first, twin)
    expect(twin.lines.frontier()).toEqual(first.lines.frontier())
    expect(Object.keys(first.lines.frontier())).toHaveLength(2)
    expect(twin.digest()).toBe(first.digest())
  })

  it("tells a replica that was rolled back, which goes on under a new id", () => {
    writeMany(first, 3, "t")
    first.sqlite.pragma("wal_checkpoint(TRUNCATE)")
    const saved = shelf.path("saved.db")
    copyFileSync(first.path, saved)
    writeMany(first, 3, "u")
    sync(first, second)
    const { node } = first
    shelf.close(first)
    // Its record is lost with the disk: nothing here tells of the rollback.
    rmSync(shelf.path("state of first"), { recursive: true, force: true })
    for (const end of ["-wal", "-shm"])
      rmSync(join(shelf.path("first"), databaseFile + end), { force: true })
    copyFileSync(saved, join(shelf.path("first"), databaseFile))
    const restored = shelf.open("first", { stateDirectory: shelf.path("state of first") })
    expect(restored.lines.frontier()[node]!.seq).toBe(3)
    sync(second, restored)
    expect(restored.fence).toBe("ahead-elsewhere")
    write(restored, [put("later", "1")])
    expect(restored.node).not.toBe(node)
    expect(restored.continuation).toMatchObject({ node, seq: 6 })
    sync(restored, second)
    expect(second.lines.frontier()).toEqual(restored.lines.frontier())
  })

  it("keeps the cursor with the events, or neither", () => {
    writeMany(first, 20, "t")
    const [batch] = [...outgoing(first, {})]
    const before = second.digest()
    for (const table of ["meetings", "events"]) {
      second.sqlite.exec(
        `CREATE TEMP TRIGGER breaks BEFORE INSERT ON main.${table} ${table === "events" ? "WHEN NEW.event % 4294967296 = 11" : ""} BEGIN SELECT RAISE(ABORT, 'broken'); END`,
      )
      expect(() => takeBatch(second, batch!, { remote: "r", text: "7" })).toThrow("broken")
      second.sqlite.exec("DROP TRIGGER breaks")
      expect(second.lines.eventCount).toBe(0)
      expect(second.sqlite.prepare("SELECT count(*) FROM events").pluck().get()).toBe(0)
      expect(second.digest()).toBe(before)
      expect(readCursor(second, "r")).toBeUndefined()
    }
    expect(takeBatch(second, batch!, { remote: "r", text: "7" }).events).toBe(20)
    expect(readCursor(second, "r")).toBe("7")
  })

  it("remembers a meeting beside the cursor", () => {
    writeMany(first, 2, "t")
    const frontier = first.lines.frontier()
    takeBatch(second, [], { remote: "r", text: "7" })
    saveMeeting(second, { remote: "r", frontier, metAt: "2026-01-02T03:04:05Z" })
    takeBatch(second, [], { remote: "r", text: "8" })
    expect(readMeetings(second)).toEqual([
      { remote: "r", cursor: "8", frontier, metAt: "2026-01-02T03:04:05Z" },
    ])
  })

  it("carries a transaction that is longer than a segment in parts, and goes on after a crash", () => {
    const value = "x".repeat(900_000)
    write(first, [put("before", "1")])
    write(
      first,
      Array.from({ length: 12 }, (_, at) => put(`long ${at}`, value)),
    )
    write(first, [put("after", "1")])
    const batches = [...outgoing(first, {})]
    const parts = batches.slice(1)
    expect(parts.length).toBeGreaterThanOrEqual(3)
    for (const [segment] of batches) expect(segment!.size).toBeLessThanOrEqual(linesBytesMax)
    expect(takeBatch(second, batches[0]!)).toMatchObject({ events: 1, waiting: 0 })
    expect(takeBatch(second, parts[0]!)).toMatchObject({ events: 0, refused: [] })
    expect(waitingSummary(second).nodes).toMatchObject([{ node: first.node, reason: "incomplete" }])

    shelf.close(second)
    const again = shelf.open("second", { stateDirectory: shelf.path("state of second") })
    const since = frontierWithWaiting(again)
    expect(since[first.node]!.seq).toBe(parts[0]![0]!.to)
    expect(again.lines.frontier()[first.node]!.seq).toBe(1)
    const rest = [...outgoing(first, since)]
    expect(rest[0]![0]!.from).toBe(parts[0]![0]!.to + 1)
    for (const batch of rest) expect(takeBatch(again, batch).refused).toEqual([])
    expect(again.lines.frontier()).toEqual(first.lines.frontier())
    expect(again.digest()).toBe(first.digest())
    expect(waitingSummary(again).events).toBe(0)
  })

  it("of many logs gives batches that each build only on those before them", () => {
    const replicas = Array.from({ length: 5 }, (_, at) => create(`writer ${at}`))
    const text = "y".repeat(20_000)
    for (let round = 0; round < 120; round++) {
      const writer = replicas[round % 5]!
      if (round > 0) sync(replicas[(round - 1) % 5]!, writer)
      write(writer, [put(`t${round % 7}`, `${round}${text}`), put(`s${round % 11}`, text + round)])
    }
    const full = replicas[119 % 5]!
    const batches = [...outgoing(full, {})]
    expect(batches.length).toBeGreaterThan(1)
    for (const batch of batches) {
      expect(new Set(batch.map(({ node }) => node)).size).toBe(5)
      expect(takeBatch(second, batch)).toMatchObject({ waiting: 0, refused: [] })
    }
    expect(second.digest()).toBe(full.digest())
  })

  it("with somebody of another project or of a later protocol is refused", async () => {
    const peer = peerFor(first)
    await expect(
      peer.answerPull({ ...hello, project: "b".repeat(26), since: {} }, signal),
    ).rejects.toMatchObject({ code: "other-project" })
    await expect(
      peer.answerPull({ ...hello, version: protocolVersion + 1, since: {} }, signal),
    ).rejects.toMatchObject({ code: "protocol-newer" })
  })
})
