/**
 * Three servers that keep every message thrice, and one at the edge: the death of some is noticed, and
 * costs nothing. Without a majority nothing is stored; replicas that are there tell each other.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { initNats } from "../../adapters/nats/index.ts"
import { asAdministrator, namesFor } from "./administrator.ts"
import { startCluster, startLeaf } from "./cluster.ts"
import type { Cluster } from "./cluster.ts"
import { Team } from "./team.ts"

// Elections take the seconds that they take, and what was refused is tried again with chance in it.
vi.setConfig({ testTimeout: 180_000 })

let cluster: Cluster
let team: Team

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(() => cluster.remove())

const withTeam = async (address: string, run: () => Promise<void>): Promise<void> => {
  team = await Team.make(["ana", "ben", "cleo"], address)
  try {
    await run()
    await team.settle()
    await team.expectWhole()
    // Whoever comes now gets all of it from the servers alone.
    for (const member of team.members) await member.rest()
    const late = await team.join("dora")
    await late.meet()
    await team.expectWhole()
  } finally {
    await team.remove()
  }
}

const follow = async (): Promise<void> => {
  for (const member of team.members) await member.follow()
}

const eachWrites = (count: number): Promise<unknown> =>
  Promise.all(team.members.map((member) => member.write(count)))

/** Prepares the project's stream on all three servers. */
const prepare = async (): Promise<string> => {
  const project = await team.project()
  await initNats(cluster.url, { project, replicas: 3 })
  return namesFor(project).stream
}

describe("a cluster of three", () => {
  it("whose leader is killed under load loses nothing", () =>
    withTeam(`${cluster.url}?timeout=1`, async () => {
      const stream = await prepare()
      await follow()
      await eachWrites(50)
      const leader = await cluster.leaderOf(stream)
      expect(leader).toBeDefined()
      await Promise.all([leader!.kill(), eachWrites(50)])
      await eachWrites(50)
      await team.equal(40_000)
      // The dead server is not asked for long to read for somebody.
      const early = await team.join("early")
      await early.meet()
      await leader!.restart()
      await cluster.elected()
      for (const member of team.members) await member.rest()
    }))

  it("without a majority lets replicas that are there tell each other", () =>
    withTeam(`${cluster.url}?timeout=1`, async () => {
      const stream = await prepare()
      await follow()
      await eachWrites(20)
      await team.equal()
      // The one that is left never led the stream, and cannot believe that it still does.
      const leader = await cluster.leaderOf(stream)
      const left = cluster.servers.find((server) => server !== leader)
      const dead = cluster.servers.filter((server) => server !== left)
      await Promise.all(dead.map((server) => server.kill()))
      await eachWrites(20)
      await team.equal(40_000)
      const stored = await asAdministrator(left!.url, ({ manager }) =>
        manager.streams.info(stream, { timeout: 1000 } as never).catch(() => "nobody answers"),
      )
      expect(stored).toBe("nobody answers")
      await Promise.all(dead.map((server) => server.restart()))
      await cluster.elected()
      for (const member of team.members) await member.rest()
    }))
})

describe("a leaf node", () => {
  it("leads to what the hub holds, and waits while the hub is dead", async () => {
    const { hub, leaf, remove } = await startLeaf()
    try {
      team = await Team.make(["ana", "ben"], (label) => (label === "ana" ? hub.url : leaf.url))
      await follow()
      await eachWrites(40)
      await team.equal()
      await Promise.all([hub.kill(), eachWrites(10)])
      await hub.restart()
      await eachWrites(10)
      await team.equal(40_000)
      await team.settle()
      await team.expectWhole()
    } finally {
      await team.remove()
      await remove()
    }
  })
})
