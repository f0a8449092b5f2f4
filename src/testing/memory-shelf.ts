/**
 * A shelf's place in memory: files by name, assets by hash. Whoever holds it can spoil and lose what
 * is there, as the world does to folders.
 */
import type { ShelfAssets, ShelfEntry, ShelfStorage } from "../sync/shelf-storage.ts"

export interface MemoryStorage extends ShelfStorage {
  readonly assets: ShelfAssets
  /** What is there, by its whole name. */
  readonly files: Map<string, Uint8Array>
  readonly assetFiles: Map<string, Uint8Array>
  /** Calls so far, and the bytes that they carried: names of a list count as bytes. */
  readonly traffic: { readonly requests: number; readonly bytes: number }
}

const joined = async (
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of bytes) {
    signal.throwIfAborted()
    chunks.push(Uint8Array.from(chunk))
  }
  return Uint8Array.from(Buffer.concat(chunks))
}

/** Somebody who waits for news below a prefix. */
interface Watcher {
  readonly prefix: string
  readonly news: () => void
}

const memoryAssets = (files: Map<string, Uint8Array>): ShelfAssets => ({
  has: async (sha256, signal) => {
    signal.throwIfAborted()
    return new Set(sha256.filter((name) => files.has(name)))
  },
  read: async (sha256, signal) => {
    signal.throwIfAborted()
    const bytes = files.get(sha256)
    if (bytes === undefined) return undefined
    return (async function* () {
      yield bytes
    })()
  },
  write: async (sha256, _size, bytes, signal) => {
    signal.throwIfAborted()
    files.set(sha256, await joined(bytes, signal))
  },
  setAside: async (sha256, signal) => {
    signal.throwIfAborted()
    files.delete(sha256)
  },
})

export const memoryStorage = (where = "memory"): MemoryStorage => {
  const files = new Map<string, Uint8Array>()
  const assetFiles = new Map<string, Uint8Array>()
  const watchers = new Set<Watcher>()
  const traffic = { requests: 0, bytes: 0 }
  const count = (bytes: number): void => {
    traffic.requests += 1
    traffic.bytes += bytes
  }
  const tell = (name: string): void => {
    for (const { prefix, news } of watchers) if (name.startsWith(prefix)) news()
  }
  return {
    where,
    files,
    assetFiles,
    traffic,
    assets: memoryAssets(assetFiles),
    list: async (prefix, signal): Promise<ReadonlyArray<ShelfEntry>> => {
      signal.throwIfAborted()
      const found = [...files].filter(([name]) => name.startsWith(prefix))
      count(found.reduce((sum, [name]) => sum + name.length, 0))
      return found.map(([name, { length }]) => ({ name, size: length }))
    },
    listTop: async (signal) => {
      signal.throwIfAborted()
      count(0)
      return [...new Set([...files.keys()].map((name) => name.split("/")[0]!))]
    },
    read: async (name, bytesMax, signal) => {
      signal.throwIfAborted()
      const bytes = files.get(name)
      count(bytes?.length ?? 0)
      return bytes === undefined || bytes.length > bytesMax ? undefined : bytes
    },
    write: async (name, bytes, signal) => {
      signal.throwIfAborted()
      count(bytes.length)
      files.set(name, Uint8Array.from(bytes))
      tell(name)
    },
    remove: async (name, signal) => {
      signal.throwIfAborted()
      count(0)
      files.delete(name)
    },
    setAside: async (name, signal) => {
      signal.throwIfAborted()
      const bytes = files.get(name)
      files.delete(name)
      if (bytes !== undefined) files.set(`${name}.damaged`, bytes)
    },
    watch: (prefix, news, signal) =>
      new Promise((resolve) => {
        const watcher = { prefix, news }
        watchers.add(watcher)
        const end = (): void => {
          watchers.delete(watcher)
          resolve()
        }
        if (signal.aborted) end()
        else signal.addEventListener("abort", end, { once: true })
      }),
    close: async () => {},
  }
}
