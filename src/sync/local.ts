/**
 * What a meeting and a peer need of the replica at hand. One at a time: whoever implements it sees
 * to it that calls do not overlap with other writes of this process.
 */
import type { Frontier, Head } from "../log/frontier.ts"
import type { ProjectDescription, Taken } from "./remote.ts"
import type { Batch } from "./segment.ts"

/** Where this replica stands, read from one consistent state. */
export interface Stand {
  /** Events held: applied and set aside. */
  readonly frontier: Frontier
  /** The same, with runs that wait in an unbroken chain behind it: what need not be sent again. */
  readonly since: Frontier
}

/** What somebody else holds of a log, as they told: heads that they hold, highest first. */
export type Points = { readonly [log: string]: ReadonlyArray<Head> }

export interface Local {
  readonly description: ProjectDescription
  /** The node that writes here. */
  readonly node: () => string
  readonly stand: () => Promise<Stand>
  /** Which logs of somebody's frontier have heads that are not held here. */
  readonly unknownHeads: (frontier: Frontier) => Promise<ReadonlyArray<string>>
  /** Places of a log for finding where branches part: its head, and back from it in doubling steps. */
  readonly pointsOf: (logs: ReadonlyArray<string>) => Promise<Points>
  /**
   * What somebody who holds `known` lacks, in total order of events, cut into batches; `points` tells
   * of logs whose heads in `known` are not held here, where to begin. This replica's own log is
   * signed first. Logs of unknown heads and without points are left out, unless `all` asks for them.
   */
  readonly lacking: (
    known: Frontier,
    options?: { readonly points?: Points; readonly all?: boolean },
  ) => AsyncIterable<Batch>
  /** Takes a batch, and the cursor of a remote with it, in one transaction. */
  readonly take: (
    batch: Batch,
    cursor?: { readonly remote: string; readonly text: string },
  ) => Promise<Taken>
  readonly cursor: (remote: string) => Promise<string | undefined>
}
