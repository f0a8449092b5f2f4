/**
 * Kills a server, or the leader of a cluster, again and again while replicas hand over and fetch, at moments drawn from a seed.
 *
 * What the replicas do is decided by the seed, too: all hand over at once, some fetch what another has
 * handed over, or all follow and write meanwhile. After each round all hold the same, and nothing is
 * missing or there twice. The moment itself is not repeated to the microsecond.
 */
import { Random } from "../simulation/random.ts"
import { initNats } from "../../adapters/nats/index.ts"
import { namesFor } from "./administrator.ts"
import { startCluster } from "./cluster.ts"
import { startServer } from "./server.ts"
import { Team } from "./team.ts"

/** How long after the meetings began the server may be killed. */
const killMillisMax = 120
/** Events of a team, after which another one is made. */
const writtenMax = 20_000

type Kind = "push" | "pull" | "follow"
const kinds: ReadonlyArray<Kind> = ["push", "pull", "follow"]

const after = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis)
  })

/** What is killed. */
interface Victim {
  /** Kind of soak that runs it. */
  readonly soak: string
  readonly url: string
  /** Makes a project ready. */
  readonly prepare: (project: string) => Promise<void>
  /** Kills one server; gives back how to start it again. */
  readonly kill: (project: string) => Promise<() => Promise<void>>
  readonly remove: () => Promise<void>
}

const single = async (): Promise<Victim> => {
  const server = await startServer()
  return {
    soak: "servers",
    url: server.url,
    prepare: async () => {},
    kill: async () => {
      await server.kill()
      return () => server.restart()
    },
    remove: () => server.remove(),
  }
}

const cluster = async (): Promise<Victim> => {
  const three = await startCluster()
  return {
    soak: "clusters",
    url: `${three.url}?timeout=2`,
    prepare: async (project) => {
      await initNats(three.url, { project, replicas: 3 })
    },
    kill: async (project) => {
      const leader = (await three.leaderOf(namesFor(project).stream)) ?? three.servers[0]!
      await leader.kill()
      return async () => {
        await leader.restart()
        await three.elected()
      }
    },
    remove: three.remove,
  }
}

export class KillBench {
  readonly #victim: Victim
  #team: Team | undefined
  kills = 0
  events = 0

  private constructor(victim: Victim) {
    this.#victim = victim
  }

  static async make(what: "server" | "cluster" = "server"): Promise<KillBench> {
    return new KillBench(await (what === "server" ? single() : cluster()))
  }

  async #teamOf(): Promise<Team> {
    if (this.#team !== undefined && this.#team.written < writtenMax) return this.#team
    await this.#team?.remove()
    this.#team = await Team.make(["ana", "ben", "cleo"], this.#victim.url)
    await this.#victim.prepare(await this.#team.project())
    return this.#team
  }

  async #kills(random: Random, project: string): Promise<void> {
    const times = random.between(1, 3)
    for (let kill = 0; kill < times; kill++) {
      await after(random.between(0, killMillisMax))
      const restart = await this.#victim.kill(project)
      this.kills += 1
      await after(random.between(0, killMillisMax))
      await restart()
    }
  }

  /** One round. Throws an error that tells how to replay it. */
  async round(seed: number): Promise<void> {
    const random = new Random(seed)
    const team = await this.#teamOf()
    const before = team.written
    try {
      await this.#work(team, random, kinds[seed % kinds.length]!)
      await team.settle()
      await team.expectWhole()
    } catch (error) {
      throw new Error(
        `seed ${seed}: ${(error as Error).message}\nagain: npm run soak -- --kind ${this.#victim.soak} --seed ${seed}`,
        { cause: error },
      )
    }
    this.events += team.written - before
  }

  async #work(team: Team, random: Random, kind: Kind): Promise<void> {
    const { members } = team
    const project = await team.project()
    const size = random.pick([20, 200, 3000])
    const write = (): Promise<unknown> =>
      Promise.all(members.map((member) => member.write(random.between(20, 200), size)))
    if (kind === "pull") {
      const [first, ...others] = members
      await first!.write(600, size)
      await first!.meet()
      await Promise.all([...others.map((member) => member.meet()), this.#kills(random, project)])
    } else if (kind === "push") {
      await write()
      await Promise.all([...members.map((member) => member.meet()), this.#kills(random, project)])
    } else {
      for (const member of members) await member.follow()
      await Promise.all([write(), this.#kills(random, project)])
      await write()
      await team.equal(60_000)
      for (const member of members) await member.rest()
    }
  }

  async remove(): Promise<void> {
    await this.#team?.remove()
    await this.#victim.remove()
  }
}

/** As the soak runs them: one server or cluster, and one team, for all seeds. */
export const killRounds = async (
  what: "server" | "cluster",
): Promise<{
  readonly run: (seed: number) => Promise<void>
  readonly end: () => Promise<string>
}> => {
  const bench = await KillBench.make(what)
  return {
    run: (seed) => bench.round(seed),
    end: async () => {
      await bench.remove()
      return `${bench.kills} servers killed, ${bench.events} events, none lost, none twice\n`
    },
  }
}
