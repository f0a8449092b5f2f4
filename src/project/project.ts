/**
 * One door to everything a project can do, as an Effect service.
 *
 * Every call either does all of what it says, durably, or fails with a `LamplogError` and changes
 * nothing. Calls on one project wait for each other; another process on the same folder is waited
 * for up to the busy timeout. Interrupting a call rolls it back.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Json } from "../event/canonical.ts"
import type { LamplogError, Stage } from "../event/failure.ts"
import type { Reference } from "../event/stamp.ts"
import type { Frontier } from "../log/frontier.ts"
import type { Change } from "../state/change.ts"
import type { Entity, ListFilter, LogEntry, LogFilter, OpenConflict } from "../store/query.ts"
import type { Continuation } from "../store/replica.ts"
import type { FenceReason } from "../store/identity.ts"
import type { WaitingSummary } from "../store/waiting.ts"
import type { Manifest, OpenReference } from "../archive/archive.ts"
import type { TakenAlong } from "../archive/choose.ts"
import type { Signature } from "../archive/read.ts"
import type { Verification } from "../audit/verify.ts"
import type { Peer, Remote } from "../sync/remote.ts"
import type { ExportOptions } from "./export-options.ts"
import type {
  AddedAssets,
  Asset,
  AssetContent,
  GetAssetOptions,
  NewAsset,
  SweptAssets,
} from "./asset.ts"
import type { FollowOptions, Meeting, SyncOptions, SyncSummary } from "./meeting.ts"
import type { AdmitOptions, ProjectMembers } from "./members.ts"
import type { KeyOptions } from "./opening.ts"

export interface Status {
  readonly project: string
  readonly name: string
  readonly schema: { readonly name: string; readonly version: number }
  readonly node: string
  readonly lamport: number
  readonly events: number
  /** Living entities by type. */
  readonly entities: { readonly [type: string]: number }
  readonly conflicts: number
  readonly digest: string
  readonly frontier: Frontier
  /** Events held but not understood, or past a cut. */
  readonly setAside: number
  /** Events that came and wait: for what they build on, for a signature, for an admission. */
  readonly waiting: WaitingSummary
  /** Forked logs: names of branches held beside the plain node name. */
  readonly forks: ReadonlyArray<string>
  /** Set when the next write goes on under a new node id, and why. */
  readonly fence: FenceReason | undefined
  /** The log that this replica's own log goes on from, after a copy or rollback was noticed. */
  readonly continues: Continuation | undefined
}

export interface WriteOptions {
  readonly actor: string
  readonly reason?: string | undefined
}

export interface WriteResult {
  /** Events written; 0 when the state was as asked already. */
  readonly events: number
  /** The replica's lamport afterwards. */
  readonly lamport: number
}

export type Resolution =
  | { readonly take: { readonly node: string; readonly seq?: number } }
  | { readonly value: Json }

export type ItemCounts = { readonly [type: string]: number }

export interface ExportSummary {
  readonly success: boolean
  readonly archivePath: string
  /** Bytes. */
  readonly fileSize: number
  readonly itemCounts: ItemCounts
  /** SHA-256 of manifest.json; undefined for foreign formats. */
  readonly exportHash: string | undefined
  /** What was written: an archive of one of three kinds, or the values of a foreign format. */
  readonly contents: "complete" | "incremental" | "extract" | "values"
  /** Events in the archive. */
  readonly events: number
  /** Entities that nobody asked for, taken along because others refer to them. */
  readonly takenAlong: ReadonlyArray<TakenAlong>
  /** References out of what was chosen. */
  readonly openReferences: ReadonlyArray<OpenReference>
  readonly signedBy: { readonly name: string; readonly keyId: string } | undefined
  readonly encrypted: boolean
  /** Contents of assets that should have travelled and are not held here, or damaged. */
  readonly assetsMissing: number
  /** Limits that a reader will find nearly used up. */
  readonly warnings: ReadonlyArray<ImportProblem>
  readonly error: string | null
  readonly durationSeconds: number
}

export interface ImportProblem {
  readonly stage: Stage
  readonly code: string
  readonly message: string
  readonly where: string
}

export interface ImportSummary {
  readonly success: boolean
  readonly projectName: string
  /** Entities in what was imported, by type. */
  readonly itemCounts: ItemCounts
  /** Events written or received. */
  readonly events: number
  /** Ids of conflicts that the events written by this import settled. */
  readonly settledConflicts: ReadonlyArray<string>
  /** Conflicts that are open now and were not before. */
  readonly conflictsCount: number
  readonly warnings: ReadonlyArray<ImportProblem>
  /** Who vouches for the archives, the one vouched for least if there are several. */
  readonly signature: Signature | undefined
  /** The backup taken before, if one was. */
  readonly backupPath: string | undefined
  readonly error: string | null
  readonly migrationPerformed: boolean
  readonly durationSeconds: number
  /** True when the estimated duration exceeds 80 % of the caller's time budget. */
  readonly requiresBackgroundJob: boolean
}

