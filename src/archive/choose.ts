/**
 * Choosing what goes into an extract: the living entities that a selection means and, unless it is
 * open, all that they refer to, however far.
 *
 * Memory holds a bit for each entity of the replica and a number for each chosen one.
 */
import type { JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import type { Conflict } from "../state/entity.ts"
import { idsMeant, typeOf } from "../state/schema.ts"
import type { EntityReference, ProjectSchema } from "../state/schema.ts"
import type { Sqlite } from "../store/database.ts"
import type { EntityRow } from "../store/projection.ts"
import type { OpenReference, Selection } from "./archive.ts"
import { compareOpen, selectorOf } from "./select.ts"

const pageRows = 32

/** Entities of one type that were taken along because entities of another refer to them. */
export interface TakenAlong {
  readonly type: string
  readonly referredBy: string
  readonly count: number
}

export interface Chosen {
  /** Whether the entity of a row is in. */
  readonly has: (entity: number) => boolean
  /** Chosen entities by type, those taken along too. */
  readonly itemCounts: { readonly [type: string]: number }
  readonly entities: number
  /** Open conflicts of the chosen entities. */
  readonly conflicts: number
  /** What no condition chose: each entity counted once, for the first that refers to it. */
  readonly takenAlong: ReadonlyArray<TakenAlong>
  /** The selection, naming no entity that it does not choose. */
  readonly selection: Selection
  readonly open: ReadonlyArray<OpenReference>
}

/** Living entities by type and id. */
export function* livingRows(sqlite: Sqlite): Generator<EntityRow> {
  const page = sqlite.prepare<[string, string, number], EntityRow>(
    `SELECT * FROM entities WHERE (type, id) > (?, ?) AND heads IS NOT NULL AND deleted = 0
     ORDER BY type, id LIMIT ?`,
  )
  let type = ""
  let id = ""
  for (;;) {
    const rows = page.all(type, id, pageRows)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < pageRows) return
    type = last.type
    id = last.id
  }
}

class Choice {
  readonly #schema: ProjectSchema
  readonly #selection: Selection
  readonly #bits: Uint8Array
  /** Rows of chosen entities, in the order in which they were chosen. */
  readonly #queue: Array<number> = []
  readonly #itemCounts = new Map<string, number>()
  #conflicts = 0
  readonly #along = new Map<string, TakenAlong>()
  readonly #open: Array<OpenReference> = []
  /** Named entities that are chosen. */
  readonly #named: Set<string> | undefined
  readonly #found = new Set<string>()
  readonly #rowAt
  readonly #target

