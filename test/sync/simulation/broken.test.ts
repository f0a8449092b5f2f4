/**
 * That the simulation can fail: one thing is broken on purpose in each, and some early seed shows it.
 */
import { describe, expect, it } from "vitest"
import type { Local } from "../../../src/sync/local.ts"
import type { Remote } from "../../../src/sync/remote.ts"
import type { Batch } from "../../../src/sync/segment.ts"
import { kindOf } from "../../simulation/shrink.ts"
import type { Mutant } from "./mutant.ts"
import { randomSyncHistory } from "./operations.ts"
import { runSyncHistory } from "./run.ts"
import { failureOf, shrink } from "./shrink.ts"

const seedsMax = 60

/** The first failure that a broken part causes, with its seed. */
const firstFailure = async (mutant: Mutant) => {
  for (let seed = 0; seed < seedsMax; seed++) {
    const history = randomSyncHistory(seed)
    const failure = await failureOf((one) => runSyncHistory(one, mutant), history)
    if (failure !== undefined) return { seed, kind: kindOf(failure), history }
  }
  return undefined
}

const overLocal = (change: (local: Local) => Partial<Local>): Mutant => ({
  local: (local) => ({ ...local, description: local.description, ...change(local) }),
})

const overRemote = (change: (remote: Remote) => Partial<Remote>): Mutant => ({
  remote: (remote) => ({ ...remote, ...change(remote) }),
})

async function* mapped(
  batches: AsyncIterable<Batch>,
  change: (batch: Batch) => Batch,
): AsyncGenerator<Batch> {
  for await (const batch of batches) yield change(batch)
}

const mutants: { readonly [what: string]: Mutant } = {
  "taking drops one segment in eight in silence": overLocal((local) => ({
    take: (batch, cursor) =>
      local.take(
        batch.filter(({ head }) => Number.parseInt(head[0]!, 16) >= 2),
        cursor,
      ),
  })),
  "taking keeps no reason of what it refused": overLocal((local) => ({
    take: async (batch, cursor) => ({ ...(await local.take(batch, cursor)), refused: [] }),
  })),
  "the frontier claims what waits": overLocal((local) => ({
    stand: async () => {
      const { since } = await local.stand()
      return { frontier: since, since }
    },
  })),
  "nothing of others is ever unknown": overLocal(() => ({ unknownHeads: async () => [] })),
  "sending leaves out the last segment of each batch": overLocal((local) => ({
    lacking: (known, options) =>
      mapped(local.lacking(known, options), (batch) => batch.slice(0, -1)),
  })),
  "sending begins one event late": overLocal((local) => ({
    lacking: (known, options) =>
      mapped(local.lacking(known, options), (batch) => batch.filter(({ from }) => from > 1)),
  })),
  "nobody is told where branches part, and nothing is sent whole": overLocal((local) => ({
    pointsOf: async () => ({}),
    lacking: (known, options) => local.lacking(known, { ...options, all: false }),
  })),
  "pushing sends nothing and says that it did": overRemote((remote) => ({
    push: (request, signal) => remote.push({ ...request, batches: none() }, signal),
  })),
  "pulling forgets the last batch": overRemote((remote) => ({
    pull: async (request, take, signal) => {
      let held: Batch | undefined
      const nothing = { events: 0, waiting: 0, refused: [], forks: [] }
      return remote.pull(
        request,
        async (batch) => {
          const before = held
          held = batch
          return before === undefined ? nothing : take(before)
        },
        signal,
      )
    },
  })),
}

async function* none(): AsyncGenerator<Batch> {}

describe("a simulation notices when", () => {
  for (const [what, mutant] of Object.entries(mutants)) {
    it(what, async () => {
      expect(await firstFailure(mutant)).toBeDefined()
    })
  }
})

describe("a history of meetings", () => {
  it("is the same for the same seed", () => {
    expect(randomSyncHistory(7)).toEqual(randomSyncHistory(7))
    expect(randomSyncHistory(7)).not.toEqual(randomSyncHistory(8))
  })

  it("goes the same way twice, to the millisecond", async () => {
    for (const seed of [3, 4, 5, 6, 7, 8]) {
      const history = randomSyncHistory(seed)
      expect(await runSyncHistory(history)).toBe(await runSyncHistory(history))
    }
  })

  it("is made smaller as long as it fails in the same way", async () => {
    const mutant = mutants["taking drops one segment in eight in silence"]!
    const { history, kind } = (await firstFailure(mutant))!
    const run = (one: typeof history) => runSyncHistory(one, mutant)
    const smallest = await shrink(run, history, kind, 60)
    expect(smallest.operations.length).toBeLessThan(history.operations.length / 2)
    const failure = await failureOf(run, smallest)
    expect(kindOf(failure)).toBe(kind)
  })
})
