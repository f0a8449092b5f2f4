/**
 * The signatures that are known along each log: places where it may be cut, for each of them covers the
 * log up to there.
 *
 * In a project of members nobody takes what its node has not signed. Somebody who hands a long log on, in
 * batches, cuts each of them at such a place, also long after its node has gone.
 *
 * Invariants
 *  1. A signature stands at the end of a transaction, since nothing may be cut elsewhere.
 *  2. They stay few: of any three neighbours the outer two are `strideEvents` or `strideBytes` apart. So
 *     there are at most two for each stride of a log, and two more.
 *  3. The newest of a log is always kept.
 */
import { headerFromText } from "../event/event.ts"
import { rowOf } from "./database.ts"
import type { Sqlite } from "./database.ts"

/**
 * A batch is about 4 MiB, or ten thousand small events. With places so near to each other a cut puts
 * off a quarter of it at most, while the signatures of a million small events take half a megabyte.
 */
export const strideEvents = 500
export const strideBytes = 1024 * 1024

export interface Signed {
  readonly seq: number
  readonly signature: string
}

export class Signatures {
  readonly #at
  readonly #newest
  readonly #header
  readonly #hash
  readonly #sizes
  readonly #insert
  readonly #remove

  constructor(sqlite: Sqlite) {
    this.#at = sqlite
      .prepare<[number, number], string>(
        "SELECT signature FROM signatures WHERE line = ? AND seq = ?",
      )
      .pluck()
    this.#newest = sqlite
      .prepare<[number], number>(
        "SELECT seq FROM signatures WHERE line = ? ORDER BY seq DESC LIMIT 2",
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
    this.#insert = sqlite.prepare("INSERT INTO signatures (line, seq, signature) VALUES (?, ?, ?)")
    this.#remove = sqlite.prepare("DELETE FROM signatures WHERE line = ? AND seq = ?")
  }

  /** The signature at an event, if there is one. */
  at(line: number, seq: number): string | undefined {
    return this.#at.get(line, seq)
  }

  /**
   * Keeps a signature that is newer than those known of its line, and lets go of the one before if that
   * is not needed. False when it stands inside a transaction.
   */
  add(line: number, seq: number, signature: string): boolean {
    if (this.#transactionEnd(line, seq) !== seq) return false
    const [last, before] = this.#newest.all(line)
    if (last !== undefined && before !== undefined && !this.#areApart(line, before, seq)) {
      this.#remove.run(line, last)
    }
    this.#insert.run(line, seq, signature)
    return true
  }

  #areApart(line: number, from: number, to: number): boolean {
    if (to - from >= strideEvents) return true
    const sizes = this.#sizes.all(rowOf(line, from + 1), rowOf(line, to))
    return sizes.reduce((sum, size) => sum + size, 0) >= strideBytes
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

/** The newest signature of each line, beside the line: for a query of `lines`. */
export const newestSigned = `LEFT JOIN signatures ON signatures.line = lines.line AND signatures.seq =
  (SELECT max(every.seq) FROM signatures AS every WHERE every.line = lines.line)`
