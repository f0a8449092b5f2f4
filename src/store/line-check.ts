/**
 * What can be checked of a line by itself: that it is an event of its log, at its place, with the body
 * that its header names. What it builds on is checked by `Receiver`.
 */
import { CanonicalError } from "../event/canonical.ts"
import { bodyFromText, EventError, headerFromText } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"
import type { LamplogError } from "../event/failure.ts"
import { bodyHash, isSalt, nodeFromPublicKey, isHash, genesisHash } from "../event/hash.ts"
import type { LineParts } from "../log/segment.ts"
import { seqMax } from "./database.ts"
import { refuse } from "./refuse.ts"

/** Where a run of a log's events begins. */
export interface LogStart {
  readonly node: string
  /** 64 hexadecimal characters. */
  readonly publicKey: string
  /** Seq of the first event that follows. */
  readonly from: number
  /** Chain hash before it. */
  readonly previous: string
}

/** Refuses a start that no log of this project can have. */
export const checkStart = (
  { node, publicKey, from, previous }: LogStart,
  project: string,
): void => {
  const where = `log ${node}`
  if (!isHash(publicKey) || nodeFromPublicKey(publicKey) !== node) {
    throw refuse("key-mismatch", `The public key given for ${node} is not that node's key.`, where)
  }
  if (!Number.isSafeInteger(from) || from < 1 || from > seqMax || !isHash(previous)) {
    throw refuse("log-start", `The log of ${node} begins nowhere.`, where)
  }
  if (from > 1 || previous === genesisHash(project, publicKey)) return
  throw refuse(
    "other-project",
    `The log of ${node} does not belong to project ${project}.`,
    where,
    "Merge only archives of the same project; use `import` for the values of another one.",
  )
}

export const otherBody = (node: string, seq: number, where: string): LamplogError =>
  refuse(
    "body-hash",
    `${where}: the body of ${node}:${seq} is not the one its header names.`,
    where,
  )

/** Reads an event that is to stand at (node, seq). */
export const eventOfLine = (
  { header: headerLine, salt, body: bodyLine }: LineParts,
  node: string,
  seq: number,
  where: string,
): { readonly header: Header; readonly body: Body } => {
  const header = headerFromText(headerLine)
  if (header.node !== node || header.seq !== seq) {
    throw refuse(
      "out-of-sequence",
      `${where}: event ${header.seq} of ${header.node} stands where event ${seq} of ${node} belongs.`,
      where,
    )
  }
  if (!isSalt(salt) || bodyHash(salt, bodyLine) !== header.body) throw otherBody(node, seq, where)
  return { header, body: bodyFromText(bodyLine) }
}

/** Runs a check of a line; what its texts are refused for comes out as `LamplogError`. */
export const checkedLine = <A>(where: string, check: () => A): A => {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof CanonicalError) && !(error instanceof EventError)) throw error
    const place = error instanceof CanonicalError ? `${where} ${error.where}`.trim() : where
    throw refuse(error.code, `${where}: ${error.message}.`, place, undefined, "schema")
  }
}
