/**
 * Carries out one history of replicas that meet, and holds everything that must be true of it.
 */
import { keysFrom } from "../../simulation/keys.ts"
import { Random } from "../../simulation/random.ts"
import { stateOf } from "../../simulation/world.ts"
import { conclude } from "./conclude.ts"
import type { Mutant } from "./mutant.ts"
import type { SyncHistory } from "./operations.ts"
import { World } from "./world.ts"

/** Throws what went wrong; when everything held, tells what all hold in the end, and how late it is. */
export const runSyncHistory = async (history: SyncHistory, mutant?: Mutant): Promise<string> => {
  const keys = keysFrom(`sync ${history.seed}`)
  const world = new World(history, mutant)
  try {
    for (const operation of history.operations) await world.perform(operation)
    await conclude(world, new Random(history.seed))
    return `${world.clockwork.now} ${stateOf(world.members[0]!.replica)}`
  } finally {
    world.close()
    keys.release()
  }
}
