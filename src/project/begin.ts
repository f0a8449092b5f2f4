/**
 * Beginning: a new project, or a new replica of one in a folder that holds none.
 *
 * A replica that has to be filled first is built in a folder beside its place and takes that place
 * when it is whole, so that nobody ever finds half of one. What a killed process left half built is
 * taken away by the next who builds there.
 */
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs"
import { hostname } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { LamplogError } from "../event/failure.ts"
import { busyTimeoutMillisDefault, syncFolder } from "../store/create.ts"
import { isAlive } from "../store/database.ts"
import { Replica } from "../store/replica.ts"
import { fileFailure } from "./file-failure.ts"
import { filesOf, replicaOptions } from "./engine.ts"
import type { EngineOptions } from "./engine.ts"
import { attempt, openHandle } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

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

/** What a new replica is of. */
export interface Origin {
  readonly project: string
  readonly name: string
  readonly schema: string
}

/** This machine, as names of files have it. */
const host = hostname()
  .replaceAll(/[^A-Za-z0-9]/g, "_")
  .slice(0, 64)

const buildingMark = ".new"

const buildingName = (files: string): string =>
  `${basename(files)}${buildingMark}-${host}-${process.pid}-${randomBytes(6).toString("hex")}`

/** Takes away what processes of this machine that are gone left half built. */
const clearAbandoned = (folder: string, files: string): void => {
  const begin = `${basename(files)}${buildingMark}-${host}-`
  for (const name of readdirSync(folder)) {
    const pid = name.startsWith(begin) ? Number(name.slice(begin.length).split("-")[0]) : Number.NaN
    if (Number.isSafeInteger(pid) && !isAlive(pid)) {
      rmSync(join(folder, name), { recursive: true, force: true })
    }
  }
}

/** Refuses a folder that holds a project. */
export const checkVacant = (directory: string): Effect.Effect<void, LamplogError> =>
  Effect.suspend(() => {
    const files = filesOf(directory)
    if (!existsSync(files)) return Effect.void
    return Effect.fail(
      new LamplogError({
        code: "project-exists",
        message: `There is a Lamplog project at ${files} already.`,
        remedy: "Merge the archive there, or choose another folder.",
        where: files,
      }),
    )
  })

const onFiles = <A>(path: string, run: () => A): Effect.Effect<A, LamplogError> =>
  attempt(() => {
    try {
      return run()
    } catch (error) {
      throw fileFailure(error, path)
    }
  })

/** Removes what was begun, and the project's folder if it was made for it and holds nothing else. */
const removeBuilding = (building: string, folder: string, existed: boolean): void => {
  rmSync(building, { recursive: true, force: true })
  if (!existed && existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder)
}

const fillReplica = (
  building: string,
  origin: Origin,
  options: EngineOptions,
  fill: (handle: Handle) => Effect.Effect<void, LamplogError>,
): Effect.Effect<Identity, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const replica = yield* Effect.acquireRelease(
        attempt(() => Replica.create(building, { ...replicaOptions(options), ...origin })),
        (made) => Effect.sync(() => made.close()),
      )
      yield* fill(openHandle(replica, options.busyTimeoutMillis ?? busyTimeoutMillisDefault))
      return identityOf(replica)
    }),
  )

/**
 * Makes a new replica in a folder that holds none, with what `fill` puts into it. When that fails or
 * is interrupted nothing is left.
 */
export const buildReplica = (
  directory: string,
  origin: Origin,
  options: EngineOptions,
  fill: (handle: Handle) => Effect.Effect<void, LamplogError>,
): Effect.Effect<Identity, LamplogError> =>
  Effect.gen(function* () {
    const files = filesOf(directory)
    const folder = dirname(resolve(files))
    yield* checkVacant(directory)
    const existed = existsSync(folder)
    const building = join(folder, buildingName(files))
    yield* onFiles(folder, () => {
      mkdirSync(folder, { recursive: true })
      clearAbandoned(folder, files)
    })
    const built = Effect.tap(fillReplica(building, origin, options, fill), () =>
      Effect.andThen(
        checkVacant(directory),
        onFiles(files, () => {
          renameSync(building, files)
          syncFolder(folder)
        }),
      ),
    )
    return yield* Effect.onExit(built, (exit) =>
      Exit.isSuccess(exit)
        ? Effect.void
        : Effect.sync(() => removeBuilding(building, folder, existed)),
    )
  })
