/**
 * What goes into an archive, read twice from one consistent state: once to be measured, once to be
 * written.
 *
 * The state is held by a read transaction on a connection of its own, so that an export of any
 * length blocks nobody and sees nothing of what is committed meanwhile.
 */
import { createHash } from "node:crypto"
import { headerFromText } from "../event/event.ts"
import type { Frontier } from "../log/frontier.ts"
import { segmentBytesMax } from "../log/segment.ts"
import type { ProjectSchema } from "../state/schema.ts"
import { busyTimeoutMillisDefault } from "../store/create.ts"
import { namedAssets } from "../store/assets-named.ts"
import type { NamedAsset } from "../store/assets-named.ts"
import { openDatabase, rowOf } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import { computeDigest, lineOfEntityRow } from "../store/digest.ts"
import type { ComputedDigest } from "../store/digest.ts"
import { Lines } from "../store/lines.ts"
import { Meta } from "../store/meta.ts"
import { Page } from "../store/page.ts"
import { bytesOfRows } from "../store/projection.ts"
import type { EntityRow } from "../store/projection.ts"
import type { Replica } from "../store/replica.ts"
import { proofsPath, segmentPath, snapshotPath } from "./archive.ts"
import type { ManifestMember, Selection } from "./archive.ts"
import { namedByChosen, namedByLogs } from "./asset-plan.ts"
import { choose, livingRows } from "./choose.ts"
import type { Chosen } from "./choose.ts"
import { countState } from "./counts.ts"
import type { StateCounts } from "./counts.ts"
import { logsSince, travellingLogs } from "../store/travelling.ts"
import type { Stretch, TravellingLog } from "../store/travelling.ts"
import { proofLines } from "./proof.ts"

/** Rows read at once: at the longest line still far below a segment's worth of memory. */
const pageRows = 32
/** Page cache of the connection, in KiB: everything is read once, in order. */
const cacheKibibytes = 2048
/** What is hashed and compressed at once, in bytes. */
const chunkBytes = 64 * 1024

/** A member, and its bytes: the same each time, in chunks that are cut the same each time. */
export interface PlannedMember extends ManifestMember {
  readonly bytes: () => Iterable<Buffer> | AsyncIterable<Buffer>
}

export interface PlannedLog extends TravellingLog {
  readonly members: ReadonlyArray<PlannedMember>
}

