/**
 * From a history that fails to a small one that fails in the same way.
 *
 * Leaves out halves, quarters and single operations, then changes and members of changes, as long as
 * the same property breaks. What is left is meant to be read by a person.
 */
import type { Change } from "../../src/state/change.ts"
import { Broken } from "./broken.ts"
import type { History, Operation } from "./operations.ts"

/** What broke: a property's name, or the kind of error that nobody expected. */
export const kindOf = (error: unknown): string => {
  if (error instanceof Broken) return error.property
  const code = (error as { readonly code?: unknown }).code
  return typeof code === "string" ? code : (error as Error).name
}

export type Run = (history: History) => Promise<void>

/** Why a history fails; undefined when everything holds. */
export const failureOf = async (run: Run, history: History): Promise<unknown> => {
  try {
    await run(history)
    return undefined
  } catch (error) {
    return error
  }
}

const without = <A>(items: ReadonlyArray<A>, from: number, count: number): ReadonlyArray<A> =>
  items.toSpliced(from, count)

/** Every smaller history of one kind of step, the boldest first. */
function* fewerOperations(history: History): Generator<History> {
  const { operations } = history
  for (let size = Math.ceil(operations.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = operations.length - size; from >= 0; from -= size) {
      yield { ...history, operations: without(operations, from, size) }
    }
  }
}

function* smallerChange(change: Change): Generator<Change> {
  const { fields, unset, ...rest } = change
  if (unset !== undefined) yield { ...rest, ...(fields === undefined ? {} : { fields }) }
  const entries = Object.entries(fields ?? {})
  for (let index = 0; index < entries.length && entries.length > 1; index++) {
    yield { ...change, fields: Object.fromEntries(without(entries, index, 1)) }
  }
}

function* smallerOperation(operation: Operation): Generator<Operation> {
  if (operation.do === "give") {
    if (operation.twice) yield { ...operation, twice: false }
    if (operation.extent !== "all") yield { ...operation, extent: "all" }
  }
  if (operation.do === "restore" && operation.recordLost) yield { ...operation, recordLost: false }
  if (operation.do !== "write") return
  const { changes } = operation
  if (operation.beside) yield { ...operation, beside: false }
  for (let index = 0; index < changes.length; index++) {
    if (changes.length > 1) yield { ...operation, changes: without(changes, index, 1) }
    for (const change of smallerChange(changes[index]!)) {
      yield { ...operation, changes: changes.with(index, change) }
    }
  }
}

function* smaller(history: History): Generator<History> {
  yield* fewerOperations(history)
  for (let index = history.replicas.length - 1; index >= 1; index--) {
    yield { ...history, replicas: without(history.replicas, index, 1) }
  }
  for (const [index, operation] of history.operations.entries()) {
    for (const simpler of smallerOperation(operation)) {
      yield { ...history, operations: history.operations.with(index, simpler) }
    }
  }
}

/** The smallest history found within so many runs. */
export const shrink = async (
  run: Run,
  failing: History,
  kind: string,
  runsMax = 400,
): Promise<History> => {
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
