/**
 * The bytes of assets through remotes of every kind: whole or not at all, wherever they come from.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { openFolder } from "../../adapters/folder/index.ts"
import { openHttp, serveHttp } from "../../adapters/http/index.ts"
import { openNats } from "../../adapters/nats/index.ts"
import { assetsFromRemote, limitsByProfile } from "../../src/index.ts"
import type { OpenProject } from "../../src/index.ts"
import type { Peer, Remote } from "../../src/remote.ts"
import { memoryRemote } from "../../src/testing/index.ts"
import { Road } from "../adapters/http/road.ts"
import { startServer } from "../nats/server.ts"
import type { TestServer } from "../nats/server.ts"
import { ana, bo, Workshop } from "./workshop.ts"

const never = new AbortController().signal
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")

/** Bytes that cannot be made shorter, the same for the same seed. */
const noise = (seed: string, megabytes: number): Buffer => {
  const blocks: Array<Buffer> = []
  for (let index = 0; index < megabytes * 16_384; index++) {
    blocks.push(createHash("sha512").update(`${seed}${index}`).digest())
  }
  return Buffer.concat(blocks)
}

const large = noise("large", 3)
const another = noise("another", 3)

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}

const closing = <A extends { close(): Promise<void> }>(one: A): A => {
  onTestFinished(() => one.close())
  return one
}

/** Every file below the folder of assets of a replica, whole or on its way in. */
const filesOf = (workshop: Workshop, name: string): ReadonlyArray<string> => {
  const folder = workshop.at(`${name}/.lamplog/assets`)
  if (!existsSync(folder)) return []
  const all = readdirSync(folder, { recursive: true }).map(String)
  return all.filter((path) => statSync(join(folder, path)).isFile())
}

const bytesOf = async (project: OpenProject, idOrHash: string) => {
  const { fetchedFrom, stream } = await project.getAsset(idOrHash)
  return { fetchedFrom, bytes: Buffer.concat(await Array.fromAsync(stream)) }
}

/** Two replicas that hold nothing. */
const two = async () => {
  const workshop = new Workshop()
  const one = await workshop.project()
  const other = await workshop.replicaOf(one)
  const add = (project: OpenProject, id: string, bytes: Buffer) => {
    const path = workshop.at(`${id}.bin`)
    writeFileSync(path, bytes)
    return project.addAsset({ id, content: path }, project === one ? ana : bo)
  }
  return { workshop, one, other, add }
}

/** A peer, except for some of it. */
const changed = (peer: Peer, change: Partial<Peer>): Peer => ({
  description: peer.description,
  answerPull: (...given) => peer.answerPull(...given),
  answerPush: (...given) => peer.answerPush(...given),
  changed: (...given) => peer.changed(...given),
  getAsset: (...given) => peer.getAsset(...given),
  hasAssets: (...given) => peer.hasAssets(...given),
  putAsset: (...given) => peer.putAsset(...given),
  ...change,
})

const serve = async (peer: Peer) => {
  const serving = closing(await serveHttp(peer))
  const road = closing(await Road.to(serving.url))
  return { road, remote: closing(await openHttp(road.url)) }
}

/** How two replicas reach each other: each its remote, unless the first is asked itself. */
type Meeting = (workshop: Workshop, one: OpenProject) => Promise<{ mine?: Remote; theirs: Remote }>

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})

afterAll(() => server.remove())

const places: ReadonlyArray<readonly [name: string, meeting: Meeting]> = [
  [
    "a folder",
    async (workshop) => {
      const shared = workshop.at("shared")
      mkdirSync(shared)
      return { mine: closing(await openFolder(shared)), theirs: closing(await openFolder(shared)) }
    },
  ],
  ["HTTP", async (_, one) => ({ theirs: (await serve(await one.peer())).remote })],
  ["memory", async (_, one) => ({ theirs: memoryRemote(await one.peer()) })],
  [
    "NATS",
    async (_, one) => {
      const { project } = await one.status()
      return {
        mine: closing(await openNats(server.url, { project })),
        theirs: closing(await openNats(server.url, { project })),
      }
    },
  ],
]

