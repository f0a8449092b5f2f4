/**
 * The checks of a remote, over memory: a peer, and a shelf. And that they tell a good remote from a bad
 * one.
 */
import { describe, expect, it } from "vitest"
import { shelfRemote } from "../../src/sync/shelf.ts"
import { memoryRemote, memoryStorage, remoteChecks } from "../../src/testing/index.ts"
import type { MemoryRemote, OpenPlace } from "../../src/testing/index.ts"

const openPeer: OpenPlace = async (host) => {
  const remotes: Array<MemoryRemote> = []
  return {
    connect: async () => {
      const remote = memoryRemote(host)
      remotes.push(remote)
      return remote
    },
    traffic: () => {
      const all = remotes.map(({ traffic }) => traffic)
      return {
        requests: all.reduce((sum, { roundTrips }) => sum + roundTrips, 0),
        bytes: all.reduce(
          (sum, { sentBytes, receivedBytes }) => sum + sentBytes + receivedBytes,
          0,
        ),
      }
    },
    remove: async () => {},
  }
}

const openShelf: OpenPlace = async () => {
  const storage = memoryStorage()
  let litter = 0
  return {
    connect: async () => shelfRemote(storage),
    traffic: () => storage.traffic,
    litter: async (bytes) => {
      const [first] = storage.files.keys()
      storage.files.set(`${first} (conflicted copy ${(litter += 1)})`, bytes)
    },
    lose: async () => {
      storage.files.clear()
    },
    remove: async () => {},
  }
}

describe("a peer in memory", () => {
  for (const { name, run } of remoteChecks(openPeer)) it(name, run)
})

describe("a shelf in memory", () => {
  for (const { name, run } of remoteChecks(openShelf)) it(name, run)
})

void expect
