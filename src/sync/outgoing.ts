/**
 * What somebody lacks, in batches: each builds only on what they hold and on the batches before it.
 *
 * The lacking runs of all logs are merged in the total order of events, so every prefix is causally
 * closed; a batch is about 4 MiB of that order, one segment for each log in it. A transaction that is
 * longer than a segment goes by itself, in parts. In a project of members each log's part of a batch
 * ends where its node has signed it (`signed-batches.ts`).
 *
 * Invariants
 *  1. Only stretches of rows are remembered between batches: events never change, so a batch may be
 *     read long after the plan was made, and each is read from one state of the file.
 *  2. Memory does not grow with what is lacking: a batch or two, one transaction's part, and rows read
 *     ahead.
 */
import { rowOf, seqOfRow } from "../store/database.ts"
import type { Replica } from "../store/replica.ts"
import { logsLacking, travellingLogs } from "../store/travelling.ts"
import type { LackingOptions, TravellingLog } from "../store/travelling.ts"
import type { Frontier } from "../log/frontier.ts"
import { lineText, segmentBytesMax } from "../log/segment.ts"
import { requiresSignature } from "../store/admission.ts"
import type { Signed } from "../store/signatures.ts"
import { goesOnAfter } from "./run.ts"
import { SignedBatches } from "./signed-batches.ts"
import type { Unit as SignableUnit } from "./signed-batches.ts"
import { segmentFrom } from "./segment.ts"
import type { Batch, Segment } from "./segment.ts"

/** Rows read at once of all logs together, and of one at most. */
const rowsAheadMax = 4096
const pageRowsMax = 256
/** Text of rows read ahead, at most, before logs that are not being read let theirs go. */
const aheadBytesMax = 8 * 1024 * 1024
/** A page ends early after so much text: rows of a megabyte are read a few at once. */
const pageBytes = 256 * 1024

interface Row {
  readonly event: number
  readonly lamport: number
  readonly hash: string
  readonly header: string
  readonly salt: string
  readonly body: string
}

/** Rows by place, as they are read for sending. */
class Rows {
  readonly page
  readonly lamport
  aheadBytes = 0

  constructor({ sqlite }: Replica) {
    this.page = sqlite.prepare<[number, number, number], Row>(
      `SELECT event, lamport, hash, header, salt, body FROM events
       WHERE event BETWEEN ? AND ? ORDER BY event LIMIT ?`,
    )
    this.lamport = sqlite
      .prepare<[number], number>("SELECT lamport FROM events WHERE event = ?")
      .pluck()
  }
}

/** One log that is being sent. */
class Source {
  readonly log: TravellingLog
  /** Lamport of the next event: where the log stands among others. */
  lamport: number
  #stretch = 0
  /** Next seq to be given out. */
  seq: number
  #ahead: Array<Row> = []
  #aheadAt = 0
  #aheadBytes = 0
  #rowsMax: number
  readonly #rows: Rows

  constructor(log: TravellingLog, rows: Rows, rowsMax: number) {
    this.log = log
    this.seq = log.from
    this.#rows = rows
    this.#rowsMax = rowsMax
    this.lamport = rows.lamport.get(rowOf(log.stretches[0]!.line, log.from))!
  }

  get isDone(): boolean {
    return this.seq > this.log.to
  }

  /** The line in which the event given out last stands. */
  line = 0

