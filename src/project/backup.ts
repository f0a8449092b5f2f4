/**
 * Backups: everything that was received and written in one file, and back from it.
 *
 * A backup holds the history, not the bytes of assets, and nothing of who keeps it. Restoring only
 * ever adds: into a folder without a project it makes a new replica under a node of its own, into a
 * project it brings the events that are missing there. Every event is proven as if it came from a
 * stranger, so a damaged backup is refused whole.
 */
import { existsSync, mkdirSync, statSync } from "node:fs"
import { rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import { existing, publish, temporaryBeside } from "../archive/place.ts"
import { breathe, work } from "../archive/work.ts"
import { LamplogError } from "../event/failure.ts"
import { sha256 } from "../event/hash.ts"
import { copyDatabase, finishBackup } from "../store/backup.ts"
import type { BackupFacts } from "../store/backup.ts"
import { BackupFile } from "../store/backup-file.ts"
import type { BackedUpRun } from "../store/backup-file.ts"
import type { Sqlite } from "../store/database.ts"
import { computeDigest } from "../store/digest.ts"
import { Lines } from "../store/lines.ts"
import { Meta } from "../store/meta.ts"
import { Receiver } from "../store/receive.ts"
import type { Received } from "../store/receive.ts"
import type { Replica } from "../store/replica.ts"
import { buildReplica } from "./begin.ts"
import type { Identity } from "./begin.ts"
import { timed } from "./clock.ts"
import { committedState } from "./comparison.ts"
import { LastChance, lastChance as askLastChance } from "./last-chance.ts"
import { ProgressReporter } from "./progress.ts"
import type { ProgressListener } from "./progress.ts"
import type { BackupOptions, BackupSummary, BackupWish, RestoreSummary } from "./project.ts"
import { countEntities, openConflictIds } from "./reading.ts"
import type { EngineOptions } from "./engine.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

/** The folder beside a project's database where backups are put that nobody named a place for. */
export const backupsFolder = "backups"
export const backupExtension = ".lamplog-backup"

const factsOf = (replica: Replica, sqlite: Sqlite): BackupFacts => {
  const lines = new Lines(sqlite)
  const { name: schema, version: schemaVersion } = replica.schema
  return {
    project: replica.project,
    name: replica.name,
    schema,
    schemaVersion,
    frontier: lines.frontier(),
    events: lines.eventCount,
    lamport: lines.top()?.lamport ?? 0,
    digest: computeDigest(sqlite, new Meta(sqlite), replica.schema).digest,
  }
}

/** The same state gets the same name, whenever it is backed up. */
const nameFor = ({ digest, frontier, lamport }: BackupFacts): string =>
  `${lamport}-${sha256(`${digest}\n${JSON.stringify(frontier)}`).slice(0, 16)}${backupExtension}`

interface Kept {
  readonly path: string
  readonly facts: BackupFacts
}

/** Copies what a connection sees, reduces it, and puts it under its name when it is durable. */
const keep = async (
  sqlite: Sqlite,
  facts: BackupFacts,
  path: string,
  force: boolean,
  listener: ProgressListener,
  lastChance: () => void,
  signal: AbortSignal,
): Promise<void> => {
  const temporary = temporaryBeside(path)
  try {
    await copyDatabase(sqlite, temporary, (done, total) => {
      signal.throwIfAborted()
      listener({ stage: "backing up", done, total, unit: "pages" })
    })
    await breathe(signal)
    finishBackup(temporary, facts)
    await breathe(signal)
    await publish(temporary, path, force, lastChance)
  } finally {
    for (const end of ["", "-journal", "-wal", "-shm"]) await rm(temporary + end, { force: true })
  }
}

/** Backs up what is committed now; nobody has to wait for it. */
const backUp = (
  replica: Replica,
  options: BackupOptions,
  lastChance: () => void = () => {},
): Effect.Effect<Kept, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const listener = yield* ProgressReporter
      const sqlite = yield* committedState(replica)
      const facts = yield* attempt(() => {
        // One state throughout: the copy is of what is committed at this moment.
        sqlite.exec("BEGIN")
        return factsOf(replica, sqlite)
      })
      const { force = false, path: named } = options
      const path = named ?? join(replica.directory, backupsFolder, nameFor(facts))
      if (existsSync(path) && !force) {
        // Under a name of its own, this very state is kept already.
        if (named === undefined) return { path, facts }
        return yield* Effect.fail(existing(path))
      }
      yield* work(path, async (signal) => {
        if (named === undefined) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
        await keep(sqlite, facts, path, force, listener, lastChance, signal)
      })
      return { path, facts }
    }),
  )

/** The backup that a caller wishes before something is taken in; gives its path. */
export const backupBefore = <R>(
  { replica }: Handle,
  wish: BackupWish | undefined,
  isLarge: Effect.Effect<boolean, LamplogError, R>,
): Effect.Effect<string | undefined, LamplogError, R> =>
  Effect.gen(function* () {
    if (wish === undefined || wish === false) return undefined
    if (wish === "large" && !(yield* isLarge)) return undefined
    const { path } = yield* backUp(replica, typeof wish === "object" ? wish : {})
    return path
  })

