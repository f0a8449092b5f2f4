/**
 * Importing: archives and foreign files become events, everything in one transaction.
 *
 * An analysis is the same run, taken back at its end, so it cannot tell anything else than what the
 * import would do.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import type { Signature } from "../archive/read.ts"
import { requireSpaceToTake } from "../archive/space.ts"
import { LamplogError } from "../event/failure.ts"
import type { Authorship } from "../store/author.ts"
import { rehearseWithAssets, writeWithAssets } from "./asset-intake.ts"
import type { TakeArchiveAssets } from "./asset-intake.ts"
import { openConflicts } from "../store/query.ts"
import { backupBefore } from "./backup.ts"
import { timed } from "./clock.ts"
import { committedState } from "./comparison.ts"
import { logConflicts } from "./conflict-log.ts"
import type { OpenedConflict } from "./conflict-log.ts"
import { estimatedSeconds, exceedsBudget, isLargeArchive, isLargeDocument } from "./estimate.ts"
import type { ForeignDocument, ForeignFormat } from "./format.ts"
import { checkPartial } from "./extract-taking.ts"
import { readForeign } from "./foreign.ts"
import { heldBefore } from "./merge.ts"
import { lastChance } from "./last-chance.ts"
import { openSource, weakestSignature } from "./opening.ts"
import type { KeyOptions } from "./opening.ts"
import { reportProgress } from "./progress.ts"
import type { ImportAnalysis, ImportOptions, ImportProblem, ImportSummary } from "./project.ts"
import { openConflictIds } from "./reading.ts"
import { conflictedItem, referenceCountIn } from "./recommendation.ts"
import { sourcesFrom } from "./sources.ts"
import type { Sources } from "./sources.ts"
import { takeDocument, takeHistory, takeValues } from "./taking.ts"
import type { Manner, Taken } from "./taking.ts"
import { attempt } from "./transaction.ts"
import { authorship } from "./writing.ts"
import type { Desk } from "./writing.ts"

/** Names of files told in a reason, at most. */
const namesMax = 5

interface Prepared {
  readonly sources: Sources
  readonly documents: ReadonlyArray<ForeignDocument>
  readonly signed: Authorship
  readonly manner: Manner
  readonly keys: KeyOptions
  readonly allowDangling: boolean
}

const mannerFrom = (options: ImportOptions): Manner => ({
  strategy: options.strategy ?? "merge",
  prune: options.prune ?? false,
})

const reasonFor = (paths: ReadonlyArray<string>): string => {
  const names = paths.slice(0, namesMax).map((path) => basename(path))
  const rest = paths.length - names.length
  return `import of ${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`
}

/** Reads everything that needs no lock, so that others wait no longer than they must. */
const prepare = (
  desk: Desk,
  formats: ReadonlyArray<ForeignFormat>,
  paths: ReadonlyArray<string>,
  options: ImportOptions,
): Effect.Effect<Prepared, LamplogError> =>
  Effect.gen(function* () {
    const manner = mannerFrom(options)
    const sources = yield* sourcesFrom(paths, options.format ?? "auto", formats, desk.policy.limits)
    const several = sources.archives.length + sources.foreign.length > 1
    if (several && (manner.strategy === "replace" || manner.prune)) {
      return yield* Effect.fail(
        new LamplogError({
          code: "replace-by-several",
          message: "Several archives or formats cannot each say what the state should be.",
          remedy: "Name one archive, or files of one format.",
        }),
      )
    }
    const documents: Array<ForeignDocument> = []
    const total = sources.foreign.reduce((sum, { files }) => sum + files.length, 0)
    let done = 0
    for (const source of sources.foreign) {
      yield* reportProgress({ stage: "reading", done, total, unit: "files" })
      yield* Effect.yieldNow
      documents.push(yield* attempt(() => readForeign(source)))
      done += source.files.length
    }
    const signed = yield* authorship(desk.clock, options)
    const reason = options.reason ?? reasonFor(paths)
    const { allowDangling = false, keys } = options
    return {
      sources,
      documents,
      signed: { ...signed, reason },
      manner,
      keys: { keys },
      allowDangling,
    }
  })

