/**
 * For writing a remote of one's own: the contract, the bytes that travel, and how they are checked.
 * `lamplog/testing` has the checks that every remote has to pass.
 */
export { LamplogError } from "./event/failure.ts"
export { isHash, isIdentifier } from "./event/hash.ts"
export { equalFrontiers, frontierFromJson } from "./log/frontier.ts"
export type { Frontier, Head } from "./log/frontier.ts"
export { isTransient, transientCodes } from "./sync/remote.ts"
export type {
  Hello,
  Holdings,
  Peer,
  PeerAssets,
  Presence,
  ProjectDescription,
  PullAnswer,
  PullRequest,
  Pushed,
  PushRequest,
  RefusedRun,
  Remote,
  RemoteCapabilities,
  Take,
  Taken,
} from "./sync/remote.ts"
export {
  decodeSegment,
  encodedBytesMax,
  encodeSegment,
  headBytesMax,
  linesOfSegment,
  protocolVersion,
} from "./sync/segment.ts"
export type { Batch, Codec, Segment, SegmentHead } from "./sync/segment.ts"
export { shelfRemote } from "./sync/shelf.ts"
export type { ShelfAssets, ShelfEntry, ShelfStorage } from "./sync/shelf-storage.ts"
