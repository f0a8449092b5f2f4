/**
 * The gate takes what our writer and plain tools write, and nothing that differs from it by a byte
 * that could matter. Files of every known attack stand in hostile/; here are the rules, one by one.
 */
import { describe, expect, it } from "vitest"
import { holds, judged, namesAndSizes, verdictOn, writtenZip } from "./gate-bytes.ts"
import {
  deflated,
  descriptor,
  extraField,
  stored,
  streamed,
  zip64End,
  zipBytes,
} from "./hostile/zip-bytes.ts"
import type { Entry, Layout } from "./hostile/zip-bytes.ts"

const members = [
  ["manifest.json", Buffer.from("{}\n")],
  ["assets/ab/abcd", Buffer.from("an asset, an asset, an asset")],
  ["logs/a/0000000001.events", Buffer.alloc(0)],
  ["snapshot/entities.jsonl", Buffer.from("line\n".repeat(40))],
] as const

const text = Buffer.from("the same, the same, the same")
const two = (second: Entry): ReadonlyArray<Entry> => [stored("a", text), second]
const zipped = (second: Entry, layout?: Layout): Buffer => zipBytes(two(second), layout)

describe("what the gate takes", () => {
  it("is what the writer of archives writes, deflated and stored", async () => {
    const expected = members.map(([name, content]) => [name, content.length])
    expect(namesAndSizes(await judged(await writtenZip(members)))).toEqual(expected)
    const bytes = await writtenZip(members, true)
    const judgement = await judged(bytes)
    expect(namesAndSizes(judgement)).toEqual(expected)
    expect(judgement.members.every((member) => holds(bytes, member))).toBe(true)
    expect(judgement.warnings).toEqual([])
  })

  it("is what Info-ZIP and Python write of plain files", async () => {
    // `zip -X` of three files, and `zipfile` with a file and a text.
    const infoZip =
      "UEsDBAoAAAAAAAMEeF2oYTjdBgAAAAYAAAAFAAAAYi50eHR3b3JsZApQSwMECgAAAAAAAwR4XSAwOjYGAAAABgAAAAcAAABkL2EudHh0aGVsbG8KUEsDBAoAAAAAAAMEeF0AAAAAAAAAAAAAAAAJAAAAZW1wdHkudHh0UEsBAh4DCgAAAAAAAwR4XahhON0GAAAABgAAAAUAAAAAAAAAAQAAAKSBAAAAAGIudHh0UEsBAh4DCgAAAAAAAwR4XSAwOjYGAAAABgAAAAcAAAAAAAAAAQAAAKSBKQAAAGQvYS50eHRQSwECHgMKAAAAAAADBHhdAAAAAAAAAAAAAAAACQAAAAAAAAAAAAAApIFUAAAAZW1wdHkudHh0UEsFBgAAAAADAAMAnwAAAHsAAAAAAA=="
    const python =
      "UEsDBBQAAAAIAAMEeF2oYTjdCAAAAAYAAAAFAAAAYi50eHQrzy/KSeECAFBLAwQUAAAACAADBHhdDcRgFwcAAADIAAAACAAAAGQveC5qc29uq66tHhYQAFBLAQIUAxQAAAAIAAMEeF2oYTjdCAAAAAYAAAAFAAAAAAAAAAAAAACkgQAAAABiLnR4dFBLAQIUAxQAAAAIAAMEeF0NxGAXBwAAAMgAAAAIAAAAAAAAAAAAAACAASsAAABkL3guanNvblBLBQYAAAAAAgACAGkAAABYAAAAAAA="
    expect(namesAndSizes(await judged(Buffer.from(infoZip, "base64")))).toEqual([
      ["b.txt", 6],
      ["d/a.txt", 6],
      ["empty.txt", 0],
    ])
    expect(namesAndSizes(await judged(Buffer.from(python, "base64")))).toEqual([
      ["b.txt", 6],
      ["d/x.json", 200],
    ])
  })

  it("is a zip without members, of 22 bytes", async () => {
    expect((await judged(zipBytes([]))).members).toEqual([])
  })

  it("is a zip with headers close together and far apart", async () => {
    const sizes = [0, 100_000, 1, 70_000, 65_536, 3, 20_000, 2, 66_000]
    const contents = sizes.map((size, index) => [`m/${index}`, Buffer.alloc(size, index)] as const)
    for (const store of [true, false]) {
      const bytes = await writtenZip(contents, store)
      expect((await judged(bytes)).members.map(({ size }) => size)).toEqual(sizes)
    }
  })

  it.each<[string, Partial<Entry>]>([
    [
      "times in both headers, of different length",
      {
        local: { extra: extraField(0x5455, Buffer.from([3, 1, 0, 0, 0, 2, 0, 0, 0])) },
        central: { extra: extraField(0x5455, Buffer.from([3, 1, 0, 0, 0])) },
      },
    ],
    [
      "a time in the directory alone",
      {
        central: { extra: extraField(0x5455, Buffer.from([1, 1, 0, 0, 0])) },
      },
    ],
    ["attributes of DOS", { external: 0x27, versionMadeBy: 20 }],
    ["the mark of a text", { internal: 1 }],
    ["a name marked as UTF-8", { flags: 0x0800 }],
    ["an older version", { versionNeeded: 10 }],
  ])("may have %s", async (_, fields) => {
    expect(await verdictOn(zipped(stored("b", text, fields)))).toBe("taken")
  })
})

