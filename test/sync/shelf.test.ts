/**
 * Shelves: what is held is told by one listing, only what is lacking is read, and nothing that others
 * leave, lose or spoil there does harm.
 */
import { describe, expect, it } from "vitest"
import type { Remote } from "../../src/sync/remote.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { encodeSegment, segmentFrom } from "../../src/sync/segment.ts"
import { oddFilesMax } from "../../src/sync/shelf-files.ts"
import { newestRunsKept, smallRunsMax } from "../../src/sync/shelf-tidy.ts"
import { shelfRemote } from "../../src/sync/shelf.ts"
import type { ShelfStorage } from "../../src/sync/shelf-storage.ts"
import { memoryStorage } from "../../src/testing/memory-shelf.ts"
import type { MemoryStorage } from "../../src/testing/memory-shelf.ts"
import { sha256 } from "../../src/event/hash.ts"
import { projectId } from "../log/forge.ts"
import { ShelfTraffic } from "./shelf-traffic.ts"
import { description, logOf, push, Reader, segmentOf, unstopped } from "./shelf-reader.ts"

const counted = (place: ShelfStorage) => {
  const count = new ShelfTraffic()
  return { count, storage: count.counted(place) }
}

const eventsFiles = (storage: MemoryStorage): ReadonlyArray<string> =>
  [...storage.files.keys()].filter((name) => name.endsWith(".events"))

/** Pushes a log in runs of so many events. */
const pushInRuns = async (remote: Remote, log: ReturnType<typeof logOf>, length: number) => {
  const end = log.from + log.lines.length - 1
  for (let from = log.from; from <= end; from += length) {
    await push(remote, segmentOf(log, from, Math.min(end, from + length - 1)))
  }
}

describe("a shelf", () => {
  it("gives everything to a newcomer, and tells that it holds the same", async () => {
    const storage = memoryStorage()
    const [one, two] = [logOf("one", 30), logOf("two", 20)]
    const pushed = await push(
      shelfRemote(storage),
      segmentOf(one, 1, 30),
      segmentOf(two, 1, 7),
      segmentOf(two, 8, 20),
    )
    expect(pushed.events).toBe(50)
    const reader = new Reader()
    const { frontier, unsure } = await reader.pull(shelfRemote(storage))
    expect(unsure).toEqual([])
    expect(frontier).toEqual(pushed.frontier)
    expect(reader.frontier).toEqual(frontier)
    expect(reader.events).toBe(50)
  })

  it("describes the projects that lie there, and no others", async () => {
    const storage = memoryStorage()
    await push(shelfRemote(storage), segmentOf(logOf("one", 1), 1, 1))
    storage.files.set("elsewhere/project.json", Buffer.from("{}"))
    storage.files.set(`${"b".repeat(26)}/project.json`, Buffer.from("{"))
    expect(await shelfRemote(storage).describe(unstopped)).toEqual([description])
  })

  it("reads only what is lacking, after one listing, however long the log is", async () => {
    for (const length of [100, 1000]) {
      const place = memoryStorage()
      const log = logOf("long", length + 10)
      await pushInRuns(shelfRemote(place), segmentLog(log, length), Math.ceil(length / 3))
      await push(shelfRemote(place), segmentOf(log, length + 1, length + 10))
      const last = segmentOf(log, length + 1, length + 10)
      const reader = new Reader().learn(segmentOf(log, 1, length))
      const { count, storage } = counted(place)
      await reader.pull(shelfRemote(storage))
      expect(count).toMatchObject({ listings: 1, reads: 1, bytesRead: encodeSegment(last).length })
      expect(reader.events).toBe(length + 10)
    }
  })

  it("reads nothing for somebody who holds the same, or more", async () => {
    const place = memoryStorage()
    const log = logOf("one", 40)
    await pushInRuns(shelfRemote(place), segmentLog(log, 30), 10)
    for (const upTo of [30, 40]) {
      const { count, storage } = counted(place)
      const { unsure } = await new Reader()
        .learn(segmentOf(log, 1, upTo))
        .pull(shelfRemote(storage))
      expect(count).toMatchObject({ listings: 1, reads: 0 })
      expect(unsure).toEqual(upTo === 30 ? [] : [log.node])
    }
  })

  it("gives logs that build on each other in the order of their clocks", async () => {
    const storage = memoryStorage()
    const [one, two] = [logOf("one", 200, undefined, 40_000), logOf("two", 200, undefined, 40_000)]
    for (const log of [one, two]) await pushInRuns(shelfRemote(storage), log, 100)
    const reader = new Reader()
    await reader.pull(shelfRemote(storage))
    expect(reader.given.map(({ from }) => from)).toEqual([1, 1, 101, 101])
  })

  it("lists again when files go away under its hands", async () => {
    const place = memoryStorage()
    const log = logOf("one", 20)
    await pushInRuns(shelfRemote(place), log, 10)
    const names = eventsFiles(place)
    const whole = segmentOf(log, 1, 20)
    let merged = false
    const storage: ShelfStorage = {
      ...place,
      read: async (name, bytesMax, signal) => {
        if (!merged && name.includes("/logs/")) {
          merged = true
          for (const old of names) place.files.delete(old)
          await push(shelfRemote(place), whole)
        }
        return place.read(name, bytesMax, signal)
      },
    }
    const reader = new Reader()
    const { frontier } = await reader.pull(shelfRemote(storage))
    expect(reader.events).toBe(20)
    expect(frontier).toEqual({ [log.node]: { seq: 20, hash: whole.head } })
  })
})

