/**
 * Counts what is asked of the place that a shelf stands in.
 */
import type { ShelfStorage } from "../../src/sync/shelf-storage.ts"

export class ShelfTraffic {
  listings = 0
  reads = 0
  writes = 0
  removals = 0
  bytesRead = 0
  bytesWritten = 0

  get requests(): number {
    return this.listings + this.reads + this.writes + this.removals
  }

  get bytes(): number {
    return this.bytesRead + this.bytesWritten
  }

  /** The same place, watched. */
  counted(storage: ShelfStorage): ShelfStorage {
    const { assets } = storage
    return {
      where: storage.where,
      ...(storage.watch === undefined
        ? {}
        : { watch: (prefix, news, signal) => storage.watch!(prefix, news, signal) }),
      ...(assets === undefined ? {} : { assets }),
      close: () => storage.close(),
      list: (prefix, signal) => {
        this.listings += 1
        return storage.list(prefix, signal)
      },
      listTop: (signal) => {
        this.listings += 1
        return storage.listTop(signal)
      },
      read: async (name, bytesMax, signal) => {
        this.reads += 1
        const bytes = await storage.read(name, bytesMax, signal)
        this.bytesRead += bytes?.length ?? 0
        return bytes
      },
      write: (name, bytes, signal) => {
        this.writes += 1
        this.bytesWritten += bytes.length
        return storage.write(name, bytes, signal)
      },
      remove: (name, signal) => {
        this.removals += 1
        return storage.remove(name, signal)
      },
      setAside: (name, signal) => {
        this.removals += 1
        return storage.setAside(name, signal)
      },
    }
  }
}
