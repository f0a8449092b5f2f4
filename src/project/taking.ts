/**
 * What one source of an import does, inside the transaction of the import.
 *
 *  - Foreign files give the smallest events that turn the state into what they say.
 *  - An archive of this project is received; with `replace`, the smallest events then turn the state
 *    into its snapshot.
 *  - An archive of another project, and an extract of any, gives its values only, as new events that
 *    name it.
 */
import * as Effect from "effect/Effect"
import type { Archive, Signature, SnapshotEntity } from "../archive/read.ts"
import { receiveArchive } from "../archive/receive.ts"
import { LamplogError } from "../event/failure.ts"
import type { Conflict } from "../state/entity.ts"
import type { Authorship } from "../store/author.ts"
import type { Received as ReceivedEvents } from "../store/receive.ts"
import { checkValues, provenanceOf, removalBy } from "./extract-taking.ts"
import { itemCountsOf, problemsOf } from "./foreign.ts"
import type { ForeignDocument } from "./format.ts"
import { Intake } from "./intake.ts"
import { limitProblems } from "./opening.ts"
import { ProgressReporter, reportProgress } from "./progress.ts"
import type { ImportProblem, ItemCounts } from "./project.ts"
import { openConflictIds } from "./reading.ts"
import { danglingReferences } from "./references.ts"
import { takeSnapshot } from "./restore.ts"
import { attempt, stepwise } from "./transaction.ts"
import type { Desk } from "./writing.ts"

/** How the values taken in stand to what is there. */
export interface Manner {
  readonly strategy: "merge" | "replace"
  readonly prune: boolean
}

/** What one source did, or would do. */
export interface Taken {
  readonly itemCounts: ItemCounts
  readonly events: number
  readonly settledConflicts: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<ImportProblem>
  /** References left dangling: errors on a replace, warnings otherwise. */
  readonly dangling: ReadonlyArray<ImportProblem>
  /** Version of the schema that the source was written with. */
  readonly schemaVersion: number
  /** Whether its values were brought from an older or another model into this one. */
  readonly migrated: boolean
  /** Who vouches for it; only archives can be signed. */
  readonly signature?: Signature
}

/** What came from elsewhere before anything was written. */
type Received = Pick<ReceivedEvents, "events" | "touched">

const chunkEntities = 1000
const nothing: Received = { events: 0, touched: new Set() }

const always = (): boolean => true
const never = (): boolean => false

/** Runs an intake and tells what it wrote, settled and left dangling. */
const takenBy = (
  desk: Desk,
  intake: Intake,
  run: Effect.Effect<void, LamplogError>,
  source: Omit<Taken, "events" | "settledConflicts" | "dangling">,
  received: Received = nothing,
): Effect.Effect<Taken, LamplogError> =>
  Effect.gen(function* () {
    const { replica } = desk.handle
    const open = yield* attempt(() => openConflictIds(replica))
    yield* run
    const still = yield* attempt(() => openConflictIds(replica))
    const touched = new Set([...received.touched, ...intake.touched])
    const dangling = yield* danglingReferences(replica, touched)
    return {
      ...source,
      events: received.events + intake.events,
      settledConflicts: [...open].filter((id) => !still.has(id)),
      dangling,
    }
  })

/** Writes in steps, and tells how far it has come. */
const writing = (
  intake: Intake,
  steps: Generator<number, void, void>,
): Effect.Effect<void, LamplogError> =>
  Effect.suspend(() => {
    const total = intake.asked
    const tell = (done: number) => reportProgress({ stage: "writing", done, total, unit: "events" })
    return Effect.andThen(
      stepwise(steps, tell),
      Effect.suspend(() => tell(intake.events)),
    )
  })

