/**
 * The end of a zip: where its directory is, as far as that can be told without doubt.
 *
 * The end record must be the last 22 bytes of the file, so there is nothing to search for and no
 * second reading. What is no such file is told apart for whoever has to ask for a new one: no zip at
 * all, one that was cut off, or one with bytes in it that belong to nothing.
 *
 * 64-bit records are accepted exactly where a number does not fit into the plain record: more than
 * 65,534 members, or a directory that begins or measures 4 GiB. No profile of limits lets a file grow
 * so large; only whoever raises `archiveBytes` or `members` by name meets them.
 */
import type { LamplogError } from "../event/failure.ts"
import { refuse } from "./refuse.ts"

/** Fills a buffer from a position of the file, or fails; both lie within the file. */
export type ReadRange = (buffer: Buffer, position: number) => Promise<void>

export const localSignature = 0x0403_4b50
export const centralSignature = 0x0201_4b50
const endSignature = 0x0605_4b50
const wideEndSignature = 0x0606_4b50
const wideLocatorSignature = 0x0706_4b50

const endBytes = 22
const wideEndBytes = 56
const wideLocatorBytes = 20
const signatureBytes = 4
const max16 = 0xffff
/** Stands in a 32-bit field whose number is written elsewhere. */
export const max32 = 0xffff_ffff
/** How far from the end a zip with a comment, which archives have not, may have its end record. */
const commentBytesMax = 0xffff

const endPlace = "end of the file"

export interface ZipEnd {
  readonly entries: number
  readonly directoryOffset: number
  readonly directoryBytes: number
}

/** A layout that leaves room for a second reading of the file. */
export const layoutRefused = (message: string, where = "directory"): LamplogError =>
  refuse("archive", "zip-layout", message, where)

export const rangeAt = async (
  read: ReadRange,
  position: number,
  length: number,
): Promise<Buffer> => {
  const buffer = Buffer.allocUnsafe(length)
  if (length > 0) await read(buffer, position)
  return buffer
}

/** A number of 64 bits, inexact where it is larger than any file. */
export const wideAt = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))

const fieldsOf = (end: Buffer) => ({
  disks: end.readUInt32LE(4),
  entriesHere: end.readUInt16LE(8),
  entries: end.readUInt16LE(10),
  directoryBytes: end.readUInt32LE(12),
  directoryOffset: end.readUInt32LE(16),
  commentBytes: end.readUInt16LE(20),
})

type EndFields = ReturnType<typeof fieldsOf>

const isWide = ({ entries, directoryBytes, directoryOffset }: EndFields): boolean =>
  entries === max16 || directoryBytes === max32 || directoryOffset === max32

const truncated = () =>
  refuse("archive", "archive-truncated", "The file is cut off: its end is missing.", endPlace)

const isSignatureAt = async (
  read: ReadRange,
  size: number,
  position: number,
  signature: number,
): Promise<boolean> =>
  position >= 0 &&
  position + signatureBytes <= size &&
  (await rangeAt(read, position, signatureBytes)).readUInt32LE(0) === signature

/** Whether an end record stands before the last 22 bytes, with bytes after it. */
const endsEarlier = (window: Buffer, windowStart: number, beginsAsZip: boolean): boolean => {
  const signature = Buffer.alloc(signatureBytes)
  signature.writeUInt32LE(endSignature)
  for (let at = window.length - endBytes; at >= 0; at -= 1) {
    at = window.lastIndexOf(signature, at)
    if (at < 0) return false
    const { directoryBytes, directoryOffset } = fieldsOf(window.subarray(at))
    if (directoryOffset + directoryBytes === windowStart + at) return true
    // A whole zip may lie inside of an archive that was cut off, but not at its beginning.
    const directory = at - directoryBytes
    if (beginsAsZip || directory < 0 || directoryBytes < signatureBytes) continue
    if (window.readUInt32LE(directory) === centralSignature) return true
  }
  return false
}

