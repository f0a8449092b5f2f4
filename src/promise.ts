/**
 * The engine for people without Effect: promises, async iterables, `AbortSignal`. None of the calls
 * takes or gives a type of Effect.
 *
 * The calls and their answers are those of the service in `project/project.ts`. A call that fails
 * rejects with a `LamplogError`; one that is aborted rolls back and then rejects with the signal's
 * reason. One that is aborted when it can no longer be rolled back ends as if it had not been.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { Inspection } from "./archive/inspect.ts"
import type { ArchiveVerification } from "./archive/verify.ts"
import type { LamplogError } from "./event/failure.ts"
import * as archives from "./project/archives.ts"
import type { ArchiveOptions, InspectOptions } from "./project/archives.ts"
import * as backup from "./project/backup.ts"
import * as begin from "./project/begin.ts"
import type { InitOptions } from "./project/begin.ts"
import type { KeyOptions } from "./project/opening.ts"
import * as clone from "./project/clone.ts"
import type { CloneAnalysis } from "./project/clone.ts"
import * as join from "./project/join.ts"
import type { JoinOptions } from "./project/join.ts"
import { LastChance, Stoppable } from "./project/last-chance.ts"
import { ProgressReporter } from "./project/progress.ts"
import type { Project } from "./project/project.ts"
import { loggersFor } from "./project/conflict-log.ts"
import type { LogMessage } from "./project/conflict-log.ts"
import { layerProject } from "./project/service.ts"
import type { ProjectOptions } from "./project/service.ts"
import type { Remote } from "./sync/remote.ts"
import { OpenProject } from "./open-project.ts"
import type { CallOptions, Run } from "./open-project.ts"

export type { CallOptions, OpenProject } from "./open-project.ts"

/** What an exit means to someone who waits for a promise. */
const settled = <A>(exit: Exit.Exit<A, LamplogError>, signal: AbortSignal | undefined): A => {
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause)) throw signal.reason
  throw Cause.squash(exit.cause)
}

const followed = <A, R>(
  effect: Effect.Effect<A, LamplogError, R>,
  { onProgress }: CallOptions,
): Effect.Effect<A, LamplogError, R> =>
  onProgress === undefined ? effect : Effect.provideService(effect, ProgressReporter, onProgress)

/** Runs one call; one whose signal is aborted already does not begin. */
const settledCall = async <A, R>(
  effect: Effect.Effect<A, LamplogError, R>,
  call: CallOptions,
  start: (
    effect: Effect.Effect<A, LamplogError, R>,
    options: { readonly signal?: AbortSignal },
  ) => Promise<Exit.Exit<A, LamplogError>>,
): Promise<A> => {
  const { signal } = call
  if (signal === undefined) return settled(await start(followed(effect, call), {}), signal)
  signal.throwIfAborted()
  const stoppable = new Stoppable(signal)
  const asking = Effect.provideService(followed(effect, call), LastChance, stoppable.ask)
  const exit = await start(asking, { signal: stoppable.signal })
  stoppable.end()
  return settled(exit, stoppable.signal)
}

/** Runs something that needs no open project. */
const runAlone = <A>(effect: Effect.Effect<A, LamplogError>, call: CallOptions = {}): Promise<A> =>
  settledCall(effect, call, Effect.runPromiseExit)

export interface OpenOptions extends ProjectOptions {
  /** Hears what the engine logs, such as each conflict that a merge opens. */
  readonly onLog?: (message: LogMessage) => void
}

/** Opens the project in a folder. */
export const openProject = async (options: OpenOptions): Promise<OpenProject> => {
  const layer = Layer.merge(layerProject(options), loggersFor(options.onLog))
  const runtime = ManagedRuntime.make(layer)
  const run: Run = (effect, call = {}) =>
    settledCall(effect, call, (started, how) => runtime.runPromiseExit(started, how))
  const opened = await runtime.runPromiseExit(Effect.context<Project>())
  if (Exit.isFailure(opened)) await runtime.dispose()
  return new OpenProject(run, settled(opened, undefined), () => runtime.dispose())
}

/** Makes a new project in a folder, and opens it. */
export const initProject = async (
  options: InitOptions & OpenOptions,
  call?: CallOptions,
): Promise<OpenProject> => {
  await runAlone(begin.initProject(options), call)
  return openProject(options)
}

/** Joins the project of an archive as a new node, in a folder of its own, and opens it. */
export const cloneProject = async (
  archivePath: string,
  options: OpenOptions & KeyOptions,
  call?: CallOptions,
): Promise<OpenProject> => {
  await runAlone(clone.cloneProject(archivePath, options.directory, options), call)
  return openProject(options)
}

/**
 * Joins a project that a remote holds as a new node, in a folder of its own, and opens it. The remote
 * is not closed.
 */
export const joinProject = async (
  remote: Remote,
  options: OpenOptions & JoinOptions,
  call?: CallOptions,
): Promise<OpenProject> => {
  await runAlone(join.joinProject(remote, options.directory, options), call)
  return openProject(options)
}

/** Makes a new replica with everything that a backup holds, in a folder of its own, and opens it. */
export const restoreProject = async (
  backupPath: string,
  options: OpenOptions,
  call?: CallOptions,
): Promise<OpenProject> => {
  await runAlone(backup.restoreProject(backupPath, options.directory, options), call)
  return openProject(options)
}

/** What `cloneProject` would do; nothing is made in the directory. */
export const analyzeClone = (
  archivePath: string,
  options: ProjectOptions & KeyOptions,
  call?: CallOptions,
): Promise<CloneAnalysis> =>
  runAlone(clone.analyzeClone(archivePath, options.directory, options), call)

/** What an archive says of itself, without a project. */
export const inspectArchive = (
  path: string,
  options: InspectOptions & CallOptions = {},
): Promise<Inspection> => runAlone(archives.inspectArchive(path, options), options)

/** Checks an archive from its bytes up, without a project. */
export const verifyArchive = (
  path: string,
  options: ArchiveOptions & CallOptions = {},
): Promise<ArchiveVerification> => runAlone(archives.verifyArchive(path, options), options)
