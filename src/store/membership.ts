/**
 * Who may write here, as the events held say, kept in memory while a project is open.
 *
 * While a batch comes in, events are classed by what was known before it; when all of it is there,
 * `settleMembership` asks anew and gives those another class whose author's standing has changed. So the
 * class of every event is a function of the set of events held, in whatever order they came.
 */
import { bodyFromText, controlType, headerFromText } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"
import { membershipRule } from "../event/hash.ts"
import type { MembershipRule } from "../event/hash.ts"
import type { Reference } from "../event/stamp.ts"
import {
  controlEventFrom,
  evaluateMembership,
  isFounding,
  nobody,
  outsiderReason,
} from "../state/membership.ts"
import type { ControlEvent, IsWithin, Member, Membership } from "../state/membership.ts"
import type { ProjectSchema } from "../state/schema.ts"
import { notUnderstood } from "../state/understood.ts"
import type { Sqlite } from "./database.ts"
import type { Lines } from "./lines.ts"

interface ControlRow {
  readonly hash: string
  readonly header: string
  readonly body: string
}

/** Where events stand: what the tables of a replica, or of a file under examination, say. */
export interface HeldLogs {
  /** The key of a node of which something is held. */
  readonly publicKeyOf: (node: string) => string | undefined
  readonly isWithin: IsWithin
}

/** The `admit` and `retire` events held; what cannot be read has no effect. */
export const heldControlEvents = (sqlite: Sqlite): ReadonlyArray<ControlEvent> => {
  // Events about the project itself are those without an entity.
  const rows = sqlite.prepare<[], ControlRow>(
    "SELECT hash, header, body FROM events WHERE entity = 0",
  )
  return rows.all().flatMap(({ hash, header, body }) => {
    try {
      return controlEventFrom(headerFromText(header), hash, bodyFromText(body)) ?? []
    } catch {
      return []
    }
  })
}

/** Who the members are, by the events in a database. */
export const membershipFrom = (sqlite: Sqlite, project: string, logs: HeldLogs): Membership => {
  if (membershipRule(project) === "open") return nobody
  const events = heldControlEvents(sqlite)
  const founding = events.find((event) => {
    const publicKey = logs.publicKeyOf(event.node)
    return publicKey !== undefined && isFounding(event, publicKey, project)
  })
  return evaluateMembership(founding, events, logs.isWithin)
}

const isControl = ({ type, op }: Header): boolean =>
  type === controlType && (op === "admit" || op === "retire")

/** Why an event of a project of members is not understood; a member may have written it all the same. */
export const notUnderstoodAmongMembers = (
  schema: ProjectSchema,
  header: Header,
  hash: string,
  body: Body,
): string | undefined => {
  if (!isControl(header)) return notUnderstood(schema, header, body)
  const isMeant = controlEventFrom(header, hash, body) !== undefined
  return isMeant ? undefined : `control event ${header.op} of another form`
}

/** What decides whether an event counts. */
export interface Judgement {
  readonly rule: MembershipRule
  readonly current: Membership
  readonly isWithin: IsWithin
}

/** Why an event as it is held is set aside; undefined when it is applied. */
export const reasonAside = (
  { current, isWithin, rule }: Judgement,
  schema: ProjectSchema,
  header: Header,
  hash: string,
  body: Body,
): string | undefined => {
  if (rule === "open") return notUnderstood(schema, header, body)
  const { node, seq } = header
  return (
    outsiderReason(current, { node, seq, hash }, isWithin) ??
    notUnderstoodAmongMembers(schema, header, hash, body)
  )
}

export class Members implements Judgement {
  readonly rule: MembershipRule
  readonly #sqlite: Sqlite
  readonly #project: string
  readonly #publicKeyOf: HeldLogs["publicKeyOf"]
  readonly isWithin: IsWithin
  #current: Membership | undefined

