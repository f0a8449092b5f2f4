/**
 * Zip files byte by byte, with every field under the caller's control, honest unless told otherwise.
 *
 * Nothing here checks anything: a field that is not given is what an honest writer would put there,
 * and a field that is given is written as it is. Numbers that do not fit are cut, as a liar would.
 */
import { crc32, deflateRawSync } from "node:zlib"

export const localSignature = 0x04034b50
export const centralSignature = 0x02014b50
export const endSignature = 0x06054b50
export const descriptorSignature = 0x08074b50
export const zip64EndSignature = 0x06064b50
export const zip64LocatorSignature = 0x07064b50

/** 1 January 1980, as a DOS date. */
const firstDay = 0x0021
export const regularFile = 0o100644

export interface Fields {
  readonly signature?: number
  readonly versionNeeded?: number
  readonly flags?: number
  readonly method?: number
  readonly time?: number
  readonly date?: number
  readonly crc?: number
  readonly packedSize?: number
  readonly size?: number
  readonly name?: Buffer
  readonly nameLength?: number
  readonly extra?: Buffer
  readonly extraLength?: number
}

export interface CentralFields extends Fields {
  readonly versionMadeBy?: number
  readonly comment?: Buffer
  readonly commentLength?: number
  readonly disk?: number
  readonly internal?: number
  readonly external?: number
  readonly offset?: number
}

export interface Entry extends CentralFields {
  readonly title: string
  /** What the member holds; its size and CRC are taken from it. */
  readonly content: Buffer
  /** What stands in the file instead of the content, packed or not. */
  readonly packed?: Buffer
  /** In the local header only. */
  readonly local?: Fields
  /** In the directory only. */
  readonly central?: CentralFields
  /** Directly after the packed bytes. */
  readonly after?: Buffer
  /** Directly before the local header. */
  readonly before?: Buffer
  /** The directory does not name it. */
  readonly hidden?: boolean
  /** The directory names it, and nothing else does. */
  readonly ghost?: boolean
}

export interface EndFields {
  readonly signature?: number
  readonly disk?: number
  readonly directoryDisk?: number
  readonly entriesHere?: number
  readonly entries?: number
  readonly directorySize?: number
  readonly directoryOffset?: number
  readonly comment?: Buffer
  readonly commentLength?: number
}

export interface Layout {
  readonly prefix?: Buffer
  /** Whether offsets count from after the prefix. */
  readonly prefixCounts?: boolean
  readonly beforeDirectory?: Buffer
  readonly afterDirectory?: (place: DirectoryPlace) => Buffer
  readonly suffix?: Buffer
  readonly end?: EndFields
  /** The order of the directory, by index into the entries. */
  readonly order?: ReadonlyArray<number>
}

export interface DirectoryPlace {
  readonly offset: number
  readonly size: number
  readonly entries: number
}

export class Bytes {
  readonly #parts: Array<Buffer> = []
  length = 0

  u16(value: number): this {
    const part = Buffer.alloc(2)
    part.writeUInt16LE(value & 0xffff)
    return this.raw(part)
  }

  u32(value: number): this {
    const part = Buffer.alloc(4)
    part.writeUInt32LE(value >>> 0)
    return this.raw(part)
  }

  u64(value: bigint | number): this {
    const part = Buffer.alloc(8)
    part.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
    return this.raw(part)
  }

  raw(part: Buffer | string): this {
    const bytes = typeof part === "string" ? Buffer.from(part, "latin1") : part
    this.#parts.push(bytes)
    this.length += bytes.length
    return this
  }

