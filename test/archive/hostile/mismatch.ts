/**
 * Members whose header and directory tell two stories, so that two readers see two archives.
 */
import { attacksOf, entriesOf, withEntry } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"
import { deflated, descriptor, extraField, streamed, zipBytes } from "./zip-bytes.ts"
import type { CentralFields, Entry, Fields } from "./zip-bytes.ts"

/** Fields in which a header may disagree with the directory about the last member. */
const disagreements = (entry: Entry): { readonly [name: string]: Fields } => {
  const size = entry.content.length
  return {
    "another name": { name: Buffer.from(entry.title.replace(/.$/, "X")) },
    "a name that leads out": { name: Buffer.from("../".padEnd(entry.title.length, "x")) },
    "the name of the manifest": { name: Buffer.from("manifest.json") },
    "a longer name": { name: Buffer.from(`${entry.title}x`) },
    "a shorter name": { name: Buffer.from(entry.title.slice(0, -1)) },
    "no name": { name: Buffer.alloc(0) },
    "a name length beyond the file": { nameLength: 0xffff },
    "an extra length beyond the file": { extraLength: 0xffff },
    "an extra length of one": { extraLength: 1 },
    "another CRC": { crc: 1 },
    "a CRC of zero": { crc: 0 },
    "another size": { size: size + 1 },
    "a size of zero": { size: 0 },
    "another packed size": { packedSize: size - 1 },
    "a packed size of zero": { packedSize: 0 },
    "sizes that ask for 64 bits": { size: 0xffffffff, packedSize: 0xffffffff },
    "another method": { method: 8 },
    "an unknown method": { method: 99 },
    "the flag of encryption": { flags: 1 },
    "the flag of a descriptor": { flags: 8 },
    "the flag of UTF-8": { flags: 0x800 },
    "another version": { versionNeeded: 45 },
    "another time": { time: 0x1234 },
    "another date": { date: 0x5321 },
    "a broken signature": { signature: 0x04034b51 },
    "the signature of the directory": { signature: 0x02014b50 },
    "an extra field of its own": { extra: extraField(0x9999, Buffer.from("x")) },
  }
}

/** The same in the directory only. */
const directoryLies = (entry: Entry): { readonly [name: string]: CentralFields } => ({
  "another name": { name: Buffer.from(entry.title.replace(/.$/, "X")) },
  "another CRC": { crc: 1 },
  "a CRC of zero": { crc: 0 },
  "another size": { size: entry.content.length - 1 },
  "another packed size": { packedSize: entry.content.length - 1 },
  "another method": { method: 8 },
  "the flag of encryption": { flags: 1 },
  "the flag of a descriptor": { flags: 8 },
  "an offset one too far": { offset: 1 },
  "an offset of zero": { offset: 0 },
  "an offset beyond the file": { offset: 0x7ffffff0 },
  "an offset that asks for 64 bits": { offset: 0xffffffff },
  "another disk": { disk: 1 },
  "a broken signature": { signature: 0x02014b51 },
  "a comment length beyond the directory": { commentLength: 0xffff },
  "a comment": { comment: Buffer.from("hello") },
  "an extra length beyond the directory": { extraLength: 0xfff0 },
  "a name length beyond the directory": { nameLength: 0xfff0 },
})

export const mismatchAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const headerSays = Object.entries(disagreements(entries[last]!)).map(
    ([what, local]) =>
      [`the header says ${what}`, () => zipBytes(withEntry(entries, last, { local }))] as const,
  )
  const directorySays = Object.entries(directoryLies(entries[last]!)).map(
    ([what, central]) =>
      [
        `the directory says ${what}`,
        () => zipBytes(withEntry(entries, last, { central })),
      ] as const,
  )
  return attacksOf("mismatch", ["archive"], {
    ...Object.fromEntries([...headerSays, ...directorySays]),
    "the manifest's header says another size": () =>
      zipBytes(withEntry(entries, 0, { local: { size: 1, packedSize: 1 } })),
    "two members change places in the directory": () =>
      zipBytes(
        entries.map((entry, index) =>
          index === 0
            ? entry
            : { ...entry, central: { name: Buffer.from(entries[entries.length - index]!.title) } },
        ),
      ),
    "data that is one text stored and another inflated": () => {
      const inner = deflated("x", Buffer.from("inflated"))
      return zipBytes(
        withEntry(entries, last, { packed: inner.packed!, central: { method: 8, size: 8 } }),
      )
    },
  })
}

export const descriptorAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const packed = deflated(entries[last]!.title, entries[last]!.content)
  const with_ = (entry: Entry) => zipBytes(withEntry(entries, last, entry))
  const followed = (after: Buffer) => () => with_(streamed(packed, after))
  const size = packed.content.length
  return attacksOf("descriptor", ["archive"], {
    "no descriptor where one is promised": followed(Buffer.alloc(0)),
    "a wrong CRC": followed(descriptor(packed, { crc: 1 })),
    "a CRC of zero": followed(descriptor(packed, { crc: 0 })),
    "a wrong size": followed(descriptor(packed, { size: size + 1 })),
    "a wrong packed size": followed(descriptor(packed, { packedSize: 1 })),
    "all zero": followed(Buffer.alloc(16)),
    "no signature": followed(descriptor(packed, { signature: "none" })),
    "a wrong signature": followed(descriptor(packed, { signature: 0x08074b51 })),
    "64 bits where 32 are meant": followed(descriptor(packed, { wide: true })),
    "64 bits without a signature": followed(descriptor(packed, { wide: true, signature: "none" })),
    twice: followed(Buffer.concat([descriptor(packed), descriptor(packed)])),
    "bytes behind it": followed(Buffer.concat([descriptor(packed), Buffer.from("xx")])),
    "a descriptor that nobody promised": () => with_({ ...packed, after: descriptor(packed) }),
    "sizes in the header all the same": () =>
      with_({ ...packed, flags: 8, after: descriptor(packed) }),
    "a CRC in the header all the same": () => with_(streamed({ ...packed, local: { crc: 7 } })),
    "behind a stored member": () => with_(streamed(entries[last]!)),
    "a descriptor's signature inside a stored member": () => {
      const content = Buffer.concat([Buffer.from("ab"), descriptor(packed), Buffer.from("cd")])
      return with_(streamed({ ...entries[last]!, content }))
    },
    "promised in the header only": () =>
      with_({
        ...packed,
        local: { flags: 8, crc: 0, packedSize: 0, size: 0 },
        after: descriptor(packed),
      }),
    "promised in the directory only": () =>
      with_({ ...packed, central: { flags: 8 }, after: descriptor(packed) }),
  })
}
