/**
 * The digest of the state, kept beside the entities so that a change costs one bucket.
 *
 * Writing must stay cheap, so nothing is hashed when an entity changes. `buckets` holds the hash of
 * each bucket and the rows of the entities in it, for all entities up to the row `listed`; `stale`
 * names those that changed since. Whoever asks for the digest pays for what is new and stale, and
 * keeps the result when the file is free to be written.
 */
import {
  bucketCount,
  bucketHash,
  bucketOf,
  leafHash,
  nameHash,
  stateDigest,
} from "../state/digest.ts"
import type { Leaf } from "../state/digest.ts"
import { entityLine } from "../state/entity.ts"
import type { ProjectSchema } from "../state/schema.ts"
import type { Sqlite } from "./database.ts"
import type { Meta } from "./meta.ts"
import type { EntityRow } from "./projection.ts"

export interface BucketRow {
  readonly bucket: number
  readonly hash: string
  /** Rows of its entities, ascending, as a JSON array. */
  readonly members: string
}

/** A digest, and what was computed for it that is worth keeping. */
export interface ComputedDigest {
  readonly digest: string
  readonly changed: ReadonlyArray<BucketRow>
  /** Highest entity row that a bucket lists afterwards. */
  readonly listed: number
}

export const lineOfEntityRow = (row: EntityRow): string =>
  entityLine(row.type, row.id, row.deleted === 1, row.fields!, row.conflicts!)

export const leafOfRow = (row: EntityRow): Leaf => ({
  name: nameHash(row.type, row.id),
  hash: leafHash(lineOfEntityRow(row)),
})

/** Highest entity row that a bucket lists. */
export const listedEntity = (meta: Meta): number => Number(meta.get("listed") ?? "0")

/** Computes the digest over the tables as they stand, reading only what is new or stale. */
export const computeDigest = (
  sqlite: Sqlite,
  meta: Meta,
  schema: ProjectSchema,
): ComputedDigest => {
  const stored = sqlite.prepare<[], BucketRow>("SELECT bucket, hash, members FROM buckets").all()
  const members = new Map(stored.map((row) => [row.bucket, row.members]))
  const hashes = new Array<string>(bucketCount).fill("")
  for (const row of stored) hashes[row.bucket] = row.hash
  const added = new Map<number, Array<number>>()
  let listed = listedEntity(meta)
  const names = sqlite.prepare<[number], { entity: number; type: string; id: string }>(
    "SELECT entity, type, id FROM entities WHERE entity > ? ORDER BY entity",
  )
  for (const { entity, type, id } of names.iterate(listed)) {
    const bucket = bucketOf(nameHash(type, id))
    const list = added.get(bucket)
    if (list === undefined) added.set(bucket, [entity])
    else list.push(entity)
    listed = entity
  }
  const changedNames = sqlite.prepare<[], { type: string; id: string }>(
    "SELECT type, id FROM entities JOIN stale USING (entity)",
  )
  for (const { type, id } of changedNames.all()) {
    const bucket = bucketOf(nameHash(type, id))
    if (!added.has(bucket)) added.set(bucket, [])
  }
  const rowOf = sqlite.prepare<[number], EntityRow>("SELECT * FROM entities WHERE entity = ?")
  const changed: Array<BucketRow> = []
  for (const [bucket, extra] of added) {
    const before = JSON.parse(members.get(bucket) ?? "[]") as ReadonlyArray<number>
    const all = [...before, ...extra]
    const rows = all.map((entity) => rowOf.get(entity)!)
    const hash = bucketHash(rows.filter((row) => row.heads !== null).map(leafOfRow))
    hashes[bucket] = hash
    changed.push({ bucket, hash, members: JSON.stringify(all) })
  }
  return { digest: stateDigest(schema, hashes), changed, listed }
}

/** Keeps what was computed, inside the caller's transaction on the same state. */
export const keepDigest = (sqlite: Sqlite, meta: Meta, computed: ComputedDigest): void => {
  const save = sqlite.prepare(
    `INSERT INTO buckets (bucket, hash, members) VALUES (?, ?, ?)
     ON CONFLICT (bucket) DO UPDATE SET hash = excluded.hash, members = excluded.members`,
  )
  for (const { bucket, hash, members } of computed.changed) save.run(bucket, hash, members)
  sqlite.exec("DELETE FROM stale")
  meta.set({ listed: String(computed.listed) })
}
