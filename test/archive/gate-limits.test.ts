/**
 * Each limit takes what is exactly as large and refuses one more, by name and before anything is
 * inflated; above 80 % it is warned of.
 */
import { describe, expect, it } from "vitest"
import { LimitCheck, limitsByProfile, limitsDefault } from "../../src/archive/limits.ts"
import type { ArchiveLimits } from "../../src/archive/limits.ts"
import { gateZip } from "../../src/archive/gate.ts"
import { judged, judgedBy, namesAndSizes, readerOf, verdictOn } from "./gate-bytes.ts"
import {
  centralHeader,
  deflated,
  descriptor,
  endRecord,
  extraField,
  localHeader,
  packedZeros,
  stored,
  zip64End,
  zipBytes,
} from "./hostile/zip-bytes.ts"
import type { CentralFields, Entry } from "./hostile/zip-bytes.ts"

const mebibyte = 1024 * 1024
const hundred = Buffer.alloc(100, "x")

type LimitName = Exclude<keyof ArchiveLimits, "itemsByType">

/** A member of so many zeros that packs them as well as it can. */
const zeros = (name: string, mebibytes: number): Entry => {
  const packed = packedZeros(mebibytes)
  return deflated(name, Buffer.alloc(0), { packed, size: mebibytes * mebibyte, crc: 0 })
}

const ratioOf = (...entries: ReadonlyArray<Entry>): number => {
  const sum = (sizes: ReadonlyArray<number>) => sizes.reduce((all, size) => all + size, 0)
  const packed = sum(entries.map((entry) => entry.packed!.length))
  return Math.ceil(sum(entries.map((entry) => entry.size!)) / packed)
}

const plain = zipBytes([stored("a", hundred), stored("b", hundred)])
const large = zeros("a", 17)
const many = [zeros("a", 16), zeros("b", 16), zeros("c", 16), zeros("d", 17)]
const ratios = { memberRatio: 2000, archiveRatio: 2000 }

interface Case {
  readonly limit: LimitName
  readonly value: number
  readonly file: Buffer
  readonly others?: Partial<ArchiveLimits>
}

const onMember = (limit: LimitName, name: string): Case => ({
  limit,
  value: 100,
  file: zipBytes([stored(name, hundred)]),
})

const cases: ReadonlyArray<Case> = [
  { limit: "archiveBytes", value: plain.length, file: plain },
  { limit: "members", value: 2, file: plain },
  { limit: "directoryBytes", value: 2 * 47, file: plain },
  onMember("manifestBytes", "manifest.json"),
  onMember("manifestBytes", "manifest.note"),
  onMember("segmentBytes", "logs/a/1"),
  onMember("snapshotBytes", "snapshot/entities.jsonl"),
  onMember("assetBytes", "assets/ab/abcd"),
  { limit: "totalBytes", value: 200, file: plain },
  { limit: "memberRatio", value: ratioOf(large), file: zipBytes([large]), others: ratios },
  { limit: "archiveRatio", value: ratioOf(...many), file: zipBytes(many), others: ratios },
]

describe.each(cases)("the limit $limit", ({ limit, value, file, others }) => {
  it("takes what is as large and refuses one more, by name", async () => {
    const at = await judged(file, { ...others, [limit]: value })
    expect(at.warnings).toContainEqual({ limit, value, most: value })
    const error: unknown = await judged(file, { ...others, [limit]: value - 1 }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ stage: "archive", code: "limit-exceeded" })
    expect((error as Error).message).toContain(`limit ${limit} is ${value - 1}`)
    expect((error as Error).message).toContain(String(value))
  })

  it("warns from four fifths on, not before", async () => {
    const warned = async (most: number) =>
      (await judged(file, { ...others, [limit]: most })).warnings.map((warning) => warning.limit)
    expect(await warned(Math.floor(value / 0.8))).toContain(limit)
    expect(await warned(Math.floor(value / 0.8) + 2)).not.toContain(limit)
  })
})

describe("ratios", () => {
  it("say nothing of what is small", async () => {
    const small = zipBytes([zeros("a", 16)])
    expect(await verdictOn(small, { memberRatio: 2, archiveRatio: 2 })).toBe("taken")
    const four = zipBytes(["a", "b", "c", "d"].map((name) => zeros(name, 16)))
    expect(await verdictOn(four, { memberRatio: 2, archiveRatio: 2 })).toBe("taken")
  })

  it("refuse a member that packs its content a thousandfold", async () => {
    expect(await verdictOn(zipBytes([large]))).toBe("archive limit-exceeded")
    const hidden = zipBytes([
      deflated("a", Buffer.alloc(0), { packed: Buffer.alloc(0), size: 2 ** 30 }),
    ])
    expect(await verdictOn(hidden)).toBe("archive limit-exceeded")
  })
})

