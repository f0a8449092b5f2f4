/**
 * An open project, call by call, as promises: what `openProject` gives.
 *
 * The calls and their answers are those of the service in `project/project.ts`; running them is
 * `promise.ts`'s work.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Verification } from "./audit/verify.ts"
import type { LamplogError } from "./event/failure.ts"
import type {
  AddedAsset,
  AddedAssets,
  Asset,
  AssetContent,
  GetAssetOptions,
  NewAsset,
  SweptAssets,
} from "./project/asset.ts"
import type { ExportOptions } from "./project/export.ts"
import type { FollowOptions, Meeting, SyncOptions, SyncSummary } from "./project/meeting.ts"
import type { AdmitOptions, ProjectMembers } from "./project/members.ts"
import type { KeyOptions } from "./project/opening.ts"
import type { ProgressListener } from "./project/progress.ts"
import { Project } from "./project/project.ts"
import type {
  BackupOptions,
  BackupSummary,
  Difference,
  ExportSummary,
  ImportAnalysis,
  ImportOptions,
  ImportSummary,
  MergeAnalysis,
  MergeOptions,
  MergeSummary,
  Resolution,
  RestoreSummary,
  Status,
  WriteOptions,
  WriteResult,
} from "./project/project.ts"
import type { Change } from "./state/change.ts"
import type { Peer, Remote } from "./sync/remote.ts"
import type { Entity, ListFilter, LogEntry, LogFilter, OpenConflict } from "./store/query.ts"

/** How one call is followed and stopped. */
export interface CallOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: ProgressListener
}

export type Run = <A>(
  effect: Effect.Effect<A, LamplogError, Project>,
  call?: CallOptions,
) => Promise<A>

const isAsync = <A>(items: Iterable<A> | AsyncIterable<A>): items is AsyncIterable<A> =>
  Symbol.asyncIterator in items

/** Whatever the caller's own iterable throws comes back to the caller as it is. */
const streamFrom = (
  changes: Iterable<Change> | AsyncIterable<Change>,
): Stream.Stream<Change, LamplogError> =>
  isAsync(changes)
    ? Stream.fromAsyncIterable(changes, (error) => error as LamplogError)
    : Stream.fromIterable(changes)

/** Items of a stream; one that is aborted ends with the signal's reason. */
async function* itemsOf<A>(
  stream: Stream.Stream<A, LamplogError>,
  context: Context.Context<Project>,
  signal: AbortSignal | undefined,
): AsyncGenerator<A, void, void> {
  signal?.throwIfAborted()
  for await (const item of Stream.toAsyncIterableWith(stream, context)) {
    signal?.throwIfAborted()
    yield item
  }
}

/** A project opened by this process. Close it when done; calls on it wait for each other. */
export class OpenProject {
  readonly #run: Run
  readonly #context: Context.Context<Project>
  readonly #dispose: () => Promise<void>

  constructor(run: Run, context: Context.Context<Project>, dispose: () => Promise<void>) {
    this.#run = run
    this.#context = context
    this.#dispose = dispose
  }