/** Gathers small pieces into chunks; where chunks are cut depends on the pieces alone. */
function* chunksOf(pieces: Iterable<Buffer>): Generator<Buffer> {
  let waiting: Array<Buffer> = []
  let bytes = 0
  for (const piece of pieces) {
    waiting.push(piece)
    bytes += piece.length
    if (bytes < chunkBytes) continue
    yield Buffer.concat(waiting, bytes)
    waiting = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(waiting, bytes)
}

interface LineRow {
  readonly event: number
  readonly line: Buffer
}

/** Measures a member whose lines can be read twice, pausing after every one. */
function* planMember(
  path: string,
  lines: () => Iterable<Buffer>,
): Generator<number, PlannedMember> {
  const hash = createHash("sha256")
  let size = 0
  for (const line of lines()) {
    hash.update(line)
    size += line.length
    yield line.length
  }
  return { path, sha256: hash.digest("hex"), size, bytes: () => chunksOf(lines()) }
}

/** Counts, hashes and cuts one log into segments while its lines go by. */
class Cutter {
  readonly members: Array<PlannedMember> = []
  readonly #log: string
  readonly #linesOf: (stretches: ReadonlyArray<Stretch>) => Iterable<Buffer>
  #hash = createHash("sha256")
  #size = 0
  #events = 0
  #from: number
  #stretches: Array<Stretch> = []

  constructor(
    log: TravellingLog,
    linesOf: (stretches: ReadonlyArray<Stretch>) => Iterable<Buffer>,
  ) {
    this.#log = log.name
    this.#from = log.from
    this.#linesOf = linesOf
  }

  add(line: number, seq: number, text: Buffer): void {
    const last = this.#stretches.at(-1)
    if (last?.line === line) this.#stretches[this.#stretches.length - 1] = { ...last, to: seq }
    else this.#stretches.push({ line, from: seq, to: seq })
    this.#hash.update(text)
    this.#size += text.length
    this.#events += 1
  }

  get isFull(): boolean {
    return this.#size >= segmentBytesMax
  }

  cut(): void {
    if (this.#events === 0) return
    const stretches = this.#stretches
    this.members.push({
      path: segmentPath(this.#log, this.#from),
      sha256: this.#hash.digest("hex"),
      size: this.#size,
      bytes: () => chunksOf(this.#linesOf(stretches)),
    })
    this.#from += this.#events
    this.#hash = createHash("sha256")
    this.#size = 0
    this.#events = 0
    this.#stretches = []
  }
}

export class Content {
  readonly logs: ReadonlyArray<TravellingLog>
  readonly lines: Lines
  readonly #sqlite: Sqlite
  readonly #schema: ProjectSchema
  readonly #digest: ComputedDigest
  readonly #page
  readonly #header
  readonly #entities

  /** All that the replica holds, or what a reader who holds `since` lacks. */
  constructor(replica: Replica, since: Frontier) {
    const sqlite = openDatabase(replica.path, { busyTimeoutMillis: busyTimeoutMillisDefault })
    this.#sqlite = sqlite
    try {
      sqlite.pragma("query_only = 1")
      sqlite.pragma(`cache_size = -${cacheKibibytes}`)
      sqlite.exec("BEGIN")
      this.lines = new Lines(sqlite)
      this.logs = logsSince(travellingLogs(this.lines, replica.project), since, this.lines)
      this.#schema = replica.schema
      this.#digest = computeDigest(sqlite, new Meta(sqlite), replica.schema)
      this.#page = sqlite.prepare<[number, number, number], LineRow>(
        `SELECT event, CAST(header || char(9) || salt || char(9) || body || char(10) AS BLOB) AS line
         FROM events WHERE event BETWEEN ? AND ? ORDER BY event LIMIT ?`,
      )
      this.#header = sqlite
        .prepare<[number], string>("SELECT header FROM events WHERE event = ?")
        .pluck()
      this.#entities = sqlite.prepare<[string, string, number], EntityRow>(
        `SELECT * FROM entities WHERE (type, id) > (?, ?) AND heads IS NOT NULL
         ORDER BY type, id LIMIT ?`,
      )
    } catch (error) {
      sqlite.close()
      throw error
    }
  }

  close(): void {
    this.#sqlite.close()
  }

  get digest(): string {
    return this.#digest.digest
  }

  /** What the manifest says of the state. */
  counts(): StateCounts {
    return countState(this.#sqlite)
  }

  *#rows({ line, from, to }: Stretch): Generator<LineRow> {
    const high = rowOf(line, to)
    const page = new Page(pageRows)
    for (let low = rowOf(line, from); low <= high;) {
      const rows = this.#page.all(low, high, page.rows)
      const bytes = rows.reduce((sum, row) => sum + row.line.length, 0)
      yield* rows
      if (!page.goesOn(rows.length, bytes)) return
      low = rows.at(-1)!.event + 1
    }
  }

  #endsTransaction(event: number): boolean {
    const { transaction } = headerFromText(this.#header.get(event)!)
    return transaction === undefined || transaction.index === transaction.count - 1
  }

  *#linesOf(stretches: ReadonlyArray<Stretch>): Generator<Buffer> {
    for (const stretch of stretches) for (const { line } of this.#rows(stretch)) yield line
  }

  /** Cuts a log into segments; pauses after every few lines so that others have their turn. */
  *planLog(log: TravellingLog): Generator<number, PlannedLog> {
    const cutter = new Cutter(log, (stretches) => this.#linesOf(stretches))
    for (const stretch of log.stretches) {
      const first = rowOf(stretch.line, 0)
      for (const { event, line } of this.#rows(stretch)) {
        cutter.add(stretch.line, event - first, line)
        if (cutter.isFull && this.#endsTransaction(event)) cutter.cut()
        yield line.length
      }
    }
    cutter.cut()
    return { ...log, members: cutter.members }
  }

  /** Measures the snapshot of everything, pausing in the same way. */
  planSnapshot(): Generator<number, PlannedMember> {
    return planMember(snapshotPath, () => this.#snapshotLines())
  }

  *#snapshotLines(): Generator<Buffer> {
    const page = new Page(pageRows)
    let type = ""
    let id = ""
    for (;;) {
      const rows = this.#entities.all(type, id, page.rows)
      for (const row of rows) yield Buffer.from(`${lineOfEntityRow(row)}\n`)
      const last = rows.at(-1)
      if (last === undefined || !page.goesOn(rows.length, bytesOfRows(rows))) return
      type = last.type
      id = last.id
    }
  }

  /** Chooses what goes into an extract. */
  choose(selection: Selection): Generator<number, Chosen> {
    return choose(this.#sqlite, this.#schema, selection)
  }

  /** Measures the snapshot and the proofs of an extract. */
  *planExtract({ has }: Chosen): Generator<number, ReadonlyArray<PlannedMember>> {
    const chosen = yield* planMember(snapshotPath, () => this.#chosenLines(has))
    const proofs = yield* planMember(proofsPath, () => this.#proofLines(has))
    return [chosen, proofs]
  }

  *#chosenLines(has: Chosen["has"]): Generator<Buffer> {
    for (const row of livingRows(this.#sqlite)) {
      if (has(row.entity)) yield Buffer.from(`${lineOfEntityRow(row)}\n`)
    }
  }

  /** What the assets of the state name; of an extract, the chosen ones; else those that logs touch. */
  assetsNamed(part: "state" | "logs" | Chosen): Generator<NamedAsset> {
    if (part === "state") return namedAssets(this.#sqlite)
    if (part !== "logs") return namedByChosen(this.#sqlite, part.has)
    const stretches = this.logs.flatMap((log) => log.stretches)
    return namedByLogs(this.#sqlite, stretches)
  }

  *#proofLines(has: Chosen["has"]): Generator<Buffer> {
    for (const line of proofLines(this.#sqlite, this.#digest, has)) yield Buffer.from(`${line}\n`)
  }
}
