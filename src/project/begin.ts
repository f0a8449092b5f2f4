/**
 * Beginning: a new project, or a new replica of one.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs"
import { basename, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Archive } from "../archive/read.ts"
import { receiveArchive } from "../archive/receive.ts"
import { LamplogError } from "../event/failure.ts"
import { busyTimeoutMillisDefault } from "../store/create.ts"
import { Replica } from "../store/replica.ts"
import { openSource } from "./opening.ts"
import type { KeyOptions } from "./opening.ts"
import { writeWithAssets } from "./asset-intake.ts"
import { ProgressReporter } from "./progress.ts"
import { filesOf, replicaOptions } from "./service.ts"
import type { EngineOptions } from "./service.ts"
import { attempt, openHandle } from "./transaction.ts"

export interface InitOptions extends EngineOptions {
  /** The folder that becomes a project; made if it is not there. */
  readonly directory: string
  /** What to call the project; the folder's name unless given. */
  readonly name?: string
  /** One of the schemas; `design-system` unless given. */
  readonly schema?: string
}

/** Who this replica is. */
export interface Identity {
  readonly project: string
  readonly name: string
  readonly node: string
}

const nameOf = (directory: string): string => {
  const folder = resolve(filesOf(directory), "..")
  return basename(folder) || "project"
}

const identityOf = (replica: Replica): Identity => ({
  project: replica.project,
  name: replica.name,
  node: replica.node,
})

/** Makes a new project in a folder that holds none; leaves nothing behind when it fails. */
export const initProject = (options: InitOptions): Effect.Effect<Identity, LamplogError> =>
  attempt(() => {
    const replica = Replica.create(filesOf(options.directory), {
      ...replicaOptions(options),
      name: options.name ?? nameOf(options.directory),
      schema: options.schema ?? "design-system",
    })
    const identity = identityOf(replica)
    replica.close()
    return identity
  })

/** Takes away what a failed clone made, and nothing else. */
const removeClone = (directory: string, existed: boolean): void => {
  rmSync(filesOf(directory), { recursive: true, force: true })
  // A folder that others have put something into meanwhile stays.
  if (!existed && existsSync(directory) && readdirSync(directory).length === 0) {
    rmdirSync(directory)
  }
}

const joinProject = (
  archive: Archive,
  directory: string,
  options: EngineOptions,
): Effect.Effect<Identity, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { name, project, schema } = archive.manifest
      const replica = yield* Effect.acquireRelease(
        attempt(() =>
          Replica.create(filesOf(directory), {
            ...replicaOptions(options),
            name,
            project,
            schema: schema.name,
          }),
        ),
        (made) => Effect.sync(() => made.close()),
      )
      const handle = openHandle(replica, options.busyTimeoutMillis ?? busyTimeoutMillisDefault)
      const onProgress = yield* ProgressReporter
      yield* writeWithAssets(handle, (takeAssets) =>
        Effect.tap(receiveArchive(archive, replica, { onProgress }), () => takeAssets(archive)),
      )
      return identityOf(replica)
    }),
  )

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
      const files = filesOf(directory)
      if (existsSync(files)) {
        return yield* Effect.fail(
          new LamplogError({
            code: "project-exists",
            message: `There is a Lamplog project at ${files} already.`,
            remedy: "Merge the archive there, or choose another folder.",
            where: files,
          }),
        )
      }
      const archive = yield* openSource(archivePath, options, options)
      const existed = existsSync(directory)
      return yield* Effect.onExit(joinProject(archive, directory, options), (exit) =>
        Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => removeClone(directory, existed)),
      )
    }),
  )
