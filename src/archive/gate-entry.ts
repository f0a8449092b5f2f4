/**
 * What a zip may say of one member: the fields that its local header and the directory share, and the
 * few extra fields that mean nothing to a reader of archives.
 *
 * Allowed are times in Unix form (0x5455), which other tools add, and 64-bit sizes (0x0001) where a
 * number needs them. All others are refused: some carry a second name (0x7075), some a second meaning
 * of the data. Owner fields (0x7875) are among the refused; `zip -X` leaves them out.
 */
import type { LamplogError } from "../event/failure.ts"
import { max32, wideAt } from "./gate-end.ts"
import { refuse } from "./refuse.ts"

export const storedMethod = 0
export const deflatedMethod = 8

/** The size and CRC follow the data. */
export const streamedFlag = 0x0008
const utf8Flag = 0x0800
const versions = new Set([10, 20, 45])
export const wideVersion = 45

const timesField = 0x5455
const wideField = 0x0001
const fieldHeaderBytes = 4
const timeBytes = 4
const timesFlagsMax = 7
/** Longest extra data of a local header: a times field with three times. */
export const localExtraBytesMax = fieldHeaderBytes + 1 + 3 * timeBytes

export const entryRefused = (place: string, found: string): LamplogError =>
  refuse("archive", "zip-entry", `${place} ${found}.`, place)

/** The fields that stand in both headers, in the same order. */
export interface SharedFields {
  readonly version: number
  readonly flags: number
  readonly method: number
  /** Time and date of the last change. */
  readonly time: number
  readonly crc: number
  readonly compressedSize: number
  readonly size: number
}

/** Reads them from where the version stands. */
export const sharedFieldsAt = (bytes: Buffer, at: number): SharedFields => ({
  version: bytes.readUInt16LE(at),
  flags: bytes.readUInt16LE(at + 2),
  method: bytes.readUInt16LE(at + 4),
  time: bytes.readUInt32LE(at + 6),
  crc: bytes.readUInt32LE(at + 10),
  compressedSize: bytes.readUInt32LE(at + 14),
  size: bytes.readUInt32LE(at + 18),
})

/** Checks what can be said of the fields alone. */
export const checkFields = (place: string, { version, flags, method }: SharedFields): void => {
  if ((flags & ~(streamedFlag | utf8Flag)) !== 0) {
    throw entryRefused(
      place,
      (flags & 1) === 1 ? "is encrypted by the zip" : "has flags not in use",
    )
  }
  if (method !== storedMethod && method !== deflatedMethod) {
    throw entryRefused(place, "is packed in a way that archives do not use")
  }
  if (!versions.has(version)) throw entryRefused(place, "needs a version of zip that is not in use")
  if ((flags & streamedFlag) !== 0 && method === storedMethod) {
    throw entryRefused(place, "is stored without its size in front")
  }
}

const setBits = (flags: number): number => (flags & 1) + ((flags >> 1) & 1) + ((flags >> 2) & 1)

/** In the directory a times field may keep all its flags and the first time only. */
const timesHold = (data: Buffer, inDirectory: boolean): boolean => {
  if (data.length === 0) return false
  const flags = data[0]!
  if (flags === 0 || flags > timesFlagsMax) return false
  if (data.length === 1 + timeBytes * setBits(flags)) return true
  return inDirectory && data.length === 1 + timeBytes * (flags & 1)
}

/** The data of a member's 64-bit field, if its extra data has one; refuses all that is not allowed. */
export const readExtra = (
  place: string,
  extra: Buffer,
  inDirectory: boolean,
): Buffer | undefined => {
  let times = false
  let wide: Buffer | undefined
  for (let at = 0; at < extra.length;) {
    if (at + fieldHeaderBytes > extra.length) throw entryRefused(place, "has stray extra bytes")
    const id = extra.readUInt16LE(at)
    const start = at + fieldHeaderBytes
    at = start + extra.readUInt16LE(at + 2)
    if (at > extra.length) throw entryRefused(place, "has an extra field that is cut off")
    const data = extra.subarray(start, at)
    if (id === timesField && !times && timesHold(data, inDirectory)) times = true
    else if (id === wideField && wide === undefined && inDirectory) wide = data
    else throw entryRefused(place, "has an extra field that archives do not use")
  }
  return wide
}

/** Sizes and offset, with the 64-bit ones in place of those that say they are elsewhere. */
export const widened = (
  place: string,
  narrow: readonly [size: number, compressedSize: number, offset: number],
  wide: Buffer | undefined,
): readonly [size: number, compressedSize: number, offset: number] => {
  if (wide === undefined) {
    if (narrow.includes(max32)) throw entryRefused(place, "lacks the 64-bit numbers it calls for")
    return narrow
  }
  const count = narrow.filter((value) => value === max32).length
  if (wide.length !== 8 * count) throw entryRefused(place, "has 64-bit numbers that do not fit")
  let at = 0
  const values = narrow.map((value) => {
    if (value !== max32) return value
    at += 8
    return wideAt(wide, at - 8)
  }) as [number, number, number]
  if (!values.some((value) => value >= max32)) {
    throw entryRefused(place, "has 64-bit numbers that it does not need")
  }
  if (!values.every(Number.isSafeInteger))
    throw entryRefused(place, "is larger than can be counted")
  return values
}
