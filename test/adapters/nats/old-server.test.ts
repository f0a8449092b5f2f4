/**
 * A server that is older than what is supported: it works as far as it goes, and that is said.
 */
import { randomBytes } from "node:crypto"
import { expect, it } from "vitest"
import { equalGuests, RemoteStage } from "../../../src/testing/remote-stage.ts"
import { startServer } from "../../nats/server.ts"
import { administer, placeAt, streamOf } from "./meeting.ts"

it("nats-server 2.9 carries what two write, forgets, and is healed, with a warning", async () => {
  const server = await startServer({ version: "2.9" })
  const stage = new RemoteStage()
  try {
    const warnings: Array<string> = []
    const place = placeAt(server.url, { onWarning: (message) => warnings.push(message) })
    const [ana, ben] = [stage.guest(), stage.guest()]
    for (let round = 0; round < 40; round++) {
      ana.writeMany(`${round}-`, 1, randomBytes(1000).toString("hex"))
      await ana.meet(place)
    }
    ben.writeMany("b", 20)
    await ben.meet(place)
    await administer(server.url, ({ manager }) => manager.streams.purge(streamOf(ana), { keep: 2 }))
    for (const guest of [ana, ben, ana]) await guest.meet(place)
    const chris = stage.guest()
    expect((await chris.meet(place)).inSync).toBe(true)
    equalGuests(ana, ben, chris)
    expect(new Set(warnings)).toEqual(new Set([expect.stringContaining("nats-server 2.9")]))
  } finally {
    await stage.clear()
    await server.remove()
  }
})
