/**
 * The current state of every entity, kept beside the log and rebuilt from it at will.
 *
 * Entities touched in a transaction wait in memory and are written once, in row order, when the
 * transaction commits or the waiting room is full. An entity whose event had not seen everything is
 * marked stale and folded again from its whole history before anyone can read it.
 */
import { canonicalFromJson } from "../event/canonical.ts"
import type { JsonObject } from "../event/canonical.ts"
import { bodyFromText, headerFromText } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"
import { entityDepthMax, textOfSorted } from "../state/entity.ts"
import type { Conflict, EntityState, HistoryEvent } from "../state/entity.ts"
import { foldEntity } from "../state/fold.ts"
import { typeOf } from "../state/schema.ts"
import type { ProjectSchema, TypeDefinition } from "../state/schema.ts"
import { stepEntity } from "../state/step.ts"
import type { Sqlite } from "./database.ts"
import { listedEntity } from "./digest.ts"
import type { Meta } from "./meta.ts"
import { Names } from "./names.ts"

/** Entities that wait in memory at most, before they are written ahead of the commit. */
const waitingEntitiesMax = 4_000
/** Entities kept for the next read, at most, beside those that changed. */
const cachedEntitiesMax = 12_000
/** Text that the ones and the others take, at most: some entities are a megabyte long. */
const waitingBytesMax = 8 * 1024 * 1024
const cachedBytesMax = 8 * 1024 * 1024

export interface EntityRow {
  readonly entity: number
  readonly type: string
  readonly id: string
  readonly heads: string | null
  readonly deleted: number
  readonly fields: string | null
  readonly conflicts: string | null
}

/** An entity in the hands of whoever writes its events; valid within one transaction. */
export interface Entry {
  readonly entity: number
  readonly type: string
  readonly id: string
  state: EntityState | undefined
  stale: boolean
  dirty: boolean
  /** Has no row yet. */
  fresh: boolean
  /** Length of its state as text, at most: whoever writes an event adds the event's. */
  bytes: number
  /** What of it is counted among the waiting or the cached bytes. */
  counted: number
}

export const headsText = (state: EntityState): string =>
  `[${state.heads.map(({ node, seq, hash, lamport }) => `["${node}",${seq},"${hash}",${lamport}]`).join(",")}]`

/** Canonical: conflicts hold only sorted keys, but their values may hold integer-like ones. */
export const conflictsText = (conflicts: ReadonlyArray<Conflict>): string =>
  conflicts.length === 0
    ? "[]"
    : canonicalFromJson(conflicts as unknown as ReadonlyArray<JsonObject>, entityDepthMax)

/** Text in rows of entities. */
export const bytesOfRows = (rows: ReadonlyArray<EntityRow>): number =>
  rows.reduce(
    (sum, { conflicts, fields }) => sum + (fields?.length ?? 0) + (conflicts?.length ?? 0),
    0,
  )

export const stateFromRow = (row: EntityRow): EntityState | undefined => {
  if (row.heads === null) return undefined
  const heads = JSON.parse(row.heads) as ReadonlyArray<readonly [string, number, string, number]>
  return {
    heads: heads.map(([node, seq, hash, lamport]) => ({ node, seq, hash, lamport })),
    deleted: row.deleted === 1,
    fields: JSON.parse(row.fields!) as JsonObject,
    conflicts: JSON.parse(row.conflicts!) as ReadonlyArray<Conflict>,
  }
}

/** What the fold needs of an event; a body that is not understood is not read. */
export const historyEvent = (
  header: Header,
  hash: string,
  body: Body | undefined,
): HistoryEvent => ({
  node: header.node,
  seq: header.seq,
  lamport: header.lamport,
  hash,
  op: header.op,
  parents: header.parents,
  applied: body !== undefined,
  actor: body?.actor ?? "",
  kind: body?.kind,
  fields: body?.fields,
  unset: body?.unset,
})

const unknownType: TypeDefinition = { version: 0, fields: {} }

export class Projection {
  readonly #sqlite: Sqlite
  readonly #schema: ProjectSchema
  readonly #entries = new Map<string, Entry>()
  readonly #names: Names
  readonly #waiting = new Set<Entry>()
  /** Touched entities that need their whole history; folded when everything has arrived. */
  readonly #stale = new Set<Entry>()
  #waitingBytes = 0
  #cachedBytes = 0
  #nextEntity: number
  readonly #find
  readonly #insert
  readonly #update
  readonly #history
  readonly #markStale
  readonly #meta: Meta

