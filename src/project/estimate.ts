/**
 * How long an import will take, guessed from sizes before anything is read.
 *
 * The rates are those of a small machine; a caller wants to know whether to wait, not when to come
 * back.
 */
import { statSync } from "node:fs"
import { fileFailure } from "./file-failure.ts"
import type { Sources } from "./sources.ts"

/** Bytes of an archive, as compressed, that are received in a second. */
const archiveBytesPerSecond = 1_500_000
/** Characters of foreign files that are read, compared and written in a second. */
const foreignCharactersPerSecond = 1_500_000

export const estimatedSeconds = ({ archives, foreign }: Sources): number => {
  let bytes = 0
  for (const path of archives) {
    try {
      bytes += statSync(path).size
    } catch (error) {
      throw fileFailure(error, path)
    }
  }
  const characters = foreign
    .flatMap(({ files }) => files)
    .reduce((sum, { text }) => sum + text.length, 0)
  return bytes / archiveBytesPerSecond + characters / foreignCharactersPerSecond
}
