/**
 * 64-bit records where they contradict the others, point nowhere, or are not needed; extra fields.
 */
import { attacksOf, entriesOf, withEntry } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"
import { Bytes, extraField, zip64End, zipBytes } from "./zip-bytes.ts"
import type { EndFields, Zip64Fields } from "./zip-bytes.ts"

const wideEnd: EndFields = {
  entries: 0xffff,
  entriesHere: 0xffff,
  directorySize: 0xffffffff,
  directoryOffset: 0xffffffff,
}

/** Records that lie, behind an end record that defers to them. */
const recordLies: { readonly [what: string]: Zip64Fields } = {
  "no entry": { entries: 0, entriesHere: 0 },
  "one entry": { entries: 1, entriesHere: 1 },
  "2^32 entries": { entries: 2n ** 32n, entriesHere: 2n ** 32n },
  "2^63 entries": { entries: 2n ** 63n, entriesHere: 2n ** 63n },
  "a directory offset of 2^53": { directoryOffset: 2n ** 53n },
  "a directory offset of 2^64 - 1": { directoryOffset: 2n ** 64n - 1n },
  "a directory size of 2^53": { directorySize: 2n ** 53n },
  "a directory size of 2^64 - 1": { directorySize: 2n ** 64n - 1n },
  "a directory offset of zero": { directoryOffset: 0 },
  "another disk": { disk: 1 },
  "another record size": { recordSize: 45 },
  "a record size of 2^64 - 1": { recordSize: 2n ** 64n - 1n },
  "a broken signature": { signature: 0x06064b51 },
  "extensible data": { extensible: Buffer.alloc(8) },
}

const locatorLies: { readonly [what: string]: Zip64Fields } = {
  "a place at 2^53": { recordOffset: 2n ** 53n },
  "a place at 2^53 - 1": { recordOffset: 2n ** 53n - 1n },
  "a place at 2^64 - 1": { recordOffset: 2n ** 64n - 1n },
  "a place at 2^63": { recordOffset: 2n ** 63n },
  "the start of the file": { recordOffset: 0 },
  "a place beyond the file": { recordOffset: 0x7fffffff },
  "another disk": { locatorDisk: 1 },
  "two disks": { disks: 2 },
  "no disk": { disks: 0 },
  "a record that is not there": { withoutRecord: true },
  "a record with a gap behind": { between: Buffer.from("gap") },
  "a broken signature": { locatorSignature: 0x07064b51 },
}

const claim = (...numbers: ReadonlyArray<bigint | number>): Buffer => {
  const bytes = new Bytes()
  for (const number of numbers) bytes.u64(number)
  return extraField(1, bytes.done())
}

