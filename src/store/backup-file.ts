/**
 * Reading a backup that may be anything: a damaged one, or a database made to do harm.
 *
 * The file is only ever read, row by row within bounds; nothing of its schema is used before it was
 * found to be the very layout of a backup. What is read is text for `Receiver`, which proves it.
 *
 * Invariant: whatever SQLite says of the file, the refusal is `backup-damaged` or `not-a-backup`.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import Database from "better-sqlite3"
import { LamplogError } from "../event/failure.ts"
import { genesisHash, isHash } from "../event/hash.ts"
import { lineBytesMax, lineText } from "../log/segment.ts"
import {
  backupApplicationId,
  backupLayout,
  backupVersion,
  factsFromText,
  layoutQuery,
} from "./backup.ts"
import type { BackupFacts } from "./backup.ts"
import { rowOf, seqMax } from "./database.ts"
import type { Sqlite } from "./database.ts"
import type { LogStart } from "./line-check.ts"

const pageRows = 500
const headBytes = 65_536
const factsBytesMax = 16 * 1024 * 1024
const nameBytesMax = 256
/** The kind of a leaf of a table in SQLite's file format: all of the schema is on one page. */
const tableLeaf = 0x0d

const refuse = (code: string, message: string, where: string): LamplogError =>
  new LamplogError({
    stage: "structure",
    code,
    message,
    where,
    remedy: "Take another backup, or clone the project from another replica; nothing was changed.",
  })

const damaged = (path: string, why: string): LamplogError =>
  refuse("backup-damaged", `The backup ${path} is damaged: ${why}.`, path)

const foreign = (path: string, why: string): LamplogError =>
  refuse("not-a-backup", `${path} is no backup of Lamplog: ${why}.`, path)

/** A number as SQLite writes it, seven bits a byte; as much as its first four bytes say. */
const varint = (bytes: Buffer, at: number): number => {
  let value = 0
  for (let index = 0; index < 4; index++) {
    const byte = bytes[at + index] ?? 0
    value = value * 128 + (byte & 127)
    if (byte < 128) return value
  }
  return Number.MAX_SAFE_INTEGER
}

/** Whether everything that the schema says stands on the first page, where it takes no memory. */
const hasSmallSchema = (head: Buffer, pageBytes: number): boolean => {
  if (head[100] !== tableLeaf) return false
  const cells = head.readUInt16BE(103)
  return Array.from({ length: cells }, (_, cell) => 108 + cell * 2).every((pointer) => {
    if (pointer + 2 > head.length) return false
    return varint(head, head.readUInt16BE(pointer)) < pageBytes
  })
}

/** Looks at the bytes before SQLite does. */
const checkHead = (path: string): void => {
  // A pipe would make whoever opens it wait for somebody to write.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw foreign(path, "it is no file")
    const bytes = Buffer.alloc(headBytes)
    const head = bytes.subarray(0, readSync(file, bytes, 0, headBytes, 0))
    if (head.length < 512 || head.toString("latin1", 0, 16) !== "SQLite format 3\0") {
      throw foreign(path, "it does not begin like one")
    }
    if (head.readUInt32BE(68) !== backupApplicationId) throw foreign(path, "it has another mark")
    const version = head.readUInt32BE(60)
    if (version > backupVersion) {
      throw new LamplogError({
        stage: "structure",
        code: "backup-newer",
        message: `The backup was made by a newer Lamplog (version ${version}; this one reads ${backupVersion}).`,
        remedy: "Upgrade Lamplog on this machine.",
        where: path,
      })
    }
    const stored = head.readUInt16BE(16)
    const pageBytes = stored === 1 ? 65_536 : stored
    const isWhole = stat.size === head.readUInt32BE(28) * pageBytes
    if (!isWhole || head[18] !== 1 || head[19] !== 1) throw damaged(path, "it is cut or unfinished")
    if (!hasSmallSchema(head, pageBytes)) throw foreign(path, "its tables are others")
  } finally {
    closeSync(file)
  }
}

interface LineRow {
  readonly line: number
  readonly node: string
  readonly public_key: string
  readonly first_seq: number
  readonly parent: number | null
  readonly head_seq: number
  readonly head_hash: string
}

interface SignatureRow {
  readonly seq: number
  readonly signature: string | null
}

interface EventRow {
  readonly event: number
  readonly header: string | null
  readonly salt: string | null
  readonly body: string | null
}

/** A run of one log as a backup holds it. */
export interface BackedUpRun {
  readonly start: LogStart
  readonly to: number
  /** The chain hash that the backup says the log has at its end; undefined before its end. */
  readonly head: string | undefined
  readonly signature: string | undefined
  /** Lines in order, in batches. */
  readonly lines: () => Generator<ReadonlyArray<string>>
}

/** A text of a row, if it is one and short enough to be read. */
const short = (column: string): string =>
  `CASE WHEN typeof(${column}) = 'text' AND octet_length(${column}) <= ${nameBytesMax} THEN ${column} END AS ${column}`

const isCount = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= seqMax

export class BackupFile {
  readonly path: string
  readonly facts: BackupFacts
  readonly #sqlite: Sqlite
  readonly #page
  readonly #hashAt
  readonly #signed

