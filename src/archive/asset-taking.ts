/**
 * Taking the assets of an archive into a replica's folder.
 *
 * Every asset in the archive is read to its end, so that nothing of an archive with a wrong one is
 * kept. Those that are wanted and not held are written beside the assets meanwhile; they get their
 * names together, when all have held. Memory holds one chunk at a time.
 */
import type { Assets, StagedAsset } from "../store/assets.ts"
import { assetPath } from "./archive.ts"
import type { Manifest, ManifestMember, ProgressOption } from "./archive.ts"
import type { Archive } from "./read.ts"
import { breathe } from "./work.ts"

export interface TakeAssetsOptions extends ProgressOption {
  /** Which contents to keep; all others are checked only. */
  readonly isWanted: (sha256: string) => boolean
  /** Hears of each content that is held now and was not before. */
  readonly onPlaced: (sha256: string) => void
}

/** The members of an archive that are assets. */
export const assetMembers = ({ members }: Manifest): ReadonlyArray<ManifestMember> =>
  members.filter(({ path, sha256 }) => path === assetPath(sha256))

/** Reads all assets of an archive, and keeps those that are wanted: all of them, or none. */
export const takeAssets = async (
  archive: Archive,
  assets: Assets,
  { isWanted, onPlaced, onProgress }: TakeAssetsOptions,
  signal: AbortSignal,
): Promise<void> => {
  const members = assetMembers(archive.manifest)
  const total = members.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  async function* counted(path: string): AsyncGenerator<Buffer> {
    for await (const chunk of archive.chunks(path)) {
      done += chunk.length
      onProgress?.({ stage: "receiving assets", done, total, unit: "bytes" })
      yield chunk
      await breathe(signal)
    }
  }
  const staged: Array<StagedAsset> = []
  try {
    for (const { path, sha256, size } of members) {
      if (isWanted(sha256) && assets.sizeOf(sha256) !== size) {
        const options = { expected: sha256, bytesMax: size, signal }
        staged.push(await assets.stage(counted(path), options))
      } else {
        for await (const chunk of counted(path)) if (chunk.length > 0) signal.throwIfAborted()
      }
    }
    assets.place(staged, onPlaced)
  } finally {
    for (const one of staged) assets.discard(one)
  }
}
