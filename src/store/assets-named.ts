/**
 * Which contents the entities of a replica name: each asset by the SHA-256 of its bytes.
 *
 * Read from the database alone, so that an export, a check or a sweep asks the state it works on.
 */
import type { Json, JsonObject } from "../event/canonical.ts"
import type { Conflict } from "../state/entity.ts"
import type { Sqlite } from "./database.ts"

/** Type of the entities that stand for assets. */
export const assetType = "asset"

const hashPattern = /^[0-9a-f]{64}$/
const isHashText = (value: unknown): value is string =>
  typeof value === "string" && hashPattern.test(value)

const pageRows = 500

interface Row {
  readonly id: string
  readonly sha256: Json
  readonly bytes: Json
  readonly conflicts: string
}

/** A content that a living asset names. */
export interface NamedAsset {
  readonly id: string
  readonly sha256: string
  /** What the asset says of the size; only beside the content that won. */
  readonly bytes: number | undefined
}

/** An asset's entity, as it stands in a snapshot. */
export interface AssetEntity {
  readonly id: string
  readonly fields: JsonObject
  readonly conflicts: ReadonlyArray<Pick<Conflict, "field" | "candidates">>
}

/** What one living asset names, and what stands against it in an open conflict. */
export function* namedByEntity({ conflicts, fields, id }: AssetEntity): Generator<NamedAsset> {
  const { bytes, sha256 } = fields
  if (isHashText(sha256)) {
    yield { id, sha256, bytes: typeof bytes === "number" ? bytes : undefined }
  }
  for (const { candidates, field } of conflicts) {
    if (field !== "sha256") continue
    for (const { value } of candidates) {
      if (isHashText(value) && value !== sha256) yield { id, sha256: value, bytes: undefined }
    }
  }
}

const namedIn = ({ bytes, conflicts, id, sha256 }: Row): Generator<NamedAsset> =>
  namedByEntity({
    id,
    fields: { sha256, bytes },
    conflicts: conflicts === "[]" ? [] : (JSON.parse(conflicts) as AssetEntity["conflicts"]),
  })

/** Damaged rows name nothing here; the check of the projection tells of them. */
const living = `SELECT id,
    CASE WHEN json_valid(fields) THEN json_extract(fields, '$.sha256') END AS sha256,
    CASE WHEN json_valid(fields) THEN json_extract(fields, '$.bytes') END AS bytes,
    CASE WHEN json_valid(conflicts) THEN conflicts ELSE '[]' END AS conflicts
  FROM entities WHERE type = '${assetType}' AND deleted = 0 AND heads IS NOT NULL`

/** What living assets name, and what stands against it in open conflicts, by id. */
export function* namedAssets(sqlite: Sqlite): Generator<NamedAsset> {
  const page = sqlite.prepare<[string, number], Row>(`${living} AND id > ? ORDER BY id LIMIT ?`)
  for (let after = ""; ;) {
    const rows = page.all(after, pageRows)
    for (const row of rows) yield* namedIn(row)
    if (rows.length < pageRows) return
    after = rows.at(-1)!.id
  }
}

/** The same for assets of these ids alone. */
export function* namedByAssets(sqlite: Sqlite, ids: Iterable<string>): Generator<NamedAsset> {
  const one = sqlite.prepare<[string], Row>(`${living} AND id = ?`)
  for (const id of [...new Set(ids)].sort()) {
    const row = one.get(id)
    if (row !== undefined) yield* namedIn(row)
  }
}

/** Whether a living asset, or an open conflict of one, names a content. */
export const namedNow = (sqlite: Sqlite): ((sha256: string) => boolean) => {
  const named = new Set<string>()
  for (const { sha256 } of namedAssets(sqlite)) named.add(sha256)
  return (sha256) => named.has(sha256)
}

/** Whether any event held of any asset ever named a content. */
export const namedEver = (sqlite: Sqlite): ((sha256: string) => boolean) => {
  const rows = sqlite
    .prepare<[], unknown>(
      `SELECT DISTINCT json_extract(events.body, '$.fields.sha256') FROM events
       JOIN entities USING (entity) WHERE entities.type = '${assetType}' AND json_valid(events.body)`,
    )
    .pluck()
    .all()
  const named = new Set(rows.filter(isHashText))
  return (sha256) => named.has(sha256)
}
