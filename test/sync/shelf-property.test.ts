/**
 * Whatever is done to a shelf: when all who hold something have come by again, it holds everything, gives
 * everything to a newcomer, and has few files.
 */
import { expect, it } from "vitest"
import type { Remote } from "../../src/sync/remote.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { nodeOfLog } from "../../src/sync/shelf-holdings.ts"
import { shelfRemote } from "../../src/sync/shelf.ts"
import type { ShelfEntry, ShelfStorage } from "../../src/sync/shelf-storage.ts"
import { memoryStorage } from "../../src/testing/memory-shelf.ts"
import type { MemoryStorage } from "../../src/testing/memory-shelf.ts"
import type { ForgedLog } from "../log/forge.ts"
import { Random } from "../simulation/random.ts"
import { logOf, push, Reader, segmentOf } from "./shelf-reader.ts"

const eventsEach = 60

/** Two logs, and a branch of the first; whoever holds the branch holds what it parts from. */
const trunk = logOf("trunk", eventsEach)
const branch = logOf("trunk", eventsEach, { log: trunk, events: 23 })
const plain = logOf("plain", eventsEach)

interface Holding {
  readonly log: ForgedLog
  /** Seq up to which this holder has got. */
  upTo: number
}

/** Somebody who holds the beginnings of some logs and brings what the shelf lacks. */
class Holder {
  readonly holdings: ReadonlyArray<Holding>
  readonly reader = new Reader()

  constructor(logs: ReadonlyArray<ForgedLog>) {
    this.holdings = logs.map((log) => ({ log, upTo: log.from - 1 }))
  }

  grow(random: Random): void {
    for (const holding of this.holdings) {
      const end = holding.log.from + holding.log.lines.length - 1
      holding.upTo = Math.min(end, holding.upTo + random.below(5))
      this.learn(holding)
    }
  }

  learn({ log, upTo }: Holding): void {
    const shared = log === branch ? [segmentOf(trunk, 1, branch.from - 1)] : []
    if (upTo >= log.from) this.reader.learn(...shared, segmentOf(log, log.from, upTo))
  }

  /** Runs that the shelf lacks, as far as it says, cut anywhere. */
  #lacking(heads: ReadonlySet<string>, random: Random): ReadonlyArray<Segment> {
    return this.holdings.flatMap(({ log, upTo }) => {
      if (upTo < log.from) return []
      const runs = log === branch ? [[trunk, 1, branch.from - 1] as const] : []
      return [...runs, [log, log.from, upTo] as const].flatMap(([from, first, last]) => {
        const known = from.references.filter(({ hash, seq }) => heads.has(hash) && seq <= last)
        const begin = Math.max(first, ...known.map(({ seq }) => seq + 1))
        if (begin > last) return []
        const middle = random.between(begin, last)
        const rest = middle < last ? [segmentOf(from, middle + 1, last)] : []
        return [segmentOf(from, begin, middle), ...rest]
      })
    })
  }

  async come(remote: Remote, random: Random): Promise<boolean> {
    const { frontier } = await this.reader.meet(remote)
    const heads = new Set(Object.values(frontier).map(({ hash }) => hash))
    const mine = this.holdings.flatMap(({ log, upTo }) =>
      upTo < log.from ? [] : [log.references[upTo - log.from]!],
    )
    const ahead = mine.filter(({ hash, node, seq }) => {
      const theirs = Object.entries(frontier).filter(([name]) => nodeOfLog(name) === node)
      return !heads.has(hash) && !theirs.some(([, head]) => isBehind(seq, hash, head.hash))
    })
    if (ahead.length === 0) return true
    await push(remote, ...this.#lacking(heads, random))
    return false
  }
}

/** Whether an event lies before a head of the same log, or is it. */
const isBehind = (seq: number, hash: string, head: string): boolean =>
  [trunk, branch, plain].some((log) => {
    const at = log.references.findIndex((reference) => reference.hash === head)
    if (at < 0) return false
    const before = log === branch ? trunk.references.slice(0, branch.from - 1) : []
    const line = [...before, ...log.references.slice(0, at + 1)]
    return line.some((reference) => reference.seq === seq && reference.hash === hash)
  })