/** The first events of a log, as a log. */
const segmentLog = (log: ReturnType<typeof logOf>, events: number) =>
  Object.assign(Object.create(Object.getPrototypeOf(log) as object), log, {
    lines: log.lines.slice(0, events),
  }) as ReturnType<typeof logOf>

describe("a shelf with forks", () => {
  const trunk = logOf("forked", 30)
  const branch = logOf("forked", 25, { log: trunk, events: 10 })
  const one = [segmentOf(trunk, 1, 10), segmentOf(trunk, 11, 30)]
  const other = [segmentOf(branch, 11, 35)]

  it("holds both branches, under names of the node", async () => {
    const storage = memoryStorage()
    await push(shelfRemote(storage), ...one, ...other)
    const reader = new Reader()
    const { frontier } = await reader.pull(shelfRemote(storage))
    expect(Object.keys(frontier)).toEqual([trunk.node, `${trunk.node}-${one[1]!.head.slice(0, 8)}`])
    expect(reader.events).toBe(55)
  })

  it("gives the shorter branch to those who hold the longer one, when they tell where they are", async () => {
    const storage = memoryStorage()
    await push(shelfRemote(storage), ...one, ...other)
    for (const [held, lacked] of [
      [other, one[1]!],
      [[one[1]!], other[0]!],
    ] as const) {
      const reader = new Reader().learn(one[0]!, ...held)
      const holdings = await reader.meet(shelfRemote(storage))
      expect(reader.holds({ seq: lacked.to, hash: lacked.head })).toBe(true)
      expect(reader.events).toBe(55)
      expect(Object.values(holdings.frontier).every((head) => reader.holds(head))).toBe(true)
    }
  })

  it("does not take a shorter run for a branch once it has been looked at", async () => {
    const place = memoryStorage()
    await push(shelfRemote(place), segmentOf(trunk, 1, 30), segmentOf(trunk, 1, 20))
    expect(eventsFiles(place)).toHaveLength(1)
    const reader = new Reader().learn(segmentOf(trunk, 1, 30))
    const { frontier } = await reader.pull(shelfRemote(place))
    expect(frontier).toEqual(reader.frontier)
  })

  it("cuts a run from whose middle a branch goes on, so that the branch counts as held", async () => {
    for (const length of [15, 25]) {
      const storage = memoryStorage()
      await push(shelfRemote(storage), segmentOf(trunk, 1, 30))
      const pushed = await push(shelfRemote(storage), segmentOf(branch, 11, 10 + length))
      expect(Object.keys(pushed.frontier)).toHaveLength(2)
      expect(eventsFiles(storage)).toHaveLength(3)
      const reader = new Reader().learn(segmentOf(trunk, 1, 30))
      await reader.meet(shelfRemote(storage))
      expect(reader.events).toBe(30 + length)
    }
  })
})

