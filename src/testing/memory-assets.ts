/**
 * Bytes of assets in memory, for peers in tests that are no whole project. They take what has the hash
 * it should have; whether an event names it is the project's own question.
 */
import { createHash } from "node:crypto"
import { assetMismatch } from "../store/assets-failure.ts"
import type { PeerAssets } from "../sync/remote.ts"

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

export const memoryAssets = (): PeerAssets => {
  const held = new Map<string, Buffer>()
  return {
    getAsset: async (sha256) => {
      const bytes = held.get(sha256)
      return bytes === undefined ? undefined : oneChunk(bytes)
    },
    hasAssets: async (hashes) => new Set(hashes.filter((sha256) => held.has(sha256))),
    putAsset: async (sha256, _size, chunks, signal) => {
      const parts: Array<Uint8Array> = []
      for await (const chunk of chunks) {
        signal.throwIfAborted()
        parts.push(chunk)
      }
      const bytes = Buffer.concat(parts)
      const found = createHash("sha256").update(bytes).digest("hex")
      if (found !== sha256) throw assetMismatch(sha256, found)
      held.set(sha256, bytes)
    },
  }
}