export interface ImportAnalysis {
  readonly isValid: boolean
  readonly errors: ReadonlyArray<ImportProblem>
  readonly warnings: ReadonlyArray<ImportProblem>
  readonly itemCounts: ItemCounts
  readonly schemaVersion: number
  /** Events an import would write or receive. */
  readonly events: number
  readonly signature: Signature | undefined
}

/**
 * What a merge does with the conflicts that it opens: `lamport` leaves them open under their
 * provisional winners; the others settle them by one side, with events that everyone receives.
 */
export type MergeStrategy = "lamport" | "keep-local" | "keep-imported"

/** A conflict that a strategy left for people to decide. */
export interface SkippedConflict {
  readonly id: string
  readonly type: string
  readonly entity: string
  readonly field: string
  readonly reason: string
}

export interface MergeOptions extends KeyOptions {
  readonly strategy?: MergeStrategy
  /** Who settles conflicts; needed for any strategy but `lamport`. */
  readonly actor?: string
  readonly reason?: string | undefined
  readonly backup?: BackupWish
}

export interface MergeSummary {
  readonly success: boolean
  /** Living entities in the archive, by type. */
  readonly itemCounts: ItemCounts
  readonly newItemsCount: number
  readonly updatedItemsCount: number
  readonly deletedItemsCount: number
  /**
   * Conflicts that are open now and were not before. One that gained a candidate counts, since it
   * has to be looked at again; one that this merge settled does not.
   */
  readonly conflictsCount: number
  /** Events received, and written to settle conflicts. */
  readonly events: number
  readonly forks: ReadonlyArray<Reference>
  readonly resolutionStrategy: MergeStrategy
  /** Conflicts that the strategy settled. */
  readonly resolvedConflicts: number
  readonly skippedConflicts: ReadonlyArray<SkippedConflict>
  readonly signature: Signature
  /** The backup taken before, if one was. */
  readonly backupPath: string | undefined
  readonly warnings: ReadonlyArray<string>
  readonly error: string | null
  readonly durationSeconds: number
  readonly digest: string
}

export interface BackupOptions {
  /** Where to put it; in the project's own folder, named after the state, unless given. */
  readonly path?: string
  /** Replace a file of that name. */
  readonly force?: boolean
}

/**
 * Whether a backup is taken before something is taken in: always, never (unless given), or when it is
 * large; at a place of the caller's, or in the project's own folder.
 */
export type BackupWish = boolean | "large" | { readonly path: string }

export interface BackupSummary {
  readonly success: boolean
  readonly backupPath: string
  /** Bytes. */
  readonly fileSize: number
  /** Living entities by type. */
  readonly itemCounts: ItemCounts
  readonly events: number
  readonly lamport: number
  readonly digest: string
  readonly error: string | null
  readonly durationSeconds: number
}

export interface RestoreSummary {
  readonly success: boolean
  readonly projectName: string
  /** Living entities by type, afterwards. */
  readonly itemCounts: ItemCounts
  /** Events that were not held before. */
  readonly events: number
  readonly conflictsCount: number
  readonly forks: ReadonlyArray<Reference>
  readonly error: string | null
  readonly durationSeconds: number
  readonly digest: string
}

export interface ConflictedItem {
  /** The id that the conflict has, or would have. */
  readonly id: string
  readonly type: string
  readonly entity: string
  readonly field: string
  readonly base: Json | undefined
  readonly local: Json | undefined
  readonly imported: Json | undefined
  readonly recommendation: string
  /** What the strategy does: settles it by one side, or leaves it open. */
  readonly outcome: "open" | "keeps local" | "keeps imported"
}

export interface MergeAnalysis {
  readonly newItems: ReadonlyArray<string>
  readonly updatedItems: ReadonlyArray<string>
  readonly deletedItems: ReadonlyArray<string>
  readonly unchangedCount: number
  readonly hasConflicts: boolean
  /** Every conflict that the merge meets, those that the strategy settles too. */
  readonly conflictedItems: ReadonlyArray<ConflictedItem>
  readonly resolutionStrategy: MergeStrategy
  readonly resolvedConflicts: number
  readonly skippedConflicts: ReadonlyArray<SkippedConflict>
  /** Events the merge would receive, and write to settle conflicts. */
  readonly events: number
  readonly signature: Signature
  readonly warnings: ReadonlyArray<string>
}

export interface ImportOptions extends WriteOptions, KeyOptions {
  /** "auto" looks at each file; else "lamplog" or the name of a foreign format. */
  readonly format?: string
  readonly strategy?: "merge" | "replace"
  /** Delete what the files no longer hold, within the types they can hold. */
  readonly prune?: boolean
  /** Let a replace leave references that point at nothing; it warns of them. */
  readonly allowDangling?: boolean
  readonly backup?: BackupWish
  readonly timeBudgetSeconds?: number
}