export const backupProject = (
  handle: Handle,
  options: BackupOptions = {},
): Effect.Effect<BackupSummary, LamplogError> =>
  Effect.gen(function* () {
    const { replica } = handle
    const [{ facts, path }, durationSeconds] = yield* timed(
      backUp(replica, options, yield* LastChance),
    )
    return {
      success: true,
      backupPath: path,
      fileSize: yield* attempt(() => statSync(path).size),
      itemCounts: yield* handle.read(countEntities),
      events: facts.events,
      lamport: facts.lamport,
      digest: facts.digest,
      error: null,
      durationSeconds,
    }
  })

const openBackup = (path: string) =>
  Effect.acquireRelease(
    work(path, async () => BackupFile.open(path)),
    (file) => Effect.sync(() => file.close()),
  )

const damaged = (path: string, why: string): LamplogError =>
  new LamplogError({
    stage: "structure",
    code: "backup-damaged",
    message: `The backup ${path} is damaged: ${why}.`,
    remedy: "Take another backup, or clone the project from another replica; nothing was changed.",
    where: path,
  })

const receiveRun = async (
  { lines }: Replica,
  receiver: Receiver,
  run: BackedUpRun,
  path: string,
  tell: (events: number) => Promise<void>,
): Promise<void> => {
  const { head, lines: batches, signature, start, to } = run
  receiver.begin(start)
  let seq = start.from
  for (const batch of batches()) {
    for (const text of batch) {
      receiver.line(text, `log ${start.node} event ${seq}`)
      seq += 1
    }
    await tell(batch.length)
  }
  const reached = receiver.head()
  if (reached.seq !== to || (head !== undefined && reached.hash !== head)) {
    throw damaged(path, `the log of ${start.node} ends elsewhere`)
  }
  receiver.end(signature)
  // Where a log is cut before its end, its signature was worth keeping.
  if (head === undefined) lines.keepSigned(true)
}

/** Receives a backup's events; call it inside a transaction of the replica. */
const receiveBackup = (file: BackupFile, replica: Replica): Effect.Effect<Received, LamplogError> =>
  Effect.gen(function* () {
    const listener = yield* ProgressReporter
    const { facts, path } = file
    return yield* work(path, async (signal) => {
      const receiver = new Receiver(replica)
      let done = 0
      const tell = async (events: number): Promise<void> => {
        done += events
        listener({ stage: "restoring", done, total: facts.events, unit: "events" })
        await breathe(signal)
      }
      for (const run of file.runs()) await receiveRun(replica, receiver, run, path, tell)
      if (done !== facts.events) throw damaged(path, `it has ${done} events of ${facts.events}`)
      for (const [log, { hash, seq }] of Object.entries(facts.frontier)) {
        if (replica.lines.holding(log.split("-")[0]!, seq, hash) === undefined) {
          throw damaged(path, `the log ${log} lacks its end`)
        }
      }
      const received = receiver.finish()
      replica.projection.flush()
      return received
    })
  })

const checkProject = (file: BackupFile, replica: Replica): Effect.Effect<void, LamplogError> => {
  const { name, project } = file.facts
  if (project === replica.project) return Effect.void
  return Effect.fail(
    new LamplogError({
      stage: "structure",
      code: "other-project",
      message: `The backup is of project ${name} (${project}); this is ${replica.name} (${replica.project}).`,
      remedy: "Restore it into a folder of its own.",
      where: file.path,
    }),
  )
}

/** Brings what a backup of this project holds, and this replica lacks. */
export const restoreBackup = (
  handle: Handle,
  path: string,
): Effect.Effect<RestoreSummary, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { replica } = handle
      const file = yield* openBackup(path)
      yield* checkProject(file, replica)
      const body = Effect.gen(function* () {
        const known = yield* attempt(() => openConflictIds(replica))
        const received = yield* receiveBackup(file, replica)
        const open = yield* attempt(() => openConflictIds(replica))
        yield* askLastChance
        return { received, opened: [...open].filter((id) => !known.has(id)).length }
      })
      const [{ opened, received }, durationSeconds] = yield* timed(handle.write(body))
      return {
        success: true,
        projectName: replica.name,
        itemCounts: yield* handle.read(countEntities),
        events: received.events,
        conflictsCount: opened,
        forks: received.forks,
        error: null,
        durationSeconds,
        digest: yield* handle.digest,
      }
    }),
  )

/**
 * Makes a new replica, under a node of its own, with everything that a backup holds. When it fails or
 * is interrupted nothing is left of it.
 */
export const restoreProject = (
  path: string,
  directory: string,
  options: EngineOptions = {},
): Effect.Effect<Identity, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* openBackup(path)
      return yield* buildReplica(directory, file.facts, options, (handle) =>
        Effect.asVoid(handle.write(receiveBackup(file, handle.replica))),
      )
    }),
  )
