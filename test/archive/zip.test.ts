/**
 * Members behind the gate: they are read to the byte, or refused, and no further than they say.
 */
import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs"
import { crc32, deflateRawSync } from "node:zlib"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { manifestPath } from "../../src/archive/archive.ts"
import { LimitCheck, limitsDefault } from "../../src/archive/limits.ts"
import type { ArchiveLimits } from "../../src/archive/limits.ts"
import { contentOf, openZip } from "../../src/archive/zip.ts"
import type { ZipMember } from "../../src/archive/zip.ts"
import { writtenZip } from "./gate-bytes.ts"
import { deflated, packedZeros, stored, zip64End, zipBytes } from "./hostile/zip-bytes.ts"
import type { Entry } from "./hostile/zip-bytes.ts"
import { refusal, Stage, taken } from "./stage.ts"

let stage: Stage
let files: Array<number>
beforeEach(() => {
  stage = new Stage()
  files = []
})
afterEach(() => {
  for (const file of files) closeSync(file)
  stage.clear()
})

const opened = async (bytes: Buffer, limits: Partial<ArchiveLimits> = {}) => {
  const path = stage.path()
  writeFileSync(path, bytes)
  const file = openSync(path, "r+")
  files.push(file)
  const check = new LimitCheck({ ...limitsDefault, ...limits })
  return { file, ...(await openZip(file, bytes.length, check)) }
}

type Zip = Awaited<ReturnType<typeof opened>>

/** How many bytes come out, and how it ends; `until` bytes are wanted. */
const readFrom = async (
  { zip }: Zip,
  member: ZipMember,
  signal?: AbortSignal,
  until = Infinity,
): Promise<{ content: Buffer; error?: unknown }> => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  try {
    for await (const chunk of contentOf(zip, member, signal)) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes >= until) break
    }
    return { content: Buffer.concat(chunks) }
  } catch (error) {
    return { content: Buffer.concat(chunks), error }
  }
}

const content = Buffer.from('{"format":"other"}\n'.repeat(50))
const packed = deflateRawSync(content)
/** Content that does not compress, of a size that is read in several chunks. */
const noise = (bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  for (let at = 0, state = 1; at < bytes; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    buffer[at] = state >>> 24
  }
  return buffer
}

describe("the members of a zip", () => {
  it("are read to the byte, in any order, deflated and stored", async () => {
    const members = [
      [manifestPath, content],
      ["empty", Buffer.alloc(0)],
      ["noise", noise(300_000)],
      ["zeros", Buffer.alloc(1_000_000)],
    ] as const
    for (const store of [true, false]) {
      const zip = await opened(await writtenZip(members, store))
      expect(zip.members.map(({ name, size }) => [name, size])).toEqual(
        members.map(([name, bytes]) => [name, bytes.length]),
      )
      for (const at of [3, 1, 2, 0, 2]) {
        const read = await readFrom(zip, zip.members[at]!)
        expect(read.error).toBeUndefined()
        expect(read.content.equals(members[at]![1])).toBe(true)
      }
    }
  })

  it("may be left in the middle, again and again", async () => {
    const zip = await opened(
      await writtenZip([
        ["a", noise(400_000)],
        ["b", noise(400_000)],
      ]),
    )
    for (let time = 0; time < 20; time += 1) {
      const { error } = await readFrom(zip, zip.members[time % 2]!, undefined, 1)
      expect(error).toBeUndefined()
    }
    const { content: whole } = await readFrom(zip, zip.members[1]!)
    expect(whole.equals(noise(400_000))).toBe(true)
  })

  it("are not read on once the signal says so", async () => {
    const zip = await opened(
      await writtenZip([
        ["a", noise(10)],
        ["b", noise(400_000)],
      ]),
    )
    const controller = new AbortController()
    const reason = new Error("enough")
    let chunks = 0
    const reading = async () => {
      for await (const chunk of contentOf(zip.zip, zip.members[1]!, controller.signal)) {
        chunks += chunk.length > 0 ? 1 : 0
        controller.abort(reason)
      }
    }
    await expect(reading()).rejects.toBe(reason)
    expect(chunks).toBe(1)
    expect((await readFrom(zip, zip.members[1]!, controller.signal)).error).toBe(reason)
  })

  it("are refused when the file became shorter meanwhile, whoever notices", async () => {
    const zip = await opened(
      await writtenZip([
        ["a", noise(10)],
        ["b", noise(400_000)],
      ]),
    )
    ftruncateSync(zip.file, 100_000)
    const { error } = await readFrom(zip, zip.members[1]!)
    expect(error).toMatchObject({ stage: "archive", code: "archive-truncated" })
  })

  it("fail with what the system says when the file cannot be read", async () => {
    const zip = await opened(
      await writtenZip([
        ["a", noise(10)],
        ["b", noise(400_000)],
      ]),
    )
    closeSync(files.pop()!)
    expect((await readFrom(zip, zip.members[1]!)).error).toMatchObject({ code: "EBADF" })
  })
})

