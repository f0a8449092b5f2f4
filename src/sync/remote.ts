/**
 * What a remote is to the engine: any place to meet at. Adapters implement this and nothing else.
 *
 * Invariants
 *  1. A remote is never believed. What it hands over is checked like an archive; what it says that it
 *     holds only decides what is sent, never what is kept.
 *  2. A remote may lose, repeat, reorder or keep back anything: the next meeting mends it.
 *  3. Everything a call gets or gives is bounded: batches of about 4 MiB, one at a time.
 *
 * Calls reject with a `LamplogError`. `isTransient` tells which of them are worth another attempt.
 */
import type { LamplogError } from "../event/failure.ts"
import type { Frontier, Head } from "../log/frontier.ts"
import type { Batch } from "./segment.ts"

/** What each side says first. */
export interface Hello {
  /** Version of the protocol: `protocolVersion`. */
  readonly version: number
  readonly project: string
  /** The node that speaks. */
  readonly node: string
}

/** What somebody who joins needs to know of a project before its events. Nothing vouches for it. */
export interface ProjectDescription {
  readonly project: string
  readonly name: string
  readonly schema: { readonly name: string; readonly version: number }
}

export interface PullRequest extends Hello {
  /** What need not be sent: all that is held here, what waits here too. */
  readonly since: Frontier
  /** Logs of which the other side may hold another branch, with places to find where they part. */
  readonly points?: { readonly [log: string]: ReadonlyArray<Head> }
  /** What the adapter asked to have kept when it gave its last batch. */
  readonly cursor?: string | undefined
}

/** What a remote says that it holds. */
export interface Holdings {
  readonly frontier: Frontier
  /**
   * Logs of `since` whose heads are not held there: the asker is ahead, or holds another branch.
   * Nothing of them was sent unless `points` told where to begin.
   */
  readonly unsure: ReadonlyArray<string>
}

/** What was not taken, and why; for ever, unless it is waiting. */
export interface RefusedRun {
  readonly node: string
  readonly from: number
  readonly to: number
  readonly error: LamplogError
}

/** What became of a batch. */
export interface Taken {
  /** Events that were not held before. */
  readonly events: number
  /** Events of this batch that wait for something: for what they build on, for admission. */
  readonly waiting: number
  readonly refused: ReadonlyArray<RefusedRun>
  /** Branches that came into being: `node:seq` and the hash of the event that parts. */
  readonly forks: ReadonlyArray<{
    readonly node: string
    readonly seq: number
    readonly hash: string
  }>
}

/**
 * Takes a batch durably, with the adapter's cursor, in one transaction. Wait for it before giving the
 * next: that is the back-pressure. Never rejects for what is in the batch, only when nothing can be
 * written here (a full disk, an abort).
 */
export type Take = (batch: Batch, cursor?: string) => Promise<Taken>

export interface PushRequest extends Hello {
  /** For those who will join there. */
  readonly description: ProjectDescription
  /** What the last pull said that is held there. */
  readonly known: Frontier
  /** What is lacking there, causally closed; read one by one, as fast as they are sent. */
  readonly batches: AsyncIterable<Batch>
}

export interface Pushed extends Holdings {
  /** Events that were handed over. */
  readonly events: number
  readonly refused: ReadonlyArray<RefusedRun>
}

/** Somebody who is at the remote now. */
export interface Presence {
  readonly node: string
  readonly name?: string | undefined
  /** What they said they hold; undefined while they have not. */
  readonly frontier?: Frontier | undefined
}

export interface RemoteCapabilities {
  /** `watch` tells of news at once; otherwise the engine asks again from time to time. */
  readonly watches: boolean
  /** Keeps the bytes of assets. */
  readonly assets: boolean
  /** Says who is there. */
  readonly presence: boolean
}

export interface Remote {
  /** For people: where it is, without secrets. */
  readonly where: string
  readonly capabilities: RemoteCapabilities
  /** The projects to be found there, by id. */
  describe(signal: AbortSignal): Promise<ReadonlyArray<ProjectDescription>>
  /** Hands over what `since` lacks, in batches; ends with what the remote holds. */
  pull(request: PullRequest, take: Take, signal: AbortSignal): Promise<Holdings>
  /** Hands the remote what it lacks; ends with what it holds afterwards. */
  push(request: PushRequest, signal: AbortSignal): Promise<Pushed>
  /** Calls `news` whenever something may be new, until aborted; rejects when the remote is lost. */
  watch?(hello: Hello, news: () => void, signal: AbortSignal): Promise<void>
  /** Who is there now. */
  peers?(hello: Hello, signal: AbortSignal): Promise<ReadonlyArray<Presence>>
  /** The bytes of an asset, to be checked by whoever asked; undefined when they are not held. */
  getAsset?(sha256: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Which of these are held there. */
  hasAssets?(sha256: ReadonlyArray<string>, signal: AbortSignal): Promise<ReadonlySet<string>>
  putAsset?(
    sha256: string,
    size: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>
  /** Lets go of connections. Never rejects. */
  close(): Promise<void>
}

/** What a replica that keeps the bytes of assets does with them for others. */
export interface PeerAssets {
  getAsset(sha256: string): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Which of these are held here. */
  hasAssets(sha256: ReadonlyArray<string>): Promise<ReadonlySet<string>>
  /**
   * Keeps bytes durably, once they have turned out to be those of the hash; otherwise it rejects, and
   * nothing is left of them. Only bytes that some event held here names are taken.
   */
  putAsset(
    sha256: string,
    size: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>
}

/** How a replica answers others: what an HTTP server or a responder on a broker passes on to it. */
export interface Peer extends PeerAssets {
  readonly description: ProjectDescription
  /** Answers a pull: what is held here first, then batches. */
  answerPull(request: PullRequest, signal: AbortSignal): Promise<PullAnswer>
  /** Takes what somebody pushes. */
  answerPush(hello: Hello, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<Pushed>
  /** Resolves when something was written here after the call, or when aborted. */
  changed(signal: AbortSignal): Promise<void>
}

export interface PullAnswer extends Holdings {
  readonly batches: AsyncIterable<Batch>
}

/** Failures that another attempt may mend: the network, a busy or restarting server. */
export const transientCodes: ReadonlySet<string> = new Set([
  "remote-unreachable",
  "remote-timeout",
  "remote-busy",
  "remote-interrupted",
  "project-busy",
])

export const isTransient = (error: LamplogError): boolean => transientCodes.has(error.code)
