/**
 * Reading: entities, conflicts and the log, page by page, so that memory does not grow with either.
 */
import type { Json, JsonObject } from "../event/canonical.ts"
import { bodyFromText, headerFromText } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"
import { comparePositions } from "../event/stamp.ts"
import type { Position } from "../event/stamp.ts"
import { equalJson } from "../event/canonical.ts"
import type { Conflict } from "../state/entity.ts"
import { rowOf } from "./database.ts"
import { Page } from "./page.ts"
import { bytesOfRows } from "./projection.ts"
import type { EntityRow } from "./projection.ts"
import { lineOfEntityRow } from "./digest.ts"
import type { Replica } from "./replica.ts"

const pageRows = 100

export interface Entity {
  readonly type: string
  readonly id: string
  readonly fields: JsonObject
  readonly deleted: boolean
  readonly conflicts: ReadonlyArray<Conflict>
}

/** One event as people read it. */
export interface LogEntry extends Position {
  readonly header: Header
  readonly body: Body
  /** Why this reader sets the event aside; undefined when it is applied. */
  readonly aside: string | undefined
}

export interface ListFilter {
  readonly type?: string
  /** Every one must hold: the field has exactly this value. */
  readonly where?: ReadonlyArray<{ readonly field: string; readonly value: Json }>
  /** Tombstones instead of living entities. */
  readonly deleted?: boolean
}

export interface LogFilter {
  readonly type?: string
  readonly id?: string
  readonly node?: string
  readonly actor?: string
  /** Only events after this stamp. */
  readonly since?: { readonly lamport: number; readonly node: string }
  readonly reverse?: boolean
}

export interface OpenConflict extends Conflict {
  readonly type: string
  readonly entity: string
}

interface EventRow {
  readonly event: number
  readonly lamport: number
  readonly hash: string
  readonly aside: string | null
  readonly header: string
  readonly body: string
}

const entityFromRow = (row: EntityRow): Entity => ({
  type: row.type,
  id: row.id,
  fields: JSON.parse(row.fields!) as JsonObject,
  deleted: row.deleted === 1,
  conflicts: JSON.parse(row.conflicts!) as ReadonlyArray<Conflict>,
})

export const getEntity = (replica: Replica, type: string, id: string): Entity | undefined => {
  const row = replica.sqlite
    .prepare<[string, string], EntityRow>(
      "SELECT * FROM entities WHERE type = ? AND id = ? AND heads IS NOT NULL",
    )
    .get(type, id)
  return row === undefined ? undefined : entityFromRow(row)
}

/** Rows of entities by (type, id), in pages; each page is one consistent read. */
function* entityRows(replica: Replica, filter: ListFilter, all: boolean): Generator<EntityRow> {
  const conditions = ["(type, id) > (?, ?)", "heads IS NOT NULL"]
  if (filter.type !== undefined) conditions.push("type = ?")
  if (!all) conditions.push(`deleted = ${filter.deleted === true ? 1 : 0}`)
  const page = replica.sqlite.prepare<Array<string | number>, EntityRow>(
    `SELECT * FROM entities WHERE ${conditions.join(" AND ")} ORDER BY type, id LIMIT ?`,
  )
  const size = new Page(pageRows)
  let type = filter.type ?? ""
  let id = ""
  for (;;) {
    const after = filter.type === undefined ? [type, id] : [type, id, filter.type]
    const rows = replica.read(() => page.all(...after, size.rows))
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || !size.goesOn(rows.length, bytesOfRows(rows))) return
    type = last.type
    id = last.id
  }
}

/** Entities sorted by type, then id. */
export function* listEntities(replica: Replica, filter: ListFilter = {}): Generator<Entity> {
  for (const row of entityRows(replica, filter, false)) {
    const entity = entityFromRow(row)
    const holds = (filter.where ?? []).every(
      ({ field, value }) =>
        Object.hasOwn(entity.fields, field) && equalJson(entity.fields[field]!, value),
    )
    if (holds) yield entity
  }
}

/** The lines of a snapshot: every entity, tombstones too, by type and id. */
export function* snapshotLines(replica: Replica): Generator<string> {
  for (const row of entityRows(replica, {}, true)) yield lineOfEntityRow(row)
}

export const openConflicts = (replica: Replica): ReadonlyArray<OpenConflict> =>
  replica.sqlite
    .prepare<[], EntityRow>(
      "SELECT * FROM entities WHERE conflicts <> '[]' AND heads IS NOT NULL ORDER BY type, id",
    )
    .all()
    .flatMap((row) =>
      entityFromRow(row).conflicts.map((conflict) => ({
        ...conflict,
        type: row.type,
        entity: row.id,
      })),
    )

