/**
 * Small files that want much: memory, disk, time, or a reader that counts.
 */
import { crc32, deflateRawSync } from "node:zlib"
import { attacksOf, entriesOf, withEntry } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"
import {
  Bytes,
  deflated,
  extraField,
  localHeader,
  packedZeros,
  stored,
  zipBytes,
} from "./zip-bytes.ts"
import type { Entry } from "./zip-bytes.ts"

const mebibyte = 1024 * 1024
const empty = Buffer.alloc(0)

/** A member that says how long it is, truly, without the program that makes it holding it. */
const zeros = (title: string, mebibytes: number, fields: Partial<Entry> = {}): Entry => ({
  title,
  content: empty,
  method: 8,
  packed: packedZeros(mebibytes),
  size: mebibytes * mebibyte,
  crc: crcOfZeros(mebibytes),
  ...fields,
})

const crcs = new Map<number, number>()
const crcOfZeros = (mebibytes: number): number => {
  const known = crcs.get(mebibytes)
  if (known !== undefined) return known
  const one = Buffer.alloc(mebibyte)
  let crc = 0
  for (let done = 0; done < mebibytes; done++) crc = crc32(one, crc)
  crcs.set(mebibytes, crc)
  return crc
}

/**
 * Fifield's first bomb: every file's deflate stream quotes the local header of the next as stored
 * bytes, so that one kernel of zeros is the content of all.
 */
const quotedOverlap = (base: Base, count: number): Buffer => {
  const kernel = packedZeros(8)
  const kernelBytes = 8 * mebibyte
  const parts: Array<{ readonly header: Buffer; readonly quote: Buffer; readonly entry: Entry }> =
    []
  let size = kernelBytes
  let packed = kernel
  let crcContent: Buffer = Buffer.alloc(kernelBytes)
  for (let index = count - 1; index >= 0; index--) {
    const entry: Entry = {
      title: `assets/b${index}`,
      content: empty,
      method: 8,
      packed,
      size,
      crc: crc32(crcContent),
    }
    const header = localHeader(entry)
    const quote = Buffer.alloc(5)
    quote.writeUInt16LE(header.length, 1)
    quote.writeUInt16LE(header.length ^ 0xffff, 3)
    parts.unshift({ header, quote, entry })
    packed = Buffer.concat([quote, header, packed])
    crcContent = Buffer.concat([header, crcContent])
    size += header.length
  }
  const inner = entriesOf(base)
  const honest = zipBytes(inner)
  const start = honest.readUInt32LE(honest.length - 6)
  const entries = parts.map(({ entry, header, quote }, index) => ({ entry, header, quote, index }))
  const file = new Bytes().raw(honest.subarray(0, start))
  const offsets: Array<number> = []
  for (const { header, quote, index } of entries) {
    offsets.push(file.length)
    file.raw(header)
    if (index < entries.length - 1) file.raw(quote)
  }
  file.raw(kernel)
  return withDirectory(
    file.done(),
    inner,
    entries.map(({ entry }) => entry),
    offsets,
  )
}

/** Puts a directory behind bytes that hold honest members and then what the offsets point at. */
const withDirectory = (
  body: Buffer,
  inner: ReadonlyArray<Entry>,
  more: ReadonlyArray<Entry>,
  offsets: ReadonlyArray<number>,
): Buffer => {
  let at = 0
  const honest = inner.map((entry) => {
    const offset = at
    at += localHeader(entry).length + (entry.packed ?? entry.content).length
    return { ...entry, ghost: true, central: { ...entry.central, offset } }
  })
  const others = more.map((entry, index) => ({
    ...entry,
    ghost: true,
    central: { ...entry.central, offset: offsets[index]! },
  }))
  return zipBytes([...honest, ...others], { prefix: body })
}

/** Fifield's second: the headers between lie inside an extra field of the one before. */
const extraOverlap = (base: Base, count: number): Buffer => {
  const inner = entriesOf(base)
  const honest = zipBytes(inner)
  const body = new Bytes().raw(honest.subarray(0, honest.readUInt32LE(honest.length - 6)))
  const kernel = packedZeros(8)
  const entryAt = (index: number, extra: Buffer): Entry => ({
    title: `assets/e${index}`,
    content: empty,
    method: 8,
    packed: kernel,
    size: 8 * mebibyte,
    crc: crcOfZeros(8),
    local: { extra },
  })
  let behind = localHeader(entryAt(count - 1, empty))
  const headers = [behind]
  for (let index = count - 2; index >= 0; index--) {
    const extra = Buffer.concat([extraField(0x6666, empty, behind.length), behind])
    behind = localHeader(entryAt(index, extra))
    headers.unshift(behind)
  }
  const start = body.length
  body.raw(headers[0]!).raw(kernel)
  // Each header is the tail of the one before it, so its start is told by its length.
  const offsets = headers.map((header) => start + headers[0]!.length - header.length)
  const more = headers.map((_, index) => entryAt(index, empty))
  return withDirectory(body.done(), inner, more, offsets)
}

const sharedHeader = (base: Base, count: number): Buffer => {
  const inner = entriesOf(base)
  const honest = zipBytes(inner)
  const body = new Bytes().raw(honest.subarray(0, honest.readUInt32LE(honest.length - 6)))
  const entry = zeros("assets/same", 4)
  const offset = body.length
  body.raw(localHeader(entry)).raw(entry.packed!)
  const names = Array.from({ length: count }, (_, index) => ({
    ...entry,
    title: `assets/s${index}`,
  }))
  return withDirectory(
    body.done(),
    inner,
    names,
    names.map(() => offset),
  )
}