/** One thing that befalls a file. */
const befall = (storage: MemoryStorage, random: Random): void => {
  const names = [...storage.files.keys()].filter((name) => name.endsWith(".events"))
  if (names.length === 0) return
  const name = random.pick(names)
  const bytes = Uint8Array.from(storage.files.get(name)!)
  switch (random.below(6)) {
    case 0:
      storage.files.delete(name)
      return
    case 1:
      storage.files.set(name, bytes.subarray(0, random.below(bytes.length)))
      return
    case 2:
      bytes[random.between(40, bytes.length - 1)]! ^= 1 << random.below(8)
      storage.files.set(name, bytes)
      return
    case 3:
      storage.files.delete(name)
      storage.files.set(name.replace(".events", ` (${random.below(9)}).events`), bytes)
      return
    case 4:
      storage.files.set(name.replace(".events", ` (${random.below(9)}).events`), bytes)
      return
    default:
      storage.files.set(`${name}.tmp`, bytes.subarray(0, random.below(bytes.length)))
  }
}

/** The same place, as seen by somebody to whom others' doings come late and who may stop at any write. */
const unreliable = (storage: MemoryStorage, random: Random): ShelfStorage => {
  let old: ReadonlyArray<ShelfEntry> | undefined
  let writesLeft = random.chance(0.3) ? random.below(6) : 1000
  const counted = async (change: () => Promise<void>): Promise<void> => {
    writesLeft -= 1
    if (writesLeft < 0) throw new Error("the process ends here")
    await change()
  }
  return {
    ...storage,
    list: async (prefix, signal) => {
      const now = await storage.list(prefix, signal)
      const shown = random.chance(0.2) ? (old ?? now) : now
      old = now
      return random.shuffle(shown)
    },
    write: (name, bytes, signal) => counted(() => storage.write(name, bytes, signal)),
    remove: (name, signal) => counted(() => storage.remove(name, signal)),
    setAside: (name, signal) => counted(() => storage.setAside(name, signal)),
  }
}

const runSeed = async (seed: number): Promise<void> => {
  const random = new Random(seed)
  const storage = memoryStorage()
  const holders = [new Holder([trunk, plain]), new Holder([branch]), new Holder([plain, trunk])]
  for (let round = 0; round < 60; round += 1) {
    const holder = random.pick(holders)
    holder.grow(random)
    const remote = shelfRemote(unreliable(storage, random))
    await holder.come(remote, random).catch((error: unknown) => {
      if ((error as Error).message !== "the process ends here") throw error
    })
    if (random.chance(0.4)) befall(storage, random)
  }
  // Damage is found by those who read; then the holders have to come by once more.
  for (let reading = 0; reading < 3; reading += 1) {
    await new Reader().meet(shelfRemote(storage))
    for (let turn = 0; turn < 4 * holders.length; turn += 1) {
      await holders[turn % holders.length]!.come(shelfRemote(storage), random)
    }
  }
  for (const holder of holders) expect(await holder.come(shelfRemote(storage), random)).toBe(true)
  const newcomer = new Reader()
  await newcomer.meet(shelfRemote(storage))
  for (const { reader } of holders) {
    for (const head of Object.values(reader.frontier)) expect(newcomer.holds(head)).toBe(true)
  }
  for (const { log, upTo } of holders.flatMap(({ holdings }) => holdings)) {
    const held = log.references.slice(0, Math.max(0, upTo - log.from + 1))
    for (const reference of held) expect(newcomer.holds(reference)).toBe(true)
  }
  const files = [...storage.files.keys()].filter((name) => name.endsWith(".events"))
  expect(files.length).toBeLessThan(110)
}

const seeds = 25

it(`holds everything again after anything (${seeds} seeds)`, async () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    await runSeed(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    })
  }
})
