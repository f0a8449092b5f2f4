/**
 * The assets that an archive's state names and the archive does not hold. That is no damage: an
 * archive may leave bytes out; whoever takes it asks another source.
 */
import { assetType, namedByEntity } from "../store/assets-named.ts"
import type { NamedAsset } from "../store/assets-named.ts"
import { snapshotPath } from "./archive.ts"
import { assetMembers } from "./asset-taking.ts"
import { snapshotLineBytesMax } from "./read.ts"
import type { Archive, SnapshotEntity } from "./read.ts"

/** How the line of an asset ends: its keys are sorted. */
const assetLineEnd = `"type":"${assetType}"}`

/** Goes through a snapshot that has been checked already. */
export async function* absentAssets(
  archive: Archive,
  signal: AbortSignal,
): AsyncGenerator<NamedAsset> {
  const held = new Set(assetMembers(archive.manifest).map(({ sha256 }) => sha256))
  for await (const batch of archive.lines(snapshotPath, snapshotLineBytesMax)) {
    signal.throwIfAborted()
    for (const text of batch) {
      if (!text.endsWith(assetLineEnd)) continue
      const entity = JSON.parse(text) as SnapshotEntity
      if (entity.deleted) continue
      for (const named of namedByEntity(entity)) if (!held.has(named.sha256)) yield named
    }
  }
}
