/**
 * What a remote has to bear: calls that are stopped, things said twice, histories that part, backups
 * that come back, strangers, garbage, loss.
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict"
import { LamplogError } from "../event/failure.ts"
import { sha256 } from "../event/hash.ts"
import type { Batch } from "../sync/segment.ts"
import { encodeSegment } from "../sync/segment.ts"
import type { Check } from "./format-checks.ts"
import { equalGuests, never, onStage } from "./remote-stage.ts"
import type { Guest, OpenPlace, RemotePlace } from "./remote-stage.ts"

/** Enough for several batches. */
const largeEvents = 9
const largeBytes = 900_000
const attemptsMax = 50

const stopped = new Error("stopped by the check")

const endings = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "a call that was stopped before it began does nothing and says why",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const ana = stage.guest()
      ana.writeMany("a", 1)
      const remote = await ana.connect(place)
      const signal = AbortSignal.abort(stopped)
      const because = (error: unknown) => error === stopped
      const take = (batch: Batch) => ana.local.take(batch)
      await rejects(remote.pull({ ...ana.hello, since: {} }, take, signal), because)
      const { description } = ana.local
      const batches = ana.local.lacking({})
      const request = { ...ana.hello, description, known: {}, batches }
      await rejects(remote.push(request, signal), because)
      await rejects(remote.describe(signal), because)
      strictEqual((await ana.meet(place)).pushed, 1)
    }),
  },
  {
    name: "what cannot be written here ends the pull, and is no fault of the remote",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const ana = stage.guest()
      ana.writeMany("a", 3)
      await ana.meet(place)
      const ben = stage.guest()
      const remote = await ben.connect(place)
      const full = new Error("the disk of the check is full")
      const take = () => Promise.reject(full)
      await rejects(
        remote.pull({ ...ben.hello, since: {} }, take, never),
        (error) => error === full,
      )
      await ben.meet(place)
      equalGuests(ana, ben)
    }),
  },
]

const resumption = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "a pull that is stopped at any batch goes on from there the next time",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const ana = stage.guest()
      ana.writeMany("large", largeEvents, "x".repeat(largeBytes))
      await ana.meet(place)
      const ben = stage.guest()
      let attempts = 0
      for (let events = 0; events < largeEvents; attempts++) {
        ok(attempts < attemptsMax, "it does not get on")
        await pullOneBatch(ben, place)
        ok(ben.count() > events, "what was taken stays taken")
        events = ben.count()
      }
      ok(attempts > 1, "all came in one batch")
      ok((await ben.meet(place)).inSync)
      equalGuests(ana, ben)
    }),
  },
  {
    name: "a push that is stopped at any batch is completed the next time",
    run: onStage(async (stage) => {
      const ana = stage.guest()
      ana.writeMany("large", largeEvents, "x".repeat(largeBytes))
      for (let after = 0; ; after++) {
        const place = await stage.place(open)
        const whole = await pushSome(ana, place, after)
        await ana.meet(place)
        const ben = stage.guest()
        await ben.meet(place)
        equalGuests(ana, ben)
        if (whole) break
      }
    }),
  },
]

/** Pulls, and stops once a batch has been taken. */
const pullOneBatch = async (guest: Guest, place: RemotePlace): Promise<void> => {
  const remote = await guest.connect(place)
  const stop = new AbortController()
  const { since } = await guest.local.stand()
  const cursor = await guest.local.cursor("place")
  const take = async (batch: Batch, next?: string) => {
    const kept = next === undefined ? undefined : { remote: "place", text: next }
    const taken = await guest.local.take(batch, kept)
    if (taken.events > 0) stop.abort(stopped)
    return taken
  }
  try {
    await remote.pull({ ...guest.hello, since, cursor }, take, stop.signal)
  } catch (error) {
    if (error !== stopped) throw error
  }
}

/** Pushes so many batches and stops; tells whether that was all. */
const pushSome = async (guest: Guest, place: RemotePlace, after: number): Promise<boolean> => {
  const remote = await guest.connect(place)
  const stop = new AbortController()
  const { description, lacking } = guest.local
  const some = async function* (): AsyncGenerator<Batch> {
    let given = 0
    for await (const batch of lacking({})) {
      if ((given += 1) > after) stop.abort(stopped)
      stop.signal.throwIfAborted()
      yield batch
    }
  }
  const request = { ...guest.hello, description, known: {}, batches: some() }
  try {
    await remote.push(request, stop.signal)
    return true
  } catch (error) {
    if (error !== stopped) throw error
    return false
  }
}

