/**
 * Which assets an archive carries: the bytes that what it holds names, each content once.
 *
 * All are read and hashed before anything is written, so that the manifest names nothing that is not
 * there. Bytes that are absent or damaged here stay out and are counted: a replica without all of
 * its assets can be exported, too, and whoever reads the archive asks another source.
 */
import { namedAssets, namedByAssets, assetType } from "../store/assets-named.ts"
import type { NamedAsset } from "../store/assets-named.ts"
import type { Assets } from "../store/assets.ts"
import { rowOf } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import { assetPath } from "./archive.ts"
import type { ProgressOption } from "./archive.ts"
import type { PlannedMember } from "./content.ts"
import type { Stretch } from "../store/travelling.ts"

/** Those that are named, all that are held, or none. */
export type AssetChoice = "named" | "all" | "none"

export interface PlannedAssets {
  readonly members: ReadonlyArray<PlannedMember>
  /** Contents that should have travelled and could not. */
  readonly missing: number
}

export interface AssetPlanOptions extends ProgressOption {
  readonly assets?: AssetChoice | undefined
}

/** What assets name that these parts of logs are about, as they stand now. */
export function* namedByLogs(sqlite: Sqlite, stretches: Iterable<Stretch>): Generator<NamedAsset> {
  const touched = sqlite
    .prepare<[number, number], string>(
      `SELECT DISTINCT id FROM events JOIN entities USING (entity)
       WHERE event BETWEEN ? AND ? AND type = '${assetType}'`,
    )
    .pluck()
  const ids = new Set<string>()
  for (const { from, line, to } of stretches) {
    for (const id of touched.all(rowOf(line, from), rowOf(line, to))) ids.add(id)
  }
  yield* namedByAssets(sqlite, ids)
}

/** What assets name that were chosen. */
export function* namedByChosen(
  sqlite: Sqlite,
  has: (entity: number) => boolean,
): Generator<NamedAsset> {
  const rowAt = sqlite
    .prepare<[string], number>(`SELECT entity FROM entities WHERE type = '${assetType}' AND id = ?`)
    .pluck()
  for (const named of namedAssets(sqlite)) if (has(rowAt.get(named.id)!)) yield named
}

/** Measures the assets of an archive. */
export const planAssets = async (
  assets: Assets,
  named: Iterable<NamedAsset>,
  { assets: choice = "named", onProgress }: AssetPlanOptions,
  signal: AbortSignal,
): Promise<PlannedAssets> => {
  if (choice === "none") return { members: [], missing: 0 }
  const hashes = new Set<string>()
  for (const { sha256 } of named) hashes.add(sha256)
  if (choice === "all") for (const { sha256 } of assets.list()) hashes.add(sha256)
  const sizes = [...hashes].map((sha256) => ({ sha256, size: assets.sizeOf(sha256) }))
  const total = sizes.reduce((sum, { size = 0 }) => sum + size, 0)
  const members: Array<PlannedMember> = []
  let done = 0
  for (const { sha256, size } of sizes) {
    if (size === undefined || !(await assets.isWhole(sha256, signal))) continue
    members.push({ path: assetPath(sha256), sha256, size, bytes: () => assets.read(sha256) })
    done += size
    onProgress?.({ stage: "measuring assets", done, total, unit: "bytes" })
  }
  return { members, missing: hashes.size - members.length }
}