  status(call?: CallOptions): Promise<Status> {
    return this.#run(
      Project.use((project) => project.status),
      call,
    )
  }

  get(type: string, id: string, call?: CallOptions): Promise<Entity | undefined> {
    return this.#run(
      Project.use((project) => project.get(type, id)),
      call,
    )
  }

  /** Sorted by type, then id. */
  list(filter?: ListFilter, call?: CallOptions): AsyncIterable<Entity> {
    const project = Context.get(this.#context, Project)
    return itemsOf(project.list(filter), this.#context, call?.signal)
  }

  /** Every event held, in total order. */
  log(filter?: LogFilter, call?: CallOptions): AsyncIterable<LogEntry> {
    const project = Context.get(this.#context, Project)
    return itemsOf(project.log(filter), this.#context, call?.signal)
  }

  conflicts(call?: CallOptions): Promise<ReadonlyArray<OpenConflict>> {
    return this.#run(
      Project.use((project) => project.conflicts),
      call,
    )
  }

  conflict(id: string, call?: CallOptions): Promise<OpenConflict> {
    return this.#run(
      Project.use((project) => project.conflict(id)),
      call,
    )
  }

  /** All changes as one atomic change. */
  change(
    changes: ReadonlyArray<Change>,
    options: WriteOptions & CallOptions,
  ): Promise<WriteResult> {
    return this.#run(
      Project.use((project) => project.change(changes, options)),
      options,
    )
  }

  /** Each change an event of its own, committed in groups; what was committed stays on failure. */
  changeEach(
    changes: Iterable<Change> | AsyncIterable<Change>,
    options: WriteOptions & CallOptions,
  ): Promise<WriteResult> {
    return this.#run(
      Project.use((project) => project.changeEach(streamFrom(changes), options)),
      options,
    )
  }

  resolve(
    conflict: string,
    resolution: Resolution,
    options: WriteOptions & CallOptions,
  ): Promise<WriteResult> {
    return this.#run(
      Project.use((project) => project.resolve(conflict, resolution, options)),
      options,
    )
  }

  exportProject(path: string, options: ExportOptions & CallOptions = {}): Promise<ExportSummary> {
    return this.#run(
      Project.use((project) => project.exportProject(path, options)),
      options,
    )
  }

  importProject(
    paths: ReadonlyArray<string>,
    options: ImportOptions & CallOptions,
  ): Promise<ImportSummary> {
    return this.#run(
      Project.use((project) => project.importProject(paths, options)),
      options,
    )
  }

  /** What `importProject` would do; nothing is changed. */
  analyzeImport(
    paths: ReadonlyArray<string>,
    options: ImportOptions & CallOptions,
  ): Promise<ImportAnalysis> {
    return this.#run(
      Project.use((project) => project.analyzeImport(paths, options)),
      options,
    )
  }

  mergeProject(path: string, options: MergeOptions & CallOptions = {}): Promise<MergeSummary> {
    return this.#run(
      Project.use((project) => project.mergeProject(path, options)),
      options,
    )
  }

  /** What `mergeProject` would do; nothing is changed. */
  analyzeMerge(path: string, options: MergeOptions & CallOptions = {}): Promise<MergeAnalysis> {
    return this.#run(
      Project.use((project) => project.analyzeMerge(path, options)),
      options,
    )
  }

  diff(path: string, options: KeyOptions & CallOptions = {}): Promise<ReadonlyArray<Difference>> {
    return this.#run(
      Project.use((project) => project.diff(path, options)),
      options,
    )
  }

  /** Keeps a file as an asset. */
  async addAsset(
    asset: NewAsset,
    options: WriteOptions & CallOptions,
  ): Promise<AddedAsset & WriteResult> {
    const { assets, ...written } = await this.addAssets([asset], options)
    return { ...assets[0]!, ...written }
  }

  /** Keeps files as assets: all of them, or none. */
  addAssets(
    assets: ReadonlyArray<NewAsset>,
    options: WriteOptions & CallOptions,
  ): Promise<AddedAssets> {
    return this.#run(
      Project.use((project) => project.addAssets(assets, options)),
      options,
    )
  }

  /** An asset by its id, or bytes by their SHA-256; fetched from a source if they are absent. */
  getAsset(idOrHash: string, options: GetAssetOptions & CallOptions = {}): Promise<AssetContent> {
    return this.#run(
      Project.use((project) => project.getAsset(idOrHash, options)),
      options,
    )
  }

  /** Living assets, by id. */
  listAssets(call?: CallOptions): AsyncIterable<Asset> {
    const project = Context.get(this.#context, Project)
    return itemsOf(project.listAssets(), this.#context, call?.signal)
  }

  /** Takes away the bytes that no living asset and no open conflict names. */
  sweepAssets(options: { readonly dryRun?: boolean } & CallOptions = {}): Promise<SweptAssets> {
    return this.#run(
      Project.use((project) => project.sweepAssets(options)),
      options,
    )
  }

  /** Puts everything held into one file, without keys and without the bytes of assets. */
  backupProject(options: BackupOptions & CallOptions = {}): Promise<BackupSummary> {
    return this.#run(
      Project.use((project) => project.backupProject(options)),
      options,
    )
  }

  /** Brings what a backup of this project holds, and this replica lacks. */
  restoreBackup(path: string, call?: CallOptions): Promise<RestoreSummary> {
    return this.#run(
      Project.use((project) => project.restoreBackup(path)),
      call,
    )
  }

  /** Meets a remote until both hold the same, or nothing more can be done. The remote stays open. */
  sync(remote: Remote, options: SyncOptions & CallOptions): Promise<SyncSummary> {
    return this.#run(
      Project.use((project) => project.sync(remote, options)),
      options,
    )
  }

  /** Meets a remote whenever something is new; ends when it is aborted, with the signal's reason. */
  follow(remote: Remote, options: FollowOptions & CallOptions): Promise<void> {
    return this.#run(
      Project.use((project) => project.follow(remote, options)),
      options,
    )
  }

  /** What is remembered of the last meeting with each remote. */
  meetings(call?: CallOptions): Promise<ReadonlyArray<Meeting>> {
    return this.#run(
      Project.use((project) => project.meetings),
      call,
    )
  }

  /** How this replica answers others, for as long as it is open. */
  peer(call?: CallOptions): Promise<Peer> {
    return this.#run(
      Project.use((project) => project.peer),
      call,
    )
  }

  /** The nodes that were named as members, and how each stands. */
  members(call?: CallOptions): Promise<ProjectMembers> {
    return this.#run(
      Project.use((project) => project.members),
      call,
    )
  }

  /** Lets a node write to a project of members. */
  admitNode(node: string, options: AdmitOptions & CallOptions): Promise<WriteResult> {
    return this.#run(
      Project.use((project) => project.admitNode(node, options)),
      options,
    )
  }

  /** Ends what counts of a node with what is held of it here; final. */
  retireNode(node: string, options: WriteOptions & CallOptions): Promise<WriteResult> {
    return this.#run(
      Project.use((project) => project.retireNode(node, options)),
      options,
    )
  }

  verify(call?: CallOptions): Promise<Verification> {
    return this.#run(
      Project.use((project) => project.verify),
      call,
    )
  }

  /** Interrupts what is under way and gives the files back. May be called twice. */
  close(): Promise<void> {
    return this.#dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dispose()
  }
}