describe("what is no archive", () => {
  it("is told from one that was cut off, at any length", async () => {
    for (const bytes of [await writtenZip(members), await writtenZip(members, true)]) {
      for (let size = 0; size < bytes.length; size += 1) {
        const code = size < 4 ? "not-an-archive" : "archive-truncated"
        expect(await verdictOn(bytes.subarray(0, size)), `${size}`).toBe(`archive ${code}`)
      }
    }
  })

  it("is told from one that was cut off behind a zip that it holds", async () => {
    const inner = await writtenZip(members)
    const bytes = await writtenZip(
      [members[0], ["assets/cd/cdef", inner], ...members.slice(1)],
      true,
    )
    const end = bytes.indexOf(inner) + inner.length
    for (let size = end - 30; size < end + 40; size += 1) {
      expect(await verdictOn(bytes.subarray(0, size)), `${size}`).toBe("archive archive-truncated")
    }
  })

  it.each([
    ["nothing", ""],
    ["the letters PK", "PK"],
    ["text", "Dear reader, this is no archive at all."],
    ["the name of an end record in a text", `PK\u0005\u0006 is how it ends${" ".repeat(30)}`],
    ["zeros", "\0".repeat(100)],
  ])("is %s", async (_, content) => {
    expect(await verdictOn(Buffer.from(content))).toBe("archive not-an-archive")
  })
})

describe("bytes that belong to nothing", () => {
  const bytes = zipped(deflated("b", text))
  const junk = Buffer.from("junk")

  it.each<[string, Buffer]>([
    ["before the zip", Buffer.concat([junk, bytes])],
    ["before the zip, with offsets that know it", zipped(stored("b", text), { prefix: junk })],
    ["behind the zip", Buffer.concat([bytes, junk])],
    ["behind a zip with a prefix", Buffer.concat([junk, bytes, junk])],
    ["in a comment", zipped(stored("b", text), { end: { comment: junk } })],
    ["in a comment of a member", zipped(stored("b", text, { comment: junk }))],
    ["in a comment that is not there", zipped(stored("b", text), { end: { commentLength: 4 } })],
    ["between members", zipped(stored("b", text, { before: junk }))],
    ["before the directory", zipped(stored("b", text), { beforeDirectory: junk })],
    ["behind the directory", zipped(stored("b", text), { afterDirectory: () => junk })],
    ["as a member that is not listed", zipped(stored("b", text, { hidden: true }))],
    ["as a whole zip before it", Buffer.concat([bytes, bytes])],
  ])("are refused %s", async (_, file) => {
    expect(await verdictOn(file)).toBe("archive zip-layout")
  })

  it("are refused wherever one is added or left out", async () => {
    for (const file of [await writtenZip(members), await writtenZip(members, true)]) {
      for (let at = 0; at <= file.length; at += 1) {
        const [before, after] = [file.subarray(0, at), file.subarray(at)]
        for (const byte of [0, 0x50, file[at] ?? 0xff]) {
          const longer = Buffer.concat([before, Buffer.of(byte), after])
          expect(await verdictOn(longer), `${byte} before ${at}`).not.toBe("taken")
        }
        if (after.length === 0) continue
        const shorter = Buffer.concat([before, after.subarray(1)])
        expect(await verdictOn(shorter), `without ${at}`).not.toBe("taken")
      }
    }
  })
})

describe("a flipped bit", () => {
  it("is refused, or leaves every member where and what it was", async () => {
    const file = await writtenZip(members)
    const honest = await judged(file)
    let refused = 0
    for (let bit = 0; bit < file.length * 8; bit += 1) {
      const bytes = Buffer.from(file)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      if ((await verdictOn(bytes)) === "taken") expect(await judged(bytes)).toEqual(honest)
      else refused += 1
    }
    expect(refused / (file.length * 8)).toBeGreaterThan(0.8)
  })
})

