/**
 * From a history of meetings that fails to a small one that fails in the same way: fewer operations,
 * fewer replicas, links and places, better weather, smaller changes.
 */
import { kindOf } from "../../simulation/shrink.ts"
import { calm } from "./network.ts"
import type { Operation, SyncHistory } from "./operations.ts"

export { kindOf }

export type Run = (history: SyncHistory) => Promise<unknown>

/** Why a history fails; undefined when everything holds. */
export const failureOf = async (run: Run, history: SyncHistory): Promise<unknown> => {
  try {
    await run(history)
    return undefined
  } catch (error) {
    return error
  }
}

function* fewer<A>(items: ReadonlyArray<A>): Generator<ReadonlyArray<A>> {
  for (let size = Math.ceil(items.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = items.length - size; from >= 0; from -= size) yield items.toSpliced(from, size)
  }
}

function* smallerOperation(operation: Operation): Generator<Operation> {
  if (operation.do === "weather") {
    const { weather } = operation
    for (const trouble of Object.keys(calm) as ReadonlyArray<keyof typeof calm>) {
      if (weather[trouble] > 0) yield { ...operation, weather: { ...weather, [trouble]: 0 } }
    }
  }
  if (operation.do !== "write") return
  for (const changes of fewer(operation.changes)) {
    if (changes.length > 0) yield { ...operation, changes }
  }
  for (const [index, { fields = {}, ...change }] of operation.changes.entries()) {
    const entries = Object.entries(fields)
    if (entries.length < 2) continue
    for (const kept of fewer(entries)) {
      const changes = operation.changes.with(index, { ...change, fields: Object.fromEntries(kept) })
      yield { ...operation, changes }
    }
  }
}

function* smaller(history: SyncHistory): Generator<SyncHistory> {
  const { links, operations, places, replicas } = history
  for (const kept of fewer(operations)) yield { ...history, operations: kept }
  for (const kept of fewer(links)) yield { ...history, links: kept }
  for (const kept of fewer(places)) yield { ...history, places: kept }
  for (const kept of fewer(replicas)) if (kept.length > 0) yield { ...history, replicas: kept }
  for (const [index, operation] of operations.entries()) {
    for (const simpler of smallerOperation(operation)) {
      yield { ...history, operations: operations.with(index, simpler) }
    }
  }
}

/** The smallest history found within so many runs. */
export const shrink = async (
  run: Run,
  failing: SyncHistory,
  kind: string,
  runsMax = 500,
): Promise<SyncHistory> => {
  let smallest = failing
  let runs = 0
  for (let progress = true; progress && runs < runsMax;) {
    progress = false
    for (const candidate of smaller(smallest)) {
      if ((runs += 1) > runsMax) break
      const failure = await failureOf(run, candidate)
      if (failure === undefined || kindOf(failure) !== kind) continue
      smallest = candidate
      progress = true
      break
    }
  }
  return smallest
}