export const zip64Attacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const content = entries[last]!.content
  const ended =
    (fields: Zip64Fields, end: EndFields = wideEnd) =>
    () =>
      zipBytes(entries, { end, afterDirectory: zip64End(fields) })
  const records = Object.entries(recordLies).map(
    ([what, fields]) => [`the 64-bit end says ${what}`, ended(fields)] as const,
  )
  const locators = Object.entries(locatorLies).map(
    ([what, fields]) => [`the 64-bit locator says ${what}`, ended(fields)] as const,
  )
  const wide = { size: 0xffffffff, packedSize: 0xffffffff, versionNeeded: 45 }
  return attacksOf("zip64", ["archive"], {
    ...Object.fromEntries([...records, ...locators]),
    "a 64-bit end that says the same, and is not needed": ended({}, {}),
    "a 64-bit end that contradicts the end": ended(
      { entries: 0, entriesHere: 0, directorySize: 0 },
      {},
    ),
    "two 64-bit ends": () =>
      zipBytes(entries, {
        end: wideEnd,
        afterDirectory: (place) =>
          Buffer.concat([
            zip64End({ entries: 1, entriesHere: 1 })(place),
            zip64End({ recordOffset: place.offset + place.size + 76 })(place),
          ]),
      }),
    "only a locator and an end, 42 bytes": () =>
      zipBytes([], {
        end: wideEnd,
        afterDirectory: zip64End({ withoutRecord: true, recordOffset: 2n ** 53n }),
      }),
    "42 bytes behind the start of a member": () =>
      Buffer.concat([
        Buffer.from("PK\u0003\u0004", "latin1"),
        zipBytes([], {
          end: wideEnd,
          afterDirectory: zip64End({ withoutRecord: true, recordOffset: 2n ** 60n }),
        }),
      ]),
    "a size of 64 bits without the field": () =>
      zipBytes(withEntry(entries, last, { central: wide })),
    "a size of 64 bits that is small": () =>
      zipBytes(withEntry(entries, last, { ...wide, extra: claim(content.length, content.length) })),
    "a size of 2^64 - 1": () =>
      zipBytes(withEntry(entries, last, { ...wide, extra: claim(2n ** 64n - 1n, 2n ** 64n - 1n) })),
    "a size of 2^53": () =>
      zipBytes(withEntry(entries, last, { ...wide, extra: claim(2n ** 53n, content.length) })),
    "a size of -1": () => zipBytes(withEntry(entries, last, { ...wide, extra: claim(-1, -1) })),
    "an offset of 2^53": () =>
      zipBytes(
        withEntry(entries, last, {
          central: { offset: 0xffffffff, versionNeeded: 45, extra: claim(2n ** 53n) },
        }),
      ),
    "a field with too few numbers": () =>
      zipBytes(withEntry(entries, last, { ...wide, extra: claim(content.length) })),
    "a field with a number too many": () =>
      zipBytes(
        withEntry(entries, last, { ...wide, extra: claim(content.length, content.length, 0) }),
      ),
    "a field that nobody needs": () =>
      zipBytes(withEntry(entries, last, { extra: claim(content.length) })),
    "the field twice": () =>
      zipBytes(
        withEntry(entries, last, {
          ...wide,
          extra: Buffer.concat([claim(content.length, content.length), claim(1, 1)]),
        }),
      ),
    "the manifest's size in 64 bits": () =>
      zipBytes(
        withEntry(entries, 0, { ...wide, extra: claim(2n ** 40n, entries[0]!.content.length) }),
      ),
  })
}

export const extraAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const both = (extra: Buffer) => () => zipBytes(withEntry(entries, last, { extra }))
  return attacksOf("extra", ["archive"], {
    "one stray byte": both(Buffer.from([0])),
    "three stray bytes": both(Buffer.from([1, 2, 3])),
    "a field longer than its place": both(extraField(0x5455, Buffer.from([1, 0, 0, 0, 0]), 500)),
    "stray bytes behind a good field": both(
      Buffer.concat([extraField(0x5455, Buffer.from([1, 0, 0, 0, 0])), Buffer.from([9])]),
    ),
    AES: both(extraField(0x9901, Buffer.from([2, 0, 0x41, 0x45, 3, 8, 0]))),
    "strong encryption": both(extraField(0x0017, Buffer.alloc(8))),
    "an owner": both(extraField(0x7875, Buffer.from([1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0]))),
    "times of NTFS": both(extraField(0x000a, Buffer.alloc(32))),
    "an access list": both(extraField(0x4453, Buffer.alloc(16))),
    "a Unicode comment": both(extraField(0x6375, Buffer.from([1, 0, 0, 0, 0, 0x78]))),
    "Java's magic": both(extraField(0xcafe, Buffer.alloc(0))),
    "Android's alignment": both(extraField(0xd935, Buffer.alloc(6))),
    "padding of zeros": both(Buffer.alloc(4)),
    "32 KiB that nobody knows": both(extraField(0x7777, Buffer.alloc(32_768))),
    "in the directory only": () =>
      zipBytes(
        withEntry(entries, last, { central: { extra: extraField(0x7777, Buffer.from("x")) } }),
      ),
  })
}
