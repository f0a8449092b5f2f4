/**
 * Bytes on their way in: written beside the assets held, hashed as they come, synced, and without a
 * name until somebody places them.
 *
 * A file there carries the host and process that write it. What a dead process of this host left is
 * removed by the next that writes; nothing there is ever read as an asset.
 */
import { createHash } from "node:crypto"
import { mkdirSync, rmSync } from "node:fs"
import { open } from "node:fs/promises"
import { join } from "node:path"
import { assetMismatch, assetTooLarge, guardedAsync, guardedSync } from "./assets-failure.ts"
import { stagingName, sweepStaging } from "./staging.ts"

const folderName = ".incoming"

export interface StageOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes at most; no limit unless given. */
  readonly bytesMax?: number
  /** The hash that the bytes must have. */
  readonly expected?: string
  /** How many of the first bytes to keep in memory; none unless given. */
  readonly startBytes?: number
}

/** What came in: whole and on disk, under a name of its own. */
export interface IncomingFile {
  readonly path: string
  readonly sha256: string
  readonly bytes: number
  /** The first bytes, as many as were asked for. */
  readonly start: Uint8Array
}

/** Removes what dead processes left. */
export const clearIncoming = (directory: string): void =>
  sweepStaging(join(directory, folderName), "")

const makePath = (directory: string): string => {
  const folder = join(directory, folderName)
  guardedSync(folder, () => mkdirSync(folder, { recursive: true }))
  clearIncoming(directory)
  return join(folder, stagingName(""))
}

/** What comes next, or the end of waiting for it. */
const nextOf = <A>(
  iterator: AsyncIterator<A>,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<A>> =>
  new Promise((resolve, reject) => {
    const stop = (): void => reject(signal?.reason as Error)
    signal?.addEventListener("abort", stop, { once: true })
    const settle = (): void => signal?.removeEventListener("abort", stop)
    iterator.next().then(resolve, reject).finally(settle)
  })

/** The chunks of a source; an abort ends it even if the source gives nothing more, ever. */
async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      signal?.throwIfAborted()
      const next = await nextOf(iterator, signal)
      if (next.done === true) {
        ended = true
        return
      }
      yield next.value
    }
  } finally {
    // A source that is waiting for something itself would make everyone wait.
    if (!ended) iterator.return?.().catch(() => {})
  }
}

const write = async (
  path: string,
  source: AsyncIterable<Uint8Array>,
  options: StageOptions,
): Promise<IncomingFile> => {
  const { bytesMax = Number.POSITIVE_INFINITY, expected, signal, startBytes = 0 } = options
  const hash = createHash("sha256")
  let start: Uint8Array = Buffer.alloc(0)
  let bytes = 0
  const file = await guardedAsync(path, () => open(path, "wx", 0o600))
  try {
    for await (const chunk of chunksOf(source, signal)) {
      bytes += chunk.length
      if (bytes > bytesMax) throw assetTooLarge(bytesMax)
      if (start.length < startBytes) start = Buffer.concat([start, chunk]).subarray(0, startBytes)
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
    return { path, sha256, bytes, start }
  } finally {
    await file.close()
  }
}

/**
 * Writes the bytes of a source to disk. When it fails nothing is left of them; what the source
 * throws is thrown as it is.
 */
export const takeIn = async (
  directory: string,
  source: AsyncIterable<Uint8Array>,
  options: StageOptions,
): Promise<IncomingFile> => {
  const path = makePath(directory)
  try {
    return await write(path, source, options)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}
