/**
 * A folder as a remote: any directory that is synced, mounted or carried about. What Lamplog keeps there
 * lies in `lamplog` inside it.
 *
 * Nothing here trusts the clock of the machine or the folder, or that what was written a moment ago is
 * shown now. A folder that may only be read can still be pulled from.
 */
import { watch as watchFolder } from "node:fs"
import type { FSWatcher } from "node:fs"
import { lstat, mkdir, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { LamplogError, shelfRemote } from "../../src/remote.ts"
import type { Remote, ShelfAssets, ShelfEntry, ShelfStorage } from "../../src/remote.ts"
import { guarded, isAbsent } from "./failure.ts"
import {
  clearLeftovers,
  entriesBelow,
  foldersIn,
  makeFolders,
  namesBelow,
  readPieces,
  readWhole,
  writeWhole,
} from "./files.ts"

export interface FolderOptions {
  /** Make the folder if it is not there. */
  readonly create?: boolean
  /** Between two looks while watching, beside what the system tells by itself. */
  readonly pollMillis?: number
}

const pollMillisDefault = 5000
const topName = "lamplog"
const incomingName = "incoming"
const assetsName = "assets"

const notThere = (path: string, code: string): LamplogError =>
  new LamplogError({
    code,
    message: `${path}: there is no such folder.`,
    where: path,
    remedy: "Check the path, mount the drive or share, or make the folder.",
  })

class FolderStorage implements ShelfStorage {
  readonly where: string
  readonly assets: ShelfAssets
  readonly #outer: string
  readonly #top: string
  readonly #pollMillis: number
  /** Folders that were made or seen here. */
  readonly #made = new Set<string>()
  #cleared = false

  constructor(outer: string, { pollMillis = pollMillisDefault }: FolderOptions) {
    this.#outer = outer
    this.#top = join(outer, topName)
    this.#pollMillis = pollMillis
    this.where = outer
    this.assets = {
      has: (sha256) => this.#hasAssets(sha256),
      read: (sha256) => readPieces(this.#path(assetName(sha256))),
      write: (sha256, _size, bytes) => this.#write(assetName(sha256), bytes),
      setAside: (sha256) => this.setAside(assetName(sha256)),
    }
  }

  #path(name: string): string {
    return join(this.#top, ...name.split("/"))
  }

  /** Tells a folder that is empty from one that has gone. */
  async #reached(): Promise<void> {
    try {
      if ((await stat(this.#outer)).isDirectory()) return
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
    throw notThere(this.#outer, "remote-unreachable")
  }

  list(prefix: string, signal: AbortSignal): Promise<ReadonlyArray<ShelfEntry>> {
    return guarded(this.where, async () => {
      const entries = await entriesBelow(this.#path(prefix), prefix, signal)
      if (entries.length === 0) await this.#reached()
      return entries
    })
  }

  listTop(): Promise<ReadonlyArray<string>> {
    return guarded(this.where, async () => {
      await this.#reached()
      return foldersIn(this.#top)
    })
  }

  read(name: string, bytesMax: number): Promise<Uint8Array | undefined> {
    return guarded(this.where, () => readWhole(this.#path(name), bytesMax))
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    return this.#write(name, [bytes])
  }

  async #write(
    name: string,
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    await guarded(this.where, async () => {
      await this.#reached()
      await this.#make(incomingName)
      await this.#make(dirname(name))
      const incoming = join(this.#top, incomingName)
      try {
        await writeWhole(incoming, this.#path(name), pieces)
      } catch (error) {
        // Somebody has removed folders that were there.
        if (isAbsent(error)) this.#made.clear()
        throw error
      }
      if (this.#cleared) return
      this.#cleared = true
      await clearLeftovers(incoming, this.#path(name))
    })
  }

  async #make(folder: string): Promise<void> {
    if (this.#made.has(folder)) return
    await makeFolders(this.#outer, [topName, ...folder.split("/")])
    this.#made.add(folder)
  }

  remove(name: string): Promise<void> {
    return guarded(this.where, () => rm(this.#path(name), { force: true }))
  }

  setAside(name: string): Promise<void> {
    return guarded(this.where, async () => {
      const path = this.#path(name)
      try {
        await rename(path, join(dirname(path), `${basename(path)}.damaged`))
      } catch (error) {
        if (!isAbsent(error)) throw error
      }
    })
  }

  async #hasAssets(sha256: ReadonlyArray<string>): Promise<ReadonlySet<string>> {
    const held = new Set<string>()
    for (const hash of sha256) {
      try {
        if ((await lstat(this.#path(assetName(hash)))).isFile()) held.add(hash)
      } catch (error) {
        if (!isAbsent(error)) await guarded(this.where, () => Promise.reject(error as Error))
      }
    }
    return held
  }

  async watch(prefix: string, news: () => void, signal: AbortSignal): Promise<void> {
    const folder = this.#path(prefix)
    let known: string | undefined
    let watcher: FSWatcher | undefined
    const stop = (): void => {
      watcher?.close()
      watcher = undefined
    }
    try {
      while (!signal.aborted) {
        // Shares tell nothing of what others do there, so looking is what counts.
        const names = await guarded(this.where, () => namesBelow(folder, signal))
        if (names.length === 0) await guarded(this.where, () => this.#reached())
        const seen = names.toSorted().join("\n")
        if (known !== undefined && seen !== known) news()
        known = seen
        watcher ??= listen(folder, news, stop)
        await pause(this.#pollMillis, undefined, { signal })
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      stop()
    }
  }

  async close(): Promise<void> {}
}

/** Hears what the system tells of a folder, where it can; undefined where it cannot. */
const listen = (folder: string, news: () => void, lost: () => void): FSWatcher | undefined => {
  try {
    const watcher = watchFolder(folder, { recursive: true }, news)
    watcher.on("error", lost)
    return watcher
  } catch {
    return undefined
  }
}

const assetName = (sha256: string): string => `${assetsName}/${sha256.slice(0, 2)}/${sha256}`

/** The place a shelf stands in. The folder must be there, unless it may be made. */
export const folderStorage = async (
  path: string,
  options: FolderOptions = {},
): Promise<ShelfStorage> => {
  const outer = resolve(path)
  await guarded(outer, async () => {
    if (options.create === true) await mkdir(outer, { recursive: true })
    try {
      if (!(await stat(outer)).isDirectory()) throw notThere(outer, "remote-invalid")
    } catch (error) {
      if (isAbsent(error)) throw notThere(outer, "remote-invalid")
      throw error
    }
  })
  return new FolderStorage(outer, options)
}

/** Opens a folder to meet at. */
export const openFolder = async (path: string, options?: FolderOptions): Promise<Remote> =>
  shelfRemote(await folderStorage(path, options))