describe("a member that is not what the zip says", () => {
  const whole = (entry: Entry): Buffer => zipBytes([entry, stored("last", content)])

  it.each<[string, Partial<Entry>]>([
    ["a checksum that does not fit", { crc: 0 }],
    ["bytes after the end of the compressed data", { packed: Buffer.concat([packed, packed]) }],
    ["compressed data that stops too early", { packed: packed.subarray(0, -2) }],
    ["compressed data that is none", { packed: Buffer.from("Lamplog") }],
    ["no compressed data", { packed: Buffer.alloc(0) }],
    ["less content than it says", { size: content.length + 1 }],
    ["more content than it says", { size: content.length - 1 }],
  ])("is refused for %s", async (_, lies) => {
    const zip = await opened(whole(deflated(manifestPath, content, { packed, ...lies })))
    const { error } = await readFrom(zip, zip.members[0]!)
    expect(error).toMatchObject({ stage: "archive", code: "member-damaged", where: manifestPath })
    const path = stage.path()
    writeFileSync(path, whole(deflated(manifestPath, content, { packed, ...lies })))
    expect(await refusal(taken(path, stage.replica("ana")))).toMatchObject({
      stage: "archive",
      code: "member-damaged",
      where: manifestPath,
    })
  })

  it("is refused for a byte behind compressed data that fills its chunks exactly", async () => {
    const chunkBytes = 64 * 1024
    for (const chunks of [1, 2]) {
      // One stored block a chunk, which deflate writes with five bytes in front.
      const blocks = Array.from({ length: chunks }, (_, index) => {
        const header = Buffer.from([index === chunks - 1 ? 1 : 0, 0xfb, 0xff, 0x04, 0x00])
        return Buffer.concat([header, Buffer.alloc(chunkBytes - 5, index)])
      })
      const inside = Buffer.concat(blocks.map((block) => block.subarray(5)))
      const fields = { size: inside.length, crc: crc32(inside) }
      const data = Buffer.concat(blocks)
      for (const extra of [0, 1, 64]) {
        const bytes = Buffer.concat([data, Buffer.alloc(extra)])
        const zip = await opened(zipBytes([deflated("a", inside, { ...fields, packed: bytes })]))
        const { error } = await readFrom(zip, zip.members[0]!)
        if (extra === 0) expect(error).toBeUndefined()
        else expect(error).toMatchObject({ code: "member-damaged" })
      }
    }
  })

  it("is not inflated further than a chunk beyond its size", async () => {
    const bomb = deflated("a", Buffer.alloc(0), { packed: packedZeros(64), size: 1_000_000 })
    const zip = await opened(zipBytes([bomb]))
    const { content: inflated, error } = await readFrom(zip, zip.members[0]!)
    expect(error).toMatchObject({ code: "member-damaged" })
    expect(inflated.length).toBeLessThanOrEqual(1_000_000)
  })
})

describe("opening a zip", () => {
  it("is refused when its 64-bit records point beyond what a file can be", async () => {
    const beyond = zip64End({ recordOffset: 2n ** 62n, directoryOffset: 2n ** 62n })
    const saturated = { entries: 0xffff, entriesHere: 0xffff, directoryOffset: 0xffff_ffff }
    const bytes = zipBytes([stored("a", content)], { afterDirectory: beyond, end: saturated })
    const unneeded = zipBytes([stored("a", content)], { afterDirectory: beyond })
    for (const file of [bytes, unneeded]) {
      await expect(opened(file)).rejects.toMatchObject({ stage: "archive", code: "zip-entry" })
    }
  })

  it("heeds the limits that it is given, and tells what is nearly used up", async () => {
    const bytes = await writtenZip([
      ["a", content],
      ["b", content],
    ])
    await expect(opened(bytes, { members: 1 })).rejects.toMatchObject({ code: "limit-exceeded" })
    const path = stage.path()
    writeFileSync(path, bytes)
    const file = openSync(path, "r")
    files.push(file)
    const check = new LimitCheck({ ...limitsDefault, members: 2 })
    await openZip(file, bytes.length, check)
    expect(check.warnings).toEqual([{ limit: "members", value: 2, most: 2 }])
  })

  it("lists thousands of members as both readers see them", async () => {
    const names = Array.from(
      { length: 3000 },
      (_, index) => `assets/${index}/${"n".repeat(index % 150)}x`,
    )
    const zip = await opened(await writtenZip(names.map((name) => [name, Buffer.from(name)])))
    expect(zip.members.map(({ name }) => name)).toEqual(names)
    const { content: last } = await readFrom(zip, zip.members.at(-1)!)
    expect(last.toString()).toBe(names.at(-1))
  })
})
