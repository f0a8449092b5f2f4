/**
 * The gate: a file is an archive's zip only if its bytes are exactly the members, back to back from
 * the first byte on, the directory that names them in the same order, and the end record.
 *
 * No gap, overlap, prefix, suffix or comment is left in which anything could hide, and nothing is
 * said twice differently, so every reader finds the same members with the same content. All of it is
 * checked before a byte is inflated, at a cost that the limits bound.
 */
import { checkMembers } from "./gate-local.ts"
import { readDirectory } from "./gate-directory.ts"
import { findEnd, rangeAt } from "./gate-end.ts"
import type { ReadRange } from "./gate-end.ts"
import type { LimitCheck } from "./limits.ts"

/** A member of which the zip says one thing only. */
export interface GatedMember {
  /** Plain ASCII; a label, never a path to open. */
  readonly name: string
  /** Uncompressed bytes, as claimed: true if the member can be read to its end. */
  readonly size: number
  readonly compressedSize: number
  /** 0 as it is, 8 deflated. */
  readonly method: number
  readonly crc: number
  readonly offset: number
  readonly dataOffset: number
}

export interface Gated {
  readonly members: ReadonlyArray<GatedMember>
  /** The directory and what follows it, to the end of the file, and where that begins. */
  readonly tail: Buffer
  readonly tailOffset: number
}

/** Judges a file of `size` bytes, of which `read` gives any range. */
export const gateZip = async (read: ReadRange, size: number, check: LimitCheck): Promise<Gated> => {
  const { limits } = check
  const { entries, directoryOffset, directoryBytes } = await findEnd(read, size)
  check.check("archiveBytes", size, limits.archiveBytes, "the file")
  check.check("members", entries, limits.members, "the directory")
  check.check("directoryBytes", directoryBytes, limits.directoryBytes, "the directory")
  const tail = await rangeAt(read, directoryOffset, size - directoryOffset)
  const directory = readDirectory(tail.subarray(0, directoryBytes), entries, check)
  const starts = await checkMembers(read, directory, directoryOffset)
  const members = directory.map(({ name, size, compressedSize, method, crc, offset }, index) => {
    return { name, size, compressedSize, method, crc, offset, dataOffset: starts[index]! }
  })
  return { members, tail, tailOffset: directoryOffset }
}
