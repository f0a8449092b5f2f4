/**
 * Members whose bytes do not give what the directory says; methods and flags that archives do not use.
 */
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib"
import { attacksOf, entriesOf, withEntry } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"
import { zipBytes } from "./zip-bytes.ts"

const flagsRefused: { readonly [what: string]: number } = {
  encryption: 0x0001,
  "strong encryption": 0x0041,
  "a patch": 0x0020,
  imploding: 0x0002,
  "the reserved bit 7": 0x0080,
  "enhanced compression": 0x1000,
  "a masked header": 0x2000,
  "the reserved bit 14": 0x4000,
  "the reserved bit 15": 0x8000,
  "all bits": 0xffff,
}

const methods = [1, 2, 6, 7, 9, 10, 12, 14, 93, 95, 97, 98, 99, 0xffff]
const versions = [0, 9, 11, 25, 51, 63, 99, 255, 0xffff]

export const dataAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const { content } = entries[last]!
  const packed = deflateRawSync(content)
  const changed = (fields: Parameters<typeof withEntry>[2]) => () =>
    zipBytes(withEntry(entries, last, fields))
  const inflating = (bytes: Buffer, more: Parameters<typeof withEntry>[2] = {}) =>
    changed({ method: 8, packed: bytes, ...more })
  const flip = (at: number): Buffer => {
    const bytes = Buffer.from(content)
    bytes[at]! ^= 0x20
    return bytes
  }
  const named = <A extends number>(prefix: string, values: ReadonlyArray<A>, field: string) =>
    values.map((value) => [`${prefix} ${value}`, changed({ [field]: value })] as const)
  const flags = Object.entries(flagsRefused).map(
    ([what, value]) => [`the flag of ${what}`, changed({ flags: value })] as const,
  )
  return attacksOf("data", ["archive"], {
    ...Object.fromEntries([
      ...named("method", methods, "method"),
      ...named("version", versions, "versionNeeded"),
      ...flags,
    ]),
    "a flipped bit in a stored member": changed({ packed: flip(10) }),
    "a flipped bit in the stored manifest": () => {
      const bytes = Buffer.from(entries[0]!.content)
      bytes[bytes.length - 3]! ^= 1
      return zipBytes(withEntry(entries, 0, { packed: bytes }))
    },
    "a CRC of zero over a stored member": changed({ crc: 0 }),
    "a CRC of zero over a compressed member": inflating(packed, { crc: 0 }),
    "a CRC of the manifest that is not its own": () => zipBytes(withEntry(entries, 0, { crc: 1 })),
    "a wrong CRC over a compressed member": inflating(packed, { crc: 1 }),
    "deflate without its end": inflating(packed.subarray(0, -1)),
    "deflate cut in half": inflating(packed.subarray(0, packed.length >> 1)),
    "deflate without a byte": inflating(Buffer.alloc(0)),
    "deflate of nothing": inflating(Buffer.from([3, 0])),
    "one byte behind deflate": inflating(Buffer.concat([packed, Buffer.from([0])])),
    "a second stream behind deflate": inflating(Buffer.concat([packed, packed])),
    "64 KiB behind deflate": inflating(Buffer.concat([packed, Buffer.alloc(65_536)])),
    "random bytes as deflate": inflating(Buffer.from("ffaa55ff00112233445566778899", "hex")),
    "a block of the reserved type": inflating(Buffer.from([7, 0, 0])),
    "a distance before the start": inflating(Buffer.from([0x4b, 0x04, 0x02, 0x00])),
    "a zlib header before deflate": inflating(deflateSync(content)),
    "gzip in place of deflate": inflating(gzipSync(content)),
    "one byte less than the size": inflating(deflateRawSync(content.subarray(1))),
    "one byte more than the size": inflating(
      deflateRawSync(Buffer.concat([content, Buffer.from("x")])),
    ),
    "stored bytes called deflated": changed({ method: 8 }),
    "deflated bytes called stored": changed({ packed }),
    "a stored length that lies in a block": inflating(
      Buffer.concat([Buffer.from([1, 5, 0, 0, 0]), Buffer.from("hello")]),
    ),
  })
}

/** Starts of other files that a person might hand over by mistake. */
const otherFiles: { readonly [what: string]: string | Buffer } = {
  nothing: "",
  "one byte": "P",
  "the two letters PK": "PK",
  "the start of a member and nothing else": "PK\u0003\u0004",
  "the start of an end and nothing else": "PK\u0005\u0006",
  "21 bytes of an end": Buffer.concat([Buffer.from("PK\u0005\u0006", "latin1"), Buffer.alloc(17)]),
  "64 KiB of zeros": Buffer.alloc(65_536),
  text: "hello\n",
  "JSON of another kind": '{"hello":[1,2,3]}',
  gzip: gzipSync("hello"),
  PDF: "%PDF-1.7\n",
  PNG: Buffer.from("89504e470d0a1a0a", "hex"),
  "7z": Buffer.from("377abcaf271c0004", "hex"),
  RAR: Buffer.from("526172211a070100", "hex"),
  xz: Buffer.from("fd377a585a0000", "hex"),
  zstd: Buffer.from("28b52ffd00", "hex"),
  tar: Buffer.concat([Buffer.alloc(257), Buffer.from("ustar"), Buffer.alloc(250)]),
  SQLite: Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(84)]),
  ELF: Buffer.from("7f454c46020101", "hex"),
  "UTF-16 text": Buffer.from("hello", "utf16le"),
}

/** Not one of them is a zip: `importProject` may also take them for a text format and refuse that. */
export const truncationAttacks = (base: Base): ReadonlyArray<Attack> => {
  const file = zipBytes(entriesOf(base))
  const start = file.readUInt32LE(file.length - 6)
  const places = {
    "after the first header": 30,
    "within the manifest": 200,
    "in the middle": file.length >> 1,
    "before the directory": start,
    "within the directory": start + 40,
    "before the end": file.length - 22,
    "within the end": file.length - 10,
    "before the last byte": file.length - 1,
  }
  const cuts = Object.entries(places).map(
    ([where, length]) => [`cut ${where}`, () => file.subarray(0, length)] as const,
  )
  const missing = Object.entries({ first: 0, tenth: 10, middle: file.length >> 1 }).map(
    ([which, at]) =>
      [
        `without its ${which} byte`,
        () => Buffer.concat([file.subarray(0, at), file.subarray(at + 1)]),
      ] as const,
  )
  return [
    ...attacksOf("truncation", ["archive"], Object.fromEntries(cuts)).map((attack) => ({
      ...attack,
      codes: ["archive-truncated"],
    })),
    ...attacksOf("truncation", ["archive"], Object.fromEntries(missing)),
    ...attacksOf(
      "not an archive",
      ["archive"],
      Object.fromEntries(
        Object.entries(otherFiles).map(([what, bytes]) => [
          what,
          () => Buffer.from(bytes as string, "latin1"),
        ]),
      ),
    ).map((attack) => ({
      ...attack,
      codes: [attack.name.includes("of a member") ? "archive-truncated" : "not-an-archive"],
    })),
    ...attacksOf("truncation", ["archive"], {
      "compressed by gzip": () => gzipSync(file),
      "as base64": () => Buffer.from(file.toString("base64")),
      "read and written as UTF-8 text": () => Buffer.from(file.toString("utf8")),
      "with line ends of Windows": () =>
        Buffer.from(file.toString("latin1").replaceAll("\n", "\r\n"), "latin1"),
    }),
  ]
}
