/**
 * What every remote has to do, as checks that any test runner can run:
 *
 *     for (const { name, run } of remoteChecks(openPlace)) it(name, run)
 *
 * Real replicas in temporary folders meet at a new place for each check. A stranger's adapter is
 * judged by the same checks as ours.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict"
import type { Batch } from "../sync/segment.ts"
import type { Check } from "./format-checks.ts"
import { equalGuests, never, onStage } from "./remote-stage.ts"
import type { Guest, OpenPlace, RemotePlace, RemoteStage } from "./remote-stage.ts"
import { remoteTroubleChecks } from "./remote-trouble-checks.ts"

/** Bytes that a meeting may cost in which nothing is new. */
const idleBytesMax = 16 * 1024
/** Requests of a meeting, whatever the logs hold. */
const meetingRequestsMax = 16

/** Everybody meets until word has got round. */
const meetAll = async (place: RemotePlace, ...guests: ReadonlyArray<Guest>): Promise<void> => {
  for (const guest of [...guests, ...guests]) {
    const { inSync } = await guest.meet(place)
    ok(inSync, "a meeting ends in sync")
  }
  equalGuests(...guests)
}

const twoAt = async (
  stage: RemoteStage,
  open: OpenPlace,
): Promise<{ readonly place: RemotePlace; readonly ana: Guest; readonly ben: Guest }> => ({
  place: await stage.place(open),
  ana: stage.guest(),
  ben: stage.guest(),
})

/** What a call cost, as far as the place can tell. */
const costOf = async (
  place: RemotePlace,
  call: () => Promise<unknown>,
): Promise<{ readonly requests: number; readonly bytes: number } | undefined> => {
  if (place.traffic === undefined) {
    await call()
    return undefined
  }
  const before = { ...place.traffic() }
  await call()
  const after = place.traffic()
  return { requests: after.requests - before.requests, bytes: after.bytes - before.bytes }
}

const meetings = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "an empty project and an empty place are in sync",
    run: onStage(async (stage) => {
      const { place, ana } = await twoAt(stage, open)
      const { inSync, pulled, pushed } = await ana.meet(place)
      deepStrictEqual({ inSync, pulled, pushed }, { inSync: true, pulled: 0, pushed: 0 })
    }),
  },
  {
    name: "what one brings another one takes, to the last byte",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      ana.writeMany("a", 30)
      strictEqual((await ana.meet(place)).pushed, 30)
      strictEqual((await ben.meet(place)).pulled, 30)
      equalGuests(ana, ben)
    }),
  },
  {
    name: "what two wrote apart both hold after they have met, with the same state and conflicts",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      ana.write({ op: "put", type: "note", id: "n", fields: { text: "first" } })
      await meetAll(place, ana, ben)
      ana.write({ op: "patch", type: "note", id: "n", fields: { text: "ana", other: 1 } })
      ben.write({ op: "patch", type: "note", id: "n", fields: { text: "ben" } })
      ben.write({ op: "put", type: "note", id: "m", fields: { text: "new" } })
      await meetAll(place, ana, ben)
      const { conflicts } = ana.state() as { readonly conflicts: ReadonlyArray<unknown> }
      strictEqual(conflicts.length, 1, "conflicts")
    }),
  },
  {
    name: "three who come by in turn end up equal, whoever came first",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      const cem = stage.guest()
      for (const guest of [cem, ana, ben]) {
        guest.writeMany(guest.replica.node.slice(0, 4), 5)
        await guest.meet(place)
      }
      await meetAll(place, ana, ben, cem)
      strictEqual(cem.count(), 15)
    }),
  },
  {
    name: "a transaction arrives whole",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      const ids = Array.from({ length: 200 }, (_, index) => `t${index}`)
      ana.write(...ids.map((id) => ({ op: "put" as const, type: "note", id, fields: { x: 1 } })))
      await meetAll(place, ana, ben)
      strictEqual(ben.count(), 200)
    }),
  },
]

const costs = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "a meeting in which nothing is new moves no event and costs little",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      ana.writeMany("a", 200)
      await meetAll(place, ana, ben)
      const cost = await costOf(place, async () => {
        const { pulled, pushed, rounds, inSync } = await ana.meet(place)
        deepStrictEqual({ pulled, pushed, rounds }, { pulled: 0, pushed: 0, rounds: 1 })
        ok(inSync)
      })
      if (cost === undefined) return
      ok(cost.bytes <= idleBytesMax, `${cost.bytes} bytes`)
      ok(cost.requests <= meetingRequestsMax, `${cost.requests} requests`)
    }),
  },
  {
    name: "who lacks 10 of 5,000 events pays for the 10",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      // Not compressible, so that bytes tell how many events there were.
      const noise = (index: number) => Buffer.from(`${Math.sin(index)}`).toString("hex")
      const ids = Array.from({ length: 4990 }, (_, index) => index)
      for (const part of [ids.slice(0, 2500), ids.slice(2500)]) {
        for (const id of part) {
          ana.write({ op: "put", type: "note", id: `${id}`, fields: { x: noise(id) } })
        }
      }
      const whole = await costOf(place, async () => {
        await ana.meet(place)
        await ben.meet(place)
      })
      ana.writeMany("late", 10)
      await ana.meet(place)
      const part = await costOf(place, async () => {
        strictEqual((await ben.meet(place)).pulled, 10)
      })
      equalGuests(ana, ben)
      if (whole === undefined || part === undefined) return
      ok(part.bytes < whole.bytes / 20, `${part.bytes} of ${whole.bytes} bytes`)
      ok(part.requests <= meetingRequestsMax, `${part.requests} requests`)
    }),
  },
]