describe.each(places)("assets through %s", (_name, meeting) => {
  it("stay where they are until they are asked for; then they come whole, both ways", async () => {
    const { workshop, one, other, add } = await two()
    const { mine, theirs } = await meeting(workshop, one)
    await add(one, "large", large)
    if (mine !== undefined) {
      expect(await one.sync(mine, { name: "place" })).toMatchObject({ assetsPushed: 1 })
    }
    const lazy = await other.sync(theirs, { name: "place" })
    expect(lazy).toMatchObject({ inSync: true, assetsPushed: 0, assetsPulled: 0 })
    expect(filesOf(workshop, "b")).toEqual([])

    const all = { name: "place", assets: "all" } as const
    const nothingFailed = { assetsFailed: 0, assetProblems: [] }
    const fetched = await other.sync(theirs, all)
    expect(fetched).toMatchObject({ assetsPushed: 0, assetsPulled: 1, ...nothingFailed })
    expect((await bytesOf(other, "large")).bytes.equals(large)).toBe(true)

    await add(other, "another", another)
    expect(await other.sync(theirs, all)).toMatchObject({ assetsPushed: 1, ...nothingFailed })
    if (mine !== undefined) expect(await one.sync(mine, all)).toMatchObject({ assetsPulled: 1 })
    expect((await bytesOf(one, "another")).bytes.equals(another)).toBe(true)

    const again = await other.sync(theirs, all)
    expect(again).toMatchObject({ assetsPushed: 0, assetsPulled: 0, ...nothingFailed })
    expect(filesOf(workshop, "a")).toHaveLength(2)
    expect(filesOf(workshop, "b")).toHaveLength(2)
  })

  it("are told of when they are damaged; the meeting goes on, and others are moved", async () => {
    const { workshop, one, other, add } = await two()
    const { mine, theirs } = await meeting(workshop, one)
    const hashes: Array<string> = []
    for (const [id, damage] of [
      ["a", ""],
      ["b", "damaged"],
    ] as const) {
      const { sha256: hash } = await add(one, id, Buffer.from(`bytes of ${id}`))
      writeFileSync(workshop.at(`a/.lamplog/assets/${hash.slice(0, 2)}/${hash}`), damage)
      hashes.push(hash)
    }
    await add(one, "c", large)
    if (mine !== undefined) {
      const met = await one.sync(mine, { name: "place" })
      expect(met).toMatchObject({ inSync: true, pushed: 3, assetsPushed: 1, assetsFailed: 2 })
      const [first] = met.assetProblems
      expect(first).toMatchObject({ direction: "push", sha256: hashes[0] })
      expect(first!.error.code).toMatch(/^asset-/)
    }
    const met = await other.sync(theirs, { name: "place", assets: "all" })
    expect(met).toMatchObject({ inSync: true, pulled: 3, assetsPulled: 1, assetsFailed: 2 })
    expect(met.assetProblems.map((problem) => problem.direction)).toEqual(["pull", "pull"])
    expect(met.assetProblems.map((problem) => problem.sha256)).toEqual(hashes)
    expect(filesOf(workshop, "b")).toHaveLength(1)
  })
})

