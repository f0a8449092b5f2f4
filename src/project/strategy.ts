/**
 * Settling the conflicts that a merge opened by one of its sides, on request.
 *
 * A choice is an ordinary resolution in this replica's log, so everyone who receives it agrees.
 *
 * Invariants
 *  1. Only conflicts between the two sides are settled: each has a candidate that was held before
 *     and one that came in.
 *  2. What a person has resolved is never overruled: a conflict with a resolution among its
 *     candidates stays open, and so does whatever could not be settled without it.
 */
import * as Effect from "effect/Effect"
import { bodyFromText } from "../event/event.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Candidate, Conflict } from "../state/entity.ts"
import type { Authorship } from "../store/author.ts"
import type { OpenConflict } from "../store/query.ts"
import type { Replica } from "../store/replica.ts"
import type { MergeStrategy, SkippedConflict } from "./project.ts"
import { sidesOf } from "./recommendation.ts"
import { settlementBy } from "./resolve.ts"
import { nameOf } from "./towards.ts"
import { attempt } from "./transaction.ts"
import type { Desk } from "./writing.ts"

const turnEntities = 200

export type Held = (candidate: Candidate) => boolean

export interface Settled {
  /** Events written. */
  readonly events: number
  /** Ids of the conflicts that are no longer open. */
  readonly resolved: ReadonlySet<string>
  readonly skipped: ReadonlyArray<SkippedConflict>
}

export const nothingSettled: Settled = { events: 0, resolved: new Set(), skipped: [] }

const byPerson = "a person has resolved it before; only a person may decide again"
const oneSided = "all candidates came from one side"
const besideDelete = "whether the entity is deleted has to be decided first"
const besideOthers = "deleting the entity would settle its other conflicts, too"

/** Tells resolutions from other writes; a delete may be one, which only its body says. */
const resolutionsIn = (replica: Replica): Held => {
  const bodyAt = replica.sqlite
    .prepare<[number], string>("SELECT body FROM events WHERE event = ?")
    .pluck()
  return (candidate) => {
    if (candidate.op !== "delete") return candidate.op === "resolve"
    const place = replica.lines.place(candidate)
    const body = place === undefined ? undefined : bodyAt.get(place.row)
    return body !== undefined && bodyFromText(body).settles !== undefined
  }
}

/** What is done about one conflict: taking a candidate, or leaving it for a reason. */
type Ruling = { readonly take: Candidate } | { readonly leave: string }

class Settling {
  readonly #desk: Desk
  readonly #signed: Authorship
  readonly #keeps: "local" | "imported"
  readonly #isHeld: Held
  readonly #isResolution: Held
  #events = 0
  readonly #resolved = new Set<string>()
  readonly #skipped: Array<SkippedConflict> = []

  constructor(desk: Desk, signed: Authorship, keeps: "local" | "imported", isHeld: Held) {
    this.#desk = desk
    this.#signed = signed
    this.#keeps = keeps
    this.#isHeld = isHeld
    this.#isResolution = resolutionsIn(desk.handle.replica)
  }

  get result(): Settled {
    return { events: this.#events, resolved: this.#resolved, skipped: this.#skipped }
  }

  #rule(conflict: OpenConflict): Ruling {
    if (conflict.candidates.some(this.#isResolution)) return { leave: byPerson }
    const { local, imported } = sidesOf(conflict, this.#isHeld)
    if (local === undefined || imported === undefined) return { leave: oneSided }
    return { take: this.#keeps === "local" ? local : imported }
  }

  #openNow(type: string, id: string): ReadonlyArray<Conflict> {
    return this.#desk.handle.replica.projection.stateOf(type, id)?.conflicts ?? []
  }

  /** Settles what may be settled of the conflicts that opened on one entity. */
  settle(conflicts: ReadonlyArray<OpenConflict>): void {
    const { type, entity } = conflicts[0]!
    const rulings = new Map(conflicts.map((conflict) => [conflict.id, this.#rule(conflict)]))
    const open = this.#openNow(type, entity)
    const removal = open.find(({ kind }) => kind === "delete-edit")
    if (removal !== undefined) this.#ruleWithRemoval(removal, open, rulings)
    // The entity first: whether it is deleted decides whether its fields matter.
    const { field = [], "delete-edit": whole = [] } = Object.groupBy(conflicts, ({ kind }) => kind)
    for (const conflict of [...whole, ...field]) {
      const ruling = rulings.get(conflict.id)!
      if ("take" in ruling) this.#take(conflict, ruling.take)
      else this.#skip(conflict, ruling.leave)
    }
  }

  /** Any resolution settles a delete/edit conflict; a delete settles every other one. */
  #ruleWithRemoval(
    removal: Conflict,
    open: ReadonlyArray<Conflict>,
    rulings: Map<string, Ruling>,
  ): void {
    const isTaken = ({ id }: Conflict): boolean => "take" in (rulings.get(id) ?? {})
    const others = open.filter(({ id }) => id !== removal.id)
    const ruling = rulings.get(removal.id)
    const deletes = ruling !== undefined && "take" in ruling && ruling.take.op === "delete"
    if (deletes && !others.every(isTaken)) rulings.set(removal.id, { leave: besideOthers })
    if (isTaken(removal)) return
    for (const conflict of others) {
      if (isTaken(conflict)) rulings.set(conflict.id, { leave: besideDelete })
    }
  }

  #take(conflict: OpenConflict, candidate: Candidate): void {
    const { type, entity, id } = conflict
    this.#resolved.add(id)
    // Deleting the entity has settled it.
    if (!this.#openNow(type, entity).some((open) => open.id === id)) return
    const { op, content } = settlementBy(conflict, candidate)
    this.#events += this.#desk.author.append(type, entity, op, content, this.#signed).events
  }

  #skip({ entity, field, id, type }: OpenConflict, reason: string): void {
    this.#skipped.push({ id, type, entity, field, reason })
  }
}

/** Settles the conflicts that a merge opened; call it inside the merge's transaction. */
export const settleByStrategy = (
  desk: Desk,
  strategy: MergeStrategy,
  opened: ReadonlyArray<OpenConflict>,
  isHeld: Held,
  signed: Authorship,
): Effect.Effect<Settled, LamplogError> =>
  Effect.gen(function* () {
    if (strategy === "lamport") return nothingSettled
    const keeps = strategy === "keep-local" ? "local" : "imported"
    const settling = new Settling(desk, signed, keeps, isHeld)
    const named = ({ type, entity }: OpenConflict) => nameOf({ type, id: entity })
    // What lost a candidate has another id, but nothing to decide about what came in.
    const met = opened.filter(({ candidates }) => !candidates.every(isHeld))
    const groups = [...Map.groupBy(met, named)].sort((left, right) => (left[0] < right[0] ? -1 : 1))
    for (let done = 0; done < groups.length; done += turnEntities) {
      yield* attempt(() => {
        for (const [, conflicts] of groups.slice(done, done + turnEntities)) {
          settling.settle(conflicts)
        }
      })
      yield* Effect.yieldNow
    }
    return settling.result
  })