const emptyBlocks = (count: number): Buffer =>
  Buffer.concat([Buffer.alloc(count * 5, Buffer.from([0, 0, 0, 0xff, 0xff])), Buffer.from([3, 0])])

export const bombAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const bigger = (name: string) => (entry: Partial<Entry>) =>
    zipBytes([...entries, stored(name, empty, entry)])
  const manyNames = (count: number, length: number) =>
    Array.from({ length: count }, (_, index) => stored(String(index).padStart(length, "x"), empty))
  return attacksOf("bomb", ["archive"], {
    "a member of 10 GiB, truly": () =>
      zipBytes([...entries, zeros("assets/zeros", 10_240, { size: 0xfffffffe, crc: 0 })]),
    "10 GiB said in 64 bits": () => {
      const wide = new Bytes()
        .u64(10 * 1024 * mebibyte)
        .u64(5000)
        .done()
      return bigger("assets/claim")({
        method: 8,
        packed: Buffer.alloc(5000),
        versionNeeded: 45,
        size: 0xffffffff,
        packedSize: 0xffffffff,
        extra: extraField(1, wide),
      })
    },
    "2 GiB out of 2 MiB": () => zipBytes([...entries, zeros("assets/zeros", 2048, { crc: 0 })]),
    "64 MiB of zeros at 1000 to 1": () => zipBytes([...entries, zeros("assets/zeros", 64)]),
    "a manifest of 64 MiB of zeros": () =>
      zipBytes([zeros("manifest.json", 64), ...entries.slice(1)]),
    "a manifest of 1 GiB of zeros": () =>
      zipBytes([zeros("manifest.json", 1024, { crc: 0 }), ...entries.slice(1)]),
    "a segment of 400 MiB of zeros": () =>
      zipBytes(
        withEntry(entries, 1, { ...zeros(entries[1]!.title, 400), title: entries[1]!.title }),
      ),
    "100 members of 4 MiB from 4 KiB each": () =>
      zipBytes([
        ...entries,
        ...Array.from({ length: 100 }, (_, index) => zeros(`assets/z${index}`, 4)),
      ]),
    "40 members of 15 MiB, each below the floor": () =>
      zipBytes([
        ...entries,
        ...Array.from({ length: 40 }, (_, index) => zeros(`assets/z${index}`, 15)),
      ]),
    "a member longer than it says": () =>
      zipBytes(withEntry(entries, last, { method: 8, packed: packedZeros(32), size: 100, crc: 0 })),
    "the manifest longer than it says": () =>
      zipBytes(withEntry(entries, 0, { method: 8, packed: packedZeros(32), size: 300, crc: 0 })),
    "a size of 0 over 32 MiB": () =>
      zipBytes(withEntry(entries, 0, { method: 8, packed: packedZeros(32), size: 0, crc: 0 })),
    "a stored member that says another size": () =>
      zipBytes(withEntry(entries, last, { size: entries[last]!.content.length + 1000 })),
    "quoted overlap, 30 members": () => quotedOverlap(base, 30),
    "overlap through extra fields, 100 members": () => extraOverlap(base, 100),
    "one header shared by 300 members": () => sharedHeader(base, 300),
    "70,000 members": () => zipBytes([...entries, ...manyNames(70_000, 5)]),
    "70,000 members counted as 4,464": () =>
      zipBytes([...entries, ...manyNames(70_000, 5)], {
        end: { entries: 4_464, entriesHere: 4_464 },
      }),
    "20,000 members": () => zipBytes([...entries, ...manyNames(20_000, 5)]),
    "a directory of 16 MiB in comments": () =>
      zipBytes([
        ...entries,
        ...manyNames(300, 5).map((entry) => ({
          ...entry,
          central: { comment: Buffer.alloc(60_000, "c") },
        })),
      ]),
    "a directory of 12 MiB in extra fields": () => {
      const extra = extraField(0x7777, Buffer.alloc(60_000))
      return zipBytes([
        ...entries,
        ...manyNames(200, 5).map((entry) => ({ ...entry, central: { extra } })),
      ])
    },
    "a directory that says it has 2 GiB": () =>
      zipBytes(entries, { end: { directorySize: 0x7fffffff } }),
    "a million empty blocks": () =>
      zipBytes([
        ...entries,
        stored("assets/empty", empty, { method: 8, packed: emptyBlocks(1_000_000) }),
      ]),
    "a zip in a zip in place of a member": () =>
      zipBytes(
        withEntry(entries, last, {
          content: zipBytes([deflated("manifest.json", Buffer.alloc(1000))]),
        }),
      ),
    "a member deflated twice": {
      build: () =>
        zipBytes(
          withEntry(entries, last, {
            method: 8,
            packed: deflateRawSync(deflateRawSync(entries[last]!.content)),
          }),
        ),
      // Its lines are seen before its end is.
      stages: ["archive", "schema"],
    },
  }).map((attack) =>
    // Its bytes are a well-formed member: only the manifest knows that they are others.
    attack.name === "a zip in a zip in place of a member"
      ? { ...attack, class: "nested", stages: ["manifest"] as const }
      : attack,
  )
}