  constructor(sqlite: Sqlite, meta: Meta, schema: ProjectSchema) {
    this.#sqlite = sqlite
    this.#meta = meta
    this.#names = new Names(sqlite)
    this.#markStale = sqlite.prepare("INSERT OR IGNORE INTO stale (entity) VALUES (?)")
    this.#schema = schema
    this.#find = sqlite.prepare<[string, string], EntityRow>(
      "SELECT * FROM entities WHERE type = ? AND id = ?",
    )
    this.#insert = sqlite.prepare(
      "INSERT INTO entities (entity, type, id, heads, deleted, fields, conflicts) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    this.#update = sqlite.prepare(
      "UPDATE entities SET heads = ?, deleted = ?, fields = ?, conflicts = ? WHERE entity = ?",
    )
    this.#history = sqlite.prepare<
      [number],
      { header: string; hash: string; aside: string | null; body: string }
    >("SELECT header, hash, aside, body FROM events WHERE entity = ? ORDER BY event")
    this.#nextEntity = 0
    this.reset()
  }

  /** Forgets what is in memory: after a rollback, or when another process has written. */
  reset(): void {
    this.#entries.clear()
    this.#names.reset()
    this.#waiting.clear()
    this.#stale.clear()
    this.#waitingBytes = 0
    this.#cachedBytes = 0
    const top = this.#sqlite.prepare("SELECT max(entity) FROM entities").pluck().get()
    this.#nextEntity = ((top as number | null) ?? 0) + 1
  }

  /** Makes room by forgetting the entities that have waited longest without a change. */
  #forget(): void {
    let left = cachedEntitiesMax / 10
    for (const [key, known] of this.#entries) {
      if (known.dirty) continue
      this.#entries.delete(key)
      this.#uncount(known)
      left -= 1
      if (left <= 0 && this.#cachedBytes <= cachedBytesMax / 2) return
    }
  }

  #count(entry: Entry): void {
    entry.counted = entry.bytes
    if (entry.dirty) this.#waitingBytes += entry.counted
    else this.#cachedBytes += entry.counted
  }

  #uncount(entry: Entry): void {
    if (entry.dirty) this.#waitingBytes -= entry.counted
    else this.#cachedBytes -= entry.counted
    entry.counted = 0
  }

  #remember(entry: Entry): Entry {
    // Changed entities cannot be forgotten: looking for others among them again and again is slow.
    const changed = this.#waiting.size + this.#stale.size
    if (
      this.#entries.size - changed >= cachedEntitiesMax ||
      this.#cachedBytes + entry.bytes > cachedBytesMax
    ) {
      this.#forget()
    }
    const key = `${entry.type}/${entry.id}`
    this.#entries.set(key, entry)
    this.#count(entry)
    return entry
  }

  #lookUp(type: string, id: string): Entry | undefined {
    const key = `${type}/${id}`
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const row = this.#names.mayExist(type, id) ? this.#find.get(type, id) : undefined
    if (row === undefined) return undefined
    const { entity } = row
    return this.#remember({
      entity,
      type,
      id,
      state: stateFromRow(row),
      stale: false,
      dirty: false,
      fresh: false,
      bytes: (row.fields?.length ?? 0) + (row.conflicts?.length ?? 0),
      counted: 0,
    })
  }

  /** An entity by name; its row number is given out at its first event. */
  entry(type: string, id: string): Entry {
    const known = this.#lookUp(type, id)
    if (known !== undefined) return known
    const entity = this.#nextEntity++
    this.#names.add(type, id)
    const entry = this.#remember({
      entity,
      type,
      id,
      state: undefined,
      stale: false,
      dirty: true,
      fresh: true,
      bytes: 0,
      counted: 0,
    })
    this.#waiting.add(entry)
    return entry
  }

  definitionOf(type: string): TypeDefinition {
    return typeOf(this.#schema, type) ?? unknownType
  }

  /** The state of an entity with everything applied so far in this transaction. */
  stateOf(type: string, id: string): EntityState | undefined {
    const entry = this.#lookUp(type, id)
    if (entry?.stale === true) this.#refold(entry)
    return entry?.state
  }

  /** Heads of an entity that are known without a look at its history. */
  headsOf(entry: Entry): EntityState["heads"] {
    return entry.stale ? [] : (entry.state?.heads ?? [])
  }

  #touch(entry: Entry): void {
    // Evicted by a full cache meanwhile: from here on this entry is the one that counts.
    if (!entry.dirty) this.#entries.set(`${entry.type}/${entry.id}`, entry)
    this.#uncount(entry)
    entry.dirty = true
    if (entry.stale) {
      entry.state = undefined
      entry.bytes = 0
      this.#waiting.delete(entry)
      this.#stale.add(entry)
    } else this.#waiting.add(entry)
    this.#count(entry)
  }

  /** Whether so much waits that it should be written ahead of the commit. */
  #isFull(): boolean {
    return this.#waiting.size > waitingEntitiesMax || this.#waitingBytes > waitingBytesMax
  }

  /** Applies an event that stands in the log already. */
  apply(entry: Entry, event: HistoryEvent): void {
    if (!entry.stale) {
      const next = stepEntity(this.definitionOf(entry.type), entry.state, event)
      if (next === undefined) entry.stale = true
      else entry.state = next
    }
    this.#touch(entry)
    if (this.#isFull()) this.#write()
  }

  /** Marks an entity whose history changed in a way that only a fold can tell. */
  invalidate(entry: Entry): void {
    entry.stale = true
    this.#touch(entry)
  }

  /** All events of an entity, decoded as far as this reader understands them. */
  historyOf(entity: number): ReadonlyArray<HistoryEvent> {
    return this.#history
      .all(entity)
      .map((row) =>
        historyEvent(
          headerFromText(row.header),
          row.hash,
          row.aside === null ? bodyFromText(row.body) : undefined,
        ),
      )
  }

  #refold(entry: Entry): void {
    const { type, id } = entry
    entry.state = foldEntity(type, id, this.definitionOf(type), this.historyOf(entry.entity))
    const { conflicts = [], fields = {} } = entry.state ?? {}
    entry.bytes = textOfSorted(fields).length + conflictsText(conflicts).length
    entry.stale = false
    this.#stale.delete(entry)
    this.#waiting.add(entry)
    this.#uncount(entry)
    this.#count(entry)
  }

  #write(): void {
    const entries = [...this.#waiting].sort((left, right) => left.entity - right.entity)
    // Asked for each time: computing a digest in between lists more of them.
    const listed = listedEntity(this.#meta)
    for (const entry of entries) {
      const { entity, type, id, state } = entry
      const heads = state === undefined ? null : headsText(state)
      const deleted = state?.deleted === true ? 1 : 0
      const fields = state === undefined ? null : textOfSorted(state.fields)
      const conflicts = state === undefined ? null : conflictsText(state.conflicts)
      if (entry.fresh) this.#insert.run(entity, type, id, heads, deleted, fields, conflicts)
      else {
        this.#update.run(heads, deleted, fields, conflicts, entity)
        if (entity <= listed) this.#markStale.run(entity)
      }
      this.#uncount(entry)
      entry.fresh = false
      entry.dirty = false
      entry.bytes = (fields?.length ?? 0) + (conflicts?.length ?? 0)
      this.#count(entry)
    }
    this.#waiting.clear()
    if (this.#cachedBytes > cachedBytesMax) this.#forget()
  }

  /** Writes everything that waits; the caller commits. */
  flush(): void {
    for (const entry of this.#stale) {
      this.#refold(entry)
      if (this.#isFull()) this.#write()
    }
    this.#write()
  }

  /** Throws the entities away and folds every one again, from the events alone. */
  rebuild(): void {
    this.#sqlite.exec("DELETE FROM entities")
    this.reset()
    const page = this.#sqlite.prepare<[number, number], { entity: number; event: number }>(
      `SELECT entity, min(event) AS event FROM events WHERE entity > ?
       GROUP BY entity ORDER BY entity LIMIT ?`,
    )
    const header = this.#sqlite
      .prepare<[number], string>("SELECT header FROM events WHERE event = ?")
      .pluck()
    for (let after = 0; ;) {
      const rows = page.all(after, waitingEntitiesMax)
      for (const { entity, event } of rows) {
        const { type, id } = headerFromText(header.get(event)!)
        this.#nextEntity = entity
        this.invalidate(this.entry(type, id))
        after = entity
      }
      this.flush()
      if (rows.length < waitingEntitiesMax) return
    }
  }
}
