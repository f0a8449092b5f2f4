/**
 * Staying at a NATS server: the live tail, who is there, and how replicas go on while nothing can be stored.
 */
import type { MsgHdrs } from "@nats-io/transport-node"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { openNats } from "../../../adapters/nats/index.ts"
import type { Remote } from "../../../src/remote.ts"
import { equalGuests, never, RemoteStage } from "../../../src/testing/remote-stage.ts"
import type { Guest } from "../../../src/testing/remote-stage.ts"
import { startServer } from "../../nats/server.ts"
import type { TestServer } from "../../nats/server.ts"
import { administer, emptyServer, peerFor, placeAt, streamOf } from "./meeting.ts"

let server: TestServer
let stage: RemoteStage

beforeAll(async () => {
  server = await startServer()
})

afterAll(async () => {
  await server.remove()
})

/** Somebody who stays, and hears of news. */
interface Watcher {
  readonly remote: Remote
  /** Resolves at the next news, or at once if there was some since the last call. */
  readonly news: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly pull: () => Promise<number>
}

const watchers: Array<Watcher> = []

const watch = async (guest: Guest, name: string): Promise<Watcher> => {
  const remote = await openNats(server.url, { name, peer: peerFor(guest), node: guest.hello.node })
  const stop = new AbortController()
  let rung = false
  let wake = (): void => {}
  const watching = remote.watch!(
    guest.hello,
    () => {
      rung = true
      wake()
    },
    stop.signal,
  )
  const watcher: Watcher = {
    remote,
    news: async () => {
      while (!rung) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      rung = false
    },
    stop: async () => {
      stop.abort()
      await watching
      await remote.close()
    },
    pull: async () => {
      const { since } = await guest.local.stand()
      const cursor = await guest.local.cursor("r")
      const before = guest.count()
      await remote.pull(
        { ...guest.hello, since, cursor },
        (batch, text) =>
          guest.local.take(batch, text === undefined ? undefined : { remote: "r", text }),
        never,
      )
      return guest.count() - before
    },
  }
  watchers.push(watcher)
  await watcher.news()
  return watcher
}

afterEach(async () => {
  for (const watcher of watchers.splice(0)) await watcher.stop()
  await stage.clear()
  await emptyServer(server)
})

const begin = (): readonly [Guest, Guest] => {
  stage = new RemoteStage()
  return [stage.guest(), stage.guest()]
}

describe("who stays at a server", () => {
  it("hears of what others store, and takes it without asking again", async () => {
    const [ana, ben] = begin()
    const place = placeAt(server.url)
    ana.writeMany("first", 1)
    await ana.meet(place)
    const watcher = await watch(ben, "Ben")
    await watcher.pull()
    ana.writeMany("a", 1)
    await ana.meet(place)
    await watcher.news()
    const requests = async (): Promise<number> =>
      administer(server.url, async ({ manager }) => (await manager.getAccountInfo()).api.total)
    // What is asked of the server itself is counted by it too: two of these questions lie between.
    const before = await requests()
    const between = await requests()
    expect(await watcher.pull()).toBe(1)
    expect((await requests()) - between).toBe(between - before)
    equalGuests(ana, ben)
  })

  it("takes a long row of news piece by piece, and misses none", async () => {
    const [ana, ben] = begin()
    const place = placeAt(server.url)
    const watcher = await watch(ben, "Ben")
    await watcher.pull()
    for (let round = 0; round < 20; round++) {
      ana.writeMany(`${round}-`, 3)
      await ana.meet(place)
      if (round % 3 === 0) await watcher.pull()
    }
    while (ben.count() < 60) {
      await watcher.news()
      await watcher.pull()
    }
    equalGuests(ana, ben)
  })

  it("is seen by others with its name and what it holds, until it says that it leaves", async () => {
    const [ana, ben] = begin()
    ana.writeMany("a", 2)
    const first = await watch(ana, "Ana")
    const visitor = await openNats(server.url)
    const seen = await visitor.peers!(ben.hello, never)
    const { frontier } = await ana.local.stand()
    expect(seen).toEqual([{ node: ana.hello.node, name: "Ana", frontier }])
    const second = await watch(ben, "Ben")
    // Each of them hears the other's next beacon, or asks.
    expect((await first.remote.peers!(ana.hello, never)).map(({ name }) => name)).toEqual(["Ben"])
    await second.stop()
    watchers.pop()
    expect(await visitor.peers!(ben.hello, never)).toHaveLength(1)
    await first.stop()
    watchers.pop()
    expect(await visitor.peers!(ben.hello, never)).toEqual([])
    await visitor.close()
  })

  it("is told by others themselves what cannot be stored", async () => {
    const [ana, ben] = begin()
    const mute = await startServer({ jetstream: false })
    try {
      const remote = await openNats(mute.url, { peer: peerFor(ana) })
      const stop = new AbortController()
      const { promise: watched, resolve } = Promise.withResolvers<void>()
      const watching = remote.watch!(ana.hello, resolve, stop.signal)
      await watched
      ana.writeMany("a", 500)
      const other = await openNats(mute.url)
      const failure = await other
        .pull({ ...ben.hello, since: {} }, (batch) => ben.local.take(batch), never)
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: "remote-unreachable" })
      equalGuests(ana, ben)
      stop.abort()
      await watching
      await remote.close()
      await other.close()
    } finally {
      await mute.remove()
    }
  })

  it("answers but two at once, and others when those have done", async () => {
    const [ana, ben] = begin()
    ana.writeMany("a", 3)
    await watch(ana, "Ana")
    const { project, node } = ana.replica
    await administer(server.url, async ({ client }) => {
      const ask = (subject: string, question: object) =>
        client.request(`lamp.p.${project}.ae.${subject}`, JSON.stringify(question))
      const pull = { kind: "pull", ...ben.hello, since: {} }
      const kind = (answer: { readonly headers?: MsgHdrs }) => answer.headers?.get("Lamplog-Answer")
      const first = await ask("any", pull)
      expect([kind(first), kind(await ask("any", pull)), kind(await ask("any", pull))]).toEqual([
        "open",
        "open",
        "busy",
      ])
      const { session } = first.json<{ readonly session: string }>()
      const next = { kind: "next", session, page: 0 }
      expect(kind(await ask(node, next))).toBe("page 0 end")
      expect(kind(await ask(node, next))).toBe("refused")
      expect(kind(await ask("any", pull))).toBe("open")
      const nonsense = [
        { ...pull, since: 7 },
        { ...pull, project: "x" },
        { ...pull, points: [1] },
      ]
      for (const question of nonsense) expect(kind(await ask("any", question))).toBe("refused")
    })
  })

  it("hears of news after the server was away, whatever it missed", async () => {
    const [ana, ben] = begin()
    const place = placeAt(server.url)
    await ana.meet(place)
    const watcher = await watch(ben, "Ben")
    await watcher.pull()
    ana.writeMany("a", 4)
    await server.kill()
    await server.start()
    await ana.meet(place)
    while (ben.count() < 4) {
      await watcher.news()
      await watcher.pull().catch(() => 0)
    }
    equalGuests(ana, ben)
    expect(
      await administer(server.url, async ({ manager }) => {
        const { state } = await manager.streams.info(streamOf(ana))
        return state.consumer_count
      }),
    ).toBe(0)
  })
})