  done(): Buffer {
    return Buffer.concat(this.#parts, this.length)
  }
}

const none = Buffer.alloc(0)

/** The fields that the local header and the directory share. */
const sharedFields = (entry: Entry, fields: Fields) => {
  const packed = entry.packed ?? entry.content
  const {
    versionNeeded = 20,
    flags = 0,
    method = 0,
    time = 0,
    date = firstDay,
    crc = crc32(entry.content),
    packedSize = packed.length,
    size = entry.content.length,
    name = Buffer.from(entry.title),
    extra = none,
  } = fields
  const { nameLength = name.length, extraLength = extra.length } = fields
  const all = { versionNeeded, flags, method, time, date, crc, packedSize, size }
  return { ...all, name, extra, nameLength, extraLength }
}

const addShared = (bytes: Bytes, fields: ReturnType<typeof sharedFields>): void => {
  const { versionNeeded, flags, method, time, date, crc, packedSize, size } = fields
  bytes.u16(versionNeeded).u16(flags).u16(method).u16(time).u16(date).u32(crc).u32(packedSize)
  bytes.u32(size).u16(fields.nameLength).u16(fields.extraLength)
}

/** What a local header is made of; an extra field given for the whole entry stands in both. */
export const localHeader = (entry: Entry): Buffer => {
  const given: Fields = { ...entry, ...entry.local }
  const fields = sharedFields(entry, given)
  const bytes = new Bytes().u32(entry.local?.signature ?? localSignature)
  addShared(bytes, fields)
  return bytes.raw(fields.name).raw(fields.extra).done()
}

export const centralHeader = (entry: Entry, offset: number): Buffer => {
  const given: CentralFields = { ...entry, ...entry.central }
  const fields = sharedFields(entry, given)
  const comment = given.comment ?? none
  const bytes = new Bytes().u32(entry.central?.signature ?? centralSignature)
  bytes.u16(given.versionMadeBy ?? (3 << 8) | 20)
  addShared(bytes, fields)
  bytes
    .u16(given.commentLength ?? comment.length)
    .u16(given.disk ?? 0)
    .u16(given.internal ?? 0)
  bytes.u32(given.external ?? regularFile << 16).u32(given.offset ?? offset)
  return bytes.raw(fields.name).raw(fields.extra).raw(comment).done()
}

export const endRecord = (place: DirectoryPlace, fields: EndFields = {}): Buffer => {
  const comment = fields.comment ?? none
  const bytes = new Bytes().u32(fields.signature ?? endSignature)
  bytes.u16(fields.disk ?? 0).u16(fields.directoryDisk ?? 0)
  bytes.u16(fields.entriesHere ?? place.entries).u16(fields.entries ?? place.entries)
  bytes.u32(fields.directorySize ?? place.size).u32(fields.directoryOffset ?? place.offset)
  return bytes
    .u16(fields.commentLength ?? comment.length)
    .raw(comment)
    .done()
}

/** The whole file. */
export const zipBytes = (entries: ReadonlyArray<Entry>, layout: Layout = {}): Buffer => {
  const bytes = new Bytes()
  if (layout.prefix !== undefined) bytes.raw(layout.prefix)
  const base = layout.prefixCounts === false ? (layout.prefix?.length ?? 0) : 0
  const offsets = entries.map((entry) => {
    if (entry.ghost === true) return 0
    if (entry.before !== undefined) bytes.raw(entry.before)
    const offset = bytes.length - base
    bytes.raw(localHeader(entry)).raw(entry.packed ?? entry.content)
    if (entry.after !== undefined) bytes.raw(entry.after)
    return offset
  })
  if (layout.beforeDirectory !== undefined) bytes.raw(layout.beforeDirectory)
  const start = bytes.length
  const order = layout.order ?? entries.map((_, index) => index)
  const listed = order.filter((index) => entries[index]!.hidden !== true)
  for (const index of listed) bytes.raw(centralHeader(entries[index]!, offsets[index]!))
  const place = { offset: start - base, size: bytes.length - start, entries: listed.length }
  if (layout.afterDirectory !== undefined) bytes.raw(layout.afterDirectory(place))
  bytes.raw(endRecord(place, layout.end))
  if (layout.suffix !== undefined) bytes.raw(layout.suffix)
  return bytes.done()
}

/** An honest stored member. */
export const stored = (title: string, content: Buffer, fields: Partial<Entry> = {}): Entry => ({
  title,
  content,
  ...fields,
})

/** An honest compressed member. */
export const deflated = (
  title: string,
  content: Buffer,
  fields: Partial<Entry> = {},
  level = 6,
): Entry => ({
  title,
  content,
  method: 8,
  packed: deflateRawSync(content, { level }),
  ...fields,
})

/** The descriptor that follows a member whose header does not know its size. */
export const descriptor = (
  entry: Entry,
  fields: Omit<Fields, "signature"> & {
    readonly signature?: number | "none"
    readonly wide?: boolean
  } = {},
): Buffer => {
  const bytes = new Bytes()
  if (fields.signature !== "none") bytes.u32(fields.signature ?? descriptorSignature)
  const crc = fields.crc ?? crc32(entry.content)
  const packedSize = fields.packedSize ?? (entry.packed ?? entry.content).length
  const size = fields.size ?? entry.content.length
  bytes.u32(crc)
  return fields.wide === true
    ? bytes.u64(packedSize).u64(size).done()
    : bytes.u32(packedSize).u32(size).done()
}

/** A member as a streaming writer leaves it: nothing in its header, all in a descriptor. */
export const streamed = (entry: Entry, after: Buffer = descriptor(entry)): Entry => ({
  ...entry,
  flags: 8,
  local: { crc: 0, packedSize: 0, size: 0, ...entry.local },
  after,
})

/** One extra field. */
export const extraField = (id: number, content: Buffer, length = content.length): Buffer =>
  new Bytes().u16(id).u16(length).raw(content).done()

export interface Zip64Fields {
  readonly signature?: number
  readonly recordSize?: bigint | number
  readonly disk?: number
  readonly directoryDisk?: number
  readonly entriesHere?: bigint | number
  readonly entries?: bigint | number
  readonly directorySize?: bigint | number
  readonly directoryOffset?: bigint | number
  readonly extensible?: Buffer
  readonly locatorSignature?: number
  readonly locatorDisk?: number
  readonly recordOffset?: bigint | number
  readonly disks?: number
  readonly between?: Buffer
  readonly withoutRecord?: boolean
}

/** The 64-bit end record and its locator, as they stand behind the directory. */
export const zip64End =
  (fields: Zip64Fields = {}) =>
  (place: DirectoryPlace): Buffer => {
    const extensible = fields.extensible ?? none
    const bytes = new Bytes()
    if (fields.withoutRecord !== true) {
      bytes.u32(fields.signature ?? zip64EndSignature)
      bytes
        .u64(fields.recordSize ?? 44 + extensible.length)
        .u16(45)
        .u16(45)
      bytes.u32(fields.disk ?? 0).u32(fields.directoryDisk ?? 0)
      bytes.u64(fields.entriesHere ?? place.entries).u64(fields.entries ?? place.entries)
      bytes.u64(fields.directorySize ?? place.size)
      bytes.u64(fields.directoryOffset ?? place.offset).raw(extensible)
    }
    if (fields.between !== undefined) bytes.raw(fields.between)
    bytes.u32(fields.locatorSignature ?? zip64LocatorSignature).u32(fields.locatorDisk ?? 0)
    return bytes
      .u64(fields.recordOffset ?? place.offset + place.size)
      .u32(fields.disks ?? 1)
      .done()
  }

/** `mebibytes` zeros, deflated by a pattern that repeats: made fast, however many they are. */
export const packedZeros = (mebibytes: number): Buffer => {
  const one = deflateRawSync(Buffer.alloc(1024 * 1024), { level: 9, finishFlush: 3 })
  const last = Buffer.from([3, 0])
  return Buffer.concat([...Array.from({ length: mebibytes }, () => one), last])
}
