/**
 * The project service at work: one replica, opened for as long as the layer lives.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Context from "effect/Context"
import { verify } from "../audit/verify.ts"
import type { LamplogError } from "../event/failure.ts"
import { Author } from "../store/author.ts"
import { busyTimeoutMillisDefault } from "../store/create.ts"
import { Replica } from "../store/replica.ts"
import { getAsset } from "./asset-fetch.ts"
import type { AssetSource } from "./asset.ts"
import { addAssets, listAssets, sweepAssets } from "./assets.ts"
import { authorized } from "./authorization.ts"
import type { Authorize } from "./authorization.ts"
import { backupProject, restoreBackup } from "./backup.ts"
import { Changes } from "./changes.ts"
import type { WallClock } from "./clock.ts"
import { diff } from "./diff.ts"
import { filesOf, replicaOptions } from "./engine.ts"
import type { EngineOptions } from "./engine.ts"
import { exportProject } from "./export.ts"
import type { ForeignFormat } from "./format.ts"
import { analyzeImport, importProject } from "./import.ts"
import { admitNode, readMembers, retireNode } from "./members.ts"
import { analyzeMerge, mergeProject } from "./merge.ts"
import { policyFrom } from "./opening.ts"
import { ProgressReporter } from "./progress.ts"
import { Project } from "./project.ts"
import {
  readConflict,
  readConflicts,
  readEntity,
  readStatus,
  streamEntities,
  streamLog,
} from "./reading.ts"
import { resolve } from "./resolve.ts"
import { followRemote, makePromised, meetings, peerOfProject, syncProject } from "./sync.ts"
import { attempt, openHandle } from "./transaction.ts"
import { change, changeEach } from "./writing.ts"

export interface ProjectOptions extends EngineOptions {
  /** The project's folder, or the `.lamplog` folder in it. */
  readonly directory: string
  /** Foreign file formats that import, diff and export understand. */
  readonly formats?: ReadonlyArray<ForeignFormat>
  /** Where the bytes of assets are asked for when they are not held, in this order. */
  readonly assetSources?: ReadonlyArray<AssetSource>
  /** The time written into events; this machine's unless given. */
  readonly clock?: WallClock
  /** Asked before each call, reads too; refuses by throwing, rejecting or failing. */
  readonly authorize?: Authorize
}

/** Opens a replica for as long as the scope lives. */
export const openReplica = (
  options: EngineOptions & { readonly directory: string },
): Effect.Effect<Replica, LamplogError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(() => Replica.open(filesOf(options.directory), replicaOptions(options))),
    (replica) => Effect.sync(() => replica.close()),
  )

const makeProject = (
  options: ProjectOptions,
): Effect.Effect<Context.Service.Shape<typeof Project>, LamplogError, Scope.Scope> =>
  Effect.map(Effect.all([openReplica(options), makePromised]), ([replica, promised]) => {
    const { assetSources = [], clock, formats = [] } = options
    const handle = openHandle(replica, options.busyTimeoutMillis ?? busyTimeoutMillisDefault)
    const desk = { handle, author: new Author(replica), clock, policy: policyFrom(options) }
    const changes = new Changes(replica)
    const service = Project.of({
      status: readStatus(handle),
      get: (type, id) => readEntity(handle, type, id),
      list: (filter) => streamEntities(handle, filter),
      log: (filter) => streamLog(handle, filter),
      conflicts: readConflicts(handle),
      conflict: (id) => readConflict(handle, id),
      change: (changes, writing) => change(desk, changes, writing),
      changeEach: (changes, writing) => changeEach(desk, changes, writing),
      resolve: (id, resolution, writing) => resolve(desk, id, resolution, writing),
      exportProject: (path, how) => exportProject(desk, formats, path, how),
      importProject: (paths, how) => importProject(desk, formats, paths, how),
      analyzeImport: (paths, how) => analyzeImport(desk, formats, paths, how),
      mergeProject: (path, how) => mergeProject(desk, path, how),
      analyzeMerge: (path, how) => analyzeMerge(desk, path, how),
      diff: (path, how) => diff(desk, formats, path, how),
      addAssets: (wanted, writing) => addAssets(desk, wanted, writing),
      getAsset: (id, how) => getAsset(desk, assetSources, id, how),
      listAssets: () => listAssets(handle),
      sweepAssets: (how) => sweepAssets(handle, how),
      backupProject: (how) => backupProject(handle, how),
      restoreBackup: (path) => restoreBackup(handle, path),
      members: readMembers(handle),
      admitNode: (node, how) => admitNode(desk, node, how),
      retireNode: (node, writing) => retireNode(desk, node, writing),
      sync: (remote, how) => syncProject(desk, remote, how),
      follow: (remote, how) => followRemote(desk, changes, remote, how),
      meetings: meetings(desk),
      peer: Effect.sync(() => peerOfProject(desk, changes, promised)),
      // Reads through a connection of its own, so that nobody has to wait for it.
      verify: Effect.flatMap(ProgressReporter, (listener) => verify(replica, listener)),
    })
    return authorized(service, replica.project, options.authorize)
  })

/** Opens the project in a folder; fails when there is none, or when it was written by a newer program. */
export const layerProject = (options: ProjectOptions): Layer.Layer<Project, LamplogError> =>
  Layer.effect(Project, makeProject(options))
