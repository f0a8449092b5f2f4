/**
 * References that an import leaves pointing at nothing: out of what it wrote, or into what it
 * deleted. What dangled before and was not touched is not the import's doing.
 */
import * as Effect from "effect/Effect"
import type { JsonObject } from "../event/canonical.ts"
import type { LamplogError } from "../event/failure.ts"
import { typeOf } from "../state/schema.ts"
import type { Replica } from "../store/replica.ts"
import { nameOf } from "./intake.ts"
import type { ImportProblem } from "./project.ts"
import { attempt } from "./transaction.ts"

const pageRows = 1000
/** Dangling references told one by one, at most. */
const toldMax = 1000

interface Row {
  readonly entity: number
  readonly type: string
  readonly id: string
  readonly fields: string
}

/** Names of the entities that an import wrote and of those it deleted. */
export interface Reach {
  readonly touched: ReadonlySet<string>
  readonly deleted: ReadonlySet<string>
}

/** The reach of a merge, from the rows of entities whose history grew. */
export const reachOfRows = (replica: Replica, rows: Iterable<number>): Reach => {
  const find = replica.sqlite.prepare<[number], Row & { readonly deleted: number }>(
    "SELECT entity, type, id, fields, deleted FROM entities WHERE entity = ? AND heads IS NOT NULL",
  )
  const touched = new Set<string>()
  const deleted = new Set<string>()
  for (const entity of rows) {
    const row = find.get(entity)
    if (row === undefined) continue
    touched.add(nameOf(row))
    if (row.deleted === 1) deleted.add(nameOf(row))
  }
  return { touched, deleted }
}

class Dangling {
  readonly #told: Array<ImportProblem> = []
  #more = 0
  readonly #replica: Replica
  readonly #reach: Reach
  readonly #alive

  constructor(replica: Replica, reach: Reach) {
    this.#replica = replica
    this.#reach = reach
    this.#alive = replica.sqlite
      .prepare<[string, string], number>(
        "SELECT deleted = 0 FROM entities WHERE type = ? AND id = ? AND heads IS NOT NULL",
      )
      .pluck()
  }

  check(row: Row): void {
    const references = typeOf(this.#replica.schema, row.type)?.references
    if (references === undefined) return
    const name = nameOf(row)
    const touched = this.#reach.touched.has(name)
    for (const reference of references(JSON.parse(row.fields) as JsonObject)) {
      const target = nameOf(reference)
      if (!touched && !this.#reach.deleted.has(target)) continue
      const alive = this.#alive.get(reference.type, reference.id)
      if (alive === 1) continue
      const fault = alive === undefined ? "does not exist" : "is deleted"
      this.#add({
        stage: "referential",
        code: "reference-dangling",
        message: `${name} points at ${target}, which ${fault}.`,
        where: `${name} ${reference.field}`,
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

/** Looks at the state as it stands in the tables, page by page. */
export const danglingReferences = (
  replica: Replica,
  reach: Reach,
): Effect.Effect<ReadonlyArray<ImportProblem>, LamplogError> =>
  Effect.gen(function* () {
    const dangling = new Dangling(replica, reach)
    const living = "deleted = 0 AND heads IS NOT NULL"
    if (reach.deleted.size === 0) {
      const find = replica.sqlite.prepare<[string, string], Row>(
        `SELECT entity, type, id, fields FROM entities WHERE type = ? AND id = ? AND ${living}`,
      )
      let looked = 0
      for (const name of reach.touched) {
        const slash = name.indexOf("/")
        const row = find.get(name.slice(0, slash), name.slice(slash + 1))
        if (row !== undefined) yield* attempt(() => dangling.check(row))
        if (++looked % pageRows === 0) yield* Effect.yieldNow
      }
      return dangling.list()
    }
    const page = replica.sqlite.prepare<[number, number], Row>(
      `SELECT entity, type, id, fields FROM entities WHERE entity > ? AND ${living} ORDER BY entity LIMIT ?`,
    )
    for (let after = 0; ;) {
      const rows = yield* attempt(() => page.all(after, pageRows))
      for (const row of rows) yield* attempt(() => dangling.check(row))
      if (rows.length < pageRows) return dangling.list()
      after = rows.at(-1)!.entity
      yield* Effect.yieldNow
    }
  })