/** Takes in what foreign files say. */
export const takeDocument = (
  desk: Desk,
  document: ForeignDocument,
  signed: Authorship,
  { strategy, prune }: Manner,
): Effect.Effect<Taken, LamplogError> =>
  Effect.suspend(() => {
    const intake = new Intake(desk, signed)
    const { entities } = document
    const total = entities.length
    const settles = strategy === "replace" ? always : never
    const run = Effect.gen(function* () {
      for (let done = 0; done < total;) {
        yield* reportProgress({ stage: "comparing", done, total, unit: "entities" })
        yield* Effect.yieldNow
        const end = Math.min(done + chunkEntities, total)
        yield* attempt(() => {
          for (; done < end && !intake.isFull; done++) {
            intake.want(entities[done]!, settles)
            // The next entity then stands above this one in the order of events.
            if (document.sequential === true) intake.write()
          }
        })
        if (intake.isFull) yield* writing(intake, intake.writeSteps())
      }
      if (prune || strategy === "replace") {
        const scope = new Set(document.scope)
        const pages = intake.removeUnwanted((type) => scope.has(type))
        while (!(yield* attempt(() => pages.next().done === true))) {
          if (intake.isFull) yield* writing(intake, intake.writeSteps())
          yield* Effect.yieldNow
        }
      }
      yield* writing(intake, intake.finish())
    })
    return takenBy(desk, intake, run, {
      itemCounts: itemCountsOf(entities),
      warnings: problemsOf(document),
      schemaVersion: document.schemaVersion ?? desk.handle.replica.schema.version,
      migrated: document.migrated ?? false,
    })
  })

const settledThere =
  (entity: SnapshotEntity) =>
  (conflict: Conflict): boolean =>
    !entity.conflicts.some(({ id }) => id === conflict.id)

/** Takes in an archive of this very project. */
export const takeHistory = (
  desk: Desk,
  archive: Archive,
  signed: Authorship,
  manner: Manner,
): Effect.Effect<Taken, LamplogError> =>
  Effect.gen(function* () {
    const { replica } = desk.handle
    const listener = yield* ProgressReporter
    const restores = manner.strategy === "replace"
    if (manner.prune && !restores) {
      return yield* Effect.fail(
        new LamplogError({
          code: "prune-not-applicable",
          message: `${archive.path} is an archive of this project: merging it deletes only what was deleted there.`,
          remedy: "Use --strategy replace to make the state what it was in the archive.",
          where: archive.path,
        }),
      )
    }
    const received = yield* receiveArchive(archive, replica, { onProgress: listener })
    yield* attempt(() => replica.projection.flush())
    const intake = new Intake(desk, signed)
    const exactly = { removes: always, settles: settledThere }
    const run = restores ? takeSnapshot(intake, archive, exactly, listener) : Effect.void
    const { itemCounts, schema } = archive.manifest
    const migrated = schema.version < replica.schema.version
    const warnings = limitProblems(archive.warnings)
    const { signature } = archive
    const source = { itemCounts, warnings, schemaVersion: schema.version, migrated, signature }
    return yield* takenBy(desk, intake, run, source, received)
  })

/** Takes in the values of an archive of another project, or of an extract. */
export const takeValues = (
  desk: Desk,
  archive: Archive,
  signed: Authorship,
  { strategy, prune }: Manner,
): Effect.Effect<Taken, LamplogError> =>
  Effect.gen(function* () {
    const listener = yield* ProgressReporter
    const { manifest } = archive
    yield* checkValues(archive, desk.handle.replica)
    const reason = `${signed.reason ?? "import"} (${provenanceOf(archive)})`
    const intake = new Intake(desk, { ...signed, reason })
    const replaces = strategy === "replace"
    const removes = prune || replaces ? removalBy(archive) : undefined
    const manner = { removes, settles: () => (replaces ? always : never) }
    const run = takeSnapshot(intake, archive, manner, listener)
    const { itemCounts, schema } = manifest
    const own = desk.handle.replica.schema
    return yield* takenBy(desk, intake, run, {
      itemCounts,
      warnings: limitProblems(archive.warnings),
      signature: archive.signature,
      schemaVersion: schema.version,
      migrated: schema.name === own.name && schema.version < own.version,
    })
  })
