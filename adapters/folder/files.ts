/**
 * Files of a folder that others may write to at the same time, or have filled with anything.
 *
 * Invariants
 *  1. Only ordinary files are read and only ordinary folders entered: no link is followed, no pipe waited for.
 *  2. A file gets its name when all its bytes are on disk.
 *  3. Everything is bounded: how deep, how many names, how many bytes.
 */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { lstat, mkdir, open, opendir, rename, rm } from "node:fs/promises"
import type { FileHandle } from "node:fs/promises"
import { dirname, join } from "node:path"
import { LamplogError } from "../../src/remote.ts"
import type { ShelfEntry } from "../../src/remote.ts"
import { guarded, isAbsent } from "./failure.ts"

/** Names below one folder, in all; more are refused. */
export const entriesMax = 100_000
const depthMax = 4
/** Files that are looked at at once. */
const looksAtOnce = 32
const chunkBytes = 256 * 1024

/** On systems that do not know a flag it is undefined, which counts as 0. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const tooMany = (where: string): LamplogError =>
  new LamplogError({
    code: "limit-exceeded",
    message: `${where}: too many files: limit entriesMax = ${entriesMax}.`,
    where,
    remedy: "Move away what is not Lamplog's.",
  })

/** Ordinary files below a folder, as paths from there; nothing when it is not there. */
export const namesBelow = async (
  folder: string,
  signal: AbortSignal,
): Promise<ReadonlyArray<string>> => {
  const names: Array<string> = []
  const walk = async (parts: ReadonlyArray<string>): Promise<void> => {
    signal.throwIfAborted()
    const folders: Array<string> = []
    try {
      for await (const entry of await opendir(join(folder, ...parts), { bufferSize: 1024 })) {
        if (entry.isDirectory()) folders.push(entry.name)
        else if (entry.isFile()) names.push([...parts, entry.name].join("/"))
        if (names.length + folders.length > entriesMax) throw tooMany(folder)
      }
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
    if (parts.length + 1 >= depthMax) return
    for (const name of folders) await walk([...parts, name])
  }
  await walk([])
  return names
}

/** Names of the ordinary folders in a folder; none when it is not there. */
export const foldersIn = async (folder: string): Promise<ReadonlyArray<string>> => {
  const names: Array<string> = []
  try {
    for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
      if (entry.isDirectory()) names.push(entry.name)
      if (names.length > entriesMax) throw tooMany(folder)
    }
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
  return names
}

/** The files of `namesBelow` with their sizes; `prefix` is put before each name. */
export const entriesBelow = async (
  folder: string,
  prefix: string,
  signal: AbortSignal,
): Promise<ReadonlyArray<ShelfEntry>> => {
  const names = await namesBelow(folder, signal)
  const entries: Array<ShelfEntry> = []
  const look = async (name: string): Promise<void> => {
    try {
      const found = await lstat(join(folder, name))
      if (!found.isFile()) return
      const stamp = `${found.ino} ${found.mtimeMs}`
      entries.push({ name: `${prefix}${name}`, size: found.size, stamp })
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  }
  for (let at = 0; at < names.length; at += looksAtOnce) {
    signal.throwIfAborted()
    await Promise.all(names.slice(at, at + looksAtOnce).map(look))
  }
  return entries
}

/** Opens an ordinary file; undefined when there is none of that name. */
const openOrdinary = async (path: string): Promise<FileHandle | undefined> => {
  let file: FileHandle
  try {
    file = await open(path, readFlags)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A link, a pipe without a writer, a socket: nothing that one of us has put there.
    if (isAbsent(error) || code === "ELOOP" || code === "ENXIO" || code === "EMLINK") {
      return undefined
    }
    throw error
  }
  if ((await file.stat()).isFile()) return file
  await file.close()
  return undefined
}

/** The bytes of a file; undefined when it is absent, not ordinary or larger. */
export const readWhole = async (
  path: string,
  bytesMax: number,
): Promise<Uint8Array | undefined> => {
  const file = await openOrdinary(path)
  if (file === undefined) return undefined
  try {
    const { size } = await file.stat()
    if (size > bytesMax) return undefined
    const bytes = Buffer.allocUnsafe(size)
    let filled = 0
    while (filled < size) {
      const { bytesRead } = await file.read(bytes, filled, size - filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  } finally {
    await file.close()
  }
}

/** The bytes of a file, piece by piece; undefined when it is absent or not ordinary. */
export const readPieces = async (path: string): Promise<AsyncIterable<Uint8Array> | undefined> => {
  const file = await guarded(path, () => openOrdinary(path))
  if (file === undefined) return undefined
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const buffer = Buffer.allocUnsafe(chunkBytes)
        const { bytesRead } = await guarded(path, () => file.read(buffer, 0, chunkBytes))
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }
  return pieces()
}

/** Makes names in a folder durable. Some systems cannot; there the rename stands by itself. */
const syncFolder = async (path: string): Promise<void> => {
  let folder: FileHandle | undefined
  try {
    folder = await open(path, "r")
    await folder.sync()
  } catch {
    // The bytes are synced; a name that a power cut loses is found to be lacking and written again.
  } finally {
    await folder?.close()
  }
}

/** Makes the folders between two places, and refuses to go through a link on the way. */
export const makeFolders = async (root: string, parts: ReadonlyArray<string>): Promise<void> => {
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const path = join(root, ...parts.slice(0, depth))
    try {
      await mkdir(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
      if ((await lstat(path)).isDirectory()) continue
      throw new LamplogError({
        code: "remote-invalid",
        message: `${path}: here belongs a folder, and it is something else.`,
        where: path,
        remedy: "Move it away and sync again.",
        cause: error,
      })
    }
    await syncFolder(dirname(path))
  }
}

/** Writes a file under another name first, and gives it its own when it is whole and on disk. */
export const writeWhole = async (
  incoming: string,
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> => {
  const part = join(incoming, `${randomBytes(16).toString("hex")}.part`)
  const file = await open(part, "wx")
  try {
    try {
      for await (const piece of pieces) await file.writeFile(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined)
    throw error
  }
  await syncFolder(dirname(path))
}

const partPattern = /^[0-9a-f]{32}\.part$/
const leftoverMillis = 24 * 60 * 60 * 1000

/**
 * Removes what writers who died have left a day ago, by the clock of the folder itself: `path` is a file
 * that was written just now.
 */
export const clearLeftovers = async (incoming: string, path: string): Promise<void> => {
  try {
    const { mtimeMs: now } = await lstat(path)
    for await (const { name } of await opendir(incoming)) {
      if (!partPattern.test(name)) continue
      const { mtimeMs } = await lstat(join(incoming, name))
      if (now - mtimeMs > leftoverMillis) await rm(join(incoming, name), { force: true })
    }
  } catch {
    // Somebody else was faster, or may do it: nothing depends on it.
  }
}
