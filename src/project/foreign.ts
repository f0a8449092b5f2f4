/**
 * Foreign files as documents: read by their adapters, refused in the engine's words.
 */
import { LamplogError } from "../event/failure.ts"
import type { Stage } from "../event/failure.ts"
import type { ForeignDocument, ForeignFile, ForeignFormat } from "./format.ts"
import type { ImportProblem, ItemCounts } from "./project.ts"

/** All text files of one import, in bytes. */
export const foreignBytesMax = 256 * 1024 * 1024

/** What stands for foreign files in folders and zips, by the end of its name. */
export const foreignFileName = /\.(json|json5|tokens)$/i

/** Files of one format, to be read together. */
export interface ForeignSource {
  readonly format: ForeignFormat
  readonly files: ReadonlyArray<ForeignFile>
}

/** The format that the user named; `others` are the words that name none of these. */
export const formatNamed = (
  formats: ReadonlyArray<ForeignFormat>,
  name: string,
  others: ReadonlyArray<string>,
): ForeignFormat => {
  const format = formats.find((known) => known.name === name)
  if (format !== undefined) return format
  const known = [...others, ...formats.map((one) => one.name)].join(", ")
  throw new LamplogError({
    code: "format-unknown",
    message: `There is no file format "${name}".`,
    remedy: `Use one of ${known}.`,
    where: name,
  })
}

interface Refusal extends Error {
  readonly code?: unknown
  readonly where?: unknown
  readonly remedy?: unknown
  readonly stage?: Stage
}

/** An adapter knows nothing of the engine's class; it throws an error of the same shape. */
const refusalFrom = (error: unknown): unknown => {
  if (error instanceof LamplogError || !(error instanceof Error)) return error
  const { code, where, remedy, stage, message } = error as Refusal
  if (typeof code !== "string" || typeof remedy !== "string") return error
  return new LamplogError({
    stage: stage ?? "structure",
    code,
    message,
    remedy,
    ...(typeof where === "string" ? { where } : {}),
    cause: error,
  })
}

/** Runs an adapter's function; what it refuses is refused in the engine's class. */
export const byAdapter = <A>(run: () => A): A => {
  try {
    return run()
  } catch (error) {
    throw refusalFrom(error)
  }
}

/** Reads the files of one format, all together. */
export const readForeign = (source: ForeignSource): ForeignDocument =>
  byAdapter(() => source.format.read(source.files))

export const problemsOf = (document: ForeignDocument): ReadonlyArray<ImportProblem> =>
  document.problems.map(({ stage, code, message, where }) => ({ stage, code, message, where }))

/** Items by type, types in order. */
export const itemCountsOf = (items: Iterable<{ readonly type: string }>): ItemCounts => {
  const counts = new Map<string, number>()
  for (const { type } of items) counts.set(type, (counts.get(type) ?? 0) + 1)
  return Object.fromEntries([...counts].sort((left, right) => (left[0] < right[0] ? -1 : 1)))
}
