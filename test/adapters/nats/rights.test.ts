/**
 * What a node may do on a server that is configured as told, how one gets in, and what one hears who may not.
 */
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect, nkeyAuthenticator } from "@nats-io/transport-node"
import { jetstreamManager } from "@nats-io/jetstream"
import { Objm } from "@nats-io/obj"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import {
  initNats,
  nkeySeedOf,
  openNats,
  permissionsFor,
  serverConfiguration,
} from "../../../adapters/nats/index.ts"
import type { Layout } from "../../../adapters/nats/index.ts"
import { keyPairFromSeed } from "../../../src/event/hash.ts"
import { equalGuests, never, RemoteStage } from "../../../src/testing/remote-stage.ts"
import type { Guest, RemotePlace } from "../../../src/testing/remote-stage.ts"
import { startServer } from "../../nats/server.ts"
import type { TestServer } from "../../nats/server.ts"
import { administer, peerFor } from "./meeting.ts"
import type { Administrator } from "./meeting.ts"

const servers: Array<TestServer> = []
let folder: string
let stage: RemoteStage

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplog-nats-"))
})

afterEach(async () => {
  await stage.clear()
  for (const server of servers.splice(0)) await server.remove()
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const seed = (): string => randomBytes(32).toString("hex")

interface Member {
  readonly guest: Guest
  readonly url: (server: TestServer) => string
  readonly text: string
}

const member = (layout: Layout): Member => {
  const secret = seed()
  const guest = stage.guest({ seed: secret })
  const { project, node } = guest.replica
  const { publicKey } = keyPairFromSeed(secret)
  const { text } = permissionsFor({ project, node, publicKey, layout })
  const path = file(node, nkeySeedOf(secret))
  const query = layout.kind === "project" ? "" : `&layout=shards:${layout.count}`
  return { guest, text, url: ({ url }) => `${url}?nkey=${path}${query}` }
}

const placeOf = ({ guest, url }: Member, server: TestServer): RemotePlace => ({
  connect: () => openNats(url(server), { node: guest.replica.node, peer: peerFor(guest) }),
  remove: async () => {},
})

const password = (): string => file("password", "CHANGE-ME\n")

/** A server on which only its administrator and these members may do anything. */
const serverFor = async (...members: ReadonlyArray<Member>): Promise<TestServer> => {
  const texts = members.map(({ text }) => ({ text, publish: [], subscribe: [] }))
  const users = serverConfiguration(texts)
  const settings = users.slice(users.indexOf("authorization"))
  const server = await startServer({ settings })
  servers.push(server)
  return server
}

const administratorUrl = ({ url }: TestServer): string =>
  `${url}?user=admin&password-file=${password()}`

describe("a server that is configured as told", () => {
  for (const layout of [{ kind: "project" }, { kind: "shards", count: 3 }] as const) {
    it(`lets nodes do all they need, with a stream for each ${layout.kind}`, async () => {
      stage = new RemoteStage()
      const [ana, ben] = [member(layout), member(layout)]
      const server = await serverFor(ana, ben)
      const { project } = ana.guest.replica
      const prepared = await initNats(administratorUrl(server), { project, layout })
      expect(prepared.map(({ streamWas }) => streamWas)).toEqual(prepared.map(() => "made"))
      for (const text of ["a", "b", "c"]) {
        ana.guest.writeMany(text, 10)
        await ana.guest.meet(placeOf(ana, server))
      }
      const stay = await openNats(ana.url(server), {
        node: ana.guest.replica.node,
        peer: peerFor(ana.guest),
      })
      const stop = new AbortController()
      const { promise: watched, resolve } = Promise.withResolvers<void>()
      const watching = stay.watch!(ana.guest.hello, resolve, stop.signal)
      await watched
      const purge = async ({ manager }: Administrator): Promise<void> => {
        for (const { stream } of prepared) await manager.streams.purge(stream, { keep: 1 })
      }
      await administer(server.url, purge, { user: "admin", pass: "CHANGE-ME" })
      // Ben hears from Ana herself what the stream has forgotten, and puts it into the bucket.
      ben.guest.writeMany("ben", 1)
      await ben.guest.meet(placeOf(ben, server))
      await ana.guest.meet(placeOf(ana, server))
      await ben.guest.meet(placeOf(ben, server))
      equalGuests(ana.guest, ben.guest)
      const visitor = await openNats(ben.url(server), { node: ben.guest.replica.node, project })
      expect(await visitor.peers!(ben.guest.hello, never)).toHaveLength(1)
      const bytes = randomBytes(1_500_000)
      const sha256 = createHash("sha256").update(bytes).digest("hex")
      await visitor.putAsset!(sha256, bytes.length, inOne(bytes), never)
      const got = await stay.getAsset!(sha256, never)
      expect(Buffer.concat(await all(got!)).equals(bytes)).toBe(true)
      expect(await visitor.hasAssets!([sha256, "0".repeat(64)], never)).toEqual(new Set([sha256]))
      stop.abort()
      await watching
      await stay.close()
      await visitor.close()
      // Prepared again, everything is as it was.
      const again = await initNats(administratorUrl(server), { project, layout, tidyMillis: 0 })
      expect(
        again.map(({ streamWas, bucketWas, tidied }) => [streamWas, bucketWas, tidied]),
      ).toEqual(again.map(() => ["fine", "fine", 0]))
    })
  }

  it("says to whom may not make a stream who has to", async () => {
    stage = new RemoteStage()
    const ana = member({ kind: "project" })
    const server = await serverFor(ana)
    await expect(ana.guest.meet(placeOf(ana, server))).rejects.toMatchObject({
      code: "remote-invalid",
      remedy: expect.stringContaining("lamplog nats init"),
    })
  })

  it("lets nobody publish as another node", async () => {
    stage = new RemoteStage()
    const [ana, ben] = [member({ kind: "project" }), member({ kind: "project" })]
    const server = await serverFor(ana, ben)
    const { project, node } = ana.guest.replica
    await initNats(administratorUrl(server), { project })
    const client = await connect({
      servers: server.url,
      authenticator: nkeyAuthenticator(readFileSync(join(folder, ben.guest.replica.node))),
      inboxPrefix: `_INBOX.${ben.guest.replica.node}`,
    })
    const own = ben.guest.replica.node
    await expect(
      client.request(`lamp.p.${project}.log.${node}.${own}`, "x", { timeout: 1000 }),
    ).rejects.toThrow(/permissions violation/i)
    await client.close()
  })

  it("refuses who has no key, or the wrong one, and says so once and for all", async () => {
    stage = new RemoteStage()
    const ana = member({ kind: "project" })
    const server = await serverFor(ana)
    const wrong = file("wrong", nkeySeedOf(seed()))
    const token = file("token", "s3cr3t-t0ken")
    const urls = [
      server.url,
      `${server.url}?nkey=${wrong}`,
      `${server.url}?token-file=${token}`,
      `${server.url}?user=admin&password-file=${token}`,
    ]
    for (const url of urls) {
      const remote = await openNats(url)
      const error = await remote.describe(never).catch((failure: unknown) => failure)
      expect(error).toMatchObject({ code: "remote-denied", where: server.url })
      expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain("s3cr3t")
      await remote.close()
    }
  })
})

describe("objects in the bucket", () => {
  it("are those of the server's own object store", async () => {
    stage = new RemoteStage()
    const server = await startServer()
    servers.push(server)
    const guest = stage.guest()
    const { project } = guest.replica
    const remote = await openNats(server.url, { project })
    const bytes = randomBytes(1_200_000)
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    await remote.putAsset!(sha256, bytes.length, inOne(bytes), never)
    await remote.close()
    await administer(server.url, async ({ client }) => {
      const store = await new Objm(client).open(`LAMPO_${project}`)
      const blob = await store.getBlob(`${project}/assets/${sha256}`)
      expect(Buffer.from(blob!).equals(bytes)).toBe(true)
      const manager = await jetstreamManager(client)
      const { config } = await manager.streams.info(`OBJ_LAMPO_${project}`)
      expect(config.allow_rollup_hdrs).toBe(true)
    })
  })

  it("that nobody names are taken away by an administrator, once they are old enough", async () => {
    stage = new RemoteStage()
    const server = await startServer()
    servers.push(server)
    const { project } = stage.guest().replica
    const remote = await openNats(server.url, { project })
    const bytes = randomBytes(10_000)
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    await remote.putAsset!(sha256, bytes.length, inOne(bytes), never)
    await administer(server.url, ({ manager }) =>
      manager.jetstream().publish(`$O.LAMPO_${project}.C.orphan`, bytes),
    )
    const tidied = async (tidyMillis: number) =>
      (await initNats(server.url, { project, tidyMillis })).map((one) => one.tidied)
    expect(await tidied(3_600_000)).toEqual([0])
    expect(await tidied(0)).toEqual([1])
    expect(await remote.hasAssets!([sha256], never)).toEqual(new Set([sha256]))
    await remote.close()
  })

  it("that were cut short leave nothing behind", async () => {
    stage = new RemoteStage()
    const server = await startServer()
    servers.push(server)
    const { project } = stage.guest().replica
    const remote = await openNats(server.url, { project })
    const bytes = randomBytes(1_200_000)
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 1_100_000)
      throw new Error("the disk went away")
    }
    await expect(remote.putAsset!(sha256, bytes.length, broken(), never)).rejects.toThrow("disk")
    expect(await remote.hasAssets!([sha256], never)).toEqual(new Set())
    await administer(server.url, async ({ manager }) => {
      const { state } = await manager.streams.info(`OBJ_LAMPO_${project}`)
      expect(state.messages).toBe(0)
    })
    await remote.close()
  })
})

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const all = async (source: AsyncIterable<Uint8Array>): Promise<Array<Uint8Array>> => {
  const parts: Array<Uint8Array> = []
  for await (const part of source) parts.push(part)
  return parts
}