describe("bytes that a source has wrong", () => {
  it("are not taken; the next source is asked, and named", async () => {
    const { workshop, one, other, add } = await two()
    const { sha256: hash } = await add(one, "large", large)
    const shared = workshop.at("shared")
    mkdirSync(shared)
    const folder = closing(await openFolder(shared))
    await one.sync(folder, { name: "folder" })
    await other.sync(folder, { name: "folder", assets: "none" })
    const [damaged] = readdirSync(shared, { recursive: true })
      .map((path) => join(shared, String(path)))
      .filter((path) => path.endsWith(hash))
    const bytes = readFileSync(damaged!)
    bytes[1_000_000]! ^= 1
    writeFileSync(damaged!, bytes)

    const peer = await one.peer()
    const liar = await serve(changed(peer, { getAsset: async () => chunksOf(another) }))
    const honest = await serve(peer)
    const sources = [
      assetsFromRemote("folder", folder),
      assetsFromRemote("liar", liar.remote),
      assetsFromRemote("honest", honest.remote),
    ]
    const failed = other.getAsset("large", { sources: sources.slice(0, 2) })
    await expect(failed).rejects.toThrow(/folder: .*; liar: .*they are not what was asked for/)
    expect(filesOf(workshop, "b")).toEqual([])
    const { fetchedFrom } = await other.getAsset("large", { sources })
    expect(fetchedFrom).toBe("honest")
    expect((await bytesOf(other, "large")).bytes.equals(large)).toBe(true)
    expect(filesOf(workshop, "b")).toHaveLength(1)
  })

  it("are listed when all are fetched, and stop no others", async () => {
    const { workshop, one, other, add } = await two()
    const { sha256: hash } = await add(one, "large", large)
    await add(one, "another", another)
    const peer = await one.peer()
    const { remote } = await serve(
      changed(peer, {
        getAsset: (asked) =>
          asked === hash ? peer.getAsset(sha256(another)) : peer.getAsset(asked),
      }),
    )
    const met = await other.sync(remote, { name: "one", assets: "all" })
    expect(met).toMatchObject({ inSync: true, assetsPulled: 1, assetsFailed: 1 })
    expect(met.assetProblems).toMatchObject([
      { direction: "pull", sha256: hash, error: { code: "asset-mismatch" } },
    ])
    expect(filesOf(workshop, "b")).toHaveLength(1)
  })

  it("are not handed over either", async () => {
    const { workshop, one, other, add } = await two()
    const { sha256: hash } = await add(other, "large", large)
    const path = workshop.at(`b/.lamplog/assets/${hash.slice(0, 2)}/${hash}`)
    writeFileSync(path, Buffer.concat([large.subarray(1), Buffer.from([0])]))
    const { remote } = await serve(await one.peer())
    const met = await other.sync(remote, { name: "one" })
    expect(met).toMatchObject({ inSync: true, pushed: 1, assetsPushed: 0, assetsFailed: 1 })
    expect(met.assetProblems[0]!.error.code).toMatch(/^asset-(damaged|mismatch)$/)
    await expect.poll(() => filesOf(workshop, "a")).toEqual([])
  })
})

describe("a replica over HTTP that is handed bytes", () => {
  const stage = async (assetBytes?: number) => {
    const workshop = new Workshop()
    const limits = {
      ...limitsByProfile.balanced,
      ...(assetBytes === undefined ? {} : { assetBytes }),
    }
    const one = await workshop.project("a", { limits })
    const { remote } = await serve(await one.peer())
    const name = (id: string, bytes: Buffer) =>
      one.change([{ op: "put", type: "asset", id, fields: { sha256: sha256(bytes) } }], ana)
    const give = (named: Buffer, bytes = named, size = bytes.length) =>
      remote.putAsset!(sha256(named), size, chunksOf(bytes), never)
    const left = () => filesOf(workshop, "a")
    return { workshop, one, remote, name, give, left }
  }

  it("keeps those that an event names, even if no asset does any more", async () => {
    const { one, name, give, left } = await stage()
    await name("a", large)
    await name("a", another)
    await give(large)
    await give(another)
    await give(another)
    expect(left()).toHaveLength(2)
    expect((await bytesOf(one, sha256(large))).bytes.equals(large)).toBe(true)
  })

  it("keeps an empty one", async () => {
    const { one, name, give } = await stage()
    const empty = Buffer.alloc(0)
    await name("a", empty)
    await give(empty)
    expect((await bytesOf(one, "a")).bytes).toHaveLength(0)
  })

  it("refuses what no event names", async () => {
    const { name, give, left } = await stage()
    await name("a", large)
    await expect(give(another)).rejects.toMatchObject({ code: "asset-unnamed" })
    expect(left()).toEqual([])
    await name("b", another)
    await give(another)
    expect(left()).toHaveLength(1)
  })

  it("refuses bytes of another hash, and keeps nothing of them", async () => {
    const { name, give, left } = await stage()
    await name("a", large)
    await expect(give(large, another)).rejects.toMatchObject({ code: "asset-mismatch" })
    expect(left()).toEqual([])
    await give(large)
    expect(left()).toHaveLength(1)
  })

  it("is not handed more or fewer bytes than was said", async () => {
    const { remote, name, give, left } = await stage()
    await name("a", large)
    for (const size of [large.length - 1, large.length + 1]) {
      await expect(give(large, large, size)).rejects.toMatchObject({ code: "asset-mismatch" })
      await expect.poll(left).toEqual([])
    }
    // Nothing of them is taken for another request.
    expect(await remote.hasAssets!([sha256(large)], never)).toEqual(new Set())
  })

  it("refuses what is larger than an archive may carry", async () => {
    const { name, give, left } = await stage(1_000_000)
    await name("a", large)
    await expect(give(large)).rejects.toMatchObject({ code: "limit-exceeded" })
    expect(left()).toEqual([])
  })
})