describe("a directory that lies", () => {
  it.each<[string, Buffer]>([
    ["about its order", zipped(stored("b", text), { order: [1, 0] })],
    ["about the place of a member", zipped(stored("b", text, { central: { offset: 5 } }))],
    ["about two members in one place", zipped(stored("b", text, { ghost: true }))],
    ["about its size", zipped(stored("b", text), { end: { directorySize: 40 } })],
    ["about its place", zipped(stored("b", text), { end: { directoryOffset: 7 } })],
    ["by counting less", zipped(stored("b", text), { end: { entries: 1, entriesHere: 1 } })],
    ["by counting more", zipped(stored("b", text), { end: { entries: 3, entriesHere: 3 } })],
    ["by counting two ways", zipped(stored("b", text), { end: { entriesHere: 1 } })],
    ["about disks", zipped(stored("b", text), { end: { disk: 1 } })],
    [
      "by a name that is too long for it",
      zipped(stored("b", text, { central: { nameLength: 99 } })),
    ],
    [
      "about a size that runs into it",
      zipped(stored("b", text, { packedSize: text.length + 9, size: text.length + 9 })),
    ],
  ])("is refused: %s", async (_, file) => {
    expect(await verdictOn(file)).toBe("archive zip-layout")
  })
})

describe("a member", () => {
  const wide = extraField(0x0001, Buffer.alloc(8))
  const times = extraField(0x5455, Buffer.from([1, 0, 0, 0, 0]))

  it.each<[string, Entry]>([
    ["with another name of its own", stored("b", text, { local: { name: Buffer.from("c") } })],
    ["with another size of its own", stored("b", text, { local: { size: 1 } })],
    ["with another method of its own", stored("b", text, { local: { method: 8 } })],
    ["with another CRC of its own", stored("b", text, { local: { crc: 1 } })],
    ["with another time of its own", stored("b", text, { local: { time: 1 } })],
    ["with other flags of its own", stored("b", text, { local: { flags: 0x0800 } })],
    ["with another version of its own", stored("b", text, { local: { versionNeeded: 10 } })],
    ["stored with two sizes", stored("b", text, { size: 5 })],
    ["that takes more room than it can need", deflated("b", text, { packed: Buffer.alloc(100) })],
    ["with encryption", stored("b", text, { flags: 1 })],
    ["with another flag", stored("b", text, { flags: 2 })],
    ["packed another way", stored("b", text, { method: 12 })],
    ["of another version", stored("b", text, { versionNeeded: 63 })],
    ["that is a link", stored("b", text, { external: 0o120777 << 16 })],
    ["that is a folder of DOS", stored("b", text, { external: 0x10 })],
    ["that runs as its owner", stored("b", text, { external: 0o104755 << 16 })],
    ["on another disk", stored("b", text, { disk: 1 })],
    ["that is stored as a stream", streamed(stored("b", text))],
    [
      "whose stream has no descriptor",
      { ...streamed(deflated("b", text)), after: Buffer.alloc(0) },
    ],
    [
      "whose descriptor is not signed",
      streamed(deflated("b", text), descriptor(deflated("b", text), { signature: "none" })),
    ],
    [
      "whose descriptor is wider than it need be",
      streamed(deflated("b", text), descriptor(deflated("b", text), { wide: true })),
    ],
    [
      "whose descriptor says another size",
      streamed(deflated("b", text), descriptor(deflated("b", text), { size: 1 })),
    ],
    [
      "whose header knows what its descriptor says",
      { ...streamed(deflated("b", text)), local: {} },
    ],
    ["with a second name", stored("b", text, { extra: extraField(0x7075, Buffer.alloc(6)) })],
    ["with an owner", stored("b", text, { extra: extraField(0x7875, Buffer.alloc(11)) })],
    ["with two times fields", stored("b", text, { extra: Buffer.concat([times, times]) })],
    [
      "with a times field of no length",
      stored("b", text, { extra: extraField(0x5455, Buffer.alloc(0)) }),
    ],
    ["with a stray extra byte", stored("b", text, { extra: Buffer.alloc(1) })],
    ["with an extra field that is cut off", stored("b", text, { extra: times.subarray(0, -1) })],
    ["with 64 bits that it does not need", stored("b", text, { extra: wide })],
    [
      "with a small size in 64 bits",
      stored("b", text, { central: { size: 0xffff_ffff, packedSize: 0xffff_ffff, extra: wide } }),
    ],
    ["with 64 bits that are not there", stored("b", text, { central: { offset: 0xffff_ffff } })],
  ])("is refused %s", async (_, entry) => {
    const file = zipBytes([stored("a", text), entry, stored("c", text)])
    const error: unknown = await judged(file).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: "zip-entry", where: "b" })
  })

  it("is refused beside 64-bit ends that nobody needs, or that are missing", async () => {
    const layout = { afterDirectory: zip64End() }
    expect(await verdictOn(zipped(stored("b", text), layout))).toBe("archive zip-entry")
    const saturated = { ...layout, end: { entries: 0xffff, entriesHere: 0xffff } }
    expect(await verdictOn(zipped(stored("b", text), saturated))).toBe("archive zip-entry")
    const missing = { end: { entries: 0xffff, entriesHere: 0xffff } }
    expect(await verdictOn(zipped(stored("b", text), missing))).toBe("archive zip-entry")
  })
})
