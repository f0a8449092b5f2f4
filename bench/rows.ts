/**
 * The bytes that subjects share: the lines of one log in a file, read a transaction at a time, so
 * that no subject has to hold all of them.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { sha256 } from "../src/event/hash.ts"
import { lineFromText, lineText } from "../src/log/segment.ts"
import type { LineParts } from "../src/log/segment.ts"
import { builtInSchemas } from "../src/domain/schemas.ts"
import { Replica } from "../src/store/replica.ts"
import type { LogLine } from "../src/store/lines.ts"
import type { Place, Subject } from "./measure.ts"

export const perTransaction = 1000

const linesFile = (folder: string, name: string): string => join(folder, `${name}.lines`)

/** A replica in a folder, its fence's record beside it; made when there is none. */
export const replicaIn = (folder: string, project?: string): Replica =>
  Replica.create(join(folder, ".lamplog"), {
    schemas: builtInSchemas(),
    name: "bench",
    schema: "design-system",
    stateDirectory: join(folder, "state"),
    ...(project === undefined ? {} : { project }),
  })

export const reopen = (folder: string): Replica =>
  Replica.open(join(folder, ".lamplog"), {
    schemas: builtInSchemas(),
    stateDirectory: join(folder, "state"),
  })

/** Writes the events of a line, from a seq on, as lines. */
export const writeLines = (replica: Replica, line: LogLine, from: number, path: string): void => {
  const file = openSync(path, "w")
  const page = replica.sqlite.prepare<[number, number], LineParts>(
    "SELECT header, salt, body FROM events WHERE event BETWEEN ? AND ? ORDER BY event",
  )
  const base = line.line * 2 ** 32
  for (let seq = from; seq <= line.headSeq; seq += perTransaction) {
    const last = Math.min(seq + perTransaction - 1, line.headSeq)
    const rows = page.all(base + seq, base + last)
    writeSync(file, rows.map((row) => lineText(row.header, row.salt, row.body)).join(""))
  }
  closeSync(file)
}

/** Lines of a file, so many at a time. */
export function* readLines(path: string, count: number): Generator<ReadonlyArray<string>> {
  const file = openSync(path, "r")
  const { size } = fstatSync(file)
  const chunk = Buffer.alloc(1 << 20)
  let rest = ""
  let waiting: Array<string> = []
  for (let offset = 0; offset < size;) {
    const read = readSync(file, chunk, 0, chunk.length, offset)
    offset += read
    const parts = (rest + chunk.toString("latin1", 0, read)).split("\n")
    rest = parts.pop()!
    for (const part of parts) {
      waiting.push(part)
      if (waiting.length === count) {
        yield waiting
        waiting = []
      }
    }
  }
  closeSync(file)
  if (waiting.length > 0) yield waiting
}

export { linesFile }

/** Limit: the same rows into one table with one index, durable, in batches of the same size. */
export const rawInsert =
  (name: string, batch = perTransaction): Subject =>
  ({ prepared, scratch }: Place, watch) => {
    const sqlite = new Database(join(scratch, "raw.db"))
    sqlite.pragma("journal_mode = WAL")
    sqlite.pragma("synchronous = FULL")
    sqlite.exec(
      `CREATE TABLE events (event INTEGER PRIMARY KEY, lamport INTEGER NOT NULL, hash TEXT NOT NULL,
         entity INTEGER NOT NULL, header TEXT NOT NULL, salt TEXT NOT NULL, body TEXT NOT NULL);
       CREATE INDEX events_by_entity ON events (entity);`,
    )
    const insert = sqlite.prepare(
      "INSERT INTO events (event, lamport, hash, entity, header, salt, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    const entities = new Map<string, number>()
    let seq = 0
    for (const lines of readLines(linesFile(prepared, name), batch)) {
      const rows = lines.map((text) => {
        const parts = lineFromText(text, "")
        const { id, lamport } = JSON.parse(parts.header) as {
          readonly id: string
          readonly lamport: number
        }
        let entity = entities.get(id)
        if (entity === undefined) entities.set(id, (entity = entities.size + 1))
        return { ...parts, entity, lamport, hash: sha256(parts.header) }
      })
      watch.time(() => {
        sqlite.exec("BEGIN IMMEDIATE")
        for (const row of rows) {
          seq += 1
          insert.run(seq, row.lamport, row.hash, row.entity, row.header, row.salt, row.body)
        }
        sqlite.exec("COMMIT")
      })
    }
    sqlite.close()
    return seq
  }

/** Limit: SHA-256 of each line, once. */
export const hashLines =
  (name: string): Subject =>
  ({ prepared }: Place, watch) => {
    let count = 0
    for (const lines of readLines(linesFile(prepared, name), perTransaction)) {
      watch.time(() => {
        for (const line of lines) if (sha256(line) !== "") count += 1
      })
    }
    return count
  }