describe("a shelf on which things break", () => {
  const log = logOf("one", 30)
  const runs = [segmentOf(log, 1, 10), segmentOf(log, 11, 20), segmentOf(log, 21, 30)]

  const filled = async (): Promise<MemoryStorage> => {
    const storage = memoryStorage()
    await push(shelfRemote(storage), ...runs)
    return storage
  }

  it("does not count a file that is shorter or longer than its name says", async () => {
    for (const spoil of [
      (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2),
      (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from("x")]),
      () => new Uint8Array(0),
    ]) {
      const storage = await filled()
      const name = eventsFiles(storage)[1]!
      storage.files.set(name, spoil(storage.files.get(name)!))
      const reader = new Reader()
      const { frontier } = await reader.pull(shelfRemote(storage))
      expect(frontier).toEqual({ [log.node]: { seq: 10, hash: runs[0]!.head } })
      expect(reader.events).toBe(10)
      await push(shelfRemote(storage), runs[1]!)
      await reader.pull(shelfRemote(storage))
      expect(reader.events).toBe(30)
    }
  })

  it("moves a damaged file aside, so that the next who holds the events writes them again", async () => {
    const length = encodeSegment(runs[1]!).length
    for (let at = 0; at < length; at += 97) {
      const storage = await filled()
      const name = eventsFiles(storage)[1]!
      const bytes = Uint8Array.from(storage.files.get(name)!)
      bytes[at] = bytes[at]! ^ 4
      storage.files.set(name, bytes)
      const reader = new Reader()
      const { frontier } = await reader.pull(shelfRemote(storage))
      expect(frontier).toEqual({ [log.node]: { seq: 10, hash: runs[0]!.head } })
      expect([...storage.files.keys()]).toContain(`${name}.damaged`)
      await push(shelfRemote(storage), runs[1]!)
      await reader.pull(shelfRemote(storage))
      expect(reader.events).toBe(30)
    }
  })

  it("does not count a damaged file that it may not move", async () => {
    const place = await filled()
    const name = eventsFiles(place)[1]!
    place.files.set(name, Buffer.alloc(place.files.get(name)!.length))
    const denied = new LamplogError({ code: "remote-denied", message: "no", remedy: "none" })
    const storage = { ...place, setAside: () => Promise.reject(denied) }
    const remote = shelfRemote(storage)
    for (let meeting = 0; meeting < 2; meeting += 1) {
      const { frontier } = await new Reader().pull(remote)
      expect(frontier).toEqual({ [log.node]: { seq: 10, hash: runs[0]!.head } })
    }
    await push(remote, runs[1]!)
    const reader = new Reader()
    await reader.pull(remote)
    expect(reader.events).toBe(30)
  })

  it("does not believe a name that promises other events than are there", async () => {
    const storage = await filled()
    const [first, second] = eventsFiles(storage)
    // Same size, sound content, but that of other events.
    const content = storage.files.get(first!)!
    storage.files.set(second!, Uint8Array.from({ length: storage.files.get(second!)!.length }))
    storage.files.get(second!)!.set(content.subarray(0, storage.files.get(second!)!.length))
    const reader = new Reader()
    const { frontier } = await reader.pull(shelfRemote(storage))
    expect(frontier).toEqual({ [log.node]: { seq: 10, hash: runs[0]!.head } })
  })

  it("leaves files of a newer version where they are, and tells that there is more", async () => {
    const storage = await filled()
    const name = eventsFiles(storage)[2]!
    const bytes = Buffer.from(storage.files.get(name)!)
    bytes.set(Buffer.from('"version":2'), bytes.indexOf('"version":1'))
    // What comes after the head may be anything then.
    bytes.fill(0, bytes.indexOf(0x0a) + 1)
    storage.files.set(name, bytes)
    const reader = new Reader()
    const remote = shelfRemote(storage)
    const { frontier } = await reader.pull(remote)
    expect(reader.events).toBe(20)
    expect(frontier[log.node]!.seq).toBe(30)
    expect(storage.files.has(name)).toBe(true)
  })

  it("uses a file of which nothing but the version is damaged", async () => {
    const storage = await filled()
    const bytes = Buffer.from(storage.files.get(eventsFiles(storage)[1]!)!)
    bytes.set(Buffer.from('"version":3'), bytes.indexOf('"version":1'))
    storage.files.set(eventsFiles(storage)[1]!, bytes)
    const reader = new Reader()
    await reader.pull(shelfRemote(storage))
    expect(reader.events).toBe(30)
  })

  it("uses what is a segment under whatever name, and gives it its own", async () => {
    const names = [
      (name: string) => name.replace(".events", " (ada's conflicted copy 2026-11-24).events"),
      (name: string) => name.replace(".events", ".sync-conflict-20261124-032400-ABCDEFG.events"),
      (name: string) => name.replace(".events", " (1).events"),
      (name: string) => `${name}.tmp`,
      (name: string) => `${name}~`,
      (name: string) => name.replace(/[^/]*$/, "2"),
      (name: string) => name.replace(/[^/]*\/[^/]*$/, "deeper/and deeper/events"),
    ]
    for (const rename of names) {
      const storage = await filled()
      for (const name of eventsFiles(storage).slice(1, 2)) {
        storage.files.set(rename(name), storage.files.get(name)!)
        storage.files.delete(name)
      }
      const reader = new Reader()
      await reader.pull(shelfRemote(storage))
      expect(reader.events).toBe(30)
      const before = [...storage.files.values()].length
      await push(shelfRemote(storage), segmentOf(logOf("two", 1), 1, 1))
      expect(eventsFiles(storage).every((name) => /-[0-9]+\.events$/.test(name))).toBe(true)
      expect(storage.files.size).toBe(before + 1)
      const later = new Reader()
      await later.pull(shelfRemote(storage))
      expect(later.events).toBe(31)
    }
  })

  it("removes copies of what lies there under its own name", async () => {
    const storage = await filled()
    for (const name of eventsFiles(storage)) {
      storage.files.set(name.replace(".events", " (1).events"), storage.files.get(name)!)
    }
    await push(shelfRemote(storage), segmentOf(logOf("two", 1), 1, 1))
    expect(eventsFiles(storage)).toHaveLength(4)
  })

  it("reads so much foreign matter and no more, each file once", async () => {
    const place = await filled()
    for (let index = 0; index < 3 * oddFilesMax; index += 1) {
      place.files.set(`${projectId}/logs/holiday/${index}.jpeg`, Buffer.alloc(1000, index))
    }
    const { count, storage } = counted(place)
    const remote = shelfRemote(storage)
    for (const reads of [64, 128, 192, 192]) {
      const reader = new Reader().learn(...runs)
      await reader.pull(remote)
      expect(count.reads).toBe(reads)
    }
    const reader = new Reader()
    await reader.pull(shelfRemote(storage))
    expect(reader.events).toBe(30)
  })

  it("does not mix up projects", async () => {
    const storage = await filled()
    const foreign = { ...runs[0]!, project: "b".repeat(26) }
    storage.files.set(`${projectId}/logs/${log.node}/copy`, encodeSegment(foreign))
    const name = eventsFiles(storage)[0]!
    storage.files.set(name, encodeSegment(foreign))
    const reader = new Reader()
    const { frontier } = await reader.pull(shelfRemote(storage))
    expect(frontier).toEqual({})
    expect(reader.events).toBe(0)
  })

  it("does not ask again for what was refused though it is what it says", async () => {
    const place = memoryStorage()
    const remote = shelfRemote(place)
    await push(remote, ...runs)
    const refuse = async (batch: ReadonlyArray<{ node: string; from: number; to: number }>) => ({
      events: 0,
      waiting: 0,
      refused: batch
        .filter(({ from }) => from === 11)
        .map(({ node, from, to }) => ({ node, from, to, error: refusal })),
      forks: [],
    })
    const refusal = new LamplogError({ code: "clock-equation", message: "no", remedy: "none" })
    const request = { version: 1, project: projectId, node: "a".repeat(26), since: {} }
    const { frontier } = await remote.pull(request, refuse, unstopped)
    expect(frontier).toEqual({ [log.node]: { seq: 10, hash: runs[0]!.head } })
    expect(eventsFiles(place)).toHaveLength(3)
  })
})

