/**
 * How long an import will take, guessed from sizes before anything is read.
 *
 * The rates are those of a small machine; a caller wants to know whether to wait, not when to come
 * back.
 */
import { statSync } from "node:fs"
import type { Archive } from "../archive/read.ts"
import { fileFailure } from "./file-failure.ts"
import type { ForeignDocument } from "./format.ts"
import type { Sources } from "./sources.ts"

/** Bytes of an archive, as compressed, that are received in a second. */
const archiveBytesPerSecond = 1_500_000
/** Characters of foreign files that are read, compared and written in a second. */
const foreignCharactersPerSecond = 1_500_000

/** An import may take this share of the caller's time before it should run in the background. */
const budgetShare = 0.8
const timeBudgetSecondsDefault = 30
/** From so many events or entities on, what is taken in is large. */
const largeItems = 10_000

/** Whether what takes so long had better run in the background. */
export const exceedsBudget = (seconds: number, budgetSeconds = timeBudgetSecondsDefault): boolean =>
  seconds > budgetShare * budgetSeconds

/** Whether an archive is so large that a backup may be wished for before it is taken in. */
export const isLargeArchive = ({ fileSize, manifest }: Archive): boolean =>
  manifest.events > largeItems ||
  manifest.entities > largeItems ||
  exceedsBudget(fileSize / archiveBytesPerSecond)

export const isLargeDocument = ({ entities }: ForeignDocument): boolean =>
  entities.length > largeItems

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
