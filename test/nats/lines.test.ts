/**
 * Lines between replicas and a server that break, stall and swallow, and a server that stands still:
 * what was on its way is there once, and nobody waits for ever.
 */
import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Random } from "../simulation/random.ts"
import { runsIn, namesFor } from "./administrator.ts"
import { startProxy } from "./proxy.ts"
import type { Proxy } from "./proxy.ts"
import { startServer } from "./server.ts"
import type { TestServer } from "./server.ts"
import { Team } from "./team.ts"

const mebibyte = 1024 * 1024

let server: TestServer
let proxy: Proxy
let team: Team

beforeAll(async () => {
  server = await startServer({ settings: 'write_deadline: "500ms"' })
})

afterAll(() => server.remove())

/** Two replicas that reach the server, and one behind a line that may fail. */
const withTeam = async (run: () => Promise<void>): Promise<void> => {
  proxy = await startProxy(server.port)
  team = await Team.make(["ana", "ben", "cleo"], (label) =>
    label === "cleo" ? `${proxy.url}?timeout=1` : `${server.url}?timeout=1`,
  )
  try {
    await run()
    await team.settle()
    await team.expectWhole()
    const runs = await runsIn(server.url, namesFor(await team.project()).stream)
    expect(runs).toEqual([...new Set(runs)])
  } finally {
    await team.remove()
    await proxy.close()
  }
}

describe("a line", () => {
  it("that breaks at any byte while a replica hands over", () =>
    withTeam(async () => {
      const [ana, , cleo] = team.members
      await ana!.write(100)
      await ana!.meet()
      const random = new Random(4)
      for (let round = 0; round < 6; round++) {
        await cleo!.write(30, 500)
        proxy.cutAfter(random.between(1, 12_000))
        await cleo!.meet()
      }
    }))

  it("that swallows everything lets nobody wait for ever", () =>
    withTeam(async () => {
      const [ana, , cleo] = team.members
      await cleo!.write(10)
      await cleo!.meet()
      await cleo!.write(20)
      await ana!.write(20)
      await ana!.meet()
      proxy.set({ kind: "dead" })
      const failure = await cleo!.meet(2500).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: "sync-timeout" })
      proxy.set({ kind: "open" })
      proxy.cut()
    }))

  it("that is refused for a while is tried again", () =>
    withTeam(async () => {
      const [, , cleo] = team.members
      await cleo!.write(10)
      proxy.set({ kind: "refusing" })
      const meeting = cleo!.meet()
      await cleo!.write(10)
      proxy.set({ kind: "open" })
      await meeting
    }))

  it("that is slow only takes longer", () =>
    withTeam(async () => {
      const [ana, , cleo] = team.members
      proxy.set({ kind: "slow", delayMillis: 60 })
      await cleo!.write(300)
      await ana!.write(300)
      await ana!.meet()
      await cleo!.meet()
    }))

  it("that is cut again and again under those who follow", () =>
    withTeam(async () => {
      for (const member of team.members) await member.follow()
      const random = new Random(5)
      for (let round = 0; round < 5; round++) {
        for (const member of team.members) await member.write(10)
        proxy.cutAfter(random.between(1, 4000))
      }
      proxy.cut()
      await team.equal()
      for (const member of team.members) await member.rest()
    }))
})

describe("a reader too busy to read", () => {
  it("is dropped by the server, and catches up", () =>
    withTeam(async () => {
      const [ana, ben, cleo] = team.members
      for (const member of [ben!, cleo!]) await member.follow()
      await ana!.write(1)
      await ana!.meet()
      await team.equal()
      proxy.set({ kind: "busy" })
      const { slow_consumers: before } = await server.counts()
      // What cannot be compressed, and more than all buffers in between hold.
      for (let part = 0; part < 5; part++) {
        const values = Array.from({ length: 16 }, () => randomBytes((3 * mebibyte) / 16))
        await ana!.put(values.map((value) => value.toString("base64")))
        await ana!.meet()
      }
      const more = async () => (await server.counts()).slow_consumers
      await expect.poll(more, { timeout: 10_000 }).toBeGreaterThan(before)
      proxy.set({ kind: "open" })
      await team.equal()
      for (const member of team.members) await member.rest()
    }))
})

describe("a server that stands still", () => {
  it("and goes on later has stored once what it was given", () =>
    withTeam(async () => {
      const [ana, ben] = team.members
      await ana!.write(10)
      await ana!.meet()
      for (let round = 0; round < 3; round++) {
        await ana!.write(50)
        await ben!.write(50)
        const meetings = Promise.all([ana!.meet(), ben!.meet()])
        server.pause()
        const remote = await ben!.open()
        const failure = await remote
          .describe(AbortSignal.timeout(10_000))
          .catch((error: unknown) => error)
        await remote.close()
        expect(failure).toMatchObject({ name: "LamplogError" })
        server.resume()
        await meetings
      }
    }))
})
