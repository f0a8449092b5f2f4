/**
 * A backup: one file with everything that was received and written, and nothing of who keeps it.
 *
 * It is SQLite's own online copy of the database, reduced to the logs. The tables of state are left
 * out, since the events give them; so is what makes a database a replica (its node, its marks, its
 * fence). Secret keys are never in a database. A backup is therefore no project: it is restored by
 * receiving its events, which proves every one of them.
 */
import { closeSync, fsyncSync, openSync } from "node:fs"
import Database from "better-sqlite3"
import { canonicalFromJson, jsonFromCanonical } from "../event/canonical.ts"
import type { JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import { isHash, sha256 } from "../event/hash.ts"
import { frontierFromJson } from "../log/frontier.ts"
import type { Frontier } from "../log/frontier.ts"
import { createTables } from "./database.ts"
import type { Sqlite } from "./database.ts"

export const backupVersion = 1
/** "LLBK": tells `file` and us that this is a backup, not a project. */
export const backupApplicationId = 0x4c4c424b

/** What a backup says of itself. */
export interface BackupFacts {
  readonly project: string
  readonly name: string
  readonly schema: string
  readonly schemaVersion: number
  readonly frontier: Frontier
  readonly events: number
  readonly lamport: number
  /** The state's, as the program that made the backup read it. */
  readonly digest: string
}

const kept = new Set(["lines", "signatures", "events", "facts"])

const factsTable = "CREATE TABLE facts (text TEXT NOT NULL, hash TEXT NOT NULL)"

/** Leaves of a project's tables those of a backup. */
const reduceTables = (sqlite: Sqlite): void => {
  const rows = sqlite
    .prepare<[], { type: string; name: string }>(
      "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type",
    )
    .all()
  for (const { name, type } of rows) {
    if (type === "index") sqlite.exec(`DROP INDEX "${name}"`)
    else if (!kept.has(name)) sqlite.exec(`DROP TABLE "${name}"`)
  }
  sqlite.exec(factsTable)
}

/** Every table, index, view and trigger of a database, in words. */
export const layoutQuery =
  "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1"

/** The layout that every backup has, made as a backup is made. */
export const backupLayout = (): ReadonlyArray<string> => {
  const sqlite = new Database(":memory:")
  try {
    createTables(sqlite)
    reduceTables(sqlite)
    return sqlite.prepare<[], string>(layoutQuery).pluck().all()
  } finally {
    sqlite.close()
  }
}

const factsHash = (text: string): string => sha256(`lamplog:backup:${backupVersion}\n${text}`)

export const factsFromText = (text: string, hash: string): BackupFacts | undefined => {
  if (factsHash(text) !== hash) return undefined
  const value = jsonFromCanonical(text) as JsonObject
  const frontier = frontierFromJson(value.frontier)
  const { digest, events, lamport, name, project, schema, schemaVersion } = value
  const fits =
    frontier !== undefined &&
    isHash(digest) &&
    [project, name, schema].every((part) => typeof part === "string") &&
    [events, lamport, schemaVersion].every((part) => Number.isSafeInteger(part))
  return fits ? ({ ...value, frontier } as unknown as BackupFacts) : undefined
}

/** Pages that are copied before others have their turn. */
const turnPages = 500

/** SQLite's online copy of what a connection sees. `tell` may throw, which ends it. */
export const copyDatabase = async (
  source: Sqlite,
  path: string,
  tell: (donePages: number, totalPages: number) => void,
): Promise<void> => {
  await source.backup(path, {
    progress: ({ remainingPages, totalPages }) => {
      tell(totalPages - remainingPages, totalPages)
      return turnPages
    },
  })
}

/** Makes a backup of a copied database, checks it, and makes it durable. */
export const finishBackup = (path: string, facts: BackupFacts): void => {
  const sqlite = new Database(path)
  try {
    // One file by itself, and nothing left in it of what is taken out.
    sqlite.pragma("journal_mode = DELETE")
    sqlite.pragma("synchronous = FULL")
    sqlite.pragma("secure_delete = ON")
    const text = canonicalFromJson(facts as unknown as JsonObject)
    const reduce = sqlite.transaction(() => {
      reduceTables(sqlite)
      sqlite.prepare("INSERT INTO facts VALUES (?, ?)").run(text, factsHash(text))
      sqlite.pragma(`application_id = ${backupApplicationId}`)
      sqlite.pragma(`user_version = ${backupVersion}`)
    })
    reduce.immediate()
    const [verdict] = sqlite.pragma("integrity_check(1)") as ReadonlyArray<{
      readonly integrity_check: string
    }>
    if (verdict?.integrity_check !== "ok") {
      throw new LamplogError({
        code: "backup-damaged",
        message: `The backup is damaged as it was written: ${verdict?.integrity_check ?? "no verdict"}.`,
        remedy: "Check the disk, and `lamplog verify` the project; then try again.",
        where: path,
      })
    }
  } finally {
    sqlite.close()
  }
  const file = openSync(path, "r+")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
