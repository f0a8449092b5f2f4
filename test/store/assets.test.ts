/**
 * The folder of assets: what it gives back is what it was given, whoever else adds at the same time
 * and whatever goes wrong on the way.
 */
import { randomInt } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { sha256 } from "../../src/event/hash.ts"
import { Assets } from "../../src/store/assets.ts"
import type { StagedAsset } from "../../src/store/assets.ts"
import { Random } from "../simulation/random.ts"

let folder: string
let assets: Assets
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplog-assets-"))
  assets = new Assets(folder)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

const bytesOf = (random: Random, count: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: count }, () => random.below(256)))

const stage = (bytes: Uint8Array): Promise<StagedAsset> => assets.stage(pieces(bytes))

/** Places what was staged; tells how much of it is new. */
const place = (...staged: ReadonlyArray<StagedAsset>): number => {
  let placed = 0
  assets.place(staged, () => (placed += 1))
  return placed
}

const add = async (bytes: Uint8Array): Promise<number> => place(await stage(bytes))

const contentOf = async (hash: string): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(assets.read(hash)))

const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "none",
    (error: { readonly code?: unknown }) => error.code ?? error,
  )

const waiting = (): ReadonlyArray<string> => readdirSync(join(assets.directory, ".incoming"))

describe("assets", () => {
  it("gives back whatever it was given, each content once", async () => {
    const seed = randomInt(2 ** 32)
    const random = new Random(seed)
    const given = new Map<string, Buffer>([[sha256(""), Buffer.alloc(0)]])
    await add(Buffer.alloc(0))
    for (let round = 0; round < 60; round++) {
      const again = round % 3 === 2 ? [...given.values()][random.below(given.size)] : undefined
      const bytes = again ?? bytesOf(random, random.below(100_000))
      const isNew = !given.has(sha256(bytes))
      const staged = await assets.stage(pieces(bytes, 1 + random.below(70_000)))
      expect([staged.sha256, staged.bytes], `seed ${seed}`).toEqual([sha256(bytes), bytes.length])
      expect(place(staged), `seed ${seed}`).toBe(isNew ? 1 : 0)
      given.set(sha256(bytes), bytes)
    }
    const held = [...assets.list()]
    expect(held.map((asset) => asset.sha256)).toEqual([...given.keys()].sort())
    for (const [hash, bytes] of given) {
      expect((await contentOf(hash)).equals(bytes), `seed ${seed}`).toBe(true)
      expect(assets.sizeOf(hash)).toBe(bytes.length)
    }
    expect(waiting()).toEqual([])
  })

  it("lets many add the same content at once", async () => {
    const bytes = Buffer.alloc(300_000, "same")
    const staged = await Promise.all(Array.from({ length: 8 }, () => stage(bytes)))
    expect(place(...staged)).toBe(1)
    expect([...assets.list()]).toEqual([{ sha256: sha256(bytes), bytes: bytes.length }])
    expect((await contentOf(sha256(bytes))).equals(bytes)).toBe(true)
    expect(waiting()).toEqual([])
  })

  it("shows nothing of bytes that were not placed", async () => {
    const staged = await stage(Buffer.from("perhaps"))
    expect([...assets.list()]).toEqual([])
    expect(waiting()).toHaveLength(1)
    assets.discard(staged)
    expect(waiting()).toEqual([])
  })

  it("keeps what it holds in files that others may read and not write", async () => {
    await add(Buffer.from("read me"))
    expect(statSync(assets.pathOf(sha256("read me"))).mode & 0o777).toBe(0o644)
  })

  it("leaves nothing of a source that breaks, and tells why it broke", async () => {
    async function* broken() {
      yield Buffer.alloc(100_000)
      throw new Error("unplugged")
    }
    await expect(assets.stage(broken())).rejects.toThrow("unplugged")
    expect(waiting()).toEqual([])
  })

  it("keeps the beginning of what came in, as much as is asked for", async () => {
    const bytes = Buffer.from("0123456789")
    const staged = await assets.stage(pieces(bytes, 3), { startBytes: 5 })
    expect(Buffer.from(staged.start).toString()).toBe("01234")
    expect((await assets.stage(pieces(bytes, 3), { startBytes: 50 })).start).toEqual(bytes)
  })

  it("stops when it is told to, and leaves nothing", async () => {
    const stop = new AbortController()
    async function* endless() {
      for (let count = 0; ; count++) {
        if (count === 5) stop.abort(new Error("enough"))
        yield Buffer.alloc(1000)
      }
    }
    await expect(assets.stage(endless(), { signal: stop.signal })).rejects.toThrow("enough")
    expect(waiting()).toEqual([])
  })

  it("stops even if the source never says anything again", async () => {
    const stop = new AbortController()
    async function* silent() {
      yield Buffer.alloc(1000)
      setImmediate(() => stop.abort(new Error("enough")))
      await new Promise(() => {})
    }
    await expect(assets.stage(silent(), { signal: stop.signal })).rejects.toThrow("enough")
    expect(waiting()).toEqual([])
  })

  it("refuses more bytes than it may take, and other bytes than it was promised", async () => {
    const bytes = Buffer.alloc(5000, 1)
    expect(await codeOf(assets.stage(pieces(bytes), { bytesMax: 4999 }))).toBe("asset-too-large")
    const other = { expected: sha256("other") }
    expect(await codeOf(assets.stage(pieces(bytes), other))).toBe("asset-mismatch")
    expect(waiting()).toEqual([])
    expect(await codeOf(assets.stage(pieces(bytes), { bytesMax: 5000 }))).toBe("none")
  })

  it("notices damage at the end of reading, and takes good bytes in place of damaged ones", async () => {
    const bytes = Buffer.alloc(200_000, "abc")
    const hash = sha256(bytes)
    await add(bytes)
    const damaged = Buffer.from(bytes)
    damaged[150_000]! ^= 1
    writeFileSync(assets.pathOf(hash), damaged)
    expect(await codeOf(contentOf(hash))).toBe("asset-damaged")
    expect(await assets.isWhole(hash)).toBe(false)
    expect(await add(bytes)).toBe(0)
    expect((await contentOf(hash)).equals(bytes)).toBe(true)
    truncateSync(assets.pathOf(hash), 10)
    await add(bytes)
    expect(await assets.isWhole(hash)).toBe(true)
  })

  it("tells what is absent, and reads no name that is not a hash", async () => {
    expect(await codeOf(contentOf(sha256("nothing")))).toBe("asset-absent")
    mkdirSync(join(folder, "assets"), { recursive: true })
    writeFileSync(join(folder, "secret"), "x")
    expect(await codeOf(contentOf("../secret"))).toBe("asset-absent")
    expect(assets.has("../../secret")).toBe(false)
  })

  it("removes what a dead process left, and leaves what belongs to others", async () => {
    const incoming = join(folder, "assets", ".incoming")
    mkdirSync(incoming, { recursive: true })
    const host = sha256(hostname()).slice(0, 8)
    const dead = `${host}-${2 ** 22 + 1}-0123456789ab`
    const mine = `${host}-${process.pid}-0123456789ab`
    const elsewhere = `00000000-${2 ** 22 + 1}-0123456789ab`
    for (const name of [dead, mine, elsewhere]) writeFileSync(join(incoming, name), "half")
    await add(Buffer.from("next"))
    expect(readdirSync(incoming).sort()).toEqual([elsewhere, mine].sort())
  })

  it("sweeps what nothing names, and tells beforehand what that is", async () => {
    const texts = ["one", "two", "three"]
    for (const text of texts) await add(Buffer.from(text))
    const isNamed = (hash: string) => hash === sha256("two")
    const told = assets.sweep(isNamed, false)
    expect([...assets.list()]).toHaveLength(3)
    expect(assets.sweep(isNamed, true)).toEqual(told)
    const removed = told.removed.map(({ sha256: hash }) => hash)
    expect([told.kept, removed]).toEqual([1, [sha256("one"), sha256("three")].sort()])
    expect([...assets.list()]).toEqual([{ sha256: sha256("two"), bytes: 3 }])
  })

  it("lists nothing where nothing was ever added, and makes no folder for it", () => {
    expect([...assets.list()]).toEqual([])
    expect(existsSync(assets.directory)).toBe(false)
  })

  it("takes no stranger's file for an asset", async () => {
    await add(Buffer.from("mine"))
    const prefix = join(assets.directory, sha256("mine").slice(0, 2))
    writeFileSync(join(prefix, "notes.txt"), "x")
    writeFileSync(join(assets.directory, ".DS_Store"), "x")
    expect([...assets.list()]).toHaveLength(1)
    expect(readFileSync(assets.pathOf(sha256("mine")), "utf8")).toBe("mine")
  })
})