/** Enough for several batches. */
const largeEvents = 9
const largeBytes = 900_000
/** A batch: what fills it, and the line that crosses the limit. */
const batchBytesMax = 6 * 1024 * 1024

const backPressure = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "never more than one batch is under way to the reader, and none is longer than promised",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      ana.writeMany("large", largeEvents, "x".repeat(largeBytes))
      await ana.meet(place)
      const remote = await ben.connect(place)
      let taking = 0
      let batches = 0
      const take = async (batch: Batch) => {
        taking += 1
        batches += batch.length > 0 ? 1 : 0
        strictEqual(taking, 1, "batches under way")
        const bytes = batch.reduce((sum, { size }) => sum + size, 0)
        ok(bytes <= batchBytesMax, `a batch of ${bytes} bytes`)
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
        const taken = await ben.local.take(batch)
        taking -= 1
        return taken
      }
      await remote.pull({ ...ben.hello, since: {} }, take, never)
      ok(batches > 1, `${batches} batches`)
      equalGuests(ana, ben)
    }),
  },
]

const facts = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "it says where it is, and which project is there once somebody has met it",
    run: onStage(async (stage) => {
      const { place, ana } = await twoAt(stage, open)
      ana.writeMany("a", 1)
      await ana.meet(place)
      const remote = await ana.connect(place)
      ok(remote.where.length > 0)
      const [description, ...others] = await remote.describe(never)
      deepStrictEqual(description, ana.local.description)
      deepStrictEqual(others, [])
    }),
  },
  {
    name: "closing twice is closing once, and one connection's end is not another's",
    run: onStage(async (stage) => {
      const { place, ana } = await twoAt(stage, open)
      const [first, second] = [await ana.connect(place), await ana.connect(place)]
      await first.close()
      await first.close()
      strictEqual((await second.describe(never)).length <= 1, true)
      ana.writeMany("a", 3)
      strictEqual((await ana.meet(place)).pushed, 3)
    }),
  },
  {
    name: "who watches hears of news, and stops when told to",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      ben.writeMany("before", 1)
      await ben.meet(place)
      const remote = await ana.connect(place)
      strictEqual(remote.watch !== undefined, remote.capabilities.watches)
      if (remote.watch === undefined) return
      const stop = new AbortController()
      let watching: Promise<void> | undefined
      try {
        const heard = new Promise<void>((resolve) => {
          watching = remote.watch!(ana.hello, resolve, stop.signal).catch((error: unknown) => {
            if (!stop.signal.aborted) throw error
          })
        })
        // Whoever begins to watch may not hear of what came before; this comes after.
        let told = false
        const hearing = heard.then(() => {
          told = true
        })
        for (let index = 0; !told && index < 1000; index++) {
          ben.writeMany(`news${index}-`, 1)
          await ben.meet(place)
          await Promise.race([hearing, new Promise((resolve) => setTimeout(resolve, 100))])
        }
        ok(told, "nothing was heard")
      } finally {
        stop.abort()
        await watching
      }
    }),
  },
]

/** SHA-256 of "an asset\n", a hundred thousand times. */
const assetHash = "f8812c9bf907914302bf05e71164ebf5fcdb1a0f38ff82bb41f683e2293afa5b"
const noHash = "0".repeat(64)

const assets = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "it keeps the bytes of assets, if it says so",
    run: onStage(async (stage) => {
      const { place, ana, ben } = await twoAt(stage, open)
      // Places that are replicas themselves take what an event names.
      ana.write({ op: "put", type: "asset", id: "a", fields: { sha256: assetHash } })
      await ana.meet(place)
      const remote = await ana.connect(place)
      if (remote.putAsset === undefined) return
      const bytes = Buffer.from("an asset\n".repeat(100_000))
      await remote.putAsset(assetHash, bytes.length, inChunks(bytes), never)
      const other = await ben.connect(place)
      const has = await other.hasAssets!([assetHash, noHash], never)
      deepStrictEqual([...has], [assetHash])
      const found = await other.getAsset!(assetHash, never)
      deepStrictEqual(Buffer.concat(await Array.fromAsync(found!)), bytes)
      strictEqual(await other.getAsset!(noHash, never), undefined)
    }),
  },
]

async function* inChunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000)
}

/** All checks of a remote; `open` makes a new place for each. */
export const remoteChecks = (open: OpenPlace): ReadonlyArray<Check> => [
  ...meetings(open),
  ...costs(open),
  ...backPressure(open),
  ...facts(open),
  ...assets(open),
  ...remoteTroubleChecks(open),
]
