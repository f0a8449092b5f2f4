/**
 * References that an import or merge leaves pointing at nothing or back at themselves: out of what it
 * touched, or into what it deleted. What was so before and was not touched is not its doing.
 *
 * Looks at the state as it stands in the tables; entities are told apart by their rows.
 */
import * as Effect from "effect/Effect"
import { References } from "../audit/references.ts"
import type { ReferenceFault } from "../audit/references.ts"
import type { LamplogError } from "../event/failure.ts"
import type { EntityRow } from "../store/projection.ts"
import type { Replica } from "../store/replica.ts"
import type { ImportProblem } from "./project.ts"
import { attempt } from "./transaction.ts"

const chunkRows = 1000
/** References told one by one, at most. */
const toldMax = 1000

class Faults {
  readonly #told: Array<ImportProblem> = []
  #more = 0
  readonly #references: References
  readonly #touched: ReadonlySet<number>

  constructor(replica: Replica, touched: ReadonlySet<number>) {
    this.#references = new References(replica)
    this.#touched = touched
  }

  /** Checks a living entity: all its references if it was touched, else those into what was. */
  check(row: EntityRow): void {
    const own = this.#touched.has(row.entity)
    for (const fault of this.#references.dangling(row)) {
      if (own || this.#isTouched(fault)) this.#add(fault)
    }
    if (!own) return
    // A circle that is new goes through something that was touched.
    for (const fault of this.#references.cycles(row)) if (this.#isTouched(fault)) this.#add(fault)
  }

  #isTouched({ entities }: ReferenceFault): boolean {
    return entities.some((entity) => this.#touched.has(entity))
  }

  #add({ code, message, where }: ReferenceFault): void {
    if (this.#told.length >= toldMax) this.#more += 1
    else this.#told.push({ stage: "referential", code, message, where })
  }

  list(): ReadonlyArray<ImportProblem> {
    if (this.#more === 0) return this.#told
    const message = `… and ${this.#more} more references like these.`
    return [...this.#told, { ...this.#told.at(-1)!, message }]
  }
}

/** Checks the touched entities themselves; tells whether any of them is deleted. */
const checkTouched = (
  replica: Replica,
  faults: Faults,
  touched: ReadonlySet<number>,
): Effect.Effect<boolean, LamplogError> =>
  Effect.gen(function* () {
    const find = replica.sqlite.prepare<[number], EntityRow>(
      "SELECT * FROM entities WHERE entity = ? AND heads IS NOT NULL",
    )
    const rows = [...touched].sort((left, right) => left - right)
    let deleted = false
    for (let done = 0; done < rows.length; done += chunkRows) {
      yield* attempt(() => {
        for (const entity of rows.slice(done, done + chunkRows)) {
          const row = find.get(entity)
          if (row?.deleted === 1) deleted = true
          else if (row !== undefined) faults.check(row)
        }
      })
      yield* Effect.yieldNow
    }
    return deleted
  })

/** Checks everything else that lives, for references into what was deleted. */
const checkOthers = (
  replica: Replica,
  faults: Faults,
  touched: ReadonlySet<number>,
): Effect.Effect<void, LamplogError> =>
  Effect.gen(function* () {
    const page = replica.sqlite.prepare<[number, number], EntityRow>(
      "SELECT * FROM entities WHERE entity > ? AND deleted = 0 AND heads IS NOT NULL ORDER BY entity LIMIT ?",
    )
    for (let after = 0; ;) {
      const rows = yield* attempt(() => {
        const found = page.all(after, chunkRows)
        for (const row of found) if (!touched.has(row.entity)) faults.check(row)
        return found
      })
      if (rows.length < chunkRows) return
      after = rows.at(-1)!.entity
      yield* Effect.yieldNow
    }
  })

/** What is wrong with references because of what was touched, each with both its ends. */
export const danglingReferences = (
  replica: Replica,
  touched: ReadonlySet<number>,
): Effect.Effect<ReadonlyArray<ImportProblem>, LamplogError> =>
  Effect.gen(function* () {
    const faults = new Faults(replica, touched)
    const deleted = yield* checkTouched(replica, faults, touched)
    if (deleted) yield* checkOthers(replica, faults, touched)
    return faults.list()
  })