describe("a shelf that is used for long", () => {
  it("keeps few files of a log, and writes each event again few times", async () => {
    const place = memoryStorage()
    const { count, storage } = counted(place)
    const log = logOf("busy", 600, undefined, 200)
    let most = 0
    let single = 0
    for (let seq = 1; seq <= 600; seq += 1) {
      const segment = segmentOf(log, seq, seq)
      single += encodeSegment(segment).length
      await push(shelfRemote(storage), segment)
      most = Math.max(most, eventsFiles(place).length)
    }
    expect(most).toBeLessThanOrEqual(smallRunsMax + 1)
    expect(count.bytesWritten).toBeLessThan(6 * single)
    const reader = new Reader()
    await reader.pull(shelfRemote(place))
    expect(reader.events).toBe(600)
    const nearly = new Reader().learn(segmentOf(log, 1, 600 - newestRunsKept))
    await nearly.pull(shelfRemote(place))
    expect(nearly.given).toHaveLength(newestRunsKept)
  })

  it("keeps a branch held while it merges what the branch parts from", async () => {
    const storage = memoryStorage()
    const log = logOf("one", 80)
    const branch = logOf("one", 5, { log, events: 3 })
    const end = branch.references.at(-1)!.hash
    for (let seq = 1; seq <= 80; seq += 1) {
      const also = seq === 4 ? [segmentOf(branch, 4, 8)] : []
      const { frontier } = await push(shelfRemote(storage), segmentOf(log, seq, seq), ...also)
      const hashes = Object.values(frontier).map(({ hash }) => hash)
      expect(hashes.includes(end)).toBe(seq >= 4)
      expect(hashes).toContain(log.references[seq - 1]!.hash)
    }
    expect(eventsFiles(storage).length).toBeLessThanOrEqual(smallRunsMax + 3)
  })

  it("loses nothing when two push and tidy the same at once", async () => {
    for (const writers of [["one"], ["one", undefined], [undefined, "one", undefined]]) {
      const storage = memoryStorage()
      const log = logOf("one", 120)
      const write = async (writer: string | undefined, length: number): Promise<void> => {
        for (let from = 1; from <= 120; from += length) {
          const segment = segmentOf(log, from, Math.min(120, from + length - 1), writer)
          await push(shelfRemote(storage), segment)
        }
      }
      await Promise.all(writers.flatMap((writer) => [write(writer, 2), write(writer, 3)]))
      await Promise.all(
        writers.map((writer) => push(shelfRemote(storage), segmentOf(log, 120, 120, writer))),
      )
      const reader = new Reader()
      await reader.pull(shelfRemote(storage))
      expect(reader.events).toBe(120)
    }
  })

  it("keeps the signature over the end of what it merges", async () => {
    const storage = memoryStorage()
    const log = logOf("signed", 60)
    for (let seq = 1; seq <= 60; seq += 1) {
      await push(shelfRemote(storage), segmentOf(log, seq, seq, "signed"))
    }
    const reader = new Reader()
    await reader.pull(shelfRemote(storage))
    expect(reader.events).toBe(60)
    expect(reader.given.every(({ signature }) => signature !== undefined)).toBe(true)
    expect(reader.given.length).toBeLessThan(60)
  })

  it("never removes what something else goes on from", async () => {
    const storage = memoryStorage()
    const log = logOf("one", 120)
    await push(shelfRemote(storage), segmentOf(log, 1, 50), segmentOf(log, 51, 120))
    await push(shelfRemote(storage), segmentOf(log, 1, 100))
    const { frontier } = await push(shelfRemote(storage), segmentOf(log, 101, 110))
    expect(frontier[log.node]).toEqual({ seq: 120, hash: log.references[119]!.hash })
    const reader = new Reader()
    await reader.pull(shelfRemote(storage))
    expect(reader.events).toBe(120)
  })

  it("keeps the signed one of two runs of the same events", async () => {
    const storage = memoryStorage()
    const log = logOf("one", 10)
    const signed = segmentOf(log, 1, 10, "one")
    await push(shelfRemote(storage), signed, segmentOf(log, 1, 10))
    expect(eventsFiles(storage)).toEqual([expect.stringMatching(/-signed\.events$/)])
  })

  it("does not merge what only looks as if it followed", async () => {
    const storage = memoryStorage()
    const log = logOf("one", 50)
    await pushInRuns(shelfRemote(storage), log, 10)
    const name = eventsFiles(storage)[2]!
    const run = segmentOf(log, 21, 30)
    const lied = segmentFrom(
      { ...run, previous: run.previous.slice(0, 8) + sha256("").slice(8) },
      Buffer.from("x"),
    )
    storage.files.set(name, encodeSegment(lied))
    const reader = new Reader()
    await reader.pull(shelfRemote(storage))
    expect(reader.events).toBe(20)
  })
})

