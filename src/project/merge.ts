/**
 * Merging the archive of another replica: its events are received. Both replicas end in the same
 * state; what they changed apart stays open as conflicts, unless a strategy settles them.
 *
 * An analysis is the same run, taken back at its end, so it cannot tell anything else than what the
 * merge would do.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import { nearLimit } from "../archive/limits.ts"
import type { Archive, Signature } from "../archive/read.ts"
import { receiveArchive } from "../archive/receive.ts"
import { requireSpaceToTake } from "../archive/space.ts"
import { LamplogError } from "../event/failure.ts"
import type { Candidate } from "../state/entity.ts"
import type { Authorship } from "../store/author.ts"
import type { Sqlite } from "../store/database.ts"
import type { OpenConflict } from "../store/query.ts"
import type { Received } from "../store/receive.ts"
import type { Replica } from "../store/replica.ts"
import { rehearseWithAssets, writeWithAssets } from "./asset-intake.ts"
import type { TakeArchiveAssets } from "./asset-intake.ts"
import { backupBefore } from "./backup.ts"
import { timed } from "./clock.ts"
import { committedState, compareStates } from "./comparison.ts"
import type { Outcome } from "./comparison.ts"
import { logConflicts } from "./conflict-log.ts"
import { isLargeArchive } from "./estimate.ts"
import { lastChance } from "./last-chance.ts"
import { openSource } from "./opening.ts"
import { ProgressReporter } from "./progress.ts"
import type {
  ConflictedItem,
  MergeAnalysis,
  MergeOptions,
  MergeStrategy,
  MergeSummary,
} from "./project.ts"
import { countEntities } from "./reading.ts"
import { conflictedItem, referenceCountIn } from "./recommendation.ts"
import { danglingReferences } from "./references.ts"
import { clockSkew } from "./skew.ts"
import { settleByStrategy } from "./strategy.ts"
import type { Held, Settled } from "./strategy.ts"
import { nameOf } from "./towards.ts"
import { attempt } from "./transaction.ts"
import { authorship } from "./writing.ts"
import type { Desk } from "./writing.ts"

/** What is merged, and how. */
interface Source {
  readonly archive: Archive
  readonly signed: Authorship
  readonly strategy: MergeStrategy
}

/** What a merge did, still inside its transaction. */
interface Merged {
  readonly received: Received
  /** The state as it was before, read beside the merge. */
  readonly committed: Sqlite
  readonly settled: Settled
  readonly signature: Signature
  readonly warnings: ReadonlyArray<string>
  /** Conflicts that the events received opened, those settled since too. */
  readonly items: ReadonlyArray<ConflictedItem>
}

/** Whether an event was held before the merge that is under way. */
export const heldBefore = (replica: Replica, committed: Sqlite): Held => {
  const hashAt = committed
    .prepare<[number], string>("SELECT hash FROM events WHERE event = ?")
    .pluck()
  return (candidate: Candidate): boolean => {
    const place = replica.lines.place(candidate)
    return place !== undefined && hashAt.get(place.row) === candidate.hash
  }
}

/** Who settles conflicts. Nobody is asked for when nothing is written. */
const signedFor = (
  desk: Desk,
  path: string,
  { actor, reason, strategy = "lamport" }: MergeOptions,
): Effect.Effect<Authorship, LamplogError> => {
  if (actor === undefined && strategy !== "lamport") {
    return Effect.fail(
      new LamplogError({
        code: "actor-missing",
        message: `The strategy ${strategy} writes resolutions, and nobody is named as their author.`,
        remedy: "Name who decides, or merge with the strategy lamport.",
      }),
    )
  }
  const given = reason ?? `merge of ${basename(path)} (${strategy})`
  return authorship(desk.clock, { actor: actor ?? "", reason: given })
}

/** The conflicts that a merge meets, each with advice and with what the strategy does. */
const conflictedItems = (
  replica: Replica,
  isHeld: Held,
  opened: ReadonlyArray<OpenConflict>,
  { resolved }: Settled,
  strategy: MergeStrategy,
): ReadonlyArray<ConflictedItem> => {
  const keeps = strategy === "keep-local" ? "keeps local" : "keeps imported"
  const references = referenceCountIn(replica.schema)
  return opened.map((conflict) => {
    const outcome = resolved.has(conflict.id) ? keeps : "open"
    return conflictedItem(conflict, isHeld, references, outcome)
  })
}

/**
 * Receives an archive and settles what the strategy says. `tell` hears what became of each entity
 * that was touched, then `look` sees what was done.
 */
