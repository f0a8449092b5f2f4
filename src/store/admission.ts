/**
 * What membership answers to those who take and write: whose events may be stored, whether a run has to
 * be signed, and whether this replica may write.
 */
import { bodyFromText, headerFromText } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"
import { chainHash, genesisHash, nodeFromPublicKey } from "../event/hash.ts"
import { lineFromText } from "../log/segment.ts"
import { controlEventFrom, isFounding } from "../state/membership.ts"
import { mayWrite } from "./membership.ts"
import type { Replica } from "./replica.ts"

/**
 * `open`: the project has no members, anybody's events are taken. `admitted`: a member, or one who was
 * until it was retired. `known`: somebody known named the node in an `admit` that does not count; its
 * events are stored, passed on and set aside. `unknown`: its events wait.
 */
export type Admission = "open" | "admitted" | "known" | "unknown"

export const admissionOf = (replica: Replica, node: string): Admission => {
  const { members } = replica
  if (members.rule === "open") return "open"
  if (members.current.members.has(node)) return "admitted"
  return members.current.known.has(node) ? "known" : "unknown"
}

/**
 * Whether the first line of a log proves that its node founded the project: then it may be stored
 * though it is unknown so far. `line` is as it travels, without its LF.
 */
export const provesFounder = (replica: Replica, publicKey: string, line: string): boolean => {
  const { project } = replica
  try {
    const { body, header: text } = lineFromText(line, "event 1")
    const header = headerFromText(text)
    if (header.node !== nodeFromPublicKey(publicKey)) return false
    const hash = chainHash(genesisHash(project, publicKey), text)
    const event = controlEventFrom(header, hash, bodyFromText(body))
    return event !== undefined && isFounding(event, publicKey, project)
  } catch {
    // What cannot be read is refused with its reason by whoever takes it.
    return false
  }
}

/** Whether every run that is taken has to end with the signature of its node. */
export const requiresSignature = (replica: Replica): boolean => replica.members.rule === "members"

/**
 * Refuses to write what would count nowhere. `isNew` says that this copy goes on under a node it was just
 * given; that one stays its own, for a member has to know whom to admit.
 */
export const requireWriter = (replica: Replica, isNew: boolean): void => {
  const { members, node } = replica
  if (members.rule === "open") return
  const member = members.current.members.get(node)
  if (mayWrite(member)) return
  replica.keepNode()
  throw member === undefined ? notMember(node, isNew) : retired(node)
}

const notMember = (node: string, isNew: boolean): LamplogError =>
  new LamplogError({
    code: "not-a-member",
    message: isNew
      ? `This copy of the project goes on as a new node, ${node}, which nobody has admitted yet.`
      : `This replica's node ${node} is not a member of the project, so it cannot write.`,
    remedy: `Ask a member to run \`lamplog node admit ${node}\`, then sync with it.`,
    where: node,
  })

const retired = (node: string): LamplogError =>
  new LamplogError({
    code: "retired",
    message: `This replica's node ${node} was retired; what it writes counts nowhere.`,
    remedy: "A retirement is final: clone the project anew, and ask a member to admit that node.",
    where: node,
  })
