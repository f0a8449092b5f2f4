/**
 * Merging the archive of another replica: its events are received, nothing else is written. Both
 * replicas end in the same state; what they changed apart stays open as conflicts.
 */
import * as Effect from "effect/Effect"
import { openArchive } from "../archive/open.ts"
import { receiveArchive } from "../archive/receive.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Candidate } from "../state/entity.ts"
import type { Sqlite } from "../store/database.ts"
import type { OpenConflict } from "../store/query.ts"
import type { Received } from "../store/receive.ts"
import type { Replica } from "../store/replica.ts"
import { timed } from "./clock.ts"
import { committedState, compareStates } from "./comparison.ts"
import type { Outcome } from "./comparison.ts"
import { ProgressReporter } from "./progress.ts"
import type { MergeAnalysis, MergeSummary } from "./project.ts"
import { countEntities } from "./reading.ts"
import { conflictedItem } from "./recommendation.ts"
import { danglingReferences } from "./references.ts"
import { clockSkew } from "./skew.ts"
import { nameOf } from "./towards.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

/** Receives an archive; `look` sees the state before and after, inside the transaction. */
const receiveAndLook = <A>(
  replica: Replica,
  path: string,
  look: (received: Received, committed: Sqlite) => Effect.Effect<A, LamplogError>,
): Effect.Effect<A, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const archive = yield* openArchive(path)
      const committed = yield* committedState(replica)
      const onProgress = yield* ProgressReporter
      const received = yield* receiveArchive(archive, replica, { onProgress })
      yield* attempt(() => replica.projection.flush())
      return yield* look(received, committed)
    }),
  )

export const mergeProject = (
  handle: Handle,
  path: string,
): Effect.Effect<MergeSummary, LamplogError> =>
  Effect.gen(function* () {
    const { replica } = handle
    const counts = { new: 0, updated: 0, deleted: 0, "as it was": 0, conflicts: 0 }
    const look = (received: Received, committed: Sqlite) => {
      const count = ({ became, opened }: Outcome): void => {
        counts[became] += 1
        counts.conflicts += opened.length
      }
      return Effect.as(compareStates(replica, committed, received.touched, count), received)
    }
    const [received, durationSeconds] = yield* timed(
      handle.write(receiveAndLook(replica, path, look)),
    )
    return {
      success: true,
      newItemsCount: counts.new,
      updatedItemsCount: counts.updated,
      deletedItemsCount: counts.deleted,
      conflictsCount: counts.conflicts,
      events: received.events,
      forks: received.forks,
      resolutionStrategy: "lamport" as const,
      durationSeconds,
      digest: yield* handle.digest,
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

type Names = { readonly [became in Outcome["became"]]: Array<string> }

export const analyzeMerge = (
  handle: Handle,
  path: string,
): Effect.Effect<MergeAnalysis, LamplogError> => {
  const { replica } = handle
  const look = (received: Received, committed: Sqlite) =>
    Effect.gen(function* () {
      const names = { new: [], updated: [], deleted: [], "as it was": [] } as Names
      const opened: Array<OpenConflict> = []
      yield* compareStates(replica, committed, received.touched, (outcome) => {
        names[outcome.became].push(nameOf(outcome))
        opened.push(...outcome.opened)
      })
      const dangling = yield* danglingReferences(replica, received.touched)
      const skew = yield* clockSkew(replica, committed)
      const isHeld = heldBefore(replica, committed)
      const living = yield* attempt(() =>
        Object.values(countEntities(replica)).reduce((sum, count) => sum + count, 0),
      )
      return {
        newItems: names.new.sort(),
        updatedItems: names.updated.sort(),
        deletedItems: names.deleted.sort(),
        unchangedCount: living - names.new.length - names.updated.length,
        hasConflicts: opened.length > 0,
        conflictedItems: opened.map((conflict) => conflictedItem(conflict, isHeld)),
        warnings: [...dangling.map(({ message }) => message), ...skew],
      }
    })
  return handle.rehearse(receiveAndLook(replica, path, look))
}
