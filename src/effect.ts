/**
 * The engine for people with Effect: the `Project` service, its layer, and what stands beside it.
 * Schemas, formats and the types of what is read and written are exported by `lamplog`.
 */
export { inspectArchive, verifyArchive } from "./project/archives.ts"
export type { ArchiveOptions, InspectOptions } from "./project/archives.ts"
export type { Authorize, AuthorizedOperation, OperationName } from "./project/authorization.ts"
export { initProject } from "./project/begin.ts"
export type { Identity, InitOptions } from "./project/begin.ts"
export { analyzeClone, cloneProject } from "./project/clone.ts"
export type { CloneAnalysis } from "./project/clone.ts"
export { restoreProject } from "./project/backup.ts"
export type { WallClock } from "./project/clock.ts"
export type { ExportOptions } from "./project/export.ts"
export type { AdmitOptions, ProjectMember, ProjectMembers } from "./project/members.ts"
export type { KeyOptions, OpeningKeys, OpeningPolicy } from "./project/opening.ts"
export { ProgressReporter } from "./project/progress.ts"
export type { Progress, ProgressListener } from "./project/progress.ts"
export { Project } from "./project/project.ts"
export type * from "./project/project.ts"
export { layerProject } from "./project/service.ts"
export type { EngineOptions } from "./project/engine.ts"
export type { ProjectOptions } from "./project/service.ts"
export { LamplogError } from "./event/failure.ts"
