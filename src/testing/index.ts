/**
 * For tests of programs and adapters built on Lamplog: projects that vanish, and the checks that
 * every foreign format has to pass. Depends on no test runner.
 */
export { formatChecks } from "./format-checks.ts"
export type { Check, FormatCheckOptions, FormatSample } from "./format-checks.ts"
export { memoryRemote } from "./memory-peer.ts"
export type { MemoryRemote, Traffic } from "./memory-peer.ts"
export { memoryStorage } from "./memory-shelf.ts"
export type { MemoryStorage } from "./memory-shelf.ts"
export { remoteChecks } from "./remote-checks.ts"
export type { OpenPlace, PlaceTraffic, RemotePlace } from "./remote-stage.ts"
export { layerTemporary, temporaryProject } from "./temporary.ts"
export type { TemporaryOptions, TemporaryProject } from "./temporary.ts"
