/**
 * What a merge did to the entities it touched: their states before and after, and the conflicts that
 * it opened.
 *
 * The state before is read through a connection of its own, which sees what was committed last while
 * the merge is still under way. Nobody else can commit meanwhile: the merge holds the write lock.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LamplogError } from "../event/failure.ts"
import { openDatabase } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import type { Conflict } from "../state/entity.ts"
import type { EntityRow } from "../store/projection.ts"
import type { OpenConflict } from "../store/query.ts"
import type { Replica } from "../store/replica.ts"
import { attempt } from "./transaction.ts"

const chunkRows = 1000

/** What became of one touched entity. */
export interface Outcome {
  readonly became: "new" | "updated" | "deleted" | "as it was"
  readonly type: string
  readonly id: string
  /**
   * Its conflicts that are open now and were not before. One that gained a candidate counts: it has
   * to be looked at again.
   */
  readonly opened: ReadonlyArray<OpenConflict>
}

/** The state as committed last, beside a write under way; closed when the scope ends. */
export const committedState = (
  replica: Replica,
): Effect.Effect<Sqlite, LamplogError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(() => openDatabase(replica.path, { busyTimeoutMillis: 0 })),
    (sqlite) => Effect.sync(() => sqlite.close()),
  )

type StateRow = Pick<EntityRow, "type" | "id" | "heads" | "deleted" | "fields" | "conflicts">

const isAlive = (row: StateRow | undefined): boolean =>
  row !== undefined && row.heads !== null && row.deleted === 0

const conflictsIn = (row: StateRow | undefined): ReadonlyArray<Conflict> =>
  row === undefined || row.conflicts === null
    ? []
    : (JSON.parse(row.conflicts) as ReadonlyArray<Conflict>)

const openedIn = (before: StateRow | undefined, after: StateRow): ReadonlyArray<OpenConflict> => {
  if (before?.conflicts === after.conflicts) return []
  const known = new Set(conflictsIn(before).map(({ id }) => id))
  return conflictsIn(after)
    .filter(({ id }) => !known.has(id))
    .map((conflict) => ({ ...conflict, type: after.type, entity: after.id }))
}

const outcomeOf = (before: StateRow | undefined, after: StateRow): Outcome => {
  const lived = isAlive(before)
  const lives = isAlive(after)
  const changed = lived && lives && before!.fields !== after.fields
  const became = lives && !lived ? "new" : lived && !lives ? "deleted" : "as it was"
  const { type, id } = after
  return { became: changed ? "updated" : became, type, id, opened: openedIn(before, after) }
}

/** Compares the touched entities with what they were; the merge must have been flushed. */
export const compareStates = (
  replica: Replica,
  committed: Sqlite,
  touched: ReadonlySet<number>,
  tell: (outcome: Outcome) => void,
): Effect.Effect<void, LamplogError> =>
  Effect.gen(function* () {
    const query =
      "SELECT type, id, heads, deleted, fields, conflicts FROM entities WHERE entity = ?"
    const after = replica.sqlite.prepare<[number], StateRow>(query)
    const before = committed.prepare<[number], StateRow>(query)
    const rows = [...touched].sort((left, right) => left - right)
    for (let done = 0; done < rows.length; done += chunkRows) {
      yield* attempt(() => {
        for (const row of rows.slice(done, done + chunkRows)) {
          tell(outcomeOf(before.get(row), after.get(row)!))
        }
      })
      yield* Effect.yieldNow
    }
  })
