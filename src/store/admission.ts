/**
 * What taking asks of membership: whose events may be stored, and whether a run has to be signed.
 */
import { bodyFromText, headerFromText } from "../event/event.ts"
import { chainHash, genesisHash, nodeFromPublicKey } from "../event/hash.ts"
import { lineFromText } from "../log/segment.ts"
import { controlEventFrom, isFounding } from "../state/membership.ts"
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
