/**
 * The projection against a replay: every entity is folded again from its stored events, whatever
 * class and state the tables say it has.
 */
import {
  bodyFromText,
  controlType,
  headerFromText,
  idLengthMax,
  isName,
  typeLengthMax,
} from "../event/event.ts"
import { textOfSorted } from "../state/entity.ts"
import type { HistoryEvent } from "../state/entity.ts"
import { foldEntity } from "../state/fold.ts"
import { typeOf } from "../state/schema.ts"
import type { ProjectSchema } from "../state/schema.ts"
import { notUnderstood } from "../state/understood.ts"
import type { Sqlite } from "../store/database.ts"
import { conflictsText, headsText, historyEvent } from "../store/projection.ts"
import type { Findings } from "./finding.ts"

interface Row {
  readonly entity: number
  readonly type: unknown
  readonly id: unknown
  readonly heads: unknown
  readonly deleted: unknown
  readonly fields: unknown
  readonly conflicts: unknown
}

interface StoredEvent {
  readonly event: number
  readonly hash: string
  readonly aside: string | null
  readonly header: string
  readonly body: string
}

/** What an entity's row has to hold. */
interface Replayed {
  readonly heads: string | null
  readonly deleted: number
  readonly fields: string | null
  readonly conflicts: string | null
}

export interface StateFacts {
  readonly sqlite: Sqlite
  readonly schema: ProjectSchema | undefined
  readonly findings: Findings
}

const placeOfEntity = ({ entity, type, id }: Row): string =>
  `${String(type)}/${String(id)} (entities row ${entity})`

class EntityCheck {
  readonly #schema: ProjectSchema | undefined
  readonly #findings: Findings
  readonly #history

  constructor({ sqlite, schema, findings }: StateFacts) {
    this.#schema = schema
    this.#findings = findings
    this.#history = sqlite.prepare<[number], StoredEvent>(
      "SELECT event, hash, aside, header, body FROM events WHERE entity = ? ORDER BY event",
    )
  }

  #report(row: Row, column: string, code: string, message: string): void {
    const where = `${placeOfEntity(row)} ${column}`
    this.#findings.error("structure", code, where, message, "entities")
  }

  check(row: Row): void {
    const { type, id } = row
    const isType: boolean = isName(type, typeLengthMax) && !type.includes("/")
    const named = isType && type !== controlType && isName(id, idLengthMax)
    if (!named) {
      this.#report(row, "type, id", "entity-name", "This cannot be an entity.")
      return
    }
    if (this.#schema === undefined) return
    const replayed = this.#replay(row, this.#schema, type as string, id)
    if (replayed === undefined) return
    for (const column of ["heads", "deleted", "fields", "conflicts"] as const) {
      if (row[column] === replayed[column]) continue
      const message = `Its ${column} are not what its events give.`
      this.#report(row, column, "replay-differs", message)
    }
  }

  #replay(row: Row, schema: ProjectSchema, type: string, id: string): Replayed | undefined {
    const history = this.#read(row, schema)
    if (history === undefined) return undefined
    if (history.length === 0) {
      this.#report(row, "entity", "entity-without-events", "No event is about this entity.")
    }
    const definition = typeOf(schema, type)
    const state = definition === undefined ? undefined : foldEntity(type, id, definition, history)
    if (state === undefined) return { heads: null, deleted: 0, fields: null, conflicts: null }
    return {
      heads: headsText(state),
      deleted: state.deleted ? 1 : 0,
      fields: textOfSorted(state.fields),
      conflicts: conflictsText(state.conflicts),
    }
  }

  /** The entity's events as the fold needs them; undefined when one of them is unreadable. */
  #read(row: Row, schema: ProjectSchema): ReadonlyArray<HistoryEvent> | undefined {
    const history: Array<HistoryEvent> = []
    for (const event of this.#history.all(row.entity)) {
      try {
        const header = headerFromText(event.header)
        if (header.type !== row.type || header.id !== row.id) {
          const message = `The event in row ${event.event} is about ${header.type}/${header.id}.`
          this.#report(row, "type, id", "entity-name", message)
          return undefined
        }
        const body = event.aside === null ? bodyFromText(event.body) : undefined
        const applied = body !== undefined && notUnderstood(schema, header, body) === undefined
        history.push(historyEvent(header, event.hash, applied ? body : undefined))
      } catch {
        const message = `It cannot be replayed: the event in row ${event.event} is damaged.`
        this.#report(row, "entity", "replay-impossible", message)
        return undefined
      }
    }
    return history
  }
}

export interface StateCounts {
  entities: number
  buckets: number
}

/** Entities between two reports of progress. */
const stepEntities = 500

/** Rows that are given out, and that JavaScript's numbers hold exactly. */
const possible = `entity BETWEEN 1 AND ${Number.MAX_SAFE_INTEGER}`

/** Checks all entities against a replay; yields the number of entities done now and then. */
export function* checkStates(facts: StateFacts, counts: StateCounts): Generator<number> {
  const { sqlite, findings } = facts
  const strays = sqlite.prepare<[], string>(
    `SELECT CAST(entity AS TEXT) FROM entities WHERE NOT ${possible}`,
  )
  for (const entity of strays.pluck().iterate()) {
    const message = "No entity is given such a row."
    const where = `entities row ${entity}`
    findings.error("structure", "entity-stray", where, message, "entities")
  }
  const entities = new EntityCheck(facts)
  const rows = sqlite.prepare<[], Row>(`SELECT * FROM entities WHERE ${possible} ORDER BY entity`)
  for (const row of rows.iterate()) {
    entities.check(row)
    counts.entities += 1
    if (counts.entities % stepEntities === 0) yield counts.entities
  }
}
