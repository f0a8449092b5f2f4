/**
 * The bytes of assets: one file for each content, named by its SHA-256, beside the database.
 *
 * They are not in SQLite: one may have gigabytes, which a row cannot have streamed in and out, and
 * every copy of the database would carry them. An entity names its bytes by their hash alone, so it
 * may be here before they are, or without them.
 *
 * Invariants
 *  1. A file under its name was whole and on disk before it got the name (`assets-incoming.ts`).
 *  2. Bytes are hashed whenever they are read, and reading ends only if they are right.
 *  3. Files get and lose their names while the caller holds the write lock of the database, so that
 *     nobody takes away what another is about to name in an event. Staging needs no lock.
 */
import { createHash } from "node:crypto"
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs"
import { open } from "node:fs/promises"
import { dirname, join } from "node:path"
import { assetAbsent, assetDamaged, guardedAsync, guardedSync } from "./assets-failure.ts"
import { clearIncoming, takeIn } from "./assets-incoming.ts"
import type { IncomingFile, StageOptions } from "./assets-incoming.ts"

const chunkBytes = 64 * 1024
const folderName = "assets"
const prefixPattern = /^[0-9a-f]{2}$/
const hashPattern = /^[0-9a-f]{64}$/

/** One content that is held. */
export interface HeldAsset {
  readonly sha256: string
  readonly bytes: number
}

/** Bytes that came in; place them, or discard them. */
export interface StagedAsset extends IncomingFile {
  /** Whether the same bytes were held, and whole, when these had come in. */
  readonly held: boolean
}

export interface Swept {
  readonly removed: ReadonlyArray<HeldAsset>
  readonly kept: number
}

/** Makes names in a folder durable. Some systems cannot; there the rename stands by itself. */
const syncFolder = (path: string): void => {
  let folder: number | undefined
  try {
    folder = openSync(path, "r")
    fsyncSync(folder)
  } catch {
    // The bytes are synced; a name lost in a power cut is an asset that is absent, not a wrong one.
  } finally {
    if (folder !== undefined) closeSync(folder)
  }
}

/** Where a content lies, below the project's folder and in archives. */
export const assetPathOf = (sha256: string): string =>
  `${folderName}/${sha256.slice(0, 2)}/${sha256}`

export class Assets {
  readonly directory: string

  /** `projectDirectory` is the folder of the database. */
  constructor(projectDirectory: string) {
    this.directory = join(projectDirectory, folderName)
  }

  pathOf(sha256: string): string {
    return join(this.directory, sha256.slice(0, 2), sha256)
  }

  /** Bytes held under this hash; undefined when there are none. Nothing is read. */
  sizeOf(sha256: string): number | undefined {
    if (!hashPattern.test(sha256)) return undefined
    const path = this.pathOf(sha256)
    return guardedSync(path, () => statSync(path, { throwIfNoEntry: false })?.size)
  }

  has(sha256: string): boolean {
    return this.sizeOf(sha256) !== undefined
  }

  /** Every content held, in order. Memory holds the names of one folder in 256. */
  *list(): Generator<HeldAsset> {
    if (!existsSync(this.directory)) return
    for (const prefix of readdirSync(this.directory).sort()) {
      if (!prefixPattern.test(prefix)) continue
      for (const name of readdirSync(join(this.directory, prefix)).sort()) {
        const bytes = name.startsWith(prefix) ? this.sizeOf(name) : undefined
        if (bytes !== undefined) yield { sha256: name, bytes }
      }
    }
  }

  /** The bytes of a content. The last step fails if they are not what their name says. */
  async *read(sha256: string): AsyncGenerator<Buffer, void> {
    if (!this.has(sha256)) throw assetAbsent(sha256)
    const path = this.pathOf(sha256)
    const file = await guardedAsync(path, () => open(path, "r"))
    try {
      const hash = createHash("sha256")
      for (;;) {
        const buffer = Buffer.allocUnsafe(chunkBytes)
        const { bytesRead } = await guardedAsync(path, () => file.read(buffer, 0, chunkBytes))
        if (bytesRead === 0) break
        const chunk = buffer.subarray(0, bytesRead)
        hash.update(chunk)
        yield chunk
      }
      if (hash.digest("hex") !== sha256) throw assetDamaged(sha256)
    } finally {
      await file.close()
    }
  }

  /** Whether the bytes held are those of their name; reads them all. */
  async isWhole(sha256: string, signal?: AbortSignal): Promise<boolean> {
    if (!this.has(sha256)) return false
    const path = this.pathOf(sha256)
    const file = await guardedAsync(path, () => open(path, "r"))
    try {
      const hash = createHash("sha256")
      const buffer = Buffer.allocUnsafe(chunkBytes)
      for (;;) {
        signal?.throwIfAborted()
        const { bytesRead } = await guardedAsync(path, () => file.read(buffer, 0, chunkBytes))
        if (bytesRead === 0) return hash.digest("hex") === sha256
        hash.update(buffer.subarray(0, bytesRead))
      }
    } finally {
      await file.close()
    }
  }

  /**
   * Writes bytes to disk and hashes them on the way. When it fails nothing is left of them; what the
   * source throws is thrown as it is.
   */
  async stage(source: AsyncIterable<Uint8Array>, options: StageOptions = {}): Promise<StagedAsset> {
    const file = await takeIn(this.directory, source, options)
    try {
      const { bytes, sha256 } = file
      const held = this.sizeOf(sha256) === bytes && (await this.isWhole(sha256, options.signal))
      return { ...file, held }
    } catch (error) {
      this.discard(file)
      throw error
    }
  }

  discard({ path }: IncomingFile): void {
    rmSync(path, { force: true })
  }

  /**
   * Gives bytes that came in their names, durably. `onPlaced` hears of each content that was not
   * held before, at once, so that a caller who fails later can take it away again.
   */
  place(staged: Iterable<StagedAsset>, onPlaced: (sha256: string) => void): void {
    const changed = new Set<string>()
    for (const one of staged) {
      const target = this.pathOf(one.sha256)
      guardedSync(target, () => {
        const existed = existsSync(target)
        if (existed && one.held) return this.discard(one)
        const folder = dirname(target)
        if (mkdirSync(folder, { recursive: true }) !== undefined) changed.add(this.directory)
        // Over a damaged file, too: whoever reads that one at the moment keeps it.
        renameSync(one.path, target)
        changed.add(folder)
        if (!existed) onPlaced(one.sha256)
      })
    }
    for (const folder of changed) syncFolder(folder)
  }

  /** Takes a content away. */
  remove(sha256: string): void {
    const path = this.pathOf(sha256)
    guardedSync(path, () => rmSync(path, { force: true }))
  }

  /** Takes away every content that nothing names, or tells what that would be. */
  sweep(isNamed: (sha256: string) => boolean, remove: boolean): Swept {
    if (remove) clearIncoming(this.directory)
    const removed: Array<HeldAsset> = []
    let kept = 0
    for (const held of this.list()) {
      if (isNamed(held.sha256)) kept += 1
      else removed.push(held)
    }
    if (remove) for (const { sha256 } of removed) this.remove(sha256)
    return { removed, kept }
  }
}
