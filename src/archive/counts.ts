/**
 * What a manifest says of the state, counted from a replica's tables.
 */
import type { Sqlite } from "../store/database.ts"
import type { Manifest } from "./archive.ts"

export type StateCounts = Pick<Manifest, "itemCounts" | "entities" | "conflicts" | "setAside">

export const countState = (sqlite: Sqlite): StateCounts => {
  const count = (query: string): number =>
    (sqlite.prepare<[], number | null>(query).pluck().get() as number | null) ?? 0
  const living = sqlite
    .prepare<[], { type: string; count: number }>(
      `SELECT type, count(*) AS count FROM entities
       WHERE heads IS NOT NULL AND deleted = 0 GROUP BY type ORDER BY type`,
    )
    .all()
  return {
    itemCounts: Object.fromEntries(living.map((row) => [row.type, row.count])),
    entities: count("SELECT count(*) FROM entities WHERE heads IS NOT NULL"),
    conflicts: count(
      `SELECT sum(json_array_length(conflicts)) FROM entities
       WHERE conflicts <> '[]' AND heads IS NOT NULL`,
    ),
    setAside: count("SELECT count(*) FROM events WHERE aside IS NOT NULL"),
  }
}
