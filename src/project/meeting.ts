/**
 * Meetings with remotes as callers see them: what one did, how one that goes on stands, and what is
 * remembered of the last.
 */
import type { LamplogError } from "../event/failure.ts"
import type { Frontier } from "../log/frontier.ts"
import type { RefusedRun, Taken } from "../sync/remote.ts"

/**
 * Which bytes of assets a meeting moves: "push" hands over those held here that the remote lacks, "all"
 * also fetches those that are absent here.
 */
export type AssetsToMove = "push" | "all" | "none"

/** Bytes of an asset that were not moved, and why. */
export interface AssetProblem {
  readonly direction: "push" | "pull"
  readonly sha256: string
  readonly error: LamplogError
}

export interface SyncOptions {
  /** The remote's name here: under it is kept how far it was read. */
  readonly name: string
  /**
   * How long to go on while no event comes or goes, in milliseconds; until it is done or interrupted
   * unless given.
   */
  readonly timeoutMillis?: number
  /** "push" unless given. What is absent afterwards is fetched when somebody asks for it. */
  readonly assets?: AssetsToMove
}

export interface SyncSummary {
  /** The remote's name, and where it is. */
  readonly remote: string
  readonly where: string
  /** Events taken and handed over. */
  readonly pulled: number
  readonly pushed: number
  /** Conflicts that are open now. */
  readonly conflicts: number
  readonly digest: string
  /** Whether both hold the same events. */
  readonly inSync: boolean
  /** Logs of which the other side lacks events, or this one. */
  readonly ahead: ReadonlyArray<string>
  readonly behind: ReadonlyArray<string>
  /** Events that came and wait for something. */
  readonly waiting: number
  readonly refused: ReadonlyArray<RefusedRun>
  /** Branches that came into being: proof of two histories under one (node, seq). */
  readonly forks: Taken["forks"]
  /** Pulls and pushes made. */
  readonly rounds: number
  /** Contents of assets that were handed over and fetched, and those that could not be. */
  readonly assetsPushed: number
  readonly assetsPulled: number
  readonly assetsFailed: number
  /** Why not, for the first of them. What every other one would fail of, too, is told once. */
  readonly assetProblems: ReadonlyArray<AssetProblem>
  readonly durationSeconds: number
}

/** How a remote that is followed stands. */
export interface FollowState {
  readonly phase: "meeting" | "in sync" | "waiting"
  /** Events taken and handed over since the following began. */
  readonly pulled: number
  readonly pushed: number
  readonly waiting: number
  readonly refused: ReadonlyArray<RefusedRun>
  readonly ahead: ReadonlyArray<string>
  readonly behind: ReadonlyArray<string>
  /** Why the last attempt failed. */
  readonly error: LamplogError | undefined
  /** Milliseconds until the next attempt, while waiting for one. */
  readonly nextAttemptMillis: number | undefined
}

export interface FollowOptions extends SyncOptions {
  readonly onState?: (state: FollowState) => void
}

/** What is remembered of the last meeting with a remote. */
export interface Meeting {
  readonly remote: string
  /** Wall time, for people (RFC 3339). */
  readonly metAt: string
  /** What the remote said that it holds. */
  readonly holdings: Frontier
  /** Logs whose heads here it did not have then or could not have now; those of which it has more. */
  readonly ahead: ReadonlyArray<string>
  readonly behind: ReadonlyArray<string>
}
