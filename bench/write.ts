/**
 * Writing and receiving events: 100,000 of them, in transactions of 1,000.
 *
 * New tokens and edits of existing ones are asked apart: an edit reads the entity before it and
 * writes a page that lies anywhere.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { genesisHash } from "../src/event/hash.ts"
import { Author } from "../src/store/author.ts"
import { Receiver } from "../src/store/receive.ts"
import type { Replica } from "../src/store/replica.ts"
import type { Change } from "../src/state/change.ts"
import type { Place, Question, Stopwatch } from "./measure.ts"
import {
  hashLines,
  linesFile,
  perTransaction,
  rawInsert,
  readLines,
  reopen,
  replicaIn,
  writeLines,
} from "./rows.ts"
import { editedTokens, newTokens } from "./tokens.ts"

const authorship = { actor: "ana@example.com", at: "2026-01-01T00:00:00Z" }
const limits = (name: string) => ({
  "raw insert, one index": rawInsert(name),
  "SHA-256 of each line": hashLines(name),
})

const existingOf = (size: number): number => Math.max(perTransaction, size / 10)

interface Start {
  readonly project: string
  readonly node: string
  readonly publicKey: string
  readonly from: number
  readonly previous: string
}

const write = (
  replica: Replica,
  transactions: Iterable<ReadonlyArray<Change>>,
  watch?: Stopwatch,
): number => {
  const author = new Author(replica)
  let events = 0
  for (const changes of transactions) {
    watch?.start()
    events += author.write(changes, authorship).events
    watch?.stop()
  }
  return events
}

const receive = (replica: Replica, start: Start, path: string, watch?: Stopwatch): number => {
  let { from, previous } = start
  let events = 0
  for (const lines of readLines(path, perTransaction)) {
    watch?.start()
    events += replica.transaction(() => {
      const receiver = new Receiver(replica)
      receiver.begin({ node: start.node, publicKey: start.publicKey, from, previous })
      for (const line of lines) receiver.line(line, "bench")
      ;({ hash: previous } = receiver.head())
      receiver.end()
      return receiver.finish().events
    })
    watch?.stop()
    from += lines.length
  }
  return events
}

/** Gives a replica the whole log in a file. */
export const receiveLines = (
  replica: Replica,
  { node, publicKey }: { readonly node: string; readonly publicKey: string },
  path: string,
): number => {
  const { project } = replica
  const previous = genesisHash(project, publicKey)
  return receive(replica, { project, node, publicKey, from: 1, previous }, path)
}

const startFile = (folder: string, name: string): string => join(folder, `${name}.json`)

/** Leaves the lines of a log, and where they begin. */
const keep = (replica: Replica, from: number, prepared: string, name: string): void => {
  const line = replica.ownLine()!
  const { node, publicKey } = line
  const previous =
    from === 1 ? genesisHash(replica.project, publicKey) : replica.lines.hashAt(line.line, from - 1)
  writeLines(replica, line, from, linesFile(prepared, name))
  const start: Start = { project: replica.project, node, publicKey, from, previous }
  writeFileSync(startFile(prepared, name), JSON.stringify(start))
}

const startOf = (folder: string, name: string): Start =>
  JSON.parse(readFileSync(startFile(folder, name), "utf8")) as Start

const prepareNew = ({ prepared, size, seed }: Omit<Place, "scratch">): void => {
  const replica = replicaIn(prepared)
  write(replica, newTokens(size, perTransaction, seed))
  keep(replica, 1, prepared, "new")
  replica.close()
}

/** The existing tokens are another node's, so that a copy of their replica can receive the edits. */
const prepareEdits = ({ prepared, size, seed }: Omit<Place, "scratch">): void => {
  const existing = existingOf(size)
  const base = replicaIn(join(prepared, "base"))
  write(base, newTokens(existing, perTransaction, seed))
  keep(base, 1, prepared, "base")
  const replica = replicaIn(join(prepared, "editor"), base.project)
  base.close()
  receive(replica, startOf(prepared, "base"), linesFile(prepared, "base"))
  write(replica, editedTokens(size, existing, perTransaction, seed))
  keep(replica, 1, prepared, "edits")
  replica.close()
}

/** A replica of its own that holds the tokens to be edited. */
const holding = (prepared: string, scratch: string): Replica => {
  cpSync(startFile(prepared, "base"), startFile(scratch, "base"))
  const start = startOf(prepared, "base")
  const replica = replicaIn(scratch, start.project)
  receive(replica, start, linesFile(prepared, "base"))
  replica.close()
  return reopen(scratch)
}

const common = { unit: "events", size: 100_000, quickSize: 10_000 }
const bars = { "raw insert, one index": 0.25 }

export const writing: ReadonlyArray<Question> = [
  {
    ...common,
    name: "append",
    asks: "write new tokens into this replica's log",
    prepare: prepareNew,
    ours: ({ scratch, size, seed }, watch) =>
      write(replicaIn(scratch), newTokens(size, perTransaction, seed), watch),
    limits: limits("new"),
  },
  {
    ...common,
    name: "append-edits",
    asks: "write edits of existing tokens",
    prepare: prepareEdits,
    ours: ({ prepared, scratch, size, seed }, watch) =>
      write(
        holding(prepared, scratch),
        editedTokens(size, existingOf(size), perTransaction, seed),
        watch,
      ),
    limits: limits("edits"),
  },
  {
    ...common,
    name: "apply",
    asks: "receive another replica's new tokens",
    prepare: prepareNew,
    ours: ({ prepared, scratch }, watch) => {
      const start = startOf(prepared, "new")
      return receive(replicaIn(scratch, start.project), start, linesFile(prepared, "new"), watch)
    },
    limits: limits("new"),
    bars,
  },
  {
    ...common,
    name: "apply-edits",
    asks: "receive another replica's edits",
    prepare: prepareEdits,
    ours: ({ prepared, scratch }, watch) =>
      receive(
        holding(prepared, scratch),
        startOf(prepared, "edits"),
        linesFile(prepared, "edits"),
        watch,
      ),
    limits: limits("edits"),
    bars,
  },
]
