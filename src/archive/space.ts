/**
 * Whether a disk has room, asked before work is begun that would only end in a full disk.
 *
 * A refusal must be right: what would have fit is never refused for its own size, so each need told
 * here is a lower bound. Only taking in asks for more than that: an archive's events and assets go
 * through a database and its journal, and whoever takes in strangers' files keeps half of what is
 * free. A disk that fills up on the way is met by whoever writes, as ever.
 */
import { statfsSync } from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { LamplogError, shown } from "../event/failure.ts"
import { mediaStartBytes, mediaTypeOf } from "../store/assets-media.ts"
import type { Manifest } from "./archive.ts"
import type { PlannedMember } from "./content.ts"
import type { Plan } from "./plan.ts"
import type { Archive } from "./read.ts"

/** Deflate packs no more bytes than these into one. */
const deflateRatioMax = 1032
/** Of each event, its salt and the hash of its body are chance to whoever compresses them. */
const eventBytesMin = 16 + 32
/** Media that are compressed already; what is left in them is padding and notes. */
const compressedMedia = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "font/woff",
  "font/woff2",
])
const compressedShareMin = 3 / 4
const assetPrefix = "assets/"
const logsPrefix = "logs/"

/** Bytes that this user may still write; undefined where the system does not tell. */
const freeBytes = (folder: string): number | undefined => {
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      const { bavail, bfree, blocks, bsize } = statfsSync(path)
      // A file system that has no size of its own, as some network drives.
      if (blocks === 0) return undefined
      // What is kept back is kept back for root.
      return (process.getuid?.() === 0 ? bfree : bavail) * bsize
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A folder that is yet to be made will lie where its parent does.
      if (code !== "ENOENT" || path === dirname(path)) return undefined
    }
  }
}

const grouped = (bytes: number): string => Math.ceil(bytes).toLocaleString("en-US")

const full = (folder: string, bytes: number, free: number, what: string): LamplogError =>
  new LamplogError({
    code: "disk-full",
    message: `${what} needs ${grouped(bytes)} bytes of space in ${folder}, and ${grouped(free)} are free.`,
    remedy: "Free some space and try again, or choose another disk; nothing was changed.",
    where: folder,
  })

/** Refuses work that needs so many bytes in a folder that has them not. */
export const requireSpace = (folder: string, bytes: number, what: string): void => {
  const free = freeBytes(folder)
  if (free !== undefined && free < bytes) throw full(folder, bytes, free, what)
}

const isCompressed = async ({ bytes }: PlannedMember): Promise<boolean> => {
  for await (const chunk of bytes()) {
    return compressedMedia.has(mediaTypeOf(chunk.subarray(0, mediaStartBytes), ""))
  }
  return false
}

/** What the members of an archive take at least when they are compressed. */
const compressedBytesMin = async ({ manifest, members }: Plan): Promise<number> => {
  let bytes = manifest.events * eventBytesMin
  for (const member of members) {
    const isMedia = member.path.startsWith(assetPrefix) && (await isCompressed(member))
    bytes += member.size * (isMedia ? compressedShareMin : 1 / deflateRatioMax)
  }
  return bytes
}

/** Refuses an export that cannot fit where it is to go. `store` says that nothing is compressed. */
export const requireSpaceToWrite = async (
  path: string,
  plan: Plan,
  store: boolean,
): Promise<void> => {
  const folder = dirname(path)
  const total = bytesOf(plan.members)
  const free = freeBytes(folder)
  // With room for everything as it is, nothing has to be looked at.
  if (free === undefined || total <= free) return
  requireSpace(folder, store ? total : await compressedBytesMin(plan), "The archive")
}

const bytesOf = (members: Manifest["members"]): number =>
  members.reduce((sum, { size }) => sum + size, 0)

/**
 * Refuses to take in an archive whose contents are more than half of what is free where they are to
 * go.
 */
export const requireSpaceToTake = ({ manifest, path }: Archive, folder: string): void =>
  requireSpace(folder, 2 * bytesOf(manifest.members), `Taking in ${shown(basename(path))}`)

/** The same for a replay: it writes the events, and nothing else that an archive holds. */
export const requireSpaceToReplay = ({ manifest, path }: Archive, folder: string): void => {
  const events = manifest.members.filter((member) => member.path.startsWith(logsPrefix))
  requireSpace(folder, 2 * bytesOf(events), `Replaying ${shown(basename(path))}`)
}
