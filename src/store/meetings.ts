/**
 * What this replica remembers of its remotes: where it goes on reading, what they said they hold.
 *
 * A cursor changes in the transaction that takes what lies before it, so it never runs ahead of the
 * events. Losing this table costs time, never events: frontiers are compared at every meeting.
 */
import { canonicalFromJson, jsonFromCanonical } from "../event/canonical.ts"
import type { JsonObject } from "../event/canonical.ts"
import { frontierFromJson } from "../log/frontier.ts"
import type { Frontier } from "../log/frontier.ts"
import type { Replica } from "./replica.ts"

export interface Meeting {
  readonly remote: string
  /** What the remote's adapter asked to have kept. */
  readonly cursor?: string
  /** What the remote said last that it holds. */
  readonly frontier?: Frontier
  /** When that was (RFC 3339), for people. */
  readonly metAt?: string
}

interface MeetingRow {
  readonly remote: string
  readonly cursor: string | null
  readonly frontier: string | null
  readonly met_at: string | null
}

const meetingFromRow = ({ remote, cursor, frontier, met_at: metAt }: MeetingRow): Meeting => {
  const holdings = frontier === null ? undefined : frontierFromJson(jsonFromCanonical(frontier))
  return {
    remote,
    ...(cursor === null ? {} : { cursor }),
    ...(holdings === undefined ? {} : { frontier: holdings }),
    ...(metAt === null ? {} : { metAt }),
  }
}

/** Every remote that something is remembered of, by name. */
export const readMeetings = (replica: Replica): ReadonlyArray<Meeting> =>
  replica.read(() =>
    replica.sqlite
      .prepare<[], MeetingRow>("SELECT * FROM meetings ORDER BY remote")
      .all()
      .map(meetingFromRow),
  )

export const readCursor = (replica: Replica, remote: string): string | undefined =>
  replica.read(
    () =>
      replica.sqlite
        .prepare<[string], string | null>("SELECT cursor FROM meetings WHERE remote = ?")
        .pluck()
        .get(remote) ?? undefined,
  )

/** Keeps where to go on reading; in the transaction that takes what was read. */
export const saveCursor = (replica: Replica, remote: string, cursor: string): void =>
  replica.transaction(() => {
    replica.sqlite
      .prepare(
        `INSERT INTO meetings (remote, cursor) VALUES (?, ?)
         ON CONFLICT (remote) DO UPDATE SET cursor = excluded.cursor`,
      )
      .run(remote, cursor)
  })

/** Keeps what came of a meeting. */
export const saveMeeting = (
  replica: Replica,
  { remote, frontier, metAt }: Required<Omit<Meeting, "cursor">>,
): void =>
  replica.transaction(() => {
    replica.sqlite
      .prepare(
        `INSERT INTO meetings (remote, frontier, met_at) VALUES (?, ?, ?)
         ON CONFLICT (remote) DO UPDATE SET frontier = excluded.frontier, met_at = excluded.met_at`,
      )
      .run(remote, canonicalFromJson(frontier as unknown as JsonObject), metAt)
  })

/** Forgets a remote. */
export const forgetMeeting = (replica: Replica, remote: string): void =>
  replica.transaction(() => {
    replica.sqlite.prepare("DELETE FROM meetings WHERE remote = ?").run(remote)
  })
