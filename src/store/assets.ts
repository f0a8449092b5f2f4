/**
 * The bytes of assets: one file for each content, named by its SHA-256, beside the database.
 *
 * They are not in SQLite: one may have gigabytes, which a row cannot have streamed in and out, and
 * every copy of the database would carry them. An entity names its bytes by their hash alone, so it
 * may be here before they are, or without them.
 *
 * Invariants
 *  1. A file under its name was whole and on disk before it got the name: it is written beside, in
 *     `.incoming`, hashed on the way, synced, and renamed.
 *  2. What a dead process left in `.incoming` is removed by the next one that adds something.
 *  3. Bytes are hashed whenever they are read; the last chunk comes only if they are right.
 *  4. Files get and lose their names while the caller holds the write lock of the database, so that
 *     nobody takes away what another is about to name in an event. Staging needs no lock.
 */
import { createHash, randomBytes } from "node:crypto"
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
import { hostname } from "node:os"
import { dirname, join } from "node:path"
import {
  assetAbsent,
  assetDamaged,
  assetFailure,
  assetMismatch,
  assetTooLarge,
} from "./assets-failure.ts"
import { isAlive } from "./database.ts"

const chunkBytes = 64 * 1024
/** What is kept of the beginning of staged bytes, for whoever wants to know what they are. */
const startBytes = 4096

const folderName = "assets"
const incomingName = ".incoming"
const prefixPattern = /^[0-9a-f]{2}$/
const hashPattern = /^[0-9a-f]{64}$/

/** One content that is held. */
export interface HeldAsset {
  readonly sha256: string
  readonly bytes: number
}

export interface StageOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes at most; no limit unless given. */
  readonly bytesMax?: number
  /** The hash that the bytes must have. */
  readonly expected?: string
}

export interface Swept {
  readonly removed: ReadonlyArray<HeldAsset>
  readonly kept: number
}

/** Runs something on the file system; what the system refuses comes out as `LamplogError`. */
const guardedSync = <A>(where: string, run: () => A): A => {
  try {
    return run()
  } catch (error) {
    throw assetFailure(error, where)
  }
}

const guardedAsync = async <A>(where: string, run: () => Promise<A>): Promise<A> => {
  try {
    return await run()
  } catch (error) {
    throw assetFailure(error, where)
  }
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

const thisHost = hostname().replaceAll(/[^A-Za-z0-9.]/g, "_")
const stagedPattern = /^(.+)-(\d+)-[0-9a-f]{12}$/

/** Bytes that are whole and on disk, but have no name yet. Place or discard them. */
export class StagedAsset implements HeldAsset {
  readonly sha256: string
  readonly bytes: number
  /** The first bytes. */
  readonly start: Uint8Array
  readonly #path: string
  readonly #target: string
  /** Whether the same bytes were held, and whole, when these had come in. */
  readonly #held: boolean

  constructor(asset: HeldAsset, start: Uint8Array, path: string, target: string, held: boolean) {
    this.sha256 = asset.sha256
    this.bytes = asset.bytes
    this.start = start
    this.#path = path
    this.#target = target
    this.#held = held
  }

  /** Gives the bytes their name, durably; false when there was a file of that name. */
  place(): boolean {
    return guardedSync(this.#target, () => {
      const existed = existsSync(this.#target)
      if (existed && this.#held) {
        this.discard()
        return false
      }
      const folder = dirname(this.#target)
      const made = mkdirSync(folder, { recursive: true })
      // Over a damaged file, too: whoever reads that one at the moment keeps it.
      renameSync(this.#path, this.#target)
      syncFolder(folder)
      if (made !== undefined) syncFolder(dirname(folder))
      return !existed
    })
  }

  discard(): void {
    rmSync(this.#path, { force: true })
  }
}

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
    return statSync(this.pathOf(sha256), { throwIfNoEntry: false })?.size
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
    const path = this.pathOf(sha256)
    if (!this.has(sha256)) return false
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
    const path = this.#pathToStage()
    try {
      const { sha256, bytes, start } = await this.#write(path, source, options)
      const held = this.sizeOf(sha256) === bytes && (await this.isWhole(sha256, options.signal))
      return new StagedAsset({ sha256, bytes }, start, path, this.pathOf(sha256), held)
    } catch (error) {
      rmSync(path, { force: true })
      throw error
    }
  }

  async #write(path: string, source: AsyncIterable<Uint8Array>, options: StageOptions) {
    const { bytesMax = Number.POSITIVE_INFINITY, expected, signal } = options
    const hash = createHash("sha256")
    const starts: Array<Uint8Array> = []
    let bytes = 0
    const file = await guardedAsync(path, () => open(path, "wx", 0o600))
    try {
      for await (const chunk of source) {
        signal?.throwIfAborted()
        if (bytes < startBytes) starts.push(Uint8Array.from(chunk.subarray(0, startBytes)))
        bytes += chunk.length
        if (bytes > bytesMax) throw assetTooLarge(bytesMax)
        hash.update(chunk)
        await guardedAsync(path, () => file.appendFile(chunk))
      }
      signal?.throwIfAborted()
      const sha256 = hash.digest("hex")
      if (expected !== undefined && sha256 !== expected) throw assetMismatch(expected, sha256)
      await guardedAsync(path, async () => {
        await file.chmod(0o644)
        await file.sync()
      })
      return { sha256, bytes, start: Buffer.concat(starts).subarray(0, startBytes) }
    } finally {
      await file.close()
    }
  }

  /** A name that says who writes there, in a folder without what dead processes left. */
  #pathToStage(): string {
    const folder = join(this.directory, incomingName)
    return guardedSync(folder, () => {
      mkdirSync(folder, { recursive: true })
      this.#clearAbandoned(folder)
      return join(folder, `${thisHost}-${process.pid}-${randomBytes(6).toString("hex")}`)
    })
  }

  #clearAbandoned(folder: string): void {
    for (const name of readdirSync(folder)) {
      const [, host, pid] = stagedPattern.exec(name) ?? []
      if (host === thisHost && !isAlive(Number(pid))) rmSync(join(folder, name), { force: true })
    }
  }

  /** Takes a content away. */
  remove(sha256: string): void {
    const path = this.pathOf(sha256)
    guardedSync(path, () => rmSync(path, { force: true }))
  }

  /** Takes away every content that nothing names, or tells what that would be. */
  sweep(isNamed: (sha256: string) => boolean, remove: boolean): Swept {
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