  constructor(sqlite: Sqlite, schema: ProjectSchema, selection: Selection) {
    this.#schema = schema
    this.#selection = selection
    this.#named = selection.entities === undefined ? undefined : new Set(selection.entities)
    const last = sqlite.prepare<[], number | null>("SELECT max(entity) FROM entities").pluck().get()
    this.#bits = new Uint8Array(((last ?? 0) >> 3) + 1)
    this.#rowAt = sqlite.prepare<[number], EntityRow>("SELECT * FROM entities WHERE entity = ?")
    this.#target = sqlite.prepare<[string, string], EntityRow>(
      `SELECT * FROM entities
       WHERE type = ? AND id = ? AND heads IS NOT NULL AND deleted = 0`,
    )
  }

  /** Refuses names that nothing alive has. */
  checkNames(): void {
    const lacking = (this.#selection.entities ?? []).filter((name) => {
      const slash = name.indexOf("/")
      return this.#target.get(name.slice(0, slash), name.slice(slash + 1)) === undefined
    })
    const [first] = lacking
    if (first === undefined) return
    const others = lacking.length === 1 ? "" : `, nor ${lacking.length - 1} others that are named`
    throw new LamplogError({
      code: "entity-unknown",
      message: `There is no ${first} here${others}.`,
      remedy: "Run `lamplog list` for what is there.",
      where: first,
    })
  }

  readonly has = (entity: number): boolean => (this.#bits[entity >> 3]! & (1 << (entity & 7))) !== 0

  add(row: EntityRow): void {
    this.#bits[row.entity >> 3]! |= 1 << (row.entity & 7)
    this.#queue.push(row.entity)
    this.#itemCounts.set(row.type, (this.#itemCounts.get(row.type) ?? 0) + 1)
    if (row.conflicts !== "[]") {
      this.#conflicts += (JSON.parse(row.conflicts!) as ReadonlyArray<Conflict>).length
    }
    const name = `${row.type}/${row.id}`
    if (this.#named?.has(name) === true) this.#found.add(name)
  }

  #addAlong(target: EntityRow, from: EntityRow): void {
    this.add(target)
    const key = `${target.type}/${from.type}`
    const count = (this.#along.get(key)?.count ?? 0) + 1
    this.#along.set(key, { type: target.type, referredBy: from.type, count })
  }

  #follow(from: EntityRow, reference: EntityReference): void {
    const { type, id, field } = reference
    const target = this.#living(reference)
    if (target !== undefined && this.has(target.entity)) return
    if (target !== undefined && this.#selection.closed) this.#addAlong(target, from)
    else {
      const to = target === undefined ? `${type}/${id}` : `${target.type}/${target.id}`
      this.#open.push({ from: `${from.type}/${from.id}`, field, to })
    }
  }

  #living(reference: EntityReference): EntityRow | undefined {
    for (const id of idsMeant(reference)) {
      const target = this.#target.get(reference.type, id)
      if (target !== undefined) return target
    }
    return undefined
  }

  /** Follows the references of all that is chosen, and of what that brings in. */
  *followAll(): Generator<number> {
    for (let next = 0; next < this.#queue.length; next++) {
      const row = this.#rowAt.get(this.#queue[next]!)!
      const references = typeOf(this.#schema, row.type)?.references
      if (references !== undefined) {
        const fields = JSON.parse(row.fields!) as JsonObject
        for (const reference of references(fields)) this.#follow(row, reference)
      }
      yield row.fields!.length
    }
  }

  result(): Chosen {
    if (this.#queue.length === 0) {
      throw new LamplogError({
        code: "nothing-selected",
        message: "Nothing that lives here is what the export asks for.",
        remedy: "Ask for less: conditions of several kinds must all hold.",
      })
    }
    const sorted = this.#open.sort(compareOpen)
    const counts = [...this.#itemCounts].sort((left, right) => (left[0] < right[0] ? -1 : 1))
    const along = [...this.#along].sort((left, right) => (left[0] < right[0] ? -1 : 1))
    return {
      has: this.has,
      itemCounts: Object.fromEntries(counts),
      entities: this.#queue.length,
      conflicts: this.#conflicts,
      takenAlong: along.map(([, one]) => one),
      selection: this.#namedThatAreIn(),
      open: sorted.filter(
        (reference, index) => index === 0 || compareOpen(sorted[index - 1]!, reference) !== 0,
      ),
    }
  }

  #namedThatAreIn(): Selection {
    const { entities } = this.#selection
    if (entities === undefined) return this.#selection
    return { ...this.#selection, entities: entities.filter((name) => this.#found.has(name)) }
  }
}

/** Chooses entities; gives the bytes looked at now and then, so that others have their turn. */
export function* choose(
  sqlite: Sqlite,
  schema: ProjectSchema,
  selection: Selection,
): Generator<number, Chosen> {
  const choice = new Choice(sqlite, schema, selection)
  choice.checkNames()
  const isSelected = selectorOf(selection)
  for (const row of livingRows(sqlite)) {
    const { type, id } = row
    if (isSelected({ type, id, fields: () => JSON.parse(row.fields!) as JsonObject })) {
      choice.add(row)
    }
    yield row.fields!.length
  }
  yield* choice.followAll()
  return choice.result()
}