describe("a transfer that is interrupted", () => {
  it("leaves nothing with whoever was handed bytes", async () => {
    const { workshop, one, other, add } = await two()
    await add(other, "large", large)
    const { remote } = await serve(await one.peer())
    await other.sync(remote, { name: "one", assets: "none" })
    const stop = new AbortController()
    async function* halting(): AsyncGenerator<Uint8Array> {
      yield large.subarray(0, 1_000_000)
      await expect.poll(() => filesOf(workshop, "a"), { timeout: 20_000 }).toHaveLength(1)
      stop.abort(new Error("enough"))
      yield large.subarray(1_000_000)
    }
    const given = remote.putAsset!(sha256(large), large.length, halting(), stop.signal)
    await expect(given).rejects.toThrow("enough")
    await expect.poll(() => filesOf(workshop, "a"), { timeout: 20_000 }).toEqual([])
  })

  it("leaves nothing when the line is cut either way, and is made good by the next meeting", async () => {
    const { workshop, one, other, add } = await two()
    await add(one, "large", large)
    await add(other, "another", another)
    const { remote, road } = await serve(await one.peer())
    await other.sync(remote, { name: "one", assets: "none" })
    const cutAfter = (bytes: number) => {
      road.cutAfterBytes = road.sentBytes + road.receivedBytes + bytes
    }

    cutAfter(1_500_000)
    const pushing = await other.sync(remote, { name: "one" })
    expect(pushing).toMatchObject({ inSync: true, assetsPushed: 0, assetsFailed: 1 })
    expect(pushing.assetProblems[0]!.error.code).toBe("remote-interrupted")
    await expect.poll(() => filesOf(workshop, "a"), { timeout: 20_000 }).toHaveLength(1)
    expect(await other.sync(remote, { name: "one" })).toMatchObject({ assetsPushed: 1 })

    cutAfter(1_500_000)
    const fetching = await other.sync(remote, { name: "one", assets: "all" })
    expect(fetching).toMatchObject({ inSync: true, assetsPulled: 0, assetsFailed: 1 })
    expect(fetching.assetProblems[0]!.error.code).toBe("remote-interrupted")
    expect(filesOf(workshop, "b")).toHaveLength(1)
    const all = await other.sync(remote, { name: "one", assets: "all" })
    expect(all).toMatchObject({ assetsPulled: 1, assetsFailed: 0 })
    expect((await bytesOf(other, "large")).bytes.equals(large)).toBe(true)
  })

  it("leaves nothing when another program keeps the database to itself for too long", async () => {
    const workshop = new Workshop()
    const one = await workshop.project()
    const other = await workshop.replicaOf(one, "b", { busyTimeoutMillis: 50 })
    const { id } = await one.addAsset({ content: workshop.file("a.txt", "bytes") }, ana)
    const remote = memoryRemote(await one.peer())
    await other.sync(remote, { name: "one" })
    const sources = [assetsFromRemote("one", remote)]
    const database = new Database(workshop.at("b/.lamplog/project.db"))
    onTestFinished(() => void database.close())
    database.exec("BEGIN IMMEDIATE")
    await expect(other.getAsset(id, { sources })).rejects.toMatchObject({ code: "project-busy" })
    const met = await other.sync(remote, { name: "one", assets: "all" })
    expect(met).toMatchObject({ inSync: true, assetsFailed: 1 })
    expect(met.assetProblems[0]!.error.code).toBe("project-busy")
    expect(filesOf(workshop, "b")).toEqual([])
    database.exec("ROLLBACK")
    expect((await other.getAsset(id, { sources })).fetchedFrom).toBe("one")
  })

  it("ends with the following that it belongs to", async () => {
    const { workshop, one, other, add } = await two()
    await add(one, "large", large)
    const stop = new AbortController()
    const peer = await one.peer()
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield large.subarray(0, 1_000_000)
      await new Promise(() => {})
    }
    const remote = memoryRemote(changed(peer, { getAsset: async () => endless() }))
    const how = { name: "one", assets: "all", signal: stop.signal } as const
    const following = other.follow(remote, how)
    following.catch(() => undefined)
    await expect.poll(() => filesOf(workshop, "b"), { timeout: 20_000 }).toHaveLength(1)
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
    expect(filesOf(workshop, "b")).toEqual([])
  })
})
