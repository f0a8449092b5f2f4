/**
 * Zips that no writer of ours makes: sizes and offsets that lie, and what other tools let pass.
 */
import { writeFileSync } from "node:fs"
import { crc32, deflateRawSync } from "node:zlib"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { manifestPath } from "../../src/archive/archive.ts"
import { refusal, Stage, taken } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

interface Lies {
  /** What stands in the file instead of the compressed content. */
  readonly data?: Buffer
  readonly size?: number
  readonly crc?: number
  readonly method?: number
  readonly flags?: number
  readonly offset?: number
}

const content = Buffer.from('{"format":"other"}\n'.repeat(50))
const compressed = deflateRawSync(content)

/** A zip of one deflated manifest.json, with some of its fields replaced. */
const zipWith = (lies: Lies): Buffer => {
  const { data = compressed, size = content.length, crc = crc32(content), method = 8 } = lies
  const name = Buffer.from(manifestPath)
  const shared = Buffer.alloc(26)
  shared.writeUInt16LE(20, 0)
  shared.writeUInt16LE(lies.flags ?? 0, 2)
  shared.writeUInt16LE(method, 4)
  shared.writeUInt32LE(crc, 10)
  shared.writeUInt32LE(data.length, 14)
  shared.writeUInt32LE(size, 18)
  shared.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from("PK\u0003\u0004", "latin1"), shared, name])
  const rest = Buffer.alloc(14)
  rest.writeUInt32LE(lies.offset ?? 0, 10)
  const central = Buffer.concat([
    Buffer.from("PK\u0001\u0002\u0014\u0003", "latin1"),
    shared,
    rest,
    name,
  ])
  const end = Buffer.alloc(22)
  end.write("PK\u0005\u0006", "latin1")
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length + data.length, 16)
  return Buffer.concat([local, data, central, end])
}

const refused = async (bytes: Buffer) => {
  const path = stage.path()
  writeFileSync(path, bytes)
  return await refusal(taken(path, stage.replica("ana")))
}

describe("a zip made by hand", () => {
  it("is read when nothing in it lies", async () => {
    expect(await refused(zipWith({}))).toMatchObject({ code: "not-json", where: manifestPath })
  })

  it.each<[string, Lies]>([
    ["a checksum that does not fit", { crc: 0 }],
    [
      "bytes after the end of the compressed data",
      { data: Buffer.concat([compressed, Buffer.alloc(4)]) },
    ],
    ["compressed data that stops too early", { data: compressed.subarray(0, -2) }],
    ["less content than it says", { size: content.length + 1 }],
    ["more content than it says", { size: content.length - 1 }],
    ["a method that archives do not use", { method: 12 }],
    ["an encryption bit", { flags: 1 }],
    ["an offset into nowhere", { offset: 0x7fff_ffff }],
  ])("is refused for %s", async (_, lies) => {
    expect(await refused(zipWith(lies))).toMatchObject({
      stage: "archive",
      code: "member-damaged",
      where: manifestPath,
    })
  })

  it("is refused when its 64-bit records point beyond what a file can be", async () => {
    const locator = Buffer.alloc(20)
    locator.write("PK\u0006\u0007", "latin1")
    locator.writeBigUInt64LE(2n ** 62n, 8)
    const end = Buffer.alloc(22, 0xff)
    end.write("PK\u0005\u0006\0\0\0\0", "latin1")
    end.writeUInt16LE(0, 20)
    const start = Buffer.from("PK\u0003\u0004", "latin1")
    expect(await refused(Buffer.concat([start, locator, end]))).toMatchObject({
      stage: "archive",
      code: "directory-damaged",
    })
  })
})
