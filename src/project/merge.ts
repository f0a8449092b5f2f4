/**
 * Merging the archive of another replica: its events are received, nothing else is written. Both
 * replicas end in the same state; what they changed apart stays open as conflicts.
 */
import * as Effect from "effect/Effect"
import { openArchive } from "../archive/read.ts"
import { receiveArchive } from "../archive/receive.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Candidate } from "../state/entity.ts"
import type { Sqlite } from "../store/database.ts"
import type { Received } from "../store/receive.ts"
import type { Replica } from "../store/replica.ts"
import { timed } from "./clock.ts"
import { committedState, compareStates } from "./comparison.ts"
import type { Comparison } from "./comparison.ts"
import { ProgressReporter } from "./progress.ts"
import type { MergeAnalysis, MergeSummary } from "./project.ts"
import { conflictedItem } from "./recommendation.ts"
import { danglingReferences, reachOfRows } from "./references.ts"
import { clockSkew } from "./skew.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

interface Merged {
  readonly received: Received
  readonly comparison: Comparison
}

/** Receives an archive; `look` sees the state before and after, inside the transaction. */
const receiveAndLook = <A>(
  replica: Replica,
  path: string,
  look: (merged: Merged, committed: Sqlite) => Effect.Effect<A, LamplogError>,
): Effect.Effect<A, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const archive = yield* openArchive(path)
      const committed = yield* committedState(replica)
      const onProgress = yield* ProgressReporter
      const received = yield* receiveArchive(archive, replica, { onProgress })
      yield* attempt(() => replica.projection.flush())
      const comparison = yield* compareStates(replica, committed, received.touched)
      return yield* look({ received, comparison }, committed)
    }),
  )

export const mergeProject = (
  handle: Handle,
  path: string,
): Effect.Effect<MergeSummary, LamplogError> =>
  Effect.gen(function* () {
    const { replica } = handle
    const [{ received, comparison }, durationSeconds] = yield* timed(
      handle.write(receiveAndLook(replica, path, Effect.succeed)),
    )
    return {
      success: true,
      newItemsCount: comparison.newItems.length,
      updatedItemsCount: comparison.updatedItems.length,
      deletedItemsCount: comparison.deletedItems.length,
      conflictsCount: comparison.opened.length,
      events: received.events,
      forks: received.forks,
      resolutionStrategy: "lamport" as const,
      durationSeconds,
      digest: yield* handle.alone(attempt(() => replica.digest())),
    }
  })

/** Whether an event was held before the merge that is under way. */
const heldBefore = (replica: Replica, committed: Sqlite) => {
  const hashAt = committed
    .prepare<[number], string>("SELECT hash FROM events WHERE event = ?")
    .pluck()
  return (candidate: Candidate): boolean => {
    const place = replica.lines.place(candidate)
    return place !== undefined && hashAt.get(place.row) === candidate.hash
  }
}

export const analyzeMerge = (
  handle: Handle,
  path: string,
): Effect.Effect<MergeAnalysis, LamplogError> => {
  const { replica } = handle
  const look = ({ received, comparison }: Merged, committed: Sqlite) =>
    Effect.gen(function* () {
      const reach = yield* attempt(() => reachOfRows(replica, received.touched))
      const dangling = yield* danglingReferences(replica, reach)
      const skew = yield* clockSkew(replica, committed)
      const isHeld = heldBefore(replica, committed)
      const { newItems, updatedItems, deletedItems, unchangedCount, opened } = comparison
      return {
        newItems,
        updatedItems,
        deletedItems,
        unchangedCount,
        hasConflicts: opened.length > 0,
        conflictedItems: opened.map((conflict) => conflictedItem(conflict, isHeld)),
        warnings: [...dangling.map(({ message }) => message), ...skew],
      }
    })
  return handle.rehearse(receiveAndLook(replica, path, look))
}