/** The open conflict with this id, or whose id begins so. */
export const findConflict = (replica: Replica, id: string): OpenConflict => {
  const found = openConflicts(replica).filter((conflict) => conflict.id.startsWith(id))
  if (found.length === 1 && id !== "") return found[0]!
  throw new LamplogError(
    found.length === 0
      ? {
          code: "conflict-unknown",
          message: `No open conflict has the id ${id}: it was settled, or changed since you looked.`,
          remedy: "Run `lamplog conflicts` for those that are open now.",
          where: id,
        }
      : {
          code: "conflict-ambiguous",
          message: `${found.length} open conflicts have ids that begin with "${id}".`,
          remedy: "Give more characters of the id.",
          where: id,
        },
  )
}

const entryFromRow = (row: EventRow): LogEntry => {
  const header = headerFromText(row.header)
  return {
    node: header.node,
    seq: header.seq,
    lamport: row.lamport,
    hash: row.hash,
    header,
    body: bodyFromText(row.body),
    aside: row.aside ?? undefined,
  }
}

const columns = "event, lamport, hash, aside, header, body"

/** One line's entries in order (or backwards), a page at a time. */
function* lineEntries(
  replica: Replica,
  line: number,
  from: number,
  to: number,
  reverse: boolean,
): Generator<LogEntry> {
  const page = replica.sqlite.prepare<[number, number, number], EventRow>(
    `SELECT ${columns} FROM events WHERE event BETWEEN ? AND ? ORDER BY event ${reverse ? "DESC" : ""} LIMIT ?`,
  )
  const size = new Page(pageRows)
  let low = rowOf(line, from)
  let high = rowOf(line, to)
  while (low <= high) {
    const rows = replica.read(() => page.all(low, high, size.rows))
    const bytes = rows.reduce((sum, { body, header }) => sum + body.length + header.length, 0)
    for (const row of rows) yield entryFromRow(row)
    const last = rows.at(-1)
    if (last === undefined || !size.goesOn(rows.length, bytes)) return
    if (reverse) high = last.event - 1
    else low = last.event + 1
  }
}

/** Every event held, in total order: a merge of the logs, each in order already. */
function* mergedEntries(replica: Replica, node: string | undefined, reverse: boolean) {
  const lines = node === undefined ? replica.lines.all : replica.lines.ofNode(node)
  const streams = lines.map((line) =>
    lineEntries(replica, line.line, line.from, line.headSeq, reverse),
  )
  const sign = reverse ? -1 : 1
  const heads = streams.map((stream) => stream.next())
  for (;;) {
    let best = -1
    for (const [index, head] of heads.entries()) {
      if (head.done === true) continue
      const other = best < 0 ? undefined : (heads[best]!.value as LogEntry)
      if (other === undefined || sign * comparePositions(head.value, other) < 0) best = index
    }
    if (best < 0) return
    yield heads[best]!.value as LogEntry
    heads[best] = streams[best]!.next()
  }
}

/** Every event of one entity, in total order. */
export const entityHistory = (
  replica: Replica,
  type: string,
  id: string,
): ReadonlyArray<LogEntry> =>
  replica.sqlite
    .prepare<[string, string], EventRow>(
      `SELECT ${columns} FROM events WHERE entity = (SELECT entity FROM entities WHERE type = ? AND id = ?)`,
    )
    .all(type, id)
    .map(entryFromRow)
    .sort(comparePositions)

/** Events that pass the filter, in total order. */
export function* logEntries(replica: Replica, filter: LogFilter = {}): Generator<LogEntry> {
  const { type, id, node, actor, since } = filter
  const reverse = filter.reverse === true
  const source: Iterable<LogEntry> =
    type !== undefined && id !== undefined
      ? reverse
        ? entityHistory(replica, type, id).toReversed()
        : entityHistory(replica, type, id)
      : mergedEntries(replica, node, reverse)
  for (const entry of source) {
    if (node !== undefined && entry.node !== node) continue
    if (actor !== undefined && entry.body.actor !== actor) continue
    if (since !== undefined && !isAfter(entry, since)) continue
    yield entry
  }
}

const isAfter = (
  entry: Position,
  since: { readonly lamport: number; readonly node: string },
): boolean =>
  entry.lamport > since.lamport || (entry.lamport === since.lamport && entry.node > since.node)
