/**
 * The table of logs, row by row: only what a single row and its neighbours can say. Whether the
 * events bear it out is for `logs.ts`.
 */
import { isHash, isIdentifier, nodeFromPublicKey } from "../event/hash.ts"
import { seqMax } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import type { HeldLine } from "./evidence.ts"
import type { Findings } from "./finding.ts"

/** Highest line number whose row ids are exact. */
const lineMax = 2 ** 21 - 1

interface Row {
  readonly line: unknown
  /** The row's number as text, exact whatever it is. */
  readonly number: string
  readonly node: unknown
  readonly public_key: unknown
  readonly first_seq: unknown
  readonly first_hash: unknown
  readonly parent: unknown
  readonly head_seq: unknown
  readonly head_hash: unknown
  readonly head_lamport: unknown
}

/** Columns without which nobody can tell which events are this log's. */
const placing: ReadonlySet<string> = new Set(["line", "first_seq", "head_seq"])

const isCount = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most

export const placeOfLine = (line: { readonly line: unknown; readonly node: unknown }): string =>
  `log ${String(line.node)} (lines row ${String(line.line)})`

class LineCheck {
  readonly #row: Row
  readonly #findings: Findings
  readonly place: string

  constructor(row: Row, findings: Findings) {
    this.#row = row
    this.#findings = findings
    this.place = placeOfLine({ line: row.number, node: row.node })
  }

  report(code: string, column: string, message: string): void {
    const where = `${this.place} ${column}`
    this.#findings.error("structure", code, where, message, "lines")
  }

  /** Whether every column is of its kind; without that the row cannot be used at all. */
  shape(): HeldLine | undefined {
    const { line, parent } = this.#row
    const { node, public_key: publicKey, first_seq: from, first_hash: firstHash } = this.#row
    const { head_seq: headSeq, head_hash: headHash, head_lamport: headLamport } = this.#row
    const kinds: ReadonlyArray<readonly [column: string, holds: boolean]> = [
      ["line", isCount(line, lineMax)],
      ["node", isIdentifier(node)],
      ["public_key", isHash(publicKey)],
      ["first_seq", isCount(from, seqMax)],
      ["first_hash", isHash(firstHash)],
      ["parent", parent === null || isCount(parent, lineMax)],
      ["head_seq", isCount(headSeq, seqMax)],
      ["head_hash", isHash(headHash)],
      ["head_lamport", isCount(headLamport, Number.MAX_SAFE_INTEGER)],
    ]
    const wrong = kinds.filter(([, holds]) => !holds)
    for (const [column] of wrong) {
      this.report("line-value", column, `${column} of this log cannot be what it says.`)
    }
    if (wrong.some(([column]) => placing.has(column))) return undefined
    return {
      line: line as number,
      node: String(node),
      publicKey: String(publicKey),
      from: from as number,
      firstHash: String(firstHash),
      parent: isCount(parent, lineMax) ? parent : undefined,
      headSeq: headSeq as number,
      headHash: String(headHash),
      headLamport: headLamport as number,
    }
  }

  /** A branch parts from an earlier line of the same node, at a seq that line has reached. */
  origin(held: HeldLine, earlier: ReadonlyMap<number, HeldLine>): HeldLine {
    if (nodeFromPublicKey(held.publicKey) !== held.node) {
      this.report("key-mismatch", "public_key", `This is not the key of node ${held.node}.`)
    }
    if (held.from > held.headSeq) {
      this.report("line-value", "head_seq", `The log ends before it begins, at ${held.headSeq}.`)
    }
    if (held.parent === undefined) {
      if (held.from === 1) return held
      this.report("branch-start", "first_seq", `The log begins at event ${held.from} of nothing.`)
      return held
    }
    const parent = earlier.get(held.parent)
    const fits =
      parent !== undefined &&
      parent.node === held.node &&
      parent.from < held.from &&
      parent.headSeq >= held.from
    if (fits) return held
    const message = `Line ${held.parent} does not hold what this branch parts from.`
    this.report("branch-start", "parent", message)
    return parent === undefined ? { ...held, parent: undefined } : held
  }
}

/** Reads and checks all lines; those too damaged to use are left out. */
export const checkLines = (sqlite: Sqlite, findings: Findings): ReadonlyArray<HeldLine> => {
  const held = new Map<number, HeldLine>()
  const firsts = new Set<string>()
  let next = 1
  const rows = sqlite.prepare<[], Row>(
    "SELECT *, CAST(line AS TEXT) AS number FROM lines ORDER BY line",
  )
  for (const row of rows.iterate()) {
    const check = new LineCheck(row, findings)
    if (row.line !== next) check.report("line-missing", "line", `Line ${next} is not there.`)
    next = Number(row.line) + 1
    const shape = check.shape()
    if (shape === undefined) continue
    const line = check.origin(shape, held)
    const first = `${line.node} ${line.from} ${line.firstHash}`
    if (firsts.has(first)) check.report("line-twice", "first_hash", "This log is held twice.")
    firsts.add(first)
    held.set(line.line, line)
  }
  return [...held.values()]
}
