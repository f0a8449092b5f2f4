/**
 * What a replica holds: for each log, the last `seq` and its chain hash.
 *
 * A version vector with hashes: equal frontiers mean equal sets of events. A forked log has an entry
 * for each branch (`branch.ts`).
 */
import type { Json, JsonObject } from "../event/canonical.ts"
import { isHash } from "../event/hash.ts"

export interface Head {
  readonly seq: number
  readonly hash: string
}

export type Frontier = { readonly [log: string]: Head }

export const equalFrontiers = (left: Frontier, right: Frontier): boolean => {
  const names = Object.keys(left)
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => right[name]?.hash === left[name]!.hash)
  )
}

const logPattern = /^[a-z2-7]{26}(-[0-9a-f]{8}|-[0-9a-f]{64})?$/
/** Whether a text has the form of a log's name: that of its node, or of a branch of it. */
export const isLogName = (text: string): boolean => logPattern.test(text)

/** Reads `{log: {seq, hash}}`; undefined when the value is no frontier. */
export const frontierFromJson = (value: Json | undefined): Frontier | undefined => {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined
  const frontier: { [log: string]: Head } = {}
  for (const [log, head] of Object.entries(value as JsonObject)) {
    if (!isLogName(log) || head === null || typeof head !== "object") return undefined
    const { seq, hash } = head as JsonObject
    if (
      Object.keys(head).length !== 2 ||
      !Number.isSafeInteger(seq) ||
      (seq as number) < 1 ||
      !isHash(hash)
    )
      return undefined
    frontier[log] = { seq: seq as number, hash }
  }
  return frontier
}
