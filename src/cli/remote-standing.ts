/**
 * How this replica stands with its remotes, by what was said at the last meetings; and what waits.
 * Nothing is asked of anybody.
 */
import type { Meeting } from "../project/meeting.ts"
import type { Status } from "../project/project.ts"
import type { WaitingReason } from "../store/waiting.ts"
import { counted, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import type { NamedRemote } from "./remotes.ts"

type WaitingNode = Status["waiting"]["nodes"][number]

export interface RemoteStanding {
  readonly name: string
  readonly where: string
  /** When both last told each other what they hold; null when they never did. */
  readonly lastMet: string | null
  readonly inSync: boolean
  /** Events it lacks, and events of it that are not held here; null when it was never met. */
  readonly ahead: number | null
  readonly behind: number | null
  /** Why events that it has are not held here, as far as they came. */
  readonly waitingFor: ReadonlyArray<WaitingNode>
}

type Frontier = Status["frontier"]

/** Events that one side has of these logs and the other has not; a fork counts as one at least. */
const eventsBetween = (logs: ReadonlyArray<string>, more: Frontier, less: Frontier): number =>
  logs.reduce((sum, log) => sum + Math.max(1, (more[log]?.seq ?? 0) - (less[log]?.seq ?? 0)), 0)

export const remoteStandings = (
  remotes: ReadonlyArray<NamedRemote>,
  meetings: ReadonlyArray<Meeting>,
  { frontier, waiting }: Status,
): ReadonlyArray<RemoteStanding> =>
  remotes.map(({ name, address: { where } }) => {
    const met = meetings.find(({ remote }) => remote === name)
    if (met === undefined) {
      const never = { lastMet: null, inSync: false, ahead: null, behind: null, waitingFor: [] }
      return { name, where, ...never }
    }
    const { ahead, behind, holdings, metAt } = met
    const nodes = new Set(behind.map((log) => log.split("-")[0]!))
    return {
      name,
      where,
      lastMet: metAt,
      inSync: ahead.length === 0 && behind.length === 0,
      ahead: eventsBetween(ahead, frontier, holdings),
      behind: eventsBetween(behind, holdings, frontier),
      waitingFor: waiting.nodes.filter(({ node }) => nodes.has(node)),
    }
  })

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** How long ago something was, by the clock of this machine. */
export const agoText = (at: string, now: string): string => {
  const millis = Date.parse(now) - Date.parse(at)
  if (!(millis >= minute)) return "just now"
  if (millis < 2 * hour) return `${Math.floor(millis / minute)} min ago`
  if (millis < 2 * day) return `${Math.floor(millis / hour)} h ago`
  return `${Math.floor(millis / day)} days ago`
}

/** One remote, as `status` shows it. */
export const standingText = (standing: RemoteStanding, now: string, paint: Paint): string => {
  const { ahead, behind, inSync, lastMet, name, waitingFor } = standing
  if (lastMet === null) return `${name}  ${paint.yellow("never met")} (lamplog sync ${name})`
  const met = paint.dim(`met ${agoText(lastMet, now)}`)
  if (inSync) return `${name}  ${paint.green("in sync")}  ${met}`
  const waits = waitingFor.reduce((sum, { events }) => sum + events, 0)
  const parts = [
    ...(ahead === 0 || ahead === null ? [] : [`${counted(ahead, "event")} to send`]),
    ...(behind === 0 || behind === null ? [] : [`${counted(behind, "event")} to take`]),
    ...(waits === 0 ? [] : [`${counted(waits, "event")} of it waiting here`]),
  ]
  return `${name}  ${paint.yellow(parts.join(", "))}  ${met}`
}

const reasons: { readonly [reason in WaitingReason]: string } = {
  gap: "for events they build on; sync with somebody who has them",
  incomplete: "for the rest of their transaction; sync again",
  unsigned: "for a signature of that node; it signs when it syncs",
  "not-admitted": "for an admission",
}

/** What one node's events wait for, and what can be done. */
export const waitingText = ({ events, needs, node, reason }: WaitingNode): string => {
  const remedy = reason === "not-admitted" ? ` (lamplog node admit ${node})` : ""
  const missing = needs === undefined ? "" : `, such as event ${needs.seq} of ${needs.node}`
  return printable(`${counted(events, "event")} of ${node}: ${reasons[reason]}${remedy}${missing}`)
}
