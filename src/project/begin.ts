/**
 * Beginning: a new project, or a new replica of one in a folder that holds none.
 *
 * A replica that has to be filled first is built in a folder beside its place and takes that place
 * when it is whole, so that nobody ever finds half of one. What a killed process left half built is
 * taken away by the next who builds there.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { LamplogError } from "../event/failure.ts"
import type { MembershipRule } from "../event/hash.ts"
import { Author } from "../store/author.ts"
import { foundingDraft } from "../store/control.ts"
import { busyTimeoutMillisDefault, newFounding, syncFolder } from "../store/create.ts"
import { Replica } from "../store/replica.ts"
import { stagingName, sweepStaging } from "../store/staging.ts"
import { timestamp } from "./clock.ts"
import { fileFailure } from "./file-failure.ts"
import { LastChance } from "./last-chance.ts"
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
  /** Whether anybody may write (`open`, unless given) or only whom members admit; fixed for life. */
  readonly membership?: MembershipRule
  /** Who makes a project of members; "founder" unless given. */
  readonly actor?: string
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

const initOpen = (options: InitOptions): Effect.Effect<Identity, LamplogError> =>
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

/** The founder's first event is what makes the project; without it nobody could ever write. */
const initMembers = (options: InitOptions): Effect.Effect<Identity, LamplogError> =>
  Effect.gen(function* () {
    const { actor = "founder", directory, name = nameOf(directory) } = options
    const at = yield* timestamp(undefined)
    const { nonce, project, seed } = yield* Effect.sync(newFounding)
    const origin = { project, name, schema: options.schema ?? "design-system", seed }
    return yield* buildReplica(directory, origin, options, (handle) =>
      attempt(() => {
        const { replica } = handle
        const draft = foundingDraft(replica.node, nonce, actor, { actor, at })
        new Author(replica).control(draft)
      }),
    )
  })

/** Makes a new project in a folder that holds none; leaves nothing behind when it fails. */
export const initProject = (options: InitOptions): Effect.Effect<Identity, LamplogError> =>
  options.membership === "members" ? initMembers(options) : initOpen(options)

/** What a new replica is of. */
export interface Origin {
  readonly project: string
  readonly name: string
  readonly schema: string
  /** The secret of its node's key; a random one unless given. */
  readonly seed?: string
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
        remedy: "Sync or merge there, or choose another folder.",
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
    const prefix = `${basename(files)}.new-`
    const building = join(folder, stagingName(prefix))
    yield* onFiles(folder, () => {
      mkdirSync(folder, { recursive: true })
      sweepStaging(folder, prefix)
    })
    const ask = yield* LastChance
    const built = Effect.tap(fillReplica(building, origin, options, fill), () =>
      Effect.andThen(
        checkVacant(directory),
        onFiles(files, () => {
          ask()
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