  private constructor(path: string, sqlite: Sqlite) {
    this.path = path
    this.#sqlite = sqlite
    const layout = sqlite.prepare<[], string>(`${layoutQuery} LIMIT 16`).pluck().all()
    if (layout.join("\n") !== backupLayout().join("\n"))
      throw foreign(path, "its tables are others")
    const row = sqlite
      .prepare<[], { readonly text: string; readonly hash: string }>(
        `SELECT text, hash FROM facts WHERE octet_length(text) <= ${factsBytesMax} AND octet_length(hash) = 64 LIMIT 1`,
      )
      .get()
    const readable = typeof row?.text === "string" && typeof row.hash === "string"
    const facts = readable ? factsFromText(row.text, row.hash) : undefined
    if (facts === undefined) throw damaged(path, "what it says of itself does not hold")
    this.facts = facts
    const most = `octet_length(header) + octet_length(salt) + octet_length(body) <= ${lineBytesMax}`
    const fitting = (column: string): string =>
      `CASE WHEN ${most} AND typeof(${column}) = 'text' THEN ${column} END AS ${column}`
    this.#page = sqlite.prepare<[number, number, number], EventRow>(
      `SELECT event, ${fitting("header")}, ${fitting("salt")}, ${fitting("body")}
       FROM events WHERE event BETWEEN ? AND ? ORDER BY event LIMIT ?`,
    )
    this.#hashAt = sqlite
      .prepare<[number], string>(`SELECT ${short("hash")} FROM events WHERE event = ?`)
      .pluck()
    this.#signed = sqlite.prepare<[number, number, number], SignatureRow>(
      `SELECT seq, ${short("signature")} FROM signatures
       WHERE line = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT 1`,
    )
  }

  /** Opens a backup. Refuses what is none; close it when done. */
  static open(path: string): BackupFile {
    checkHead(path)
    return BackupFile.#guarded(path, () => {
      const sqlite = new Database(path, { readonly: true, fileMustExist: true })
      try {
        sqlite.pragma("trusted_schema = OFF")
        sqlite.pragma("cell_size_check = ON")
        sqlite.pragma("mmap_size = 0")
        return new BackupFile(path, sqlite)
      } catch (error) {
        sqlite.close()
        throw error
      }
    })
  }

  static #guarded<A>(path: string, run: () => A): A {
    try {
      return run()
    } catch (error) {
      const { code } = error as { readonly code?: unknown }
      if (error instanceof LamplogError || typeof code !== "string") throw error
      if (!code.startsWith("SQLITE_")) throw error
      throw damaged(path, (error as Error).message)
    }
  }

  close(): void {
    this.#sqlite.close()
  }

  /** Every log, a branch after what it parts from; cut wherever it is signed. */
  *runs(): Generator<BackedUpRun> {
    const next = this.#sqlite.prepare<[number], LineRow>(
      `SELECT line, ${short("node")}, ${short("public_key")}, first_seq, parent, head_seq,
         ${short("head_hash")}
       FROM lines WHERE line > ? ORDER BY line LIMIT 1`,
    )
    for (let line = 0; ;) {
      const row = BackupFile.#guarded(this.path, () => next.get(line))
      if (row === undefined) return
      line = this.#checked(row).line
      yield* this.#runsOf(row)
    }
  }

  #checked(row: LineRow): LineRow {
    const { first_seq: first, head_seq: head, line, parent } = row
    const fits =
      isCount(line, 1) &&
      isCount(first, 1) &&
      isCount(head, first) &&
      (parent === null || isCount(parent, 1)) &&
      row.node !== null &&
      row.public_key !== null &&
      row.head_hash !== null
    if (!fits) throw damaged(this.path, "a log is listed that cannot be")
    return row
  }

  *#runsOf(row: LineRow): Generator<BackedUpRun> {
    const { first_seq: first, head_seq: head, line } = row
    for (let from = first; from <= head;) {
      const next = BackupFile.#guarded(this.path, () => this.#signed.get(line, from, head))
      if (next !== undefined && (!isCount(next.seq, from) || next.signature === null)) {
        throw damaged(this.path, "a signature stands where none can be")
      }
      const to = next?.seq ?? head
      yield this.#run(row, from, to, next?.signature ?? undefined)
      from = to + 1
    }
  }

  #run(row: LineRow, from: number, to: number, signature: string | undefined): BackedUpRun {
    const { head_hash: head, head_seq: last, line, node, parent, public_key: publicKey } = row
    const before = from > row.first_seq ? line : parent
    const previous =
      from === 1
        ? isHash(publicKey)
          ? genesisHash(this.facts.project, publicKey)
          : undefined
        : BackupFile.#guarded(this.path, () =>
            before === null ? undefined : this.#hashAt.get(rowOf(before, from - 1)),
          )
    return {
      start: { node, publicKey, from, previous: previous ?? "" },
      to,
      head: to === last ? head : undefined,
      signature,
      lines: () => this.#lines(line, from, to),
    }
  }

  *#lines(line: number, from: number, to: number): Generator<ReadonlyArray<string>> {
    const last = rowOf(line, to)
    for (let next = rowOf(line, from); next <= last;) {
      const rows = BackupFile.#guarded(this.path, () => this.#page.all(next, last, pageRows))
      if (rows.length === 0) throw damaged(this.path, "events are missing")
      const texts = rows.map(({ body, event, header, salt }, index) => {
        if (event !== next + index || header === null || salt === null || body === null) {
          throw damaged(this.path, "an event is missing, or is none")
        }
        return lineText(header, salt, body).slice(0, -1)
      })
      next += rows.length
      yield texts
    }
  }
}