export interface Difference {
  readonly type: string
  readonly id: string
  readonly change: "added" | "removed" | "changed"
  readonly fields: { readonly [name: string]: { readonly before?: Json; readonly after?: Json } }
}

export class Project extends Context.Service<
  Project,
  {
    readonly status: Effect.Effect<Status, LamplogError>
    get(type: string, id: string): Effect.Effect<Entity | undefined, LamplogError>
    /** Sorted by type, then id. */
    list(filter?: ListFilter): Stream.Stream<Entity, LamplogError>
    /** Events held, in total order, control events too. */
    log(filter?: LogFilter): Stream.Stream<LogEntry, LamplogError>
    readonly conflicts: Effect.Effect<ReadonlyArray<OpenConflict>, LamplogError>
    /** One open conflict by its id, or by the beginning of it. */
    conflict(id: string): Effect.Effect<OpenConflict, LamplogError>
    /** All changes as one atomic change; several of one entity become one event. */
    change(
      changes: ReadonlyArray<Change>,
      options: WriteOptions,
    ): Effect.Effect<WriteResult, LamplogError>
    /** Each change an event of its own, committed in groups; what was committed stays on failure. */
    changeEach(
      changes: Stream.Stream<Change, LamplogError>,
      options: WriteOptions,
    ): Effect.Effect<WriteResult, LamplogError>
    resolve(
      conflict: string,
      resolution: Resolution,
      options: WriteOptions,
    ): Effect.Effect<WriteResult, LamplogError>
    /** Writes an archive (or a foreign file) under its name only when it is whole and synced. */
    exportProject(path: string, options?: ExportOptions): Effect.Effect<ExportSummary, LamplogError>
    importProject(
      paths: ReadonlyArray<string>,
      options: ImportOptions,
    ): Effect.Effect<ImportSummary, LamplogError>
    /** Exactly what `importProject` would do; nothing is changed. */
    analyzeImport(
      paths: ReadonlyArray<string>,
      options: ImportOptions,
    ): Effect.Effect<ImportAnalysis, LamplogError>
    mergeProject(path: string, options?: MergeOptions): Effect.Effect<MergeSummary, LamplogError>
    /** Exactly what `mergeProject` would do; nothing is changed. */
    analyzeMerge(path: string, options?: MergeOptions): Effect.Effect<MergeAnalysis, LamplogError>
    /** What differs between this state (before) and an archive or foreign file (after). */
    diff(path: string, options?: KeyOptions): Effect.Effect<ReadonlyArray<Difference>, LamplogError>
    /** Keeps files as assets: bytes first, durably, then one atomic change that names them. */
    addAssets(
      assets: ReadonlyArray<NewAsset>,
      options: WriteOptions,
    ): Effect.Effect<AddedAssets, LamplogError>
    /** An asset by its id, or bytes by their SHA-256; fetched from a source if they are absent. */
    getAsset(idOrHash: string, options?: GetAssetOptions): Effect.Effect<AssetContent, LamplogError>
    /** Living assets, by id. */
    listAssets(): Stream.Stream<Asset, LamplogError>
    /** Takes away the bytes that no living asset and no open conflict names. */
    sweepAssets(options?: { readonly dryRun?: boolean }): Effect.Effect<SweptAssets, LamplogError>
    /** Puts everything held into one file, without keys and without the bytes of assets. */
    backupProject(options?: BackupOptions): Effect.Effect<BackupSummary, LamplogError>
    /** Brings what a backup of this project holds, and this replica lacks; only ever adds. */
    restoreBackup(path: string): Effect.Effect<RestoreSummary, LamplogError>
    /** Meets a remote until both hold the same, or nothing more can be done. */
    sync(remote: Remote, options: SyncOptions): Effect.Effect<SyncSummary, LamplogError>
    /** Meets a remote whenever something is new, until interrupted. */
    follow(remote: Remote, options: FollowOptions): Effect.Effect<void, LamplogError>
    /** What is remembered of the last meeting with each remote. */
    readonly meetings: Effect.Effect<ReadonlyArray<Meeting>, LamplogError>
    /** How this replica answers others, for as long as it is open. */
    readonly peer: Effect.Effect<Peer, LamplogError>
    /** The nodes that were named as members, and how each stands. */
    readonly members: Effect.Effect<ProjectMembers, LamplogError>
    /** Lets a node write to a project of members. */
    admitNode(node: string, options: AdmitOptions): Effect.Effect<WriteResult, LamplogError>
    /** Ends what counts of a node with what is held of it here; final. */
    retireNode(node: string, options: WriteOptions): Effect.Effect<WriteResult, LamplogError>
    /** Full check of this replica. */
    readonly verify: Effect.Effect<Verification, LamplogError>
  }
>()("lamplog/Project") {}

/** What an archive says of itself, read without a project. */
export type { Manifest }
