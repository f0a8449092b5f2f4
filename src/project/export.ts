/**
 * Exporting: an archive of everything, of what came since, or of some entities; or the living
 * entities, all or some, as one file of a foreign format.
 *
 * The file appears under its name only when it is whole and synced; a failure leaves nothing behind
 * and what was there as it was.
 */
import { existsSync } from "node:fs"
import { open, rm } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type { Manifest, Selection } from "../archive/archive.ts"
import { isIncremental } from "../archive/archive.ts"
import { choose, livingRows } from "../archive/choose.ts"
import type { Chosen } from "../archive/choose.ts"
import { existing, publish, temporaryBeside } from "../archive/place.ts"
import { inTurns } from "../archive/plan.ts"
import { work } from "../archive/work.ts"
import { writeArchive } from "../archive/write.ts"
import type { JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import type { Frontier } from "../log/frontier.ts"
import type { EntityRow } from "../store/projection.ts"
import { listEntities } from "../store/query.ts"
import { timed } from "./clock.ts"
import type { ExportOptions } from "./export-options.ts"
import { byAdapter, formatNamed, itemCountsOf } from "./foreign.ts"
import type { ForeignEntity, ForeignFormat } from "./format.ts"
import { LastChance } from "./last-chance.ts"
import { limitProblems } from "./opening.ts"
import { ProgressReporter } from "./progress.ts"
import type { ExportSummary } from "./project.ts"
import { selectionFrom } from "./selection.ts"
import { frontierOfFile } from "./since.ts"
import { archiveFormatName } from "./sources.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"
import type { Desk } from "./writing.ts"

export type { ExportOptions } from "./export-options.ts"

type Written = Omit<ExportSummary, "success" | "archivePath" | "error" | "durationSeconds">

const refuse = (code: string, message: string, remedy: string): LamplogError =>
  new LamplogError({ code, message, remedy })

const kindOf = (manifest: Manifest): ExportSummary["contents"] => {
  if (manifest.extract !== undefined) return "extract"
  return isIncremental(manifest) ? "incremental" : "complete"
}

/** The frontier that the archive is to begin after. */
const sinceFrom = (
  { handle, policy }: Desk,
  { keys, since }: ExportOptions,
): Effect.Effect<Frontier | undefined, LamplogError> =>
  typeof since === "string"
    ? frontierOfFile(since, handle.replica.project, policy, { keys })
    : Effect.succeed(since)

const exportArchive = (
  desk: Desk,
  path: string,
  select: Selection | undefined,
  options: ExportOptions,
): Effect.Effect<Written, LamplogError> =>
  Effect.gen(function* () {
    const { handle, policy } = desk
    const { assets, encryptTo, force = false, passphrase, sign } = options
    const since = yield* sinceFrom(desk, options)
    if (since !== undefined && select !== undefined) {
      return yield* Effect.fail(
        refuse(
          "since-with-selection",
          "An archive holds what came since, or some entities, not both.",
          "Leave out --since, or what chooses entities.",
        ),
      )
    }
    const onProgress = yield* ProgressReporter
    const lastChance = yield* LastChance
    const how = {
      force,
      onProgress,
      lastChance,
      since,
      select,
      assets,
      sign,
      encryptTo,
      passphrase,
    }
    const { limits } = policy
    const written = yield* handle.alone(writeArchive(handle.replica, path, { ...how, limits }))
    const { assetsMissing, encrypted, exportHash, fileSize, manifest, takenAlong, warnings } =
      written
    return {
      fileSize,
      itemCounts: manifest.itemCounts,
      exportHash,
      contents: kindOf(manifest),
      events: manifest.events,
      takenAlong,
      openReferences: manifest.extract?.open ?? [],
      signedBy: sign === undefined ? undefined : { name: sign.name, keyId: sign.keyId },
      encrypted,
      assetsMissing,
      warnings: limitProblems(warnings),
    }
  })

/** Writes a text under a name, whole or not at all; gives its size. */
const writeText = (
  path: string,
  text: string,
  force: boolean,
  lastChance: () => void,
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
      await publish(temporary, path, force, lastChance)
      return bytes.length
    } finally {
      await rm(temporary, { force: true })
    }
  })