const takeArchive = (
  desk: Desk,
  path: string,
  { keys, signed, manner }: Prepared,
  takeAssets: TakeArchiveAssets,
) =>
  Effect.scoped(
    Effect.flatMap(openSource(path, desk.policy, keys), (archive) =>
      Effect.gen(function* () {
        const { extract, project } = archive.manifest
        const { replica } = desk.handle
        yield* checkPartial(archive, replica.project, manner.strategy)
        yield* attempt(() => requireSpaceToTake(archive, replica.directory))
        const taken =
          project === replica.project && extract === undefined
            ? yield* takeHistory(desk, archive, signed, manner)
            : yield* takeValues(desk, archive, signed, manner)
        yield* takeAssets(archive)
        return taken
      }),
    ),
  )

/** Says which of several archives is refused, where the refusal itself does not. */
const naming =
  (path: string) =>
  (error: LamplogError): LamplogError => {
    const { cause, code, message, remedy, stage, where } = error
    if (message.includes(basename(path))) return error
    return new LamplogError({
      code,
      message: `${basename(path)}: ${message}`,
      remedy,
      ...(stage === undefined ? {} : { stage }),
      ...(where === undefined ? {} : { where }),
      cause,
    })
  }

const takeAll = (
  desk: Desk,
  prepared: Prepared,
  takeAssets: TakeArchiveAssets,
): Effect.Effect<ReadonlyArray<Taken>, LamplogError> =>
  Effect.gen(function* () {
    const taken: Array<Taken> = []
    const { archives } = prepared.sources
    for (const path of archives) {
      const one = takeArchive(desk, path, prepared, takeAssets)
      taken.push(yield* archives.length > 1 ? Effect.mapError(one, naming(path)) : one)
    }
    for (const document of prepared.documents) {
      taken.push(yield* takeDocument(desk, document, prepared.signed, prepared.manner))
    }
    return taken
  })

const summed = (taken: ReadonlyArray<Taken>) => {
  const counts = new Map<string, number>()
  for (const one of taken) {
    for (const [type, count] of Object.entries(one.itemCounts)) {
      counts.set(type, (counts.get(type) ?? 0) + count)
    }
  }
  return {
    itemCounts: Object.fromEntries(counts),
    events: taken.reduce((sum, { events }) => sum + events, 0),
    warnings: taken.flatMap(({ warnings }) => warnings),
    dangling: taken.flatMap(({ dangling }) => dangling),
    signature: weakestSignature(
      taken.flatMap(({ signature }): ReadonlyArray<Signature> =>
        signature === undefined ? [] : [signature],
      ),
    ),
  }
}

interface TakenWhole {
  readonly taken: ReadonlyArray<Taken>
  /** Conflicts that are open now and were not before. */
  readonly opened: ReadonlyArray<OpenedConflict>
}

/** Takes everything in, and looks at the conflicts that it opened. */
const takeAndLook = (
  desk: Desk,
  prepared: Prepared,
  takeAssets: TakeArchiveAssets,
): Effect.Effect<TakenWhole, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { replica } = desk.handle
      const known = yield* attempt(() => openConflictIds(replica))
      const committed = yield* committedState(replica)
      const taken = yield* takeAll(desk, prepared, takeAssets)
      const opened = yield* attempt(() => {
        const isHeld = heldBefore(replica, committed)
        const references = referenceCountIn(replica.schema)
        return openConflicts(replica)
          .filter(({ id }) => !known.has(id))
          .map((conflict) => conflictedItem(conflict, isHeld, references))
      })
      return { taken, opened }
    }),
  )

/** Whether references into nothing are errors: a replace has to say what it leaves behind. */
const refusesDangling = ({ allowDangling, manner }: Prepared): boolean =>
  manner.strategy === "replace" && !allowDangling

const refusedForReferences = (dangling: ReadonlyArray<ImportProblem>): LamplogError => {
  const { code, message, where } = dangling[0]!
  const rest = dangling.length - 1
  return new LamplogError({
    stage: "referential",
    code,
    message: rest > 0 ? `${message} ${rest} more references point at nothing.` : message,
    remedy: "Complete the file, or say --allow-dangling; --strategy merge only warns of them, too.",
    where,
  })
}

