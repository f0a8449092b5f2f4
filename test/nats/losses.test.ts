/**
 * Servers that lose, forget or refuse what they were given: whatever is gone, the replicas bring back,
 * and what has no room waits with those who wrote it.
 */
import { readdirSync, rmSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DiscardPolicy } from "@nats-io/jetstream"
import { asAdministrator, namesFor } from "./administrator.ts"
import { startServer } from "./server.ts"
import type { TestServer } from "./server.ts"
import { Team } from "./team.ts"

let server: TestServer
let team: Team

beforeAll(async () => {
  server = await startServer()
})

afterAll(() => server.remove())

const withTeam = async (run: (names: ReturnType<typeof namesFor>) => Promise<void>) => {
  team = await Team.make(["ana", "ben", "cleo"], server.url)
  try {
    await run(namesFor(await team.project()))
    await team.settle()
    await team.expectWhole()
  } finally {
    await team.remove()
  }
}

/** The place of the last message in a stream. */
const lastOf = (stream: string): Promise<number> =>
  asAdministrator(server.url, async ({ manager }) => {
    const { state } = await manager.streams.info(stream)
    return state.last_seq
  })

const eachWrites = async (count: number): Promise<void> => {
  for (const member of team.members) await member.write(count)
}

describe("a stream that is gone", () => {
  it("is made again with all that replicas hold, one of which had never met it", () =>
    withTeam(async ({ stream }) => {
      const [ana, ben, cleo] = team.members
      await ana!.write(60)
      await ben!.write(60)
      await ana!.meet()
      await ben!.meet()
      await asAdministrator(server.url, ({ manager }) => manager.streams.delete(stream))
      await cleo!.write(40)
      await ben!.write(5)
    }))

  it("while all follow it and write, costs nothing", () =>
    withTeam(async ({ stream }) => {
      await eachWrites(20)
      for (const member of team.members) await member.follow()
      await team.equal()
      await Promise.all([
        eachWrites(30),
        asAdministrator(server.url, ({ manager }) => manager.streams.delete(stream)),
      ])
      await eachWrites(5)
      await team.equal()
      for (const member of team.members) await member.rest()
    }))

  it("with the whole store of the server, is made again", () =>
    withTeam(async () => {
      await eachWrites(30)
      await team.settle()
      await eachWrites(3)
      await server.stop()
      rmSync(server.place.store, { recursive: true, force: true })
      await server.restart()
    }))
})

describe("a stream that forgets", () => {
  it("what was purged comes to those who join later from those who hold it", () =>
    withTeam(async ({ stream }) => {
      const [ana, ben, cleo] = team.members
      await ana!.write(80)
      await ben!.write(40)
      await ana!.meet()
      await ben!.meet()
      await asAdministrator(server.url, ({ manager }) => manager.streams.purge(stream))
      await cleo!.write(30)
      await cleo!.meet()
      await ana!.write(2)
    }))

  it("keeps a few messages only: what it forgot lies in the bucket", () =>
    withTeam(async ({ stream }) => {
      const [ana, ben, cleo] = team.members
      await ana!.write(1)
      await ana!.meet()
      await asAdministrator(server.url, async ({ manager }) => {
        const { config } = await manager.streams.info(stream)
        await manager.streams.update(stream, { ...config, max_msgs: 6 })
      })
      for (let round = 0; round < 12; round++) {
        await ana!.write(3)
        await ana!.meet()
        await ben!.write(2)
        await ben!.meet()
      }
      await cleo!.write(10)
      await cleo!.meet()
    }))
})

describe("a server put back to an earlier day", () => {
  it("gets again what came after its copy was taken", () =>
    withTeam(async ({ stream }) => {
      const [ana, ben, cleo] = team.members
      await ana!.write(50)
      await ana!.meet()
      await ben!.meet()
      await server.stop()
      server.saveStore("monday")
      await server.restart()
      await ben!.write(50)
      await ben!.meet()
      await ana!.write(20)
      await ana!.meet()
      const last = await lastOf(stream)
      await server.stop()
      server.restoreStore("monday")
      await server.restart()
      expect(await lastOf(stream)).toBeLessThan(last)
      await cleo!.write(10)
      await cleo!.meet()
      await ana!.write(1)
    }))

  it("gets again what was cut off the end of its last file", () =>
    withTeam(async ({ stream }) => {
      await eachWrites(40)
      await team.settle()
      for (let round = 0; round < 10; round++) {
        await team.first.write(10)
        await team.first.meet()
      }
      const last = await lastOf(stream)
      await server.kill()
      const folder = join(server.place.store, "jetstream", "$G", "streams", stream, "msgs")
      const block = readdirSync(folder)
        .filter((name) => name.endsWith(".blk"))
        .sort()
        .at(-1)!
      truncateSync(join(folder, block), Math.floor(statSync(join(folder, block)).size / 2))
      rmSync(join(folder, "index.db"), { force: true })
      await server.restart()
      expect(await lastOf(stream)).toBeLessThan(last)
      await team.members[1]!.write(3)
    }))
})

describe("a server with less room", () => {
  it("takes in smaller messages what it would not take at once", async () => {
    await withTeam(async () => {
      await team.first.write(20, 30_000)
      await team.first.meet()
      await server.restart("max_payload: 65536")
      await team.members[1]!.write(20, 30_000)
      // One event that no message holds.
      await team.members[2]!.write(1, 200_000)
      await team.members[2]!.write(20)
    })
    await server.restart("")
  })

  it("is full: local work goes on, and all is handed over once there is room", () =>
    withTeam(async ({ stream }) => {
      const [ana, ben] = team.members
      await ana!.write(5)
      await ana!.meet()
      const limit = (bytes: number) =>
        asAdministrator(server.url, async ({ manager }) => {
          const { config, state } = await manager.streams.info(stream)
          const max_bytes = bytes < 0 ? -1 : state.bytes + bytes
          await manager.streams.update(stream, {
            ...config,
            max_bytes,
            discard: DiscardPolicy.New,
          })
        })
      await limit(2000)
      await ben!.write(300, 500)
      const failure = await ben!.meet(5000).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: "remote-full" })
      await ben!.write(10)
      await limit(-1)
    }))
})
