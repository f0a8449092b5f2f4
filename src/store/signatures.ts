/**
 * The signatures that are known along each log: places where it may be cut, for each of them covers the
 * log up to there.
 *
 * In a project of members nobody takes what its node has not signed. Somebody who hands long logs on, in
 * batches, cuts them at such places, also long after their nodes have gone. Logs that build on each
 * other can only be cut where they were all signed at one time. So the signatures of all logs are kept
 * together: after every stride of what is held, the newest of each; what comes in between gives way to
 * the next.
 *
 * Invariants
 *  1. A signature stands at the end of a transaction, since nothing may be cut elsewhere.
 *  2. They stay few: of a log at most one for each stride of its own, one for each stride of all logs
 *     together, and the newest.
 *  3. The newest of a log is always there.
 */
import { headerFromText } from "../event/event.ts"
import { rowOf } from "./database.ts"
import type { Sqlite } from "./database.ts"

/**
 * A batch is about 4 MiB, or ten thousand small events: with places so near to each other a cut puts off a
 * quarter of it at most. And a million small events of one log take two thousand signatures, which
 * is a third of a megabyte.
 */
export const strideEvents = 500
export const strideBytes = 1024 * 1024

export interface Signed {
  readonly seq: number
  readonly signature: string
}

export class Signatures {
  readonly #at
  readonly #header
  readonly #hash
  readonly #sizes
  readonly #bytes
  readonly #insert
  readonly #keep
  readonly #remove

  constructor(sqlite: Sqlite) {
    this.#at = sqlite
      .prepare<[number, number], string>(
        "SELECT signature FROM signatures WHERE line = ? AND seq = ?",
      )
      .pluck()
    this.#header = sqlite
      .prepare<[number], string>("SELECT header FROM events WHERE event = ?")
      .pluck()
    this.#hash = sqlite.prepare<[number], string>("SELECT hash FROM events WHERE event = ?").pluck()
    this.#sizes = sqlite
      .prepare<[number, number], number>(
        `SELECT octet_length(header) + octet_length(body) FROM events
         WHERE event BETWEEN ? AND ? ORDER BY event`,
      )
      .pluck()
    this.#bytes = sqlite
      .prepare<[number, number], number>(
        `SELECT sum(octet_length(header) + octet_length(body)) FROM events
         WHERE event BETWEEN ? AND ?`,
      )
      .pluck()
    this.#insert = sqlite.prepare(
      "INSERT INTO signatures (line, seq, signature, kept) VALUES (?, ?, ?, 0)",
    )
    this.#keep = sqlite.prepare("UPDATE signatures SET kept = 1 WHERE line = ? AND seq = ?")
    this.#remove = sqlite.prepare("DELETE FROM signatures WHERE line = ? AND seq = ?")
  }

  /** The signature at an event, if there is one. */
  at(line: number, seq: number): string | undefined {
    return this.#at.get(line, seq)
  }

  /** Adds the newest signature of a line, in place of one that is not to be kept. */
  add(line: number, seq: number, signature: string, instead: number | undefined): void {
    if (instead !== undefined) this.#remove.run(line, instead)
    this.#insert.run(line, seq, signature)
  }

  keep(line: number, seq: number): void {
    this.#keep.run(line, seq)
  }

  /** Whether a log may be cut after an event. */
  mayCut(line: number, seq: number): boolean {
    return this.#transactionEnd(line, seq) === seq
  }

  /** Bytes of a log's events after a place, up to another. */
  bytes(line: number, after: number, to: number): number {
    return this.#bytes.get(rowOf(line, after + 1), rowOf(line, to)) ?? 0
  }

  /** Where a log is to be signed after a place: at the ends of transactions, a stride apart, and at its end. */
  *places(
    line: number,
    after: number,
    to: number,
  ): Generator<{ readonly seq: number; readonly hash: string }> {
    for (let seq = after; seq < to;) {
      seq = Math.min(to, this.#transactionEnd(line, this.#stride(line, seq, to)))
      yield { seq, hash: this.#hash.get(rowOf(line, seq))! }
    }
  }

  /** The event that ends a stride, or the log. */
  #stride(line: number, after: number, to: number): number {
    const last = Math.min(to, after + strideEvents)
    let bytes = 0
    const sizes = this.#sizes.all(rowOf(line, after + 1), rowOf(line, last))
    const full = sizes.findIndex((size) => (bytes += size) >= strideBytes)
    return full < 0 ? last : after + full + 1
  }

  #transactionEnd(line: number, seq: number): number {
    const { transaction } = headerFromText(this.#header.get(rowOf(line, seq))!)
    return transaction === undefined ? seq : seq + transaction.count - 1 - transaction.index
  }
}
