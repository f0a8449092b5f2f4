/**
 * The directory of a zip, judged member by member before a byte of any member is read.
 *
 * Everything that limits can say is said here, from what the directory claims; that the claims are
 * true is checked later, so whatever is too large is refused at no cost.
 */
import { manifestPath, notePath } from "./archive.ts"
import { centralSignature, layoutRefused } from "./gate-end.ts"
import {
  checkFields,
  entryRefused,
  readExtra,
  sharedFieldsAt,
  storedMethod,
  widened,
  wideVersion,
} from "./gate-entry.ts"
import type { SharedFields } from "./gate-entry.ts"
import { NameCheck, placeOf } from "./gate-name.ts"
import { archiveRatioFloorBytes, memberRatioFloorBytes } from "./limits.ts"
import type { ArchiveLimits, LimitCheck } from "./limits.ts"

const centralBytes = 46
export const localBytes = 30

/** A member as the directory describes it. */
export interface DirectoryEntry extends SharedFields {
  /** Raw bytes read as Latin-1, which the name rules leave as plain ASCII. */
  readonly name: string
  /** Where its local header begins. */
  readonly offset: number
  /** Whether its sizes and offset are written with 64 bits. */
  readonly wide: boolean
}

/** Regular files only, or no type at all; read-only, hidden, system and archive bits mean nothing. */
const isPlainFile = (attributes: number): boolean => {
  const mode = attributes >>> 16
  const type = mode & 0o170000
  const isRegular = type === 0 || type === 0o100000
  return isRegular && (mode & 0o7000) === 0 && (attributes & 0xffff & ~0x27) === 0
}

/** Blocks that deflate leaves uncompressed cost five bytes each; nothing honest grows further. */
const compressedBytesMax = (size: number): number => size + 5 * Math.ceil(size / 16_383) + 64

const checkSizes = (place: string, { method, size, compressedSize }: SharedFields): void => {
  if (method === storedMethod && size !== compressedSize) {
    throw entryRefused(place, "is stored, yet has two sizes")
  }
  if (compressedSize > compressedBytesMax(size)) {
    throw entryRefused(place, "takes more room than its content can need")
  }
}

/** The limit that a member's size is held to, by its name. */
export const sizeLimit = (name: string): keyof ArchiveLimits & `${string}Bytes` => {
  if (name === manifestPath || name === notePath) return "manifestBytes"
  if (name.startsWith("logs/")) return "segmentBytes"
  return name.startsWith("snapshot/") ? "snapshotBytes" : "assetBytes"
}

const ratio = (size: number, compressedSize: number): number =>
  Math.ceil(size / Math.max(compressedSize, 1))

const checkMemberLimits = ({ name, size, compressedSize }: DirectoryEntry, check: LimitCheck) => {
  const { limits } = check
  const limit = sizeLimit(name)
  check.check(limit, size, limits[limit], name)
  if (size > memberRatioFloorBytes) {
    check.check("memberRatio", ratio(size, compressedSize), limits.memberRatio, name)
  }
}

const checkTotals = (entries: ReadonlyArray<DirectoryEntry>, check: LimitCheck): void => {
  const { limits } = check
  let size = 0
  let compressedSize = 0
  for (const entry of entries) {
    size += entry.size
    compressedSize += entry.compressedSize
  }
  check.check("totalBytes", size, limits.totalBytes, "the archive")
  if (size > archiveRatioFloorBytes) {
    check.check("archiveRatio", ratio(size, compressedSize), limits.archiveRatio, "the archive")
  }
}

/** One entry at `at`, whose fixed part is known to lie within the directory. */
const entryAt = (directory: Buffer, at: number, index: number): [DirectoryEntry, end: number] => {
  const nameStart = at + centralBytes
  const extraStart = nameStart + directory.readUInt16LE(at + 28)
  const end = extraStart + directory.readUInt16LE(at + 30)
  if (end > directory.length) throw layoutRefused("The directory is shorter than its entries.")
  const name = directory.toString("latin1", nameStart, extraStart)
  const place = placeOf(name, index)
  if (directory.readUInt16LE(at + 32) !== 0) throw layoutRefused(`${place} has a comment.`, place)
  const fields = sharedFieldsAt(directory, at + 6)
  checkFields(place, fields)
  const internal = directory.readUInt16LE(at + 36)
  if (directory.readUInt16LE(at + 34) !== 0 || internal > 1) {
    throw entryRefused(place, "claims to be on another disk, or records of another system")
  }
  if (!isPlainFile(directory.readUInt32LE(at + 38))) throw entryRefused(place, "is no regular file")
  const extra = readExtra(place, directory.subarray(extraStart, end), true)
  const narrow = [fields.size, fields.compressedSize, directory.readUInt32LE(at + 42)] as const
  const [size, compressedSize, offset] = widened(place, narrow, extra)
  const wide = extra !== undefined
  if (wide && fields.version !== wideVersion) throw entryRefused(place, "hides its 64-bit numbers")
  const entry = { ...fields, name, size, compressedSize, offset, wide }
  checkSizes(place, entry)
  return [entry, end]
}

/** Reads `count` entries, which must fill the directory exactly and name their data in order. */
export const readDirectory = (
  directory: Buffer,
  count: number,
  check: LimitCheck,
): ReadonlyArray<DirectoryEntry> => {
  const names = new NameCheck()
  const entries: Array<DirectoryEntry> = []
  let at = 0
  let free = 0
  while (entries.length < count) {
    if (at + centralBytes > directory.length) {
      throw layoutRefused("The directory holds fewer members than the end of the file counts.")
    }
    if (directory.readUInt32LE(at) !== centralSignature) {
      throw layoutRefused("The directory is interrupted by bytes that are no entry.")
    }
    const [entry, end] = entryAt(directory, at, entries.length)
    names.take(entry.name)
    checkMemberLimits(entry, check)
    if (entry.offset < free) {
      throw layoutRefused(`${entry.name} overlaps another member, or is out of order.`, entry.name)
    }
    free = entry.offset + localBytes + entry.name.length + entry.compressedSize
    entries.push(entry)
    at = end
  }
  if (at !== directory.length) {
    throw layoutRefused(
      "The directory holds more than the members that the end of the file counts.",
    )
  }
  checkTotals(entries, check)
  return entries
}