const foreignFromRow = ({ type, id, fields }: EntityRow): ForeignEntity => ({
  type,
  id,
  fields: JSON.parse(fields!) as JsonObject,
})

interface ForeignContent extends Pick<Written, "takenAlong" | "openReferences"> {
  readonly entities: ReadonlyArray<ForeignEntity>
}

/** All living entities, or those chosen, of one consistent state. */
const foreignContent = (
  handle: Handle,
  select: Selection | undefined,
): Effect.Effect<ForeignContent, LamplogError> => {
  if (select === undefined) {
    return handle.read((replica) => {
      const entities = Array.from(listEntities(replica), ({ type, id, fields }) => {
        return { type, id, fields }
      })
      return { entities, takenAlong: [], openReferences: [] }
    })
  }
  const { path, schema, sqlite } = handle.replica
  return handle.view(
    Effect.gen(function* () {
      const chosen: Chosen = yield* work(path, (signal) =>
        inTurns(choose(sqlite, schema, select), signal),
      )
      const rows = yield* attempt(() =>
        Array.from(livingRows(sqlite)).filter(({ entity }) => chosen.has(entity)),
      )
      const { open: openReferences, takenAlong } = chosen
      return { entities: rows.map(foreignFromRow), takenAlong, openReferences }
    }),
  )
}

/** Refuses what only archives can be. */
const checkForeign = ({ name }: ForeignFormat, options: ExportOptions): void => {
  const { encryptTo, passphrase, sign, since } = options
  const archive = `Write an archive instead: --format ${archiveFormatName}.`
  if (since !== undefined) {
    const message = `A file of the format ${name} holds values, no history to go on from.`
    throw refuse("since-not-applicable", message, archive)
  }
  if (sign !== undefined || encryptTo !== undefined || passphrase !== undefined) {
    const message = `Files of the format ${name} can be neither signed nor encrypted.`
    throw refuse("seal-not-applicable", message, archive)
  }
}

const exportForeign = (
  handle: Handle,
  format: ForeignFormat,
  path: string,
  select: Selection | undefined,
  options: ExportOptions,
): Effect.Effect<Written, LamplogError> =>
  Effect.gen(function* () {
    const { name, write } = format
    const { force = false } = options
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
    yield* attempt(() => checkForeign(format, options))
    if (!force && existsSync(path)) return yield* Effect.fail(existing(path))
    const { entities, ...references } = yield* foreignContent(handle, select)
    const text = yield* attempt(() => byAdapter(() => write(entities)))
    const fileSize = yield* writeText(path, text, force, yield* LastChance)
    return {
      fileSize,
      itemCounts: itemCountsOf(entities),
      exportHash: undefined,
      contents: "values",
      events: 0,
      ...references,
      signedBy: undefined,
      encrypted: false,
      assetsMissing: 0,
      warnings: [],
    }
  })

export const exportProject = (
  desk: Desk,
  formats: ReadonlyArray<ForeignFormat>,
  path: string,
  options: ExportOptions = {},
): Effect.Effect<ExportSummary, LamplogError> =>
  Effect.gen(function* () {
    const { format = archiveFormatName } = options
    const { handle } = desk
    const select = yield* attempt(() => selectionFrom(handle.replica.schema, options.select ?? {}))
    const chosen =
      format === archiveFormatName
        ? undefined
        : yield* attempt(() => formatNamed(formats, format, [archiveFormatName]))
    const [written, durationSeconds] = yield* timed(
      chosen === undefined
        ? exportArchive(desk, path, select, options)
        : exportForeign(handle, chosen, path, select, options),
    )
    return { success: true, archivePath: path, error: null, durationSeconds, ...written }
  })
