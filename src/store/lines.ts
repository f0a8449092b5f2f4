/**
 * The logs held, each a line of rows: where it begins, where it ends, and what stands at a seq.
 *
 * Kept in memory while a project is open (there are as many as nodes) and written back in the
 * transaction that changed them.
 */
import type { Reference, Position } from "../event/stamp.ts"
import { comparePositions } from "../event/stamp.ts"
import { namesOfLines } from "../log/branch.ts"
import type { Line } from "../log/branch.ts"
import type { Frontier } from "../log/frontier.ts"
import { rowOf } from "./database.ts"
import type { Sqlite } from "./database.ts"
import { Signatures, strideBytes, strideEvents } from "./signatures.ts"

export interface LogLine extends Line {
  readonly publicKey: string
  headSeq: number
  headHash: string
  headLamport: number
  /** The newest signed head known: one signature covers the log up to there. */
  signedSeq: number | undefined
  signature: string | undefined
  /** The place of the last signature that stays when a newer one comes. */
  keptSeq: number | undefined
}

interface LineRow {
  readonly line: number
  readonly node: string
  readonly public_key: string
  readonly first_seq: number
  readonly first_hash: string
  readonly parent: number | null
  readonly head_seq: number
  readonly head_hash: string
  readonly head_lamport: number
  readonly signed_seq: number | null
  readonly signature: string | null
  readonly kept_seq: number | null
}

interface EventPlace {
  readonly row: number
  readonly lamport: number
  readonly entity: number
}

const lastKept = ({ from, keptSeq = from - 1 }: LogLine): number => keptSeq

export class Lines {
  #lines: Array<LogLine> = []
  #byNode = new Map<string, Array<LogLine>>()
  readonly #changed = new Set<LogLine>()
  /** Lines whose newest signature is not kept, and those of them where it is new. */
  readonly #signed = new Set<LogLine>()
  readonly #justSigned = new Set<LogLine>()
  /** Signatures along the logs; of each the newest is repeated here. */
  readonly signatures: Signatures
  readonly #rows
  readonly #hash
  readonly #place
  readonly #save