/** Fails when the state would be left with references into nothing that a replace must not leave. */
const checkReferences = (whole: TakenWhole, prepared: Prepared) => {
  const dangling = whole.taken.flatMap((one) => one.dangling)
  return refusesDangling(prepared) && dangling.length > 0
    ? Effect.fail(refusedForReferences(dangling))
    : Effect.succeed(whole)
}

/** Whether any of what is to be taken in holds many events or entities. */
const holdsMany = (
  { policy }: Desk,
  { documents, keys, sources }: Prepared,
): Effect.Effect<boolean, LamplogError> =>
  Effect.gen(function* () {
    if (documents.some(isLargeDocument)) return true
    for (const path of sources.archives) {
      const large = Effect.scoped(Effect.map(openSource(path, policy, keys), isLargeArchive))
      if (yield* large) return true
    }
    return false
  })

export const importProject = (
  desk: Desk,
  formats: ReadonlyArray<ForeignFormat>,
  paths: ReadonlyArray<string>,
  options: ImportOptions,
): Effect.Effect<ImportSummary, LamplogError> =>
  Effect.gen(function* () {
    const { handle } = desk
    const [outcome, durationSeconds] = yield* timed(
      Effect.gen(function* () {
        const prepared = yield* prepare(desk, formats, paths, options)
        const seconds = yield* attempt(() => estimatedSeconds(prepared.sources))
        const isLarge = exceedsBudget(seconds, options.timeBudgetSeconds)
          ? Effect.succeed(true)
          : holdsMany(desk, prepared)
        const backupPath = yield* backupBefore(handle, options.backup, isLarge)
        const body = (takeAssets: TakeArchiveAssets) =>
          takeAndLook(desk, prepared, takeAssets).pipe(
            Effect.flatMap((whole) => checkReferences(whole, prepared)),
            Effect.tap(lastChance),
          )
        return { prepared, seconds, backupPath, ...(yield* writeWithAssets(handle, body)) }
      }),
    )
    const { backupPath, opened, prepared, seconds, taken } = outcome
    yield* logConflicts(opened)
    const { itemCounts, events, warnings, dangling, signature } = summed(taken)
    return {
      success: true,
      projectName: handle.replica.name,
      itemCounts,
      events,
      settledConflicts: taken.flatMap(({ settledConflicts }) => settledConflicts),
      conflictsCount: opened.length,
      warnings: [...prepared.sources.warnings, ...warnings, ...dangling],
      signature,
      backupPath,
      error: null,
      migrationPerformed: taken.some(({ migrated }) => migrated),
      durationSeconds,
      requiresBackgroundJob: exceedsBudget(seconds, options.timeBudgetSeconds),
    }
  })

/** A refusal of what was read is an answer; anything else (no file, a busy project) is none. */
const invalidFrom = (
  error: LamplogError,
  schemaVersion: number,
): Effect.Effect<ImportAnalysis, LamplogError> => {
  const { stage, code, message, where } = error
  if (stage === undefined) return Effect.fail(error)
  return Effect.succeed({
    isValid: false,
    errors: [{ stage, code, message, where: where ?? "" }],
    warnings: [],
    itemCounts: {},
    schemaVersion,
    events: 0,
    signature: undefined,
  })
}

export const analyzeImport = (
  desk: Desk,
  formats: ReadonlyArray<ForeignFormat>,
  paths: ReadonlyArray<string>,
  options: ImportOptions,
): Effect.Effect<ImportAnalysis, LamplogError> => {
  const { version } = desk.handle.replica.schema
  const analysis = Effect.gen(function* () {
    const prepared = yield* prepare(desk, formats, paths, options)
    const taken = yield* rehearseWithAssets(desk.handle, (takeAssets) =>
      takeAll(desk, prepared, takeAssets),
    )
    const { itemCounts, events, warnings, dangling, signature } = summed(taken)
    const errors = refusesDangling(prepared) ? dangling : []
    return {
      isValid: errors.length === 0,
      errors,
      warnings: [
        ...prepared.sources.warnings,
        ...warnings,
        ...(errors.length === 0 ? dangling : []),
      ],
      itemCounts,
      schemaVersion: Math.min(...taken.map((one) => one.schemaVersion)),
      events,
      signature,
    }
  })
  return analysis.pipe(Effect.catch((error) => invalidFrom(error, version)))
}
