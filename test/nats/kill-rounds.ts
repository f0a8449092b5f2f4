/**
 * Kills a server again and again while replicas hand over and fetch, at moments drawn from a seed.
 *
 * What the replicas do is decided by the seed, too: all hand over at once, some fetch what another has
 * handed over, or all follow and write meanwhile. After each round all hold the same, and nothing is
 * missing or there twice. The moment itself is not repeated to the microsecond.
 */
import { Random } from "../simulation/random.ts"
import { startServer } from "./server.ts"
import type { TestServer } from "./server.ts"
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

export class KillBench {
  readonly #server: TestServer
  #team: Team | undefined
  kills = 0
  events = 0

  private constructor(server: TestServer) {
    this.#server = server
  }

  static async make(): Promise<KillBench> {
    return new KillBench(await startServer())
  }

  async #teamOf(): Promise<Team> {
    if (this.#team !== undefined && this.#team.written < writtenMax) return this.#team
    await this.#team?.remove()
    this.#team = await Team.make(["ana", "ben", "cleo"], this.#server.url)
    return this.#team
  }

  async #kills(random: Random): Promise<void> {
    const times = random.between(1, 3)
    for (let kill = 0; kill < times; kill++) {
      await after(random.between(0, killMillisMax))
      await this.#server.kill()
      this.kills += 1
      await this.#server.restart()
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
        `seed ${seed}: ${(error as Error).message}\nagain: npm run soak -- --kind servers --seed ${seed}`,
        { cause: error },
      )
    }
    this.events += team.written - before
  }

  async #work(team: Team, random: Random, kind: Kind): Promise<void> {
    const { members } = team
    const size = random.pick([20, 200, 3000])
    const write = (): Promise<unknown> =>
      Promise.all(members.map((member) => member.write(random.between(20, 200), size)))
    if (kind === "pull") {
      const [first, ...others] = members
      await first!.write(600, size)
      await first!.meet()
      await Promise.all([...others.map((member) => member.meet()), this.#kills(random)])
    } else if (kind === "push") {
      await write()
      await Promise.all([...members.map((member) => member.meet()), this.#kills(random)])
    } else {
      for (const member of members) await member.follow()
      await Promise.all([write(), this.#kills(random)])
      await write()
      await team.equal()
      for (const member of members) await member.rest()
    }
  }

  async remove(): Promise<void> {
    await this.#team?.remove()
    await this.#server.remove()
  }
}

/** As the soak runs them: one server and team for all seeds. */
export const killRounds = async (): Promise<{
  readonly run: (seed: number) => Promise<void>
  readonly end: () => Promise<string>
}> => {
  const bench = await KillBench.make()
  return {
    run: (seed) => bench.round(seed),
    end: async () => {
      await bench.remove()
      return `${bench.kills} servers killed, ${bench.events} events, none lost, none twice\n`
    },
  }
}
