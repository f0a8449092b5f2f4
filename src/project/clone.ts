/**
 * Joining a project: a new replica, under a node of its own, with the whole history of an archive.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { Archive } from "../archive/read.ts"
import { receiveArchive } from "../archive/receive.ts"
import { requireSpaceToTake } from "../archive/space.ts"
import { stagingFolder } from "../archive/staging.ts"
import type { LamplogError } from "../event/failure.ts"
import { busyTimeoutMillisDefault } from "../store/create.ts"
import { Replica } from "../store/replica.ts"
import { rehearseWithAssets, writeWithAssets } from "./asset-intake.ts"
import type { TakeArchiveAssets } from "./asset-intake.ts"
import { buildReplica, checkVacant } from "./begin.ts"
import type { Identity, Origin } from "./begin.ts"
import { limitProblems, openSource } from "./opening.ts"
import type { KeyOptions } from "./opening.ts"
import { ProgressReporter } from "./progress.ts"
import type { ImportAnalysis } from "./project.ts"
import { replicaOptions } from "./engine.ts"
import type { EngineOptions } from "./engine.ts"
import { attempt, openHandle } from "./transaction.ts"

/** What cloning an archive would make; one that cannot be cloned fails as the clone would. */
export interface CloneAnalysis extends Omit<ImportAnalysis, "isValid" | "errors"> {
  readonly project: string
  readonly projectName: string
  /** Conflicts that are open in it. */
  readonly conflictsCount: number
}

const originOf = ({ manifest: { name, project, schema } }: Archive): Origin => ({
  name,
  project,
  schema: schema.name,
})

const receiveWhole =
  (archive: Archive, replica: Replica) =>
  (takeAssets: TakeArchiveAssets): Effect.Effect<void, LamplogError> =>
    Effect.gen(function* () {
      const onProgress = yield* ProgressReporter
      yield* attempt(() => requireSpaceToTake(archive, replica.directory))
      yield* receiveArchive(archive, replica, { onProgress })
      yield* takeAssets(archive)
    })

/**
 * Joins the project of an archive as a new node, with its whole history. When it fails or is
 * interrupted nothing is left of the new replica.
 */
export const cloneProject = (
  archivePath: string,
  directory: string,
  options: EngineOptions & KeyOptions = {},
): Effect.Effect<Identity, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* checkVacant(directory)
      const archive = yield* openSource(archivePath, options, options)
      return yield* buildReplica(directory, originOf(archive), options, (handle) =>
        writeWithAssets(handle, receiveWhole(archive, handle.replica)),
      )
    }),
  )

/** A replica in a folder that vanishes with the scope. */
const passingReplica = (origin: Origin, options: EngineOptions) =>
  Effect.gen(function* () {
    const folder = yield* stagingFolder("clone")
    const places = { ...options, stateDirectory: join(folder, "state") }
    return yield* Effect.acquireRelease(
      attempt(() =>
        Replica.create(join(folder, "replica"), { ...replicaOptions(places), ...origin }),
      ),
      (replica) => Effect.sync(() => replica.close()),
    )
  })

/** Exactly what `cloneProject` would do, in a temporary folder; nothing is made in `directory`. */
export const analyzeClone = (
  archivePath: string,
  directory: string,
  options: EngineOptions & KeyOptions = {},
): Effect.Effect<CloneAnalysis, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* checkVacant(directory)
      const archive = yield* openSource(archivePath, options, options)
      const { conflicts, events, itemCounts, name, project, schema } = archive.manifest
      const replica = yield* passingReplica(originOf(archive), options)
      const handle = openHandle(replica, options.busyTimeoutMillis ?? busyTimeoutMillisDefault)
      yield* rehearseWithAssets(handle, receiveWhole(archive, replica))
      return {
        warnings: limitProblems(archive.warnings),
        itemCounts,
        schemaVersion: schema.version,
        events,
        signature: archive.signature,
        project,
        projectName: name,
        conflictsCount: conflicts,
      }
    }),
  )