describe("what is too large", () => {
  it("is refused by what the file says at its end, without reading members or directory", async () => {
    const place = { offset: 0, size: 70_000 * 60, entries: 50_000 }
    const end = endRecord(place)
    const size = place.size + end.length
    let read = 0
    const counting = (buffer: Buffer, position: number): Promise<void> => {
      read += buffer.length
      return readerOf(size, [[place.size, end]])(buffer, position)
    }
    const gate = gateZip(counting, size, new LimitCheck(limitsDefault))
    await expect(gate).rejects.toMatchObject({ code: "limit-exceeded" })
    expect(read).toBeLessThan(200)
  })

  it("is refused by the directory, without reading members", async () => {
    const gibibyte = 2 ** 30
    const sizes = { size: gibibyte, packedSize: gibibyte }
    const entries = ["a", "b", "c"].map((name) => stored(name, Buffer.alloc(0), sizes))
    const header = localHeader(entries[0]!).length
    const directory = Buffer.concat(
      entries.map((entry, index) => centralHeader(entry, index * (gibibyte + header))),
    )
    const offset = entries.length * (gibibyte + header)
    const place = { offset, size: directory.length, entries: entries.length }
    const tail = Buffer.concat([directory, endRecord(place)])
    let lowest = Infinity
    const size = offset + tail.length
    const watching = (buffer: Buffer, position: number): Promise<void> => {
      lowest = Math.min(lowest, position)
      return readerOf(size, [[offset, tail]])(buffer, position)
    }
    const check = new LimitCheck({ ...limitsDefault, totalBytes: 2 * gibibyte })
    await expect(gateZip(watching, size, check)).rejects.toMatchObject({
      code: "limit-exceeded",
      where: "the archive",
    })
    expect(lowest).toBeGreaterThanOrEqual(offset)
  })
})

describe("an archive above 4 GiB", () => {
  const limit = { archiveBytes: 2 ** 40, assetBytes: 2 ** 40, totalBytes: 2 ** 40 }
  const five = 5 * 2 ** 30
  const first: Entry = { ...deflated("a", hundred), packed: Buffer.alloc(0), crc: 7 }
  const second = stored("b", hundred)
  const claim = (...values: ReadonlyArray<number>): Buffer => {
    const data = Buffer.alloc(values.length * 8)
    values.forEach((value, index) => data.writeBigUInt64LE(BigInt(value), index * 8))
    return extraField(0x0001, data)
  }
  const full = 0xffff_ffff
  const elsewhere = { versionNeeded: 45, size: full, packedSize: full, offset: full }

  /** As the writer makes it: a stream of 5 GiB, and a small member behind it. */
  const written = (central: CentralFields = {}, ends: Parameters<typeof zip64End>[0] = {}) => {
    const zeroed = { crc: 0, size: 0, packedSize: 0 }
    const header = localHeader({ ...first, flags: 8, local: zeroed })
    const after = descriptor(first, { wide: true, crc: 7, size: five, packedSize: five })
    const secondAt = header.length + five + after.length
    const directoryAt = secondAt + localHeader(second).length + hundred.length
    const directory = Buffer.concat([
      centralHeader(
        { ...first, flags: 8, central: { ...elsewhere, extra: claim(five, five, 0) } },
        0,
      ),
      centralHeader(
        { ...second, central: { ...elsewhere, extra: claim(100, 100, secondAt), ...central } },
        0,
      ),
    ])
    const place = { offset: directoryAt, size: directory.length, entries: 2 }
    const end = endRecord(place, { directoryOffset: full })
    const tail = Buffer.concat([directory, zip64End(ends)(place), end])
    const size = directoryAt + tail.length
    const read = readerOf(size, [
      [0, header],
      [header.length + five, Buffer.concat([after, localHeader(second), hundred, tail])],
    ])
    return { read, size, secondAt }
  }

  it("is taken with 64-bit records where numbers need them, if limits allow", async () => {
    const { read, size, secondAt } = written()
    const judgement = await judgedBy(read, size, limit)
    expect(namesAndSizes(judgement)).toEqual([
      ["a", five],
      ["b", 100],
    ])
    expect(judgement.members[1]!.offset).toBe(secondAt)
    const refused = judgedBy(read, size, limitsByProfile.aggressive)
    await expect(refused).rejects.toMatchObject({ code: "limit-exceeded" })
  })

  it("may write small sizes as they are beside an offset of 64 bits", async () => {
    const { secondAt } = written()
    const sizes = { size: 100, packedSize: 100 }
    const { read, size } = written({ ...sizes, extra: claim(secondAt) })
    expect((await judgedBy(read, size, limit)).members).toHaveLength(2)
  })

  it("is refused when a 64-bit number is missing, left over or contradicted", async () => {
    const { secondAt } = written()
    for (const central of [
      { extra: claim(100, 100) },
      { extra: claim(100, 100, secondAt, 0) },
      { extra: claim(100, 100, secondAt + 1) },
      { versionNeeded: 20 },
    ]) {
      const { read, size } = written(central)
      const refused = judgedBy(read, size, limit)
      await expect(refused, JSON.stringify(central)).rejects.toMatchObject({ stage: "archive" })
    }
    for (const ends of [{ entries: 3 }, { disks: 2 }, { recordSize: 45 }, { directorySize: 1 }]) {
      const { read, size } = written({}, ends)
      await expect(judgedBy(read, size, limit)).rejects.toMatchObject({ code: "zip-entry" })
    }
  })
})
