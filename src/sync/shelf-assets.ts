/**
 * Assets on a shelf: bytes under their own hash, computed again on the way in and on the way out.
 */
import { createHash } from "node:crypto"
import { LamplogError, shown } from "../event/failure.ts"
import { isHash } from "../event/hash.ts"
import type { ShelfAssets } from "./shelf-storage.ts"

/** The largest asset that is carried, in bytes. */
const assetBytesMax = 2 * 1024 * 1024 * 1024

const wrongBytes = (sha256: string, where: string, remedy: string): LamplogError =>
  new LamplogError({
    stage: "structure",
    code: "asset-hash",
    message: `${where}: the bytes of asset ${sha256} are not those that its hash names.`,
    where,
    remedy,
  })

export class AssetsOnShelf {
  readonly #assets: ShelfAssets
  readonly #where: string

  constructor(assets: ShelfAssets, where: string) {
    this.#assets = assets
    this.#where = where
  }

  /** The bytes; whoever reads to the end without an error has read the right ones. */
  async get(sha256: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    if (!isHash(sha256)) return undefined
    const bytes = await this.#assets.read(sha256, signal)
    return bytes === undefined ? undefined : this.#outgoing(sha256, bytes, signal)
  }

  async *#outgoing(
    sha256: string,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256")
    let count = 0
    for await (const chunk of bytes) {
      signal.throwIfAborted()
      count += chunk.length
      if (count > assetBytesMax) break
      hash.update(chunk)
      yield chunk
    }
    if (hash.digest("hex") === sha256) return
    await this.#assets.setAside(sha256, signal).catch((error: unknown) => {
      if (!(error instanceof LamplogError)) throw error
    })
    const remedy = "Sync again: the next replica that holds the asset puts it there anew."
    throw wrongBytes(sha256, this.#where, remedy)
  }

  async put(
    sha256: string,
    size: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    if (!isHash(sha256)) throw wrongBytes(shown(sha256), this.#where, "Give its SHA-256.")
    const where = this.#where
    const checked = async function* (): AsyncGenerator<Uint8Array> {
      const hash = createHash("sha256")
      let count = 0
      for await (const chunk of bytes) {
        signal.throwIfAborted()
        count += chunk.length
        if (count > size) break
        hash.update(chunk)
        yield chunk
      }
      if (count === size && hash.digest("hex") === sha256) return
      throw wrongBytes(sha256, where, "Check the project's own assets with `lamplog verify`.")
    }
    await this.#assets.write(sha256, size, checked(), signal)
  }
}
