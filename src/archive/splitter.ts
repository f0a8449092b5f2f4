/**
 * Bytes to whole lines, a batch for each chunk, however the chunks are cut.
 *
 * Never holds more than one line beyond the chunk at hand; a line longer than the limit is refused
 * before it is whole.
 */
import { lineBytesMax } from "../log/segment.ts"
import { refuse } from "./refuse.ts"

const lineFeed = 0x0a

export class LineSplitter {
  readonly #where: string
  readonly #bytesMax: number
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  #waiting: Array<Buffer> = []
  #waitingBytes = 0
  /** Lines given out. */
  #lines = 0

  constructor(where: string, bytesMax = lineBytesMax) {
    this.#where = where
    this.#bytesMax = bytesMax
  }

  /** The lines that this chunk completes, without their line feeds. */
  push(chunk: Buffer): ReadonlyArray<string> {
    const end = chunk.lastIndexOf(lineFeed)
    if (end < 0) {
      this.#keep(chunk)
      return []
    }
    this.#waiting.push(chunk.subarray(0, end))
    const whole = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting)
    const first = this.#waitingBytes + chunk.indexOf(lineFeed)
    this.#waiting = []
    this.#waitingBytes = 0
    if (first > this.#bytesMax) throw this.#tooLong()
    const lines = this.#decode(whole).split("\n")
    this.#lines += lines.length
    if (end + 1 < chunk.length) this.#keep(chunk.subarray(end + 1))
    return lines
  }

  /** Ends the input; the last line must have ended with a line feed. */
  end(): void {
    if (this.#waitingBytes === 0) return
    throw refuse(
      "schema",
      "line-cut",
      `${this.#place()}: the last line does not end with a line feed.`,
      this.#place(),
    )
  }

  #place(): string {
    return `${this.#where} line ${this.#lines + 1}`
  }

  #keep(chunk: Buffer): void {
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes > this.#bytesMax) throw this.#tooLong()
  }

  #tooLong() {
    const place = this.#place()
    return refuse(
      "schema",
      "line-too-long",
      `${place}: a line is longer than ${this.#bytesMax} bytes.`,
      place,
    )
  }

  #decode(bytes: Buffer): string {
    try {
      return this.#decoder.decode(bytes)
    } catch {
      this.#lines += this.#linesBeforeFault(bytes)
      const place = this.#place()
      throw refuse("schema", "not-utf8", `${place}: the line is not UTF-8 text.`, place)
    }
  }

  #linesBeforeFault(bytes: Buffer): number {
    let lines = 0
    for (let start = 0; start <= bytes.length; lines++) {
      const found = bytes.indexOf(lineFeed, start)
      const end = found < 0 ? bytes.length : found
      try {
        this.#decoder.decode(bytes.subarray(start, end))
      } catch {
        return lines
      }
      start = end + 1
    }
    return lines
  }
}
