/**
 * The one SQLite file of a replica: how it is opened, what stands in it, how its errors read.
 *
 * The events are the truth. `entities`, `buckets` and `stale` are projections: thrown away and rebuilt from
 * the events whenever `projectionVersion` or the schema's version differs. `lines` repeats what the
 * events say about each log, so that nothing has to be counted. `signatures` are of nodes, over their
 * logs up to a place; nobody else can make them again. `waiting` and `meetings` belong to
 * this replica's dealings with others and are no part of the project.
 *
 * An event's row id is `line * 2^32 + seq`: each log is one range, in order, without an index.
 *
 * Durability: WAL with `synchronous=FULL`, so a commit that returned survives power loss.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import Database from "better-sqlite3"
import { LamplogError } from "../event/failure.ts"

export type Sqlite = Database.Database

/** Version of the tables below; a newer one is refused, an older one has never been released. */
export const storeVersion = 1
/** Version of what `entities`, `buckets` and `stale` hold; another one is rebuilt by replay. */
export const projectionVersion = 1

/** SQLite's page; 8 KiB measured a little faster than its default of 4 KiB for rows of this size. */
const pageBytes = 8192

/** SQLite's page cache, in KiB: four times its default; more made no measurable difference. */
const cacheKibibytes = 16 * 1024

export const databaseFile = "project.db"

