/**
 * Taking values in: what should be is compared with what is, entity by entity, and only the
 * difference is written, as one atomic change, or as several when one could not hold it.
 *
 * Runs inside a transaction that the caller has opened; begins with the state as it then is.
 */
import { transactionEventsMax } from "../event/event.ts"
import type { Change } from "../state/change.ts"
import type { Conflict } from "../state/entity.ts"
import { typeOf } from "../state/schema.ts"
import type { ProjectSchema } from "../state/schema.ts"
import type { Authorship } from "../store/author.ts"
import { changeTowards } from "./towards.ts"
import type { Wanted } from "./towards.ts"
import type { Desk } from "./writing.ts"

const pageRows = 1000

interface Row {
  readonly entity: number
  readonly type: string
  readonly id: string
}

export class Intake {
  readonly #desk: Desk
  readonly #signed: Authorship
  readonly #rowOf
  readonly #page
  #changes: Array<Change> = []
  /** Entities with a delete/edit conflict to settle, which no change of a field does. */
  readonly #contested: Array<Wanted> = []
  /** One bit for each entity that was there at the beginning: whether it was wanted. */
  readonly #seen: Uint8Array
  readonly #lastRow: number
  #events = 0
  /** Rows of entities written or deleted. */
  readonly touched = new Set<number>()

  constructor(desk: Desk, signed: Authorship) {
    this.#desk = desk
    this.#signed = signed
    const { projection, sqlite } = desk.handle.replica
    projection.flush()
    this.#rowOf = sqlite
      .prepare<[string, string], number>("SELECT entity FROM entities WHERE type = ? AND id = ?")
      .pluck()
    this.#page = sqlite.prepare<[number, number, number], Row>(
      "SELECT entity, type, id FROM entities WHERE entity > ? AND entity <= ? AND deleted = 0 AND heads IS NOT NULL ORDER BY entity LIMIT ?",
    )
    const last = sqlite.prepare<[], number | null>("SELECT max(entity) FROM entities").pluck().get()
    this.#lastRow = last ?? 0
    this.#seen = new Uint8Array((this.#lastRow >> 3) + 1)
  }

  get schema(): ProjectSchema {
    return this.#desk.handle.replica.schema
  }

  /** Events written so far. */
  get events(): number {
    return this.#events
  }

  /** Keeps an entity from being deleted as one that nobody wants. */
  #notice(wanted: Wanted): void {
    const row = this.#rowOf.get(wanted.type, wanted.id) ?? 0
    if (row > 0 && row <= this.#lastRow) this.#seen[row >> 3]! |= 1 << (row & 7)
  }

  /**
   * Makes an entity what is wanted. `settles` says which of its open conflicts the wanted values
   * settle even where the state is as wanted; any other stays open unless its value changes.
   */
  want(wanted: Wanted, settles: (conflict: Conflict) => boolean): void {
    this.#notice(wanted)
    const { projection, schema } = this.#desk.handle.replica
    const state = projection.stateOf(wanted.type, wanted.id)
    const settled = state?.conflicts.filter(settles) ?? []
    if (settled.some((conflict) => conflict.kind === "delete-edit")) this.#contested.push(wanted)
    // A type that the schema does not know is refused by whoever writes it.
    const definition = typeOf(schema, wanted.type) ?? projection.definitionOf(wanted.type)
    const change = changeTowards(definition, state, wanted, settled)
    if (change === undefined) return
    this.#add(change)
  }

  /** Deletes an entity, if it lives. */
  remove(type: string, id: string): void {
    const state = this.#desk.handle.replica.projection.stateOf(type, id)
    if (state === undefined || state.deleted) return
    this.#add({ op: "delete", type, id })
  }

  /** Deletes what lived at the beginning, was not wanted and is in scope; yields when it is full, too. */
  *removeUnwanted(inScope: (type: string, id: string) => boolean): Generator<void> {
    for (let after = 0; ;) {
      const rows = this.#page.all(after, this.#lastRow, pageRows)
      for (const { entity, type, id } of rows) {
        const wanted = (this.#seen[entity >> 3]! & (1 << (entity & 7))) !== 0
        if (wanted || !inScope(type, id)) continue
        if (this.isFull) yield
        this.remove(type, id)
      }
      if (rows.length < pageRows) return
      after = rows.at(-1)!.entity
      yield
    }
  }

  #add(change: Change): void {
    if (this.isFull) throw new Error("An intake that is full has to be written first.")
    this.#changes.push(change)
  }

  /** Events written so far, and those that what was wanted since will take, at most. */
  get asked(): number {
    return this.#events + this.#changes.length
  }

  /** Whether what was wanted since fills an atomic change: it has to be written before more. */
  get isFull(): boolean {
    return this.#changes.length === transactionEventsMax
  }

  /** Writes what was wanted since, as one atomic change, at once. */
  write(): void {
    for (const steps = this.writeSteps(); steps.next().done !== true;);
  }

  /** The same in steps; yields the events written so far. */
  *writeSteps(): Generator<number, void, void> {
    const changes = this.#changes
    if (changes.length === 0) return
    this.#changes = []
    const { author, handle } = this.#desk
    const before = this.#events
    const steps = author.writeSteps(changes, this.#signed)
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) {
        this.#events = before + step.value.events
        break
      }
      yield before + step.value
    }
    for (const { type, id } of changes) {
      this.touched.add(handle.replica.projection.entry(type, id).entity)
    }
  }

  /** Writes what is left, in steps, and settles what only a resolution can. */
  *finish(): Generator<number, void, void> {
    yield* this.writeSteps()
    const { author, handle } = this.#desk
    for (const [index, wanted] of this.#contested.entries()) {
      if (index > 0 && index % pageRows === 0) yield this.#events
      const { type, id } = wanted
      const state = handle.replica.projection.stateOf(type, id)
      const open = state?.conflicts.find((conflict) => conflict.kind === "delete-edit")
      if (open === undefined) continue
      const content = { settles: open.id }
      this.#events += author.append(type, id, "resolve", content, this.#signed).events
    }
    handle.replica.projection.flush()
  }
}
