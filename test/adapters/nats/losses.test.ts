/**
 * What a stream can lose, and how it comes back: purged, trimmed, limited, deleted, made again, cut in parts.
 */
import { randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { openNats, initNats } from "../../../adapters/nats/index.ts"
import { LamplogError } from "../../../src/remote.ts"
import { equalGuests, never, RemoteStage } from "../../../src/testing/remote-stage.ts"
import type { Guest, RemotePlace } from "../../../src/testing/remote-stage.ts"
import { startServer } from "../../nats/server.ts"
import type { TestServer } from "../../nats/server.ts"
import { administer, emptyServer, peerFor, placeAt, streamOf } from "./meeting.ts"

let server: TestServer
let stage: RemoteStage
let place: RemotePlace

beforeAll(async () => {
  server = await startServer({ settings: "max_payload: 64KB" })
})

afterAll(async () => {
  await server.remove()
})

const begin = (): readonly [Guest, Guest] => {
  stage = new RemoteStage()
  place = placeAt(server.url)
  return [stage.guest(), stage.guest()]
}

afterEach(async () => {
  await stage.clear()
  await emptyServer(server)
})

/** All meet, until nobody has anything new. */
const meetAll = async (...guests: ReadonlyArray<Guest>): Promise<void> => {
  for (const guest of [...guests, ...guests]) await guest.meet(place)
  equalGuests(...guests)
}

const messages = (guest: Guest): Promise<number> =>
  administer(server.url, async ({ manager }) => {
    const { state } = await manager.streams.info(streamOf(guest))
    return state.messages
  })

describe("a stream", () => {
  it("carries segments that are longer than a message may be, in parts", async () => {
    const [ana, ben] = begin()
    for (let index = 0; index < 5; index++) {
      ana.writeMany(`large${index}`, 1, randomBytes(200_000).toString("hex"))
    }
    await meetAll(ana, ben)
    expect(await messages(ana)).toBeGreaterThan(10)
    expect((await stage.guest().meet(place)).pulled).toBe(5)
  })

  it("is filled again from the replicas after it was purged, once", async () => {
    const [ana, ben] = begin()
    ana.writeMany("a", 20)
    ben.writeMany("b", 20)
    await meetAll(ana, ben)
    await administer(server.url, ({ manager }) => manager.streams.purge(streamOf(ana)))
    expect((await ana.meet(place)).pushed).toBe(40)
    expect((await ben.meet(place)).pushed).toBe(0)
    const chris = stage.guest()
    expect((await chris.meet(place)).pulled).toBe(40)
    equalGuests(ana, ben, chris)
  })

  it("keeps in its bucket what it has forgotten, so that newcomers get all", async () => {
    const [ana, ben] = begin()
    for (let round = 0; round < 6; round++) {
      ana.writeMany(`a${round}-`, 10)
      await ana.meet(place)
      ben.writeMany(`b${round}-`, 10)
      await ben.meet(place)
    }
    await administer(server.url, ({ manager }) => manager.streams.purge(streamOf(ana), { keep: 2 }))
    await meetAll(ana, ben)
    expect(await messages(ana)).toBeLessThan(6)
    const chris = stage.guest()
    const tally = await chris.meet(place)
    expect([tally.pulled, tally.inSync]).toEqual([120, true])
    equalGuests(ana, ben, chris)
    // Nothing more to do: neither for those who were there, nor for the bucket.
    const [again, late] = [await ana.meet(place), await chris.meet(place)]
    expect([again.pushed, again.pulled, again.inSync]).toEqual([0, 0, true])
    expect([late.pushed, late.pulled, late.inSync]).toEqual([0, 0, true])
  })

  it("that may hold but little holds the newest, and the bucket the rest", async () => {
    const [ana, ben] = begin()
    await initNats(server.url, { project: ana.replica.project, maxBytes: 1024 * 1024 })
    for (let round = 0; round < 6; round++) {
      ana.writeMany(`a${round}-`, 2, randomBytes(150_000).toString("hex"))
      await ana.meet(place)
      await ben.meet(place)
    }
    await meetAll(ana, ben)
    const chris = stage.guest()
    expect((await chris.meet(place)).inSync).toBe(true)
    equalGuests(ana, ben, chris)
  })

  it("that was deleted and made again with as many messages is read from the start", async () => {
    const [ana, ben] = begin()
    ana.writeMany("a", 3)
    await meetAll(ana, ben)
    await administer(server.url, ({ manager }) => manager.streams.delete(streamOf(ana)))
    const chris = stage.guest()
    chris.writeMany("c", 3)
    await chris.meet(place)
    expect((await ben.meet(place)).pulled).toBe(3)
    await meetAll(ana, ben, chris)
  })

  it("whose history hangs in the air is healed by somebody who is there", async () => {
    const [ana, ben] = begin()
    ana.writeMany("a", 10)
    await ana.meet(place)
    await administer(server.url, ({ manager }) => manager.streams.purge(streamOf(ana)))
    // Ana's cursor knows nothing of the purge while she goes on: her next message has no beginning there.
    const remote = await openNats(server.url, { peer: peerFor(ana) })
    const stop = new AbortController()
    const { promise: watched, resolve } = Promise.withResolvers<void>()
    const watching = remote.watch!(ana.hello, resolve, stop.signal)
    await watched
    const { hello, local } = ana
    const { frontier } = await local.stand()
    ana.writeMany("later", 1)
    const batches = local.lacking(frontier)
    const { description } = local
    await remote.push({ ...hello, description, known: frontier, batches }, never)
    const taken = await openNats(server.url)
    const holdings = await taken.pull(
      { ...ben.hello, since: {} },
      (batch, cursor) =>
        ben.local.take(batch, cursor === undefined ? undefined : { remote: "r", text: cursor }),
      never,
    )
    equalGuests(ana, ben)
    // The remote itself does not have it whole, and says so: Ben puts it back.
    expect(holdings.frontier).toEqual({})
    stop.abort()
    await watching
    await taken.close()
    await remote.close()
    await meetAll(ana, ben, stage.guest())
  })

  it("is filled again where somebody has taken out the middle", async () => {
    const [ana, ben] = begin()
    ana.writeMany("a", 5)
    await meetAll(ana, ben)
    ben.writeMany("b", 5)
    await meetAll(ana, ben)
    ana.writeMany("again", 5)
    await meetAll(ana, ben)
    const { project, node } = ben.replica
    await administer(server.url, ({ manager }) =>
      manager.streams.purge(streamOf(ana), { filter: `lamp.p.${project}.log.*.${node}` }),
    )
    expect((await ana.meet(place)).pushed).toBe(5)
    const chris = stage.guest()
    expect((await chris.meet(place)).pulled).toBe(15)
    equalGuests(ana, ben, chris)
  })

  it("has its bucket filled again when that has lost what objects are made of", async () => {
    const [ana, ben] = begin()
    for (const text of ["a", "b", "c"]) {
      ana.writeMany(text, 10)
      await ana.meet(place)
    }
    await ben.meet(place)
    await administer(server.url, ({ manager }) => manager.streams.purge(streamOf(ana), { keep: 1 }))
    await meetAll(ana, ben)
    const bucket = `LAMPO_${ana.replica.project}`
    await administer(server.url, ({ manager }) =>
      manager.streams.purge(`OBJ_${bucket}`, { filter: `$O.${bucket}.C.>` }),
    )
    expect((await ben.meet(place)).pushed).toBeGreaterThan(0)
    const chris = stage.guest()
    expect((await chris.meet(place)).pulled).toBe(30)
    equalGuests(ana, ben, chris)
  })

  it("bears what is none of ours on its subjects", async () => {
    const [ana, ben] = begin()
    ana.writeMany("a", 3)
    await ana.meet(place)
    const { project, node } = ana.replica
    await administer(server.url, async ({ manager }) => {
      const js = manager.jetstream()
      await js.publish(`lamp.p.${project}.log.${node}.${node}`, randomBytes(1000))
      await js.publish(`lamp.p.${project}.log.x.y`, "text")
    })
    ben.writeMany("b", 3)
    const warnings: Array<string> = []
    place = placeAt(server.url, { onWarning: (message) => warnings.push(message) })
    await meetAll(ana, ben)
    expect(warnings).toEqual(warnings.map(() => expect.stringContaining("2 messages")))
    expect(warnings).not.toEqual([])
  })

  it("that cannot be reached is said to be so, in time", async () => {
    const [ana] = begin()
    const remote = await openNats("nats://127.0.0.1:1?timeout=1")
    const refused = await remote
      .pull({ ...ana.hello, since: {} }, (batch) => ana.local.take(batch), never)
      .catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(LamplogError)
    expect((refused as LamplogError).code).toBe("remote-unreachable")
    await remote.close()
  })
})
