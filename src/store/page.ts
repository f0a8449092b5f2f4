/**
 * How many rows to read at once: as many as fit into a page of memory, by what the rows before took.
 * Rows of a megabyte each come one by one, small ones by the dozen.
 */
const pageBytes = 256 * 1024

export class Page {
  /** Rows to ask for next. */
  rows: number
  readonly #rowsMax: number

  /** Of `rowsMax` rows at the first, and at most. */
  constructor(rowsMax: number) {
    this.rows = rowsMax
    this.#rowsMax = rowsMax
  }

  /** Takes note of rows that were read; false when they were the last. */
  goesOn(count: number, bytes: number): boolean {
    if (count < this.rows) return false
    const fitting = Math.floor((pageBytes * count) / Math.max(bytes, 1))
    this.rows = Math.max(1, Math.min(fitting, this.#rowsMax))
    return true
  }
}
