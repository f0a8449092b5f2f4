/**
 * Settling a conflict: an ordinary event that names the conflict it settles, so that every replica
 * agrees on what is open.
 *
 * A conflict's id is a hash over the writes that stand against each other. If one of them was
 * superseded or another came in, the conflict has another id, and a resolution by the old one is
 * refused: whoever decided had not seen this.
 */
import * as Effect from "effect/Effect"
import type { Json, JsonObject } from "../event/canonical.ts"
import type { Operation } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"
import type { Candidate } from "../state/entity.ts"
import { findConflict } from "../store/query.ts"
import type { OpenConflict } from "../store/query.ts"
import type { Replica } from "../store/replica.ts"
import type { Resolution, WriteOptions, WriteResult } from "./project.ts"
import { attempt } from "./transaction.ts"
import { conflictPlace } from "./towards.ts"
import { authorship } from "./writing.ts"
import type { Desk } from "./writing.ts"

/** The event that settles a conflict. */
export interface Settlement {
  readonly op: Operation
  readonly content: {
    readonly fields?: JsonObject
    readonly unset?: ReadonlyArray<string>
    readonly settles: string
  }
}

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ code, message, remedy, where })

/** The event that gives a conflict's field or map key this value; undefined clears it. */
export const settlementOf = (conflict: OpenConflict, value: Json | undefined): Settlement => {
  const settles = conflict.id
  const { field, key } = conflictPlace(conflict)
  if (key === undefined) {
    return value === undefined
      ? { op: "resolve", content: { settles, unset: [field] } }
      : { op: "resolve", content: { settles, fields: { [field]: value } } }
  }
  const delta = value === undefined ? { remove: [key] } : { set: { [key]: value } }
  return { op: "resolve", content: { settles, fields: { [field]: delta } } }
}

const takenCandidate = (
  conflict: OpenConflict,
  take: { readonly node: string; readonly seq?: number },
): Candidate => {
  const name = take.seq === undefined ? take.node : `${take.node}:${take.seq}`
  const found = conflict.candidates.filter(
    ({ node, seq }) => node === take.node && (take.seq === undefined || seq === take.seq),
  )
  if (found.length === 1) return found[0]!
  const choices = conflict.candidates.map(({ node, seq }) => `${node}:${seq}`).join(", ")
  throw found.length === 0
    ? refuse(
        "candidate-unknown",
        `The conflict ${conflict.id} has no candidate of ${name}.`,
        `Take one of ${choices}.`,
        name,
      )
    : refuse(
        "candidate-ambiguous",
        `The conflict ${conflict.id} has ${found.length} candidates of ${name}.`,
        `Name one of ${choices}.`,
        name,
      )
}

/** The event that settles a conflict as one of its candidates has it. */
export const settlementBy = (conflict: OpenConflict, { op, value }: Candidate): Settlement =>
  conflict.kind === "delete-edit"
    ? { op: op === "delete" ? "delete" : "resolve", content: { settles: conflict.id } }
    : settlementOf(conflict, value)

export const settlementFrom = (conflict: OpenConflict, resolution: Resolution): Settlement => {
  if ("take" in resolution) {
    return settlementBy(conflict, takenCandidate(conflict, resolution.take))
  }
  if (conflict.kind === "delete-edit") {
    throw refuse(
      "value-not-applicable",
      `The conflict ${conflict.id} is about whether ${conflict.type}/${conflict.entity} exists; no value settles it.`,
      "Take the candidate that deletes it, or one that edits it, and then change its fields.",
      conflict.id,
    )
  }
  return settlementOf(conflict, resolution.value)
}

const wholeId = /^[0-9a-f]{32}$/

/** The conflict that somebody decided on; a whole id that is not open was open when they looked. */
const decidedConflict = (replica: Replica, id: string): OpenConflict => {
  try {
    return findConflict(replica, id)
  } catch (error) {
    if (!(error instanceof LamplogError) || error.code !== "conflict-unknown") throw error
    if (!wholeId.test(id)) throw error
    throw refuse(
      "conflict-changed",
      `The conflict ${id} is not open: it was settled, or changed since you looked.`,
      "Run `lamplog conflicts` for those that are open now, and decide again.",
      id,
    )
  }
}

export const resolve = (
  desk: Desk,
  id: string,
  resolution: Resolution,
  options: WriteOptions,
): Effect.Effect<WriteResult, LamplogError> =>
  Effect.gen(function* () {
    const signed = yield* authorship(desk.clock, options)
    const { author, handle } = desk
    return yield* handle.write(
      attempt(() => {
        const conflict = decidedConflict(handle.replica, id)
        const { op, content } = settlementFrom(conflict, resolution)
        return author.append(conflict.type, conflict.entity, op, content, signed)
      }),
    )
  })
