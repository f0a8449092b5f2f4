/**
 * The checks of a remote, over memory: a peer, and a shelf. And that they tell a good remote from a bad
 * one.
 */
import { describe, expect, it } from "vitest"
import type { Remote } from "../../src/remote.ts"
import type { Batch } from "../../src/sync/segment.ts"
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

/** Whether a check of this name fails when part of a remote is broken. */
const isNoticed = async (
  name: string,
  open: OpenPlace,
  change: (remote: Remote) => Partial<Remote>,
): Promise<boolean> => {
  const broken: OpenPlace = async (host) => {
    const place = await open(host)
    const connect = async (): Promise<Remote> => {
      const remote = await place.connect()
      return {
        where: remote.where,
        capabilities: { ...remote.capabilities, watches: false, assets: false },
        describe: (signal) => remote.describe(signal),
        pull: (...given) => remote.pull(...given),
        push: (...given) => remote.push(...given),
        close: () => remote.close(),
        ...change(remote),
      }
    }
    return { ...place, connect }
  }
  const check = remoteChecks(broken).find((one) => one.name === name)!
  try {
    await check.run()
    return false
  } catch {
    return true
  }
}

const deaf = new AbortController().signal

describe("the checks of a remote", () => {
  it("notice one that cannot be stopped", async () => {
    const name = "a call that was stopped before it began does nothing and says why"
    const change = (remote: Remote): Partial<Remote> => ({
      pull: (request, take) => remote.pull(request, take, deaf),
    })
    expect(await isNoticed(name, openPeer, change)).toBe(true)
  })

  it("notice one that does not wait until a batch was taken", async () => {
    const name =
      "never more than one batch is under way to the reader, and none is longer than promised"
    const nothing = { events: 0, waiting: 0, refused: [], forks: [] }
    const change = (remote: Remote): Partial<Remote> => ({
      pull: async (request, take, signal) => {
        const taking: Array<Promise<unknown>> = []
        const give = async (batch: Batch) => {
          taking.push(take(batch))
          return nothing
        }
        const holdings = await remote.pull(request, give, signal)
        await Promise.all(taking)
        return holdings
      },
    })
    expect(await isNoticed(name, openPeer, change)).toBe(true)
  })

  it("notice one that hands over everything each time", async () => {
    const name = "who lacks 10 of 5,000 events pays for the 10"
    const change = (remote: Remote): Partial<Remote> => ({
      pull: (request, take, signal) => remote.pull({ ...request, since: {} }, take, signal),
    })
    expect(await isNoticed(name, openPeer, change)).toBe(true)
  })

  it("notice one that keeps nothing and says that it does", async () => {
    const name = "what one brings another one takes, to the last byte"
    const change = (remote: Remote): Partial<Remote> => ({
      push: async (request, signal) => {
        const batches = (async function* (): AsyncGenerator<Batch> {})()
        return remote.push({ ...request, batches }, signal)
      },
    })
    expect(await isNoticed(name, openShelf, change)).toBe(true)
  })

  it("notice one in which garbage stands in the way", async () => {
    const name = "garbage at the place harms nobody"
    const open: OpenPlace = async (host) => {
      const place = await openShelf(host)
      let littered = false
      const litter = async (): Promise<void> => {
        littered = true
      }
      const connect = async (): Promise<Remote> => {
        if (littered) throw new Error("what is that?")
        return place.connect()
      }
      return { ...place, litter, connect }
    }
    expect(await isNoticed(name, open, () => ({}))).toBe(true)
  })
})
