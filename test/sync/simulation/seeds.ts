/**
 * Runs histories of meetings by their seeds, and tells of a failure so that anyone can bring it back.
 */
import { randomSyncHistory } from "./operations.ts"
import type { SyncHistory } from "./operations.ts"
import { runSyncHistory } from "./run.ts"
import { failureOf, kindOf, shrink } from "./shrink.ts"

/** A failing history, in words: what broke, the command that replays it, the smallest one found. */
const report = (seed: number, failure: unknown, smallest: SyncHistory): string =>
  [
    `seed ${seed}: ${failure instanceof Error ? failure.message : String(failure)}`,
    `npm run soak -- --kind sync --seed ${seed}`,
    `smallest history found, ${smallest.operations.length} operations:`,
    JSON.stringify(smallest),
  ].join("\n")

/** Throws for the first seed whose history breaks a property. */
export const runSyncSeed = async (seed: number): Promise<void> => {
  const history = randomSyncHistory(seed)
  const run = (candidate: SyncHistory) => runSyncHistory(candidate)
  const failure = await failureOf(run, history)
  if (failure === undefined) return
  const smallest = await shrink(run, history, kindOf(failure))
  throw new Error(report(seed, failure, smallest), { cause: failure })
}

export const runSyncSeeds = async (from: number, count: number): Promise<void> => {
  for (let seed = from; seed < from + count; seed++) await runSyncSeed(seed)
}
