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
import { nameOf } from "./intake.ts"
import { attempt } from "./transaction.ts"

const chunkRows = 1000

export interface Comparison {
  readonly newItems: ReadonlyArray<string>
  readonly updatedItems: ReadonlyArray<string>
  readonly deletedItems: ReadonlyArray<string>
  readonly unchangedCount: number
  /**
   * Conflicts that are open now and were not before. One that gained a candidate counts: it has to
   * be looked at again.
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

class Differences {
  readonly newItems: Array<string> = []
  readonly updatedItems: Array<string> = []
  readonly deletedItems: Array<string> = []
  readonly opened: Array<OpenConflict> = []

  add(before: StateRow | undefined, after: StateRow): void {
    const lived = isAlive(before)
    const lives = isAlive(after)
    const name = nameOf(after)
    if (!lived && lives) this.newItems.push(name)
    else if (lived && !lives) this.deletedItems.push(name)
    else if (lived && before!.fields !== after.fields) this.updatedItems.push(name)
    if (before?.conflicts === after.conflicts) return
    const known = new Set(conflictsIn(before).map(({ id }) => id))
    for (const conflict of conflictsIn(after)) {
      if (known.has(conflict.id)) continue
      this.opened.push({ ...conflict, type: after.type, entity: after.id })
    }
  }
}

/** Compares the touched entities with what they were; the merge must have been flushed. */
export const compareStates = (
  replica: Replica,
  committed: Sqlite,
  touched: ReadonlySet<number>,
): Effect.Effect<Comparison, LamplogError> =>
  Effect.gen(function* () {
    const query =
      "SELECT type, id, heads, deleted, fields, conflicts FROM entities WHERE entity = ?"
    const after = replica.sqlite.prepare<[number], StateRow>(query)
    const before = committed.prepare<[number], StateRow>(query)
    const differences = new Differences()
    const rows = [...touched].sort((left, right) => left - right)
    for (let done = 0; done < rows.length; done += chunkRows) {
      yield* attempt(() => {
        for (const row of rows.slice(done, done + chunkRows)) {
          differences.add(before.get(row), after.get(row)!)
        }
      })
      yield* Effect.yieldNow
    }
    const living = yield* attempt(
      () =>
        replica.sqlite
          .prepare("SELECT count(*) FROM entities WHERE deleted = 0 AND heads IS NOT NULL")
          .pluck()
          .get() as number,
    )
    const { newItems, updatedItems, deletedItems, opened } = differences
    const unchangedCount = living - newItems.length - updatedItems.length
    return {
      newItems: newItems.sort(),
      updatedItems: updatedItems.sort(),
      deletedItems: deletedItems.sort(),
      unchangedCount,
      opened,
    }
  })
