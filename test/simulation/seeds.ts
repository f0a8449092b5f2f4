/**
 * Runs histories by their seeds, and tells of a failure so that anyone can bring it back.
 */
import { randomHistory } from "./operations.ts"
import type { History } from "./operations.ts"
import { runHistory } from "./run.ts"
import { failureOf, kindOf, shrink } from "./shrink.ts"

/** A failing history, in words: what broke, the command that replays it, the smallest one found. */
const report = (seed: number, failure: unknown, smallest: History): string =>
  [
    `seed ${seed}: ${failure instanceof Error ? failure.message : String(failure)}`,
    `npm run soak -- --seed ${seed}`,
    `smallest history found, ${smallest.operations.length} operations:`,
    JSON.stringify(smallest),
  ].join("\n")

/** Throws for the first seed whose history breaks a property. */
export const runSeed = async (seed: number): Promise<void> => {
  const history = randomHistory(seed)
  const failure = await failureOf(runHistory, history)
  if (failure === undefined) return
  const smallest = await shrink(runHistory, history, kindOf(failure))
  throw new Error(report(seed, failure, smallest), { cause: failure })
}

export const runSeeds = async (from: number, count: number): Promise<void> => {
  for (let seed = from; seed < from + count; seed++) await runSeed(seed)
}
