/**
 * Exporting: an archive of everything, or the living entities as one file of a foreign format.
 *
 * The file appears under its name only when it is whole and synced; a failure leaves nothing behind
 * and what was there as it was.
 */
import { existsSync } from "node:fs"
import { open, rm } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { existing, publish, temporaryBeside } from "../archive/place.ts"
import { work } from "../archive/work.ts"
import { writeArchive } from "../archive/write.ts"
import { LamplogError } from "../event/failure.ts"
import { listEntities } from "../store/query.ts"
import { timed } from "./clock.ts"
import { byAdapter, formatNamed, itemCountsOf } from "./foreign.ts"
import type { ForeignEntity, ForeignFormat } from "./format.ts"
import { ProgressReporter } from "./progress.ts"
import type { ExportSummary } from "./project.ts"
import { archiveFormatName } from "./sources.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

export interface ExportOptions {
  /** "lamplog" (an archive) unless given, else the name of a foreign format. */
  readonly format?: string
  /** Replace a file of that name. */
  readonly force?: boolean
}

type Written = Pick<ExportSummary, "fileSize" | "itemCounts" | "exportHash">

const exportArchive = (
  handle: Handle,
  path: string,
  force: boolean,
): Effect.Effect<Written, LamplogError> =>
  Effect.gen(function* () {
    const onProgress = yield* ProgressReporter
    const written = yield* handle.alone(writeArchive(handle.replica, path, { force, onProgress }))
    const { exportHash, fileSize, manifest } = written
    return { exportHash, fileSize, itemCounts: manifest.itemCounts }
  })

/** Writes a text under a name, whole or not at all; gives its size. */
const writeText = (
  path: string,
  text: string,
  force: boolean,
): Effect.Effect<number, LamplogError> =>
  work(path, async (signal) => {
    const bytes = Buffer.from(text)
    const temporary = temporaryBeside(path)
    try {
      const file = await open(temporary, "wx", 0o644)
      try {
        await file.writeFile(bytes, { signal })
        await file.sync()
      } finally {
        await file.close()
      }
      signal.throwIfAborted()
      await publish(temporary, path, force)
      return bytes.length
    } finally {
      await rm(temporary, { force: true })
    }
  })

const exportForeign = (
  handle: Handle,
  format: ForeignFormat,
  path: string,
  force: boolean,
): Effect.Effect<Written, LamplogError> =>
  Effect.gen(function* () {
    const { name, write } = format
    if (write === undefined) {
      return yield* Effect.fail(
        new LamplogError({
          code: "format-read-only",
          message: `Files of the format ${name} can be read, not written.`,
          remedy: `Write an archive instead: --format ${archiveFormatName}.`,
          where: name,
        }),
      )
    }
    if (!force && existsSync(path)) return yield* Effect.fail(existing(path))
    const entities = yield* handle.read((replica) =>
      Array.from(listEntities(replica), ({ type, id, fields }): ForeignEntity => ({
        type,
        id,
        fields,
      })),
    )
    const text = yield* attempt(() => byAdapter(() => write(entities)))
    const fileSize = yield* writeText(path, text, force)
    return { fileSize, itemCounts: itemCountsOf(entities), exportHash: undefined }
  })

export const exportProject = (
  handle: Handle,
  formats: ReadonlyArray<ForeignFormat>,
  path: string,
  options: ExportOptions = {},
): Effect.Effect<ExportSummary, LamplogError> =>
  Effect.gen(function* () {
    const { force = false, format = archiveFormatName } = options
    const chosen =
      format === archiveFormatName
        ? undefined
        : yield* attempt(() => formatNamed(formats, format, [archiveFormatName]))
    const [written, durationSeconds] = yield* timed(
      chosen === undefined
        ? exportArchive(handle, path, force)
        : exportForeign(handle, chosen, path, force),
    )
    return { success: true, archivePath: path, error: null, durationSeconds, ...written }
  })
