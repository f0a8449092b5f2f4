/**
 * Events about the project itself, ready to be written: which log goes on from which, who is admitted
 * and who is retired.
 */
import { controlType, noEventHash } from "../event/event.ts"
import type { Body, Operation } from "../event/event.ts"
import type { Head } from "../log/frontier.ts"
import type { Authorship } from "./author.ts"
import type { Continuation } from "./identity.ts"

export interface ControlDraft {
  readonly type: typeof controlType
  /** The node that the event is about. */
  readonly id: string
  readonly op: Operation
  readonly parents: readonly []
  readonly parentsLamport: 0
  readonly body: Body
}

const draftOf = (op: Operation, id: string, body: Body): ControlDraft => ({
  type: controlType,
  id,
  op,
  // What the author had seen is told by the anchor.
  parents: [],
  parentsLamport: 0,
  body,
})

const signedBody = ({ actor, at, reason }: Authorship): Body => ({
  actor,
  kind: 1,
  ...(at === undefined ? {} : { at }),
  ...(reason === undefined ? {} : { reason }),
})

export const continueDraft = (continues: Continuation, authorship: Authorship): ControlDraft => {
  const { node, seq, hash, reason } = continues
  const body = signedBody({ ...authorship, reason })
  return draftOf("continue", node, withReference(body, "continues", node, { seq, hash }))
}

/** References stand in bodies as arrays; `Body` is how they are read. */
const withReference = (
  body: Body,
  name: "continues" | "retires",
  node: string,
  { hash, seq }: Head,
): Body => ({ ...body, [name]: [node, seq, hash] })

/** The first event of a project of members, by the node whose key its id names. */
export const foundingDraft = (
  node: string,
  nonce: string,
  name: string | undefined,
  authorship: Authorship,
): ControlDraft =>
  draftOf("admit", node, {
    ...signedBody(authorship),
    admits: name === undefined ? { nonce } : { name, nonce },
  })

export const admitDraft = (
  node: string,
  name: string | undefined,
  authorship: Authorship,
): ControlDraft =>
  draftOf("admit", node, {
    ...signedBody(authorship),
    ...(name === undefined ? {} : { admits: { name } }),
  })

/** `last` is the last event of another node that counts; undefined when none does. */
export const retireDraft = (
  node: string,
  last: Head | undefined,
  authorship: Authorship,
): ControlDraft =>
  draftOf(
    "retire",
    node,
    withReference(signedBody(authorship), "retires", node, last ?? { seq: 0, hash: noEventHash }),
  )

/** A node retires itself: this event is its last. */
export const leaveDraft = (node: string, authorship: Authorship): ControlDraft =>
  draftOf("retire", node, signedBody(authorship))