  constructor(sqlite: Sqlite, project: string, lines: Lines) {
    this.rule = membershipRule(project)
    this.#sqlite = sqlite
    this.#project = project
    this.#publicKeyOf = (node) => lines.ofNode(node)[0]?.publicKey
    this.isWithin = (cut, event) => isWithinLines(lines, cut, event)
  }

  /** Forgets what is in memory: after a rollback, or when another process has written. */
  reset(): void {
    this.#current = undefined
  }

  get current(): Membership {
    const { isWithin } = this
    const logs = { publicKeyOf: this.#publicKeyOf, isWithin }
    return (this.#current ??= membershipFrom(this.#sqlite, this.#project, logs))
  }
}

/** Says why an event on its way in is set aside; undefined when it is applied. */
export type JudgeAtFirst = (header: Header, hash: string, body: Body) => string | undefined

/**
 * Judges events by what was held before they came: who is not known yet is taken for a member, and
 * branches of one node are not told apart. `settleMembership` mends both.
 */
export const judgeAtFirst = (members: Members, schema: ProjectSchema): JudgeAtFirst => {
  if (members.rule === "open") return (header, _, body) => notUnderstood(schema, header, body)
  const { current } = members
  return (header, hash, body) => {
    const { node, seq } = header
    const outside = current.known.has(node)
      ? outsiderReason(current, { node, seq, hash }, isWithinBySeq)
      : undefined
    return outside ?? notUnderstoodAmongMembers(schema, header, hash, body)
  }
}

const isWithinBySeq: IsWithin = (cut, event) => event.seq <= cut.seq

const isWithinLines = (lines: Lines, cut: Reference, event: Reference): boolean => {
  if (event.seq > cut.seq) return false
  if (lines.ofNode(cut.node).length < 2) return true
  let holder = lines.holding(cut.node, cut.seq, cut.hash)
  if (holder === undefined) return true
  while (event.seq < holder.from) holder = lines.get(holder.parent!)
  return lines.hashAt(holder.line, event.seq) === event.hash
}

/** The seq up to which both standings mean the same for one log; undefined when they always do. */
const alikeUpTo = (left: Member | undefined, right: Member | undefined): number | undefined => {
  if (left === undefined || right === undefined) return left === right ? undefined : 0
  const keysOf = ({ cuts }: Member) => new Set(cuts.map(({ hash, seq }) => `${seq}:${hash}`))
  const [before, after] = [keysOf(left), keysOf(right)]
  const differing = [...left.cuts, ...right.cuts].filter(
    ({ hash, seq }) => before.has(`${seq}:${hash}`) !== after.has(`${seq}:${hash}`),
  )
  return differing.length === 0 ? undefined : Math.min(...differing.map(({ seq }) => seq))
}

/**
 * The nodes whose events stand in another class than they were given, each with the seq up to which none does:
 * by what was known `before`, or, for those of whom something `arrived`, at first.
 */
export const standingChanged = (
  lines: Lines,
  before: Membership,
  after: Membership,
  arrived: ReadonlySet<string>,
): ReadonlyMap<string, number> => {
  const changed = new Map<string, number>()
  for (const node of new Set(lines.all.map((line) => line.node))) {
    const member = after.members.get(node)
    const isForked = lines.ofNode(node).length > 1
    // What was taken for a member's was that of one who was never retired.
    const assumed = arrived.has(node) && !before.known.has(node)
    const was = assumed ? uncut : before.members.get(node)
    const moved = arrived.has(node) && isForked && (member?.cuts.length ?? 0) > 0
    const alike = alikeUpTo(was, member)
    if (moved || alike !== undefined) changed.set(node, moved || isForked ? 0 : alike!)
  }
  return changed
}

const uncut: Member = { level: 0, admittedBy: undefined, name: undefined, cuts: [] }

/** The first cut of a node, for people; undefined while it may write. */
export const lowestCut = (member: Member): Member["cuts"][number] | undefined => member.cuts[0]

/** Whether a node may write what comes next in its log. */
export const mayWrite = (member: Member | undefined): boolean =>
  member !== undefined && lowestCut(member) === undefined
