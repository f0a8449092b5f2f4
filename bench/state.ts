/**
 * Opening a project and reading the state of all its entities; the digest over them.
 */
import { cpSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { sha256 } from "../src/event/hash.ts"
import { Author } from "../src/store/author.ts"
import { listEntities, snapshotLines } from "../src/store/query.ts"
import type { Place, Question } from "./measure.ts"
import { linesFile, perTransaction, readLines, reopen, replicaIn } from "./rows.ts"
import { newTokens } from "./tokens.ts"

/** A replica with so many tokens, and their states in one raw table. */
const prepare = ({ prepared, size, seed }: Omit<Place, "scratch">): void => {
  const replica = replicaIn(prepared)
  const author = new Author(replica)
  for (const changes of newTokens(size, perTransaction, seed)) {
    author.write(changes, { actor: "ana@example.com" })
  }
  const raw = new Database(join(prepared, "raw.db"))
  raw.exec("CREATE TABLE states (state INTEGER PRIMARY KEY, text TEXT NOT NULL)")
  const insert = raw.prepare("INSERT INTO states (text) VALUES (?)")
  const lines = [...snapshotLines(replica)]
  raw.transaction(() => {
    for (const line of lines) insert.run(line)
  })()
  raw.close()
  writeFileSync(linesFile(prepared, "states"), `${lines.join("\n")}\n`)
  replica.close()
}

const common = { unit: "entities", size: 100_000, quickSize: 10_000, prepare }

export const state: ReadonlyArray<Question> = [
  {
    ...common,
    name: "open",
    asks: "open a project and read the state of every entity",
    ours: ({ prepared }, watch) =>
      watch.time(() => {
        const replica = reopen(prepared)
        let count = 0
        for (const entity of listEntities(replica)) if (entity.id !== "") count += 1
        replica.close()
        return count
      }),
    limits: {
      "raw SELECT and JSON.parse": ({ prepared }, watch) =>
        watch.time(() => {
          const sqlite = new Database(join(prepared, "raw.db"), { readonly: true })
          const rows = sqlite.prepare<[], string>("SELECT text FROM states").pluck()
          let count = 0
          for (const text of rows.iterate()) {
            if ((JSON.parse(text) as { readonly id: string }).id !== "") count += 1
          }
          sqlite.close()
          return count
        }),
    },
  },
  {
    ...common,
    name: "digest",
    asks: "compute the digest of the whole state for the first time",
    ours: ({ prepared, scratch, size }, watch) => {
      cpSync(join(prepared, ".lamplog"), join(scratch, ".lamplog"), { recursive: true })
      const replica = reopen(scratch)
      watch.time(() => replica.digest())
      replica.close()
      return size
    },
    limits: {
      "SHA-256 of each line": ({ prepared }, watch) => {
        let count = 0
        for (const lines of readLines(linesFile(prepared, "states"), perTransaction)) {
          watch.time(() => {
            for (const line of lines) if (sha256(line) !== "") count += 1
          })
        }
        return count
      },
    },
  },
]