  constructor(sqlite: Sqlite) {
    this.signatures = new Signatures(sqlite)
    this.#rows = sqlite.prepare<[], LineRow>(
      `SELECT lines.*, signatures.seq AS signed_seq, signatures.signature,
         (SELECT max(seq) FROM signatures WHERE line = lines.line AND kept = 1) AS kept_seq
       FROM lines LEFT JOIN signatures ON signatures.line = lines.line
         AND signatures.seq = (SELECT max(seq) FROM signatures WHERE line = lines.line)
       ORDER BY lines.line`,
    )
    this.#hash = sqlite.prepare<[number], string>("SELECT hash FROM events WHERE event = ?").pluck()
    this.#place = sqlite.prepare<[number], { hash: string; lamport: number; entity: number }>(
      "SELECT hash, lamport, entity FROM events WHERE event = ?",
    )
    this.#save = sqlite.prepare(
      `INSERT INTO lines (line, node, public_key, first_seq, first_hash, parent, head_seq, head_hash,
         head_lamport) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (line) DO UPDATE SET head_seq = excluded.head_seq, head_hash = excluded.head_hash,
         head_lamport = excluded.head_lamport`,
    )
    this.reload()
  }

  reload(): void {
    const rows = this.#rows.all()
    this.#lines = []
    this.#byNode = new Map()
    this.#changed.clear()
    this.#signed.clear()
    this.#justSigned.clear()
    for (const row of rows) {
      this.#adopt({
        line: row.line,
        node: row.node,
        publicKey: row.public_key,
        from: row.first_seq,
        firstHash: row.first_hash,
        ...(row.parent === null ? {} : { parent: row.parent }),
        headSeq: row.head_seq,
        headHash: row.head_hash,
        headLamport: row.head_lamport,
        signedSeq: row.signed_seq ?? undefined,
        signature: row.signature ?? undefined,
        keptSeq: row.kept_seq ?? undefined,
      })
    }
  }

  #adopt(line: LogLine): void {
    this.#lines.push(line)
    if (line.signedSeq !== line.keptSeq) this.#signed.add(line)
    const group = this.#byNode.get(line.node)
    if (group === undefined) this.#byNode.set(line.node, [line])
    else group.push(line)
  }

  get all(): ReadonlyArray<LogLine> {
    return this.#lines
  }

  ofNode(node: string): ReadonlyArray<LogLine> {
    return this.#byNode.get(node) ?? []
  }

  get(line: number): LogLine {
    return this.#lines[line - 1]!
  }

  /** Begins a line with its first event. */
  begin(
    node: string,
    publicKey: string,
    parent: LogLine | undefined,
    first: { readonly seq: number; readonly hash: string; readonly lamport: number },
  ): LogLine {
    const line: LogLine = {
      line: this.#lines.length + 1,
      node,
      publicKey,
      from: first.seq,
      firstHash: first.hash,
      ...(parent === undefined ? {} : { parent: parent.line }),
      headSeq: first.seq,
      headHash: first.hash,
      headLamport: first.lamport,
      signedSeq: undefined,
      signature: undefined,
      keptSeq: undefined,
    }
    this.#adopt(line)
    this.#changed.add(line)
    return line
  }

  advance(line: LogLine, seq: number, hash: string, lamport: number): void {
    line.headSeq = seq
    line.headHash = hash
    line.headLamport = lamport
    this.#changed.add(line)
  }

  /**
   * Keeps a signature that was checked, if it is the newest of its line. Call it inside a transaction,
   * when the events are there.
   */
  sign(line: LogLine, seq: number, signature: string): void {
    if (line.signedSeq !== undefined && line.signedSeq >= seq) return
    if (!this.signatures.mayCut(line.line, seq)) return
    // Long runs may come in one transaction, and each is a place to cut at.
    if (this.#justSigned.has(line) && this.#areApart([line])) this.#keep(line)
    const instead = line.signedSeq === line.keptSeq ? undefined : line.signedSeq
    this.signatures.add(line.line, seq, signature, instead)
    line.signedSeq = seq
    line.signature = signature
    this.#signed.add(line)
    this.#justSigned.add(line)
  }

  /** Signs a log to its end, and along it if it is to be cut. */
  signToEnd(line: LogLine, isCut: boolean, sign: (seq: number, hash: string) => string): void {
    const { from, headHash: hash, headSeq: seq, signedSeq = from - 1 } = line
    const along = isCut ? this.signatures.places(line.line, signedSeq, seq) : [{ seq, hash }]
    for (const place of along) {
      this.sign(line, place.seq, sign(place.seq, place.hash))
      this.keepSigned()
    }
  }

  /**
   * Keeps the newest signatures for good when there was a stride since that was done last, or when they
   * were kept before. Call it when what is held is whole: then all logs may be cut there together.
   */
  keepSigned(wereKept = false): void {
    if (this.#justSigned.size === 0) return
    if (wereKept || this.#areApart(this.#signed)) for (const line of this.#signed) this.#keep(line)
    this.#justSigned.clear()
  }

  #keep(line: LogLine): void {
    this.signatures.keep(line.line, line.signedSeq!)
    line.keptSeq = line.signedSeq
    this.#signed.delete(line)
  }

  /** Whether there is a stride from where these lines were kept last to where they are signed. */
  #areApart(lines: Iterable<LogLine>): boolean {
    let events = 0
    let bytes = 0
    for (const line of lines) events += line.signedSeq! - lastKept(line)
    if (events >= strideEvents) return true
    for (const line of lines) {
      bytes += this.signatures.bytes(line.line, lastKept(line), line.signedSeq!)
    }
    return bytes >= strideBytes
  }

  flush(): void {
    for (const line of this.#changed) {
      this.#save.run(
        line.line,
        line.node,
        line.publicKey,
        line.from,
        line.firstHash,
        line.parent ?? null,
        line.headSeq,
        line.headHash,
        line.headLamport,
      )
    }
    this.#changed.clear()
  }

  /** The hash of a line's own event; the event must be held. */
  hashAt(line: number, seq: number): string {
    const known = this.get(line)
    if (seq === known.headSeq) return known.headHash
    if (seq === known.from) return known.firstHash
    return this.#hash.get(rowOf(line, seq)) ?? ""
  }

  /** The line that holds (seq, hash) of a node; undefined when that event is not held. */
  holding(node: string, seq: number, hash: string): LogLine | undefined {
    return this.ofNode(node).find(
      (line) => line.from <= seq && seq <= line.headSeq && this.hashAt(line.line, seq) === hash,
    )
  }

  /** Where an event stands, with its lamport and entity; undefined when it is not held. */
  place(reference: Reference): EventPlace | undefined {
    for (const line of this.ofNode(reference.node)) {
      if (reference.seq < line.from || reference.seq > line.headSeq) continue
      const row = rowOf(line.line, reference.seq)
      const found = this.#place.get(row)
      if (found?.hash === reference.hash) {
        return { row, lamport: found.lamport, entity: found.entity }
      }
    }
    return undefined
  }

  /** The highest event held, in total order. */
  top(): Position | undefined {
    let top: Position | undefined
    for (const { node, headSeq: seq, headHash: hash, headLamport: lamport } of this.#lines) {
      const head = { node, seq, hash, lamport }
      if (top === undefined || comparePositions(head, top) > 0) top = head
    }
    return top
  }

  /** Log names, the same on every replica that holds the same events. */
  names(): ReadonlyMap<number, string> {
    return namesOfLines(this.#lines, (line, seq) => this.hashAt(line, seq))
  }

  frontier(): Frontier {
    const names = this.names()
    const heads = this.#lines.map(
      (line) => [names.get(line.line)!, { seq: line.headSeq, hash: line.headHash }] as const,
    )
    return Object.fromEntries(heads.sort((left, right) => (left[0] < right[0] ? -1 : 1)))
  }

  /** Events held, of all logs. */
  get eventCount(): number {
    return this.#lines.reduce((count, line) => count + line.headSeq - line.from + 1, 0)
  }
}
