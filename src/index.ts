/**
 * Everything that `lamplog` exports: the engine as promises, its types, schemas, and contracts for
 * formats and sources of others. `lamplog/effect` has the same as Effect services.
 */
export { cloneProject, initProject, inspectArchive, openProject, verifyArchive } from "./promise.ts"
export type { CallOptions, OpenProject } from "./promise.ts"
export type { Inspection } from "./archive/inspect.ts"
export { limitsByProfile } from "./archive/limits.ts"
export type { ArchiveLimits, LimitsProfile, LimitWarning } from "./archive/limits.ts"
export type { Signature } from "./archive/read.ts"
export type { ArchiveVerification } from "./archive/verify.ts"
export type { Manifest, ManifestLog, ManifestMember } from "./archive/archive.ts"
export type { Finding, Verification } from "./audit/verify.ts"
export { builtInSchemas } from "./domain/schemas.ts"
export type { Json, JsonObject } from "./event/canonical.ts"
export type { Body, Header, Operation } from "./event/event.ts"
export { LamplogError } from "./event/failure.ts"
export type { Stage } from "./event/failure.ts"
export type { Position, Reference } from "./event/stamp.ts"
export type { Frontier, Head } from "./log/frontier.ts"
export type { ArchiveOptions, InspectOptions } from "./project/archives.ts"
export { assetsFromArchive } from "./project/asset-source.ts"
export type { AddedAsset, AddedAssets, Asset, AssetContent } from "./project/asset.ts"
export type { AssetSource, GetAssetOptions, NewAsset, SweptAssets } from "./project/asset.ts"
export type { InitOptions } from "./project/begin.ts"
export type { WallClock } from "./project/clock.ts"
export type { ExportOptions } from "./project/export.ts"
export type {
  ForeignDocument,
  ForeignEntity,
  ForeignFile,
  ForeignFormat,
  ForeignProblem,
} from "./project/format.ts"
export type { KeyOptions, OpeningKeys, OpeningPolicy } from "./project/opening.ts"
export type { Progress, ProgressListener } from "./project/progress.ts"
export type {
  ConflictedItem,
  Difference,
  ExportSummary,
  ImportAnalysis,
  ImportOptions,
  ImportProblem,
  ImportSummary,
  MergeAnalysis,
  MergeOptions,
  MergeStrategy,
  MergeSummary,
  Resolution,
  SkippedConflict,
  Status,
  WriteOptions,
  WriteResult,
} from "./project/project.ts"
export type { ProjectOptions } from "./project/service.ts"
export type { Change } from "./state/change.ts"
export type { Candidate, Conflict } from "./state/entity.ts"
export { type EntityReference, type MergeKind, SchemaRegistry } from "./state/schema.ts"
export type { FieldDefinition, ProjectSchema, TypeDefinition } from "./state/schema.ts"
export type { Entity, ListFilter, LogEntry, LogFilter, OpenConflict } from "./store/query.ts"
