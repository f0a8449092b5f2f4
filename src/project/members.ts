/**
 * The members of a project: who they are, admitting and retiring them.
 *
 * Both are ordinary events, so every replica that holds the same events knows the same members. What
 * is refused here would count nowhere; the rules themselves are `state/membership.ts`.
 */
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import { isIdentifier } from "../event/hash.ts"
import type { MembershipRule } from "../event/hash.ts"
import type { Head } from "../log/frontier.ts"
import type { Member } from "../state/membership.ts"
import { requireWriter } from "../store/admission.ts"
import { admitDraft, leaveDraft, retireDraft } from "../store/control.ts"
import { lowestCut } from "../store/membership.ts"
import type { Replica } from "../store/replica.ts"
import { waitingSummary } from "../store/waiting.ts"
import { advance } from "../sync/advance.ts"
import type { WriteOptions, WriteResult } from "./project.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"
import { authorship } from "./writing.ts"
import type { Desk } from "./writing.ts"

/**
 * `member`: writes. `retired`: what it wrote up to its cut counts. `waiting`: its events are here and wait
 * for somebody to admit it. `outside`: neither it nor what it wrote counts.
 */
export type NodeStanding = "member" | "retired" | "waiting" | "outside"

export interface ProjectMember {
  readonly node: string
  /** Whose node it is, as whoever admitted it said. */
  readonly name: string | undefined
  /** Steps from the founder, who has 0; undefined outside. */
  readonly level: number | undefined
  readonly admittedBy: string | undefined
  readonly standing: NodeStanding
  /** Last event that counts, of a retired node; seq 0 when none does. */
  readonly cut: Head | undefined
  /** Whether it is the node that writes here. */
  readonly isMe: boolean
}

export interface ProjectMembers {
  readonly membership: MembershipRule
  /** The node that writes here. */
  readonly me: string
  /** By level, then id; those outside last. Empty in an open project, where anybody may write. */
  readonly members: ReadonlyArray<ProjectMember>
}

export interface AdmitOptions extends WriteOptions {
  /** Whose node it is. */
  readonly name?: string | undefined
}

const nameLengthMax = 256

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ code, message, remedy, where })

const standingOf = (member: Member | undefined, waits: boolean): NodeStanding => {
  if (member === undefined) return waits ? "waiting" : "outside"
  return lowestCut(member) === undefined ? "member" : "retired"
}

const described = (
  node: string,
  member: Member | undefined,
  waits: boolean,
  me: string,
): ProjectMember => {
  const cut = member === undefined ? undefined : lowestCut(member)
  return {
    node,
    name: member?.name,
    level: member?.level,
    admittedBy: member?.admittedBy,
    standing: standingOf(member, waits),
    cut,
    isMe: node === me,
  }
}

const nodesOf = (replica: Replica): ProjectMembers => {
  const { members, node: me } = replica
  if (members.rule === "open") return { membership: "open", me, members: [] }
  const { known, members: all } = members.current
  const runs = waitingSummary(replica).nodes
  const waiting = new Set(
    runs.filter(({ reason }) => reason === "not-admitted").map(({ node }) => node),
  )
  const nodes = [...new Set([...known, ...waiting, me])].map((node) =>
    described(node, all.get(node), waiting.has(node), me),
  )
  const rank = ({ level }: ProjectMember): number => level ?? Number.MAX_SAFE_INTEGER
  return {
    membership: "members",
    me,
    members: nodes.sort(
      (left, right) => rank(left) - rank(right) || (left.node < right.node ? -1 : 1),
    ),
  }
}

export const readMembers = (handle: Handle): Effect.Effect<ProjectMembers, LamplogError> =>
  handle.read(nodesOf)

const checkMembersProject = (replica: Replica): void => {
  if (replica.members.rule === "members") return
  throw refuse(
    "project-open",
    `The project ${replica.name} is open: anybody who has it may write, nobody is admitted or retired.`,
    "Whether a project has members is fixed when it is made: `lamplog init --membership members`.",
    replica.project,
  )
}

const checkNode = (node: string): void => {
  const isNode: boolean = isIdentifier(node)
  if (isNode) return
  throw refuse(
    "node-invalid",
    `"${node.slice(0, 100)}" is no node id.`,
    "A node id is 26 characters of a-z and 2-7; `lamplog status` shows a replica's own.",
    "NODE",
  )
}

const checkName = (name: string | undefined): void => {
  if (name === undefined) return
  const fits = name.trim() !== "" && name.length <= nameLengthMax && name.isWellFormed()
  if (fits && !/\p{Cc}/u.test(name)) return
  throw refuse(
    "name-invalid",
    "A node cannot be called that.",
    `Give a name of 1 to ${nameLengthMax} characters on one line.`,
    "name",
  )
}

const checkAdmissible = (node: string, member: Member | undefined): void => {
  if (member === undefined) return
  throw lowestCut(member) === undefined
    ? refuse("already-member", `${node} is a member already.`, "There is nothing to do.", node)
    : refuse(
        "node-retired",
        `${node} was retired, and a retirement is final.`,
        "Let that person clone the project anew, and admit the new node.",
        node,
      )
}

export const admitNode = (
  desk: Desk,
  node: string,
  options: AdmitOptions,
): Effect.Effect<WriteResult, LamplogError> =>
  Effect.gen(function* () {
    const signed = yield* authorship(desk.clock, options)
    const { author, handle } = desk
    return yield* handle.write(
      attempt(() => {
        const { replica } = handle
        checkMembersProject(replica)
        checkNode(node)
        checkName(options.name)
        checkAdmissible(node, replica.members.current.members.get(node))
        const written = author.control(admitDraft(node, options.name?.trim(), signed))
        // What it sent before has waited for this.
        advance(replica, [])
        return { ...written, lamport: replica.top()!.lamport }
      }),
    )
  })

const checkRetirable = (replica: Replica, node: string): void => {
  const { current } = replica.members
  const member = current.members.get(node)
  if (member === undefined) {
    throw refuse(
      "node-unknown",
      `${node} is not a member of ${replica.name}.`,
      "`lamplog node list` shows the members.",
      node,
    )
  }
  if (lowestCut(member) !== undefined) {
    throw refuse("already-retired", `${node} was retired already.`, "There is nothing to do.", node)
  }
  if (node === replica.node) return
  requireWriter(replica, false)
  const mine = current.members.get(replica.node)!
  if (mine.level < member.level) return
  throw refuse(
    "not-entitled",
    `${node} is as near to the founder as this node (level ${member.level}), or nearer: only members nearer than that, and the node itself, may retire it.`,
    "Ask whoever admitted it, the founder, or its owner.",
    node,
  )
}

export const retireNode = (
  desk: Desk,
  node: string,
  options: WriteOptions,
): Effect.Effect<WriteResult, LamplogError> =>
  Effect.gen(function* () {
    const signed = yield* authorship(desk.clock, options)
    const { author, handle } = desk
    return yield* handle.write(
      attempt(() => {
        const { replica } = handle
        checkMembersProject(replica)
        checkNode(node)
        checkRetirable(replica, node)
        // Of a forked log the branch that keeps the node's own name.
        const last = replica.lines.frontier()[node]
        const draft =
          node === replica.node ? leaveDraft(node, signed) : retireDraft(node, last, signed)
        return author.control(draft)
      }),
    )
  })