  /** The next event; there must be one. */
  next(): Row {
    const row = this.#peek()
    this.line = this.log.stretches[this.#stretch]!.line
    this.#aheadAt += 1
    this.seq += 1
    if (!this.isDone) this.lamport = this.#peek().lamport
    return row
  }

  #peek(): Row {
    if (this.#aheadAt < this.#ahead.length) return this.#ahead[this.#aheadAt]!
    this.release()
    const { stretches } = this.log
    while (stretches[this.#stretch]!.to < this.seq) this.#stretch += 1
    const { line, to } = stretches[this.#stretch]!
    this.#ahead = this.#rows.page.all(rowOf(line, this.seq), rowOf(line, to), this.#rowsMax)
    if (this.#ahead[0] === undefined || seqOfRow(this.#ahead[0].event) !== this.seq) {
      throw new Error(`event ${this.seq} of ${this.log.name} is not where it was`)
    }
    this.#aheadBytes = this.#ahead.reduce(
      (sum, { body, header }) => sum + body.length + header.length,
      0,
    )
    this.#rows.aheadBytes += this.#aheadBytes
    const fitting = Math.floor((pageBytes * this.#ahead.length) / this.#aheadBytes)
    this.#rowsMax = Math.max(1, Math.min(fitting, pageRowsMax))
    return this.#ahead[0]
  }

  /** Lets go of what was read ahead. */
  release(): void {
    this.#rows.aheadBytes -= this.#aheadBytes
    this.#ahead = []
    this.#aheadAt = 0
    this.#aheadBytes = 0
  }
}

interface Unit extends SignableUnit<TravellingLog> {
  readonly source: Source
  readonly from: number
  readonly lines: ReadonlyArray<string>
}

const nextUnit = (
  source: Source,
  previous: string,
  signatureAt: (line: number, seq: number) => string | undefined,
): Unit => {
  const { log, seq: from } = source
  const lines: Array<string> = []
  const headers: Array<string> = []
  const hashes: Array<string> = []
  let bytes = 0
  for (;;) {
    const { header, salt, body, hash } = source.next()
    const text = lineText(header, salt, body)
    lines.push(text)
    headers.push(header)
    hashes.push(hash)
    bytes += Buffer.byteLength(text)
    const isWhole = !goesOnAfter(header)
    if (isWhole || bytes >= segmentBytesMax) {
      const signature = isWhole ? signatureAt(source.line, source.seq - 1) : undefined
      return { source, log, from, lines, bytes, isWhole, signature, headers, hashes, previous }
    }
  }
}

/** Whether a log's next event stands after another's, in total order. */
const isAfter = (left: Source, right: Source): boolean => {
  if (left.lamport !== right.lamport) return left.lamport > right.lamport
  if (left.log.node !== right.log.node) return left.log.node > right.log.node
  return left.seq > right.seq
}

/** A segment while its lines are gathered. */
interface Part {
  readonly log: TravellingLog
  readonly from: number
  readonly previous: string
  readonly lines: Array<string>
  bytes: number
  to: number
  head: string
  signature: string | undefined
}

class Outgoing {
  readonly #replica: Replica
  readonly #rows: Rows
  /** Logs with events to be sent, the one whose turn it is last. */
  readonly #sources: Array<Source> = []
  /** Chain hash up to which each log was given out. */
  readonly #hashes = new Map<TravellingLog, string>()
  /** Signed heads as they were when this was planned. */
  readonly #signed: ReadonlyMap<number, Signed>
  /** Read, but for the next batch. */
  #carried: Unit | undefined
  /** In a project of members. */
  readonly #signedBatches: SignedBatches<TravellingLog, Unit> | undefined

  constructor(replica: Replica, logs: ReadonlyArray<TravellingLog>) {
    this.#replica = replica
    this.#rows = new Rows(replica)
    const rowsMax = Math.max(1, Math.min(pageRowsMax, Math.floor(rowsAheadMax / logs.length)))
    for (const log of logs) {
      this.#hashes.set(log, log.previous)
      this.#sources.push(new Source(log, this.#rows, rowsMax))
    }
    this.#sources.sort((left, right) => (isAfter(left, right) ? -1 : 1))
    this.#signed = new Map(
      replica.lines.all.flatMap(({ line, signedSeq: seq, signature }) =>
        seq === undefined || signature === undefined ? [] : [[line, { seq, signature }] as const],
      ),
    )
    if (requiresSignature(replica)) this.#signedBatches = new SignedBatches(() => this.#next())
  }

  readonly #signatureAt = (line: number, seq: number): string | undefined => {
    const signed = this.#signed.get(line)
    if (signed?.seq === seq) return signed.signature
    return this.#signedBatches === undefined
      ? undefined
      : this.#replica.lines.signatures.at(line, seq)
  }

  #next(): Unit | undefined {
    const carried = this.#carried
    this.#carried = undefined
    if (carried !== undefined) return carried
    const source = this.#sources.pop()
    if (source === undefined) return undefined
    const unit = nextUnit(source, this.#hashes.get(source.log)!, this.#signatureAt)
    this.#hashes.set(unit.log, unit.hashes.at(-1)!)
    if (source.isDone) source.release()
    else if (unit.isWhole) this.#insert(source)
    // The rest of a transaction comes before anything else.
    else this.#sources.push(source)
    return unit
  }

  #insert(source: Source): void {
    const sources = this.#sources
    let low = 0
    let high = sources.length
    // Mostly it is this log's turn again.
    if (high === 0 || isAfter(sources[high - 1]!, source)) low = high
    while (low < high) {
      const middle = (low + high) >> 1
      if (isAfter(sources[middle]!, source)) low = middle + 1
      else high = middle
    }
    sources.splice(low, 0, source)
    if (low + 1 < sources.length && this.#rows.aheadBytes > aheadBytesMax) source.release()
  }

  /** The next batch; undefined when nothing is left. */
  batch(): Batch | undefined {
    const parts: Array<Part> = []
    const open = new Map<TravellingLog, Part>()
    for (const unit of this.#signedBatches?.take() ?? this.#first()) this.#add(unit, parts, open)
    if (parts.length === 0) return undefined
    // In the order of their first events: a branch stands after what it parts from.
    return parts.map((part) => this.#segment(part))
  }

  /** What comes first. */
  *#first(): Generator<Unit> {
    let bytes = 0
    for (let unit = this.#next(); unit !== undefined; unit = this.#next()) {
      if (bytes > 0 && bytes + unit.bytes > segmentBytesMax) {
        this.#carried = unit
        return
      }
      yield unit
      bytes += unit.bytes
      if (!unit.isWhole) return
    }
  }

  #add(unit: Unit, parts: Array<Part>, open: Map<TravellingLog, Part>): void {
    const { bytes, from, hashes, lines, log, previous, signature } = unit
    const head = hashes.at(-1)!
    let part = open.get(log)
    if (part === undefined || part.bytes + bytes > segmentBytesMax) {
      part = { log, from, previous, lines: [], bytes: 0, to: from, head, signature }
      parts.push(part)
      open.set(log, part)
    }
    for (const line of lines) part.lines.push(line)
    part.bytes += bytes
    part.to = from + lines.length - 1
    part.head = head
    part.signature = signature
    // A segment ends where the node has signed its log last.
    if (signature !== undefined && this.#signedBatches === undefined) open.delete(log)
  }

  #segment({ log, from, to, previous, head, lines, signature }: Part): Segment {
    const { project } = this.#replica
    const { node, publicKey } = log
    const run = { project, node, publicKey, from, to, previous, head }
    const text = Buffer.from(lines.join(""))
    return segmentFrom(signature === undefined ? run : { ...run, signature }, text)
  }
}

/**
 * What somebody who holds `known` lacks. This replica's own log is signed first, to its end.
 */
export function* outgoing(
  replica: Replica,
  known: Frontier,
  options: LackingOptions = {},
): Generator<Batch> {
  replica.signOwnHead()
  const plan = replica.read(() => {
    const logs = travellingLogs(replica.lines, replica.project)
    return new Outgoing(replica, logsLacking(logs, known, replica.lines, options))
  })
  for (;;) {
    const batch = replica.read(() => plan.batch())
    if (batch === undefined) return
    yield batch
  }
}