describe("assets on a shelf", () => {
  const bytes = Buffer.from("a small lamp")
  const hash = sha256(bytes)
  const pieces = async function* (content: Uint8Array) {
    for (let at = 0; at < content.length; at += 5) yield content.subarray(at, at + 5)
  }
  const readAll = async (content: AsyncIterable<Uint8Array> | undefined): Promise<string> => {
    const chunks: Array<Uint8Array> = []
    for await (const chunk of content!) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }

  it("come back as they were given", async () => {
    const remote = shelfRemote(memoryStorage())
    expect(await remote.getAsset!(hash, unstopped)).toBeUndefined()
    await remote.putAsset!(hash, bytes.length, pieces(bytes), unstopped)
    expect(await remote.hasAssets!([hash, sha256("")], unstopped)).toEqual(new Set([hash]))
    expect(await readAll(await remote.getAsset!(hash, unstopped))).toBe("a small lamp")
  })

  it("are refused whole when they are not what their hash names", async () => {
    const storage = memoryStorage()
    const remote = shelfRemote(storage)
    for (const [content, size] of [
      [Buffer.from("a small camp"), bytes.length],
      [bytes.subarray(1), bytes.length],
      [bytes, bytes.length - 1],
    ] as const) {
      const put = remote.putAsset!(hash, size, pieces(content), unstopped)
      await expect(put).rejects.toMatchObject({ code: "asset-hash" })
    }
    expect(storage.assetFiles.size).toBe(0)
  })

  it("are moved aside when they turn out damaged", async () => {
    const storage = memoryStorage()
    const remote = shelfRemote(storage)
    storage.assetFiles.set(hash, Buffer.from("a small camp"))
    const read = readAll(await remote.getAsset!(hash, unstopped))
    await expect(read).rejects.toMatchObject({ code: "asset-hash" })
    expect(await remote.hasAssets!([hash], unstopped)).toEqual(new Set())
  })
})