/** Why a file whose last 22 bytes are no end record is refused. */
const withoutEnd = async (read: ReadRange, size: number): Promise<LamplogError> => {
  const begins = await isSignatureAt(read, size, 0, localSignature)
  const windowStart = Math.max(0, size - endBytes - commentBytesMax)
  const window = await rangeAt(read, windowStart, size - windowStart)
  if (endsEarlier(window, windowStart, begins)) {
    return layoutRefused("Bytes that belong to no member follow the end of the zip.", endPlace)
  }
  return begins
    ? truncated()
    : refuse(
        "archive",
        "not-an-archive",
        "The file is no archive: it is not even a zip.",
        "the file",
        "Name a .lamplog file.",
      )
}

/**
 * Why a file is refused whose end record names a place for the directory that is not before it. Cut
 * off behind a zip that is stored in it, an archive ends like one: that zip begins where the end
 * record says, and not behind another zip.
 */
const misplaced = async (
  read: ReadRange,
  size: number,
  recordsStart: number,
  { directoryBytes, directoryOffset }: ZipEnd,
): Promise<LamplogError> => {
  const start = recordsStart - directoryBytes - directoryOffset
  const inside =
    start > 0 &&
    (await isSignatureAt(read, size, 0, localSignature)) &&
    (await isSignatureAt(read, size, start, localSignature)) &&
    !(await isSignatureAt(read, size, start - endBytes, endSignature))
  if (inside) return truncated()
  return layoutRefused(
    "The directory is not where the end of the file says: bytes were added, removed or moved.",
  )
}

const wideRefused = (message: string) => refuse("archive", "zip-entry", message, endPlace)

/** The 64-bit records before the end record; `bytes` are the last of the file. */
const wideEnd = (bytes: Buffer, size: number, narrow: EndFields): ZipEnd => {
  const start = bytes.length - endBytes - wideLocatorBytes - wideEndBytes
  const locator = start + wideEndBytes
  const holds =
    start >= 0 &&
    bytes.readUInt32LE(start) === wideEndSignature &&
    wideAt(bytes, start + 4) === wideEndBytes - 12 &&
    bytes.readUInt32LE(locator) === wideLocatorSignature &&
    wideAt(bytes, locator + 8) === size - bytes.length + start
  if (!holds)
    throw wideRefused("The 64-bit records that the end of the file calls for are missing.")
  const disks = [start + 16, start + 20, locator + 4].map((at) => bytes.readUInt32LE(at))
  const entries = wideAt(bytes, start + 32)
  const directoryBytes = wideAt(bytes, start + 40)
  const directoryOffset = wideAt(bytes, start + 48)
  const agree =
    disks.every((disk) => disk === 0) &&
    bytes.readUInt32LE(locator + 16) === 1 &&
    wideAt(bytes, start + 24) === entries &&
    narrow.entries === Math.min(entries, max16) &&
    narrow.directoryBytes === Math.min(directoryBytes, max32) &&
    narrow.directoryOffset === Math.min(directoryOffset, max32)
  if (!agree) throw wideRefused("The 64-bit records contradict the end of the file.")
  return { entries, directoryBytes, directoryOffset }
}

/** Finds the directory of a file of `size` bytes, or tells why it is no zip of ours. */
export const findEnd = async (read: ReadRange, size: number): Promise<ZipEnd> => {
  const length = Math.min(size, endBytes + wideLocatorBytes + wideEndBytes)
  const bytes = await rangeAt(read, size - length, length)
  const at = length - endBytes
  if (at < 0 || bytes.readUInt32LE(at) !== endSignature) throw await withoutEnd(read, size)
  const fields = fieldsOf(bytes.subarray(at))
  if (fields.commentBytes !== 0) throw layoutRefused("The zip announces a comment.", endPlace)
  if (fields.disks !== 0 || fields.entriesHere !== fields.entries) {
    throw layoutRefused("The zip claims to be one part of several.", endPlace)
  }
  const wide = isWide(fields)
  const end = wide ? wideEnd(bytes, size, fields) : fields
  const recordsStart = wide ? size - length : size - endBytes
  if (end.directoryOffset + end.directoryBytes === recordsStart) return end
  const locator = at - wideLocatorBytes
  if (!wide && locator >= 0 && bytes.readUInt32LE(locator) === wideLocatorSignature) {
    throw wideRefused("The file has 64-bit records that it does not need.")
  }
  throw await misplaced(read, size, recordsStart, end)
}