const repetition = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "what is pushed twice is there once",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const [ana, ben] = [stage.guest(), stage.guest()]
      ana.writeMany("a", 20)
      for (let times = 0; times < 3; times++) {
        const remote = await ana.connect(place)
        const { description, lacking } = ana.local
        const request = { ...ana.hello, description, known: {}, batches: lacking({}) }
        const { frontier, refused } = await remote.push(request, never)
        deepStrictEqual(frontier, (await ana.local.stand()).frontier)
        deepStrictEqual(refused, [])
      }
      strictEqual((await ben.meet(place)).pulled, 20)
      equalGuests(ana, ben)
    }),
  },
  {
    name: "a cursor that means nothing there hides nothing",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const ana = stage.guest()
      ana.writeMany("a", 20)
      await ana.meet(place)
      for (const text of ["", "0", "x".repeat(5000), "999999999 999999999", "{}"]) {
        const ben = stage.guest()
        await ben.local.take([], { remote: "place", text })
        await ben.meet(place)
        equalGuests(ana, ben)
      }
    }),
  },
]

const identities = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "two histories under one name are both kept, on all sides",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const seed = sha256("twins")
      const [one, two, ben] = [stage.guest({ seed }), stage.guest({ seed }), stage.guest()]
      one.writeMany("one", 4)
      two.writeMany("two", 3)
      for (const guest of [one, two, one, two, ben, one, two]) await guest.meet(place)
      strictEqual(ben.count(), 7)
      equalGuests(one, two, ben)
      strictEqual(Object.keys((await ben.local.stand()).frontier).length, 2, "branches")
    }),
  },
  {
    name: "histories that part late are both kept",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const seed = sha256("late twins")
      const [one, two, ben] = [stage.guest({ seed }), stage.guest({ seed }), stage.guest()]
      one.writeMany("shared", 300)
      await two.local.take((await Array.fromAsync(one.local.lacking({}))).flat())
      // What `two` was given looks like its own future to it; only `one` goes on under the old name.
      one.writeMany("one", 40)
      two.writeMany("two", 30)
      for (const guest of [one, two, one, ben, two]) await guest.meet(place)
      equalGuests(one, two, ben)
    }),
  },
  {
    name: "a replica whose backup was put back gets its own events again, and goes on under a new name",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const seed = sha256("restored")
      const [before, after, ben] = [stage.guest({ seed }), stage.guest({ seed }), stage.guest()]
      before.writeMany("a", 10)
      await before.meet(place)
      // The same key over an empty database: what a backup from the first day would be.
      strictEqual((await after.meet(place)).pulled, 10)
      const { node } = after.replica
      after.writeMany("b", 1)
      ok(after.replica.node !== node, "it goes on under the old name")
      for (const guest of [after, ben, before]) await guest.meet(place)
      equalGuests(after, ben, before)
    }),
  },
]

const strangers = (open: OpenPlace): ReadonlyArray<Check> => [
  {
    name: "another project's replica neither gets nor leaves anything here",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      const [ana, ben] = [stage.guest(), stage.guest()]
      const stranger = stage.guest({ project: "bbbqeayeaudaocajbifqydiob4" })
      ana.writeMany("a", 5)
      stranger.writeMany("s", 5)
      await ana.meet(place)
      try {
        await stranger.meet(place)
      } catch (error) {
        ok(error instanceof LamplogError && error.code === "other-project", String(error))
      }
      strictEqual(stranger.count(), 5)
      strictEqual((await ben.meet(place)).pulled, 5)
      equalGuests(ana, ben)
    }),
  },
  {
    name: "garbage at the place harms nobody",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      if (place.litter === undefined) return
      const [ana, ben] = [stage.guest(), stage.guest()]
      ana.writeMany("a", 5)
      const whole = Buffer.concat(
        (await Array.fromAsync(ana.local.lacking({}))).flat().map(encodeSegment),
      )
      const spoilt = Buffer.from(whole)
      spoilt[spoilt.length - 9]! ^= 1
      await ana.meet(place)
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.from("hello"),
        Buffer.alloc(100_000, 0xff),
        whole.subarray(0, whole.length >> 1),
        spoilt,
        whole,
      ]) {
        await place.litter(bytes)
      }
      ben.writeMany("b", 5)
      for (const guest of [ben, ana, ben]) await guest.meet(place)
      strictEqual(ana.count(), 10)
      equalGuests(ana, ben)
    }),
  },
  {
    name: "a place that lost everything is filled again by whoever comes by",
    run: onStage(async (stage) => {
      const place = await stage.place(open)
      if (place.lose === undefined) return
      const [ana, ben, cem] = [stage.guest(), stage.guest(), stage.guest()]
      ana.writeMany("a", 5)
      for (const guest of [ana, ben]) await guest.meet(place)
      await place.lose()
      ben.writeMany("b", 2)
      for (const guest of [ben, ana, cem]) ok((await guest.meet(place)).inSync)
      equalGuests(ana, ben, cem)
    }),
  },
]

export const remoteTroubleChecks = (open: OpenPlace): ReadonlyArray<Check> => [
  ...endings(open),
  ...resumption(open),
  ...repetition(open),
  ...identities(open),
  ...strangers(open),
]