const mergeAndLook = <A>(
  desk: Desk,
  { archive, signed, strategy }: Source,
  tell: (outcome: Outcome) => void,
  look: (merged: Merged) => Effect.Effect<A, LamplogError>,
  takeAssets: TakeArchiveAssets,
): Effect.Effect<A, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { replica } = desk.handle
      const committed = yield* committedState(replica)
      const onProgress = yield* ProgressReporter
      yield* attempt(() => requireSpaceToTake(archive, replica.directory))
      const received = yield* receiveArchive(archive, replica, { onProgress })
      yield* takeAssets(archive)
      yield* attempt(() => replica.projection.flush())
      const opened: Array<OpenConflict> = []
      yield* compareStates(replica, committed, received.touched, (outcome) => {
        opened.push(...outcome.opened)
        if (strategy === "lamport") tell(outcome)
      })
      const isHeld = heldBefore(replica, committed)
      const settled = yield* settleByStrategy(desk, strategy, opened, isHeld, signed)
      if (strategy !== "lamport") {
        yield* attempt(() => replica.projection.flush())
        yield* compareStates(replica, committed, received.touched, tell)
      }
      const items = yield* attempt(() =>
        conflictedItems(replica, isHeld, opened, settled, strategy),
      )
      const warnings = archive.warnings.map(nearLimit)
      const { signature } = archive
      return yield* look({ received, committed, settled, items, signature, warnings })
    }),
  )

export const mergeProject = (
  desk: Desk,
  path: string,
  options: MergeOptions = {},
): Effect.Effect<MergeSummary, LamplogError> =>
  Effect.gen(function* () {
    const { handle } = desk
    const counts = { new: 0, updated: 0, deleted: 0, "as it was": 0 }
    const count = ({ became }: Outcome): void => {
      counts[became] += 1
    }
    const run = Effect.scoped(
      Effect.gen(function* () {
        const signed = yield* signedFor(desk, path, options)
        const archive = yield* openSource(path, desk.policy, options)
        const source = { archive, signed, strategy: options.strategy ?? "lamport" }
        const isLarge = Effect.sync(() => isLargeArchive(archive))
        const backupPath = yield* backupBefore(handle, options.backup, isLarge)
        const merged = yield* writeWithAssets(handle, (takeAssets) =>
          Effect.tap(mergeAndLook(desk, source, count, Effect.succeed, takeAssets), lastChance),
        )
        return { ...merged, backupPath, itemCounts: archive.manifest.itemCounts }
      }),
    )
    const [merged, durationSeconds] = yield* timed(run)
    const { items, received, settled, signature, warnings } = merged
    yield* logConflicts(items.filter(({ outcome }) => outcome === "open"))
    return {
      success: true,
      itemCounts: merged.itemCounts,
      newItemsCount: counts.new,
      updatedItemsCount: counts.updated,
      deletedItemsCount: counts.deleted,
      conflictsCount: items.length - settled.resolved.size,
      events: received.events + settled.events,
      forks: received.forks,
      resolutionStrategy: options.strategy ?? "lamport",
      resolvedConflicts: settled.resolved.size,
      skippedConflicts: settled.skipped,
      signature,
      backupPath: merged.backupPath,
      warnings,
      error: null,
      durationSeconds,
      digest: yield* handle.digest,
    }
  })

type Names = { readonly [became in Outcome["became"]]: Array<string> }

export const analyzeMerge = (
  desk: Desk,
  path: string,
  options: MergeOptions = {},
): Effect.Effect<MergeAnalysis, LamplogError> => {
  const { replica } = desk.handle
  const names = { new: [], updated: [], deleted: [], "as it was": [] } as Names
  const note = (outcome: Outcome): void => {
    names[outcome.became].push(nameOf(outcome))
  }
  const look = (merged: Merged) =>
    Effect.gen(function* () {
      const { committed, items, received, settled, signature } = merged
      const dangling = yield* danglingReferences(replica, received.touched)
      const skew = yield* clockSkew(replica, committed)
      const living = yield* attempt(() =>
        Object.values(countEntities(replica)).reduce((sum, count) => sum + count, 0),
      )
      return {
        newItems: names.new.sort(),
        updatedItems: names.updated.sort(),
        deletedItems: names.deleted.sort(),
        unchangedCount: living - names.new.length - names.updated.length,
        hasConflicts: items.length > 0,
        conflictedItems: items,
        resolutionStrategy: options.strategy ?? ("lamport" as const),
        resolvedConflicts: settled.resolved.size,
        skippedConflicts: settled.skipped,
        events: received.events + settled.events,
        signature,
        warnings: [...merged.warnings, ...dangling.map(({ message }) => message), ...skew],
      }
    })
  return Effect.scoped(
    Effect.gen(function* () {
      const signed = yield* signedFor(desk, path, options)
      const archive = yield* openSource(path, desk.policy, options)
      const source = { archive, signed, strategy: options.strategy ?? "lamport" }
      return yield* rehearseWithAssets(desk.handle, (takeAssets) =>
        mergeAndLook(desk, source, note, look, takeAssets),
      )
    }),
  )
}