const tables = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lines (
  line INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  public_key TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  first_hash TEXT NOT NULL,
  parent INTEGER,
  head_seq INTEGER NOT NULL,
  head_hash TEXT NOT NULL,
  head_lamport INTEGER NOT NULL
);
CREATE TABLE signatures (
  line INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  signature TEXT NOT NULL,
  kept INTEGER NOT NULL,
  PRIMARY KEY (line, seq)
) WITHOUT ROWID;
CREATE TABLE events (
  event INTEGER PRIMARY KEY,
  lamport INTEGER NOT NULL,
  hash TEXT NOT NULL,
  entity INTEGER NOT NULL,
  aside TEXT,
  header TEXT NOT NULL,
  salt TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX events_by_entity ON events (entity);
CREATE INDEX events_aside ON events (event) WHERE aside IS NOT NULL;
CREATE TABLE entities (
  entity INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  heads TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  fields TEXT,
  conflicts TEXT,
  UNIQUE (type, id)
);
CREATE INDEX entities_contested ON entities (entity) WHERE conflicts <> '[]';
CREATE TABLE buckets (bucket INTEGER PRIMARY KEY, hash TEXT NOT NULL, members TEXT NOT NULL);
CREATE TABLE stale (entity INTEGER PRIMARY KEY);
CREATE TABLE waiting (
  arrival INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  previous TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  head TEXT NOT NULL,
  signed INTEGER NOT NULL,
  lacks INTEGER NOT NULL,
  reason TEXT NOT NULL,
  needs TEXT,
  bytes INTEGER NOT NULL,
  segment BLOB NOT NULL,
  UNIQUE (node, first_seq, previous, head)
);
CREATE TABLE meetings (
  remote TEXT PRIMARY KEY,
  cursor TEXT,
  frontier TEXT,
  met_at TEXT
) WITHOUT ROWID;
`

/** Creates the tables in a new file, inside the caller's transaction. */
export const createTables = (sqlite: Sqlite): void => {
  sqlite.exec(tables)
  sqlite.pragma(`user_version = ${storeVersion}`)
}

const lineFactor = 2 ** 32
/** Highest seq a log can reach, so that row ids stay exact. */
export const seqMax = lineFactor - 1
export const rowOf = (line: number, seq: number): number => line * lineFactor + seq
export const lineOfRow = (row: number): number => Math.floor(row / lineFactor)
export const seqOfRow = (row: number): number => row % lineFactor

export interface OpenOptions {
  /** How long a second process waits for the first, in milliseconds. */
  readonly busyTimeoutMillis: number
  readonly create?: boolean
}

export const openDatabase = (path: string, options: OpenOptions): Sqlite => {
  if (options.create !== true && !existsSync(path)) {
    throw new LamplogError({
      code: "no-project",
      message: `There is no Lamplog project at ${dirname(path)}.`,
      remedy: "Run `lamplog init` here, or name the project's folder with --project DIR.",
      where: path,
    })
  }
  return guarded(path, () => {
    const sqlite = new Database(path, { timeout: options.busyTimeoutMillis })
    try {
      const version = sqlite.pragma("user_version", { simple: true }) as number
      if (version > storeVersion) {
        throw new LamplogError({
          code: "store-newer",
          message: `This project was written by a newer Lamplog (store version ${version}; this one reads ${storeVersion}).`,
          remedy: "Upgrade Lamplog on this machine.",
          where: path,
        })
      }
      if (options.create === true) sqlite.pragma(`page_size = ${pageBytes}`)
      sqlite.pragma("journal_mode = WAL")
      sqlite.pragma("synchronous = FULL")
      sqlite.pragma("wal_autocheckpoint = 16000")
      sqlite.pragma(`cache_size = -${cacheKibibytes}`)
      sqlite.pragma("temp_store = MEMORY")
      return sqlite
    } catch (error) {
      sqlite.close()
      throw error
    }
  })
}

/** One small file for each process that has the project open, so that a waiting one can name it. */
export const presenceFile = (directory: string, pid: number): string =>
  join(directory, `open-${pid}.json`)

/** Whether a process with this number runs. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** What a process said it does; nothing when it has just ended and taken its file away. */
const doing = (presence: string): string => {
  try {
    return ` (${readFileSync(presence, "utf8").trim()})`
  } catch {
    return ""
  }
}

/** Other processes that have the project open; takes away what dead ones left. */
export const holders = (directory: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const name of readdirSync(directory)) {
    const pid = Number(/^open-(\d+)\.json$/.exec(name)?.[1])
    if (!Number.isSafeInteger(pid) || pid === process.pid) continue
    if (!isAlive(pid)) rmSync(join(directory, name), { force: true })
    else found.push(`process ${pid}${doing(join(directory, name))}`)
  }
  return found
}

/** What SQLite says when a file, or what its readers share beside it, cannot grow. */
const fullCodes = new Set(["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"])

const failureFrom = (path: string, code: string, error: Error): LamplogError | undefined => {
  const refuse = (name: string, message: string, remedy: string) =>
    new LamplogError({ code: name, message, remedy, where: path, cause: error })
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    const others = holders(dirname(path))
    const who = others.length > 0 ? others.join(", ") : "another program"
    return refuse(
      "project-busy",
      `The project is being written by ${who}.`,
      "Wait for it to finish, or raise the busy timeout (`lamplog config set busyTimeoutMillis 30000`).",
    )
  }
  if (fullCodes.has(code)) {
    return refuse(
      "disk-full",
      "The disk is full.",
      "Free some space and try again; nothing was changed.",
    )
  }
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return refuse(
      "database-corrupt",
      `The project's database is damaged: ${error.message}.`,
      "Put it back from a backup or clone the project from another replica; `lamplog verify` tells what is lost.",
    )
  }
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN")) {
    return refuse(
      "not-writable",
      `The project's folder cannot be written: ${error.message}.`,
      "Give this user write access to the folder, or copy the project to one where it has.",
    )
  }
  if (code.startsWith("SQLITE_IOERR")) {
    return refuse(
      "disk-error",
      `The disk reports an error: ${error.message}.`,
      "Check the disk and its space.",
    )
  }
  return undefined
}

/** Runs something on the database; what SQLite refuses comes out as `LamplogError`. */
export const guarded = <A>(path: string, run: () => A): A => {
  try {
    return run()
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code
    if (error instanceof LamplogError || typeof code !== "string") throw error
    throw failureFrom(path, code, error as Error) ?? error
  }
}
