/**
 * The signatures along a log, checked as its events go by: each stands at the end of a transaction that
 * is there, and fits what is derived from the log up to it.
 */
import type { Transaction } from "../event/event.ts"
import { verifyHead } from "../event/hash.ts"
import type { Sqlite } from "../store/database.ts"
import type { HeldLine } from "./evidence.ts"
import type { Findings } from "./finding.ts"
import { placeOfLine } from "./lines.ts"

interface Row {
  readonly seq: unknown
  readonly signature: unknown
}

/** What an event says that may be signed. */
export interface SignedEvent {
  readonly seq: number
  readonly hash: string | undefined
  readonly transaction: Transaction | undefined
}

export class SignatureWalk {
  readonly #line: HeldLine
  readonly #project: string | undefined
  readonly #findings: Findings
  readonly #rows
  #next: Row | undefined
  /** Signatures that were checked. */
  count = 0

  constructor(sqlite: Sqlite, line: HeldLine, project: string | undefined, findings: Findings) {
    this.#line = line
    this.#project = project
    this.#findings = findings
    this.#rows = sqlite.prepare<[number, unknown], Row>(
      "SELECT seq, signature FROM signatures WHERE line = ? AND seq > ? ORDER BY seq LIMIT 1",
    )
    this.#next = this.#rows.get(line.line, -Infinity)
  }

  #report(message: string): void {
    const place = `${placeOfLine(this.#line)} signature of event ${String(this.#next!.seq)}`
    this.#findings.error("structure", "log-signature", place, message, "signatures")
  }

  #skip(): void {
    this.#next = this.#rows.get(this.#line.line, this.#next!.seq)
  }

  /** Says of signatures before an event that what they are over is not here. */
  #missing(seq: number): void {
    for (; this.#next !== undefined; this.#skip()) {
      const { seq: over } = this.#next
      if (typeof over === "number" && over >= seq) return
      this.#report(`The signature is over event ${String(over)}, which is not here.`)
    }
  }

  event({ hash, seq, transaction }: SignedEvent): void {
    this.#missing(seq)
    if (this.#next?.seq !== seq) return
    this.#check(seq, hash)
    if (transaction !== undefined && transaction.index + 1 < transaction.count) {
      this.#report(`The signature stands inside the transaction of event ${seq}.`)
    }
    this.#skip()
  }

  #check(seq: number, hash: string | undefined): void {
    const { node, publicKey } = this.#line
    const { signature } = this.#next!
    if (this.#project === undefined || hash === undefined) return
    this.count += 1
    const fits =
      typeof signature === "string" &&
      verifyHead(publicKey, signature, this.#project, node, seq, hash)
    if (!fits) this.#report(`The signature over the log up to event ${seq} does not fit.`)
  }

  end(): void {
    this.#missing(Infinity)
  }
}

/** Signatures that belong to no log. */
export const checkStraySignatures = (sqlite: Sqlite, findings: Findings): void => {
  const { count, first } = sqlite
    .prepare<[], { count: number; first: string | null }>(
      `SELECT count(*) AS count, CAST(min(line) AS TEXT) AS first FROM signatures
       WHERE line NOT IN (SELECT line FROM lines)`,
    )
    .get()!
  if (count === 0) return
  const message = `${count} signatures, from line ${String(first)} on, belong to no log.`
  findings.error(
    "structure",
    "signature-stray",
    `signatures of line ${String(first)}`,
    message,
    "signatures",
  )
}
