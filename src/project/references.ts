/**
 * References that an import or merge leaves pointing at nothing: out of what it touched, or into what
 * it deleted. What dangled before and was not touched is not its doing.
 *
 * Looks at the state as it stands in the tables; entities are told apart by their rows.
 */
import * as Effect from "effect/Effect"
import type { JsonObject } from "../event/canonical.ts"
import type { LamplogError } from "../event/failure.ts"
import { typeOf } from "../state/schema.ts"
import type { EntityRow } from "../store/projection.ts"
import type { Replica } from "../store/replica.ts"
import type { ImportProblem } from "./project.ts"
import { attempt } from "./transaction.ts"

const chunkRows = 1000
/** Dangling references told one by one, at most. */
const toldMax = 1000

type Target = Pick<EntityRow, "entity" | "deleted">

class Dangling {
  readonly #told: Array<ImportProblem> = []
  #more = 0
  readonly #replica: Replica
  readonly #touched: ReadonlySet<number>
  readonly #targetOf

  constructor(replica: Replica, touched: ReadonlySet<number>) {
    this.#replica = replica
    this.#touched = touched
    this.#targetOf = replica.sqlite.prepare<[string, string], Target>(
      "SELECT entity, deleted FROM entities WHERE type = ? AND id = ? AND heads IS NOT NULL",
    )
  }

  /** Checks a living entity: all its references if it was touched, else those into what was. */
  check(row: EntityRow): void {
    const references = typeOf(this.#replica.schema, row.type)?.references
    if (references === undefined) return
    const own = this.#touched.has(row.entity)
    for (const { type, id, field } of references(JSON.parse(row.fields!) as JsonObject)) {
      const target = this.#targetOf.get(type, id)
      if (target?.deleted === 0) continue
      if (!own && (target === undefined || !this.#touched.has(target.entity))) continue
      const fault = target === undefined ? "does not exist" : "is deleted"
      const name = `${row.type}/${row.id}`
      this.#add({
        stage: "referential",
        code: "reference-dangling",
        message: `${name} points at ${type}/${id}, which ${fault}.`,
        where: `${name} ${field}`,
      })
    }
  }

  #add(problem: ImportProblem): void {
    if (this.#told.length < toldMax) this.#told.push(problem)
    else this.#more += 1
  }

  list(): ReadonlyArray<ImportProblem> {
    if (this.#more === 0) return this.#told
    const message = `… and ${this.#more} more references that point at nothing.`
    return [...this.#told, { ...this.#told.at(-1)!, message }]
  }
}

/** Checks the touched entities themselves; tells whether any of them is deleted. */
const checkTouched = (
  replica: Replica,
  dangling: Dangling,
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
          else if (row !== undefined) dangling.check(row)
        }
      })
      yield* Effect.yieldNow
    }
    return deleted
  })

/** Checks everything else that lives, for references into what was deleted. */
const checkOthers = (
  replica: Replica,
  dangling: Dangling,
  touched: ReadonlySet<number>,
): Effect.Effect<void, LamplogError> =>
  Effect.gen(function* () {
    const page = replica.sqlite.prepare<[number, number], EntityRow>(
      "SELECT * FROM entities WHERE entity > ? AND deleted = 0 AND heads IS NOT NULL ORDER BY entity LIMIT ?",
    )
    for (let after = 0; ;) {
      const rows = yield* attempt(() => {
        const found = page.all(after, chunkRows)
        for (const row of found) if (!touched.has(row.entity)) dangling.check(row)
        return found
      })
      if (rows.length < chunkRows) return
      after = rows.at(-1)!.entity
      yield* Effect.yieldNow
    }
  })

export const danglingReferences = (
  replica: Replica,
  touched: ReadonlySet<number>,
): Effect.Effect<ReadonlyArray<ImportProblem>, LamplogError> =>
  Effect.gen(function* () {
    const dangling = new Dangling(replica, touched)
    const deleted = yield* checkTouched(replica, dangling, touched)
    if (deleted) yield* checkOthers(replica, dangling, touched)
    return dangling.list()
  })
