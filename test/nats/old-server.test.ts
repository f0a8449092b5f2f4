/**
 * Debian's nats-server 2.9, older than what is supported: it works as far as it goes, with a warning.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { asAdministrator, namesFor } from "./administrator.ts"
import { startServer } from "./server.ts"
import type { TestServer } from "./server.ts"
import { Team } from "./team.ts"

let server: TestServer
let team: Team

beforeAll(async () => {
  server = await startServer({ version: "2.9" })
})

afterAll(() => server.remove())

const withTeam = async (run: () => Promise<void>): Promise<void> => {
  team = await Team.make(["ana", "ben", "cleo"], server.url)
  try {
    await run()
    await team.settle()
    await team.expectWhole()
  } finally {
    await team.remove()
  }
}

describe("nats-server 2.9", () => {
  it("relays, live and later, and is warned of once", () =>
    withTeam(async () => {
      const [ana, ben, cleo] = team.members
      await ana!.write(500, 2000)
      await ana!.meet()
      await ben!.follow()
      await ana!.follow()
      await team.first.write(20)
      await ben!.write(20)
      await cleo!.write(10)
      await cleo!.follow()
      await team.equal()
      for (const member of team.members) await member.rest()
      const old = cleo!.warnings.filter((warning) => warning.includes("2.9"))
      expect(old).toHaveLength(1)
    }))

  it("killed, deleted and purged, is filled again", () =>
    withTeam(async () => {
      const [ana, ben, cleo] = team.members
      const { stream } = namesFor(await team.project())
      await ana!.write(30)
      await ana!.meet()
      await server.kill()
      await ben!.write(30)
      const meeting = ben!.meet()
      await server.restart()
      await meeting
      await asAdministrator(server.url, ({ manager }) => manager.streams.purge(stream))
      await cleo!.write(5)
      await cleo!.meet()
      await asAdministrator(server.url, ({ manager }) => manager.streams.delete(stream))
      await ana!.write(5)
    }))
})
