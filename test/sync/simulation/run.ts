/**
 * Carries out one history of replicas that meet, and holds everything that must be true of it.
 */
import { keysFrom } from "../../simulation/keys.ts"
import { Random } from "../../simulation/random.ts"
import { conclude } from "./conclude.ts"
import type { Mutant } from "./mutant.ts"
import type { SyncHistory } from "./operations.ts"
import { World } from "./world.ts"

/** Throws what went wrong; resolves when everything held. */
export const runSyncHistory = async (history: SyncHistory, mutant?: Mutant): Promise<void> => {
  const keys = keysFrom(`sync ${history.seed}`)
  const world = new World(history, mutant)
  try {
    for (const operation of history.operations) await world.perform(operation)
    await conclude(world, new Random(history.seed))
  } finally {
    world.close()
    keys.release()
  }
}
