/**
 * Every event held, in the order of its log: each stored column is derived again from the bytes of
 * its header and body, and compared.
 *
 * One damaged row is reported as that row: the walk goes on from what the row says and from what it
 * should say, so that everything after it is judged by itself.
 */
import { CanonicalError } from "../event/canonical.ts"
import { bodyFromText, controlType, EventError, headerFromText } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import type { Stage } from "../event/failure.ts"
import { bodyHash, chainHash, genesisHash, isHash, isSalt, membershipRule } from "../event/hash.ts"
import type { ProjectSchema } from "../state/schema.ts"
import { rowOf, seqMax, seqOfRow } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import { membershipFrom, reasonAside } from "../store/membership.ts"
import type { Judgement } from "../store/membership.ts"
import type { HeldEvents, HeldLine } from "./evidence.ts"
import type { Findings } from "./finding.ts"
import { placeOfLine } from "./lines.ts"
import { checkStraySignatures, SignatureWalk } from "./signatures.ts"
import { SharedMembers, TransactionWalk } from "./transactions.ts"

interface Row {
  readonly event: number
  readonly lamport: unknown
  readonly hash: unknown
  readonly entity: unknown
  readonly aside: unknown
  readonly header: unknown
  readonly salt: unknown
  readonly body: unknown
  /** Name of the entity that the row points at; null when there is none. */
  readonly type: unknown
  readonly id: unknown
}

export interface LogFacts {
  readonly sqlite: Sqlite
  readonly events: HeldEvents
  readonly project: string | undefined
  readonly schema: ProjectSchema | undefined
  readonly findings: Findings
}

export interface LogCounts {
  events: number
  transactions: number
  signatures: number
}

class LogWalk {
  readonly #facts: LogFacts
  readonly #judgement: Judgement | undefined
  readonly #line: HeldLine
  readonly #transactions: TransactionWalk
  /** Chain hashes that the next event may stand on: as derived and as stored; none after a gap. */
  #previous: ReadonlyArray<string>
  #expected: number
  #last: Row | undefined
  readonly #signatures: SignatureWalk

  constructor(
    facts: LogFacts,
    judgement: Judgement | undefined,
    line: HeldLine,
    transactions: TransactionWalk,
  ) {
    this.#facts = facts
    this.#judgement = judgement
    this.#line = line
    this.#transactions = transactions
    this.#expected = line.from
    const { findings, project, sqlite } = facts
    this.#signatures = new SignatureWalk(sqlite, line, project, findings)
    if (line.from === 1) {
      this.#previous =
        facts.project === undefined ? [] : [genesisHash(facts.project, line.publicKey)]
    } else {
      const before = facts.events.before(line, line.from - 1)
      this.#previous = before === undefined ? [] : [before.hash]
    }
  }

  #place(row: number, column: string): string {
    return `${this.#line.node}:${seqOfRow(row)} (events row ${row}) ${column}`
  }

  report(
    row: number,
    column: string,
    code: string,
    what: string,
    stage: Stage = "structure",
  ): void {
    const name = `${this.#line.node}:${seqOfRow(row)}`
    const message = `${name} ${what}.`
    const { findings } = this.#facts
    findings.error(stage, code, this.#place(row, column), message, `log ${this.#line.node}`)
  }

  #ofLine(column: string, message: string): void {
    const where = `${placeOfLine(this.#line)} ${column}`
    this.#facts.findings.error("structure", "log-ends", where, message, "lines")
  }

  #missing(from: number, to: number): void {
    const { node, line } = this.#line
    const where = `${node}:${from} (events row ${rowOf(line, from)})`
    const which = from === to ? `Event ${from}` : `Events ${from} to ${to}`
    const message = `${which} of ${node} ${from === to ? "is" : "are"} missing.`
    this.#facts.findings.error("structure", "event-missing", where, message, `log ${node}`)
    this.#previous = []
    this.#transactions.lose(undefined)
  }

  event(row: Row): void {
    const seq = seqOfRow(row.event)
    const { from, headSeq, firstHash } = this.#line
    if (seq < from || seq > headSeq) {
      const what = `stands outside its log, which holds events ${from} to ${headSeq}`
      this.report(row.event, "event", "event-extra", what)
      return
    }
    if (seq > this.#expected) this.#missing(this.#expected, seq - 1)
    this.#expected = seq + 1
    const hash = this.#chain(row)
    if (seq === from && row.hash !== firstHash) {
      this.#ofLine("first_hash", `Event ${from} has another hash than the log's beginning.`)
    }
    this.#last = row
    const header = this.#header(row)
    this.#signatures.event({ seq, hash, transaction: header?.transaction })
    if (header === undefined) {
      this.#transactions.lose(typeof row.lamport === "number" ? row.lamport : undefined)
      return
    }
    const reason = this.#body(row, header, hash ?? String(row.hash))
    const { entity, aside } = row
    this.#transactions.member({ row: row.event, header, entity, aside, reason })
  }

  /** Derives the chain hash; returns the one to go on with. */
  #chain(row: Row): string | undefined {
    const stored = isHash(row.hash) ? row.hash : undefined
    if (typeof row.header !== "string") {
      this.#previous = stored === undefined ? [] : [stored]
      return stored
    }
    const { header } = row
    const derived = this.#previous.map((previous) => chainHash(previous, header))
    const fits = stored !== undefined && (derived.length === 0 || derived.includes(stored))
    if (fits) {
      this.#previous = [stored]
      return stored
    }
    this.report(row.event, "hash", "chain-hash", "has another chain hash than its header gives")
    this.#previous = [...derived.slice(0, 1), ...(stored === undefined ? [] : [stored])]
    return this.#previous[0]
  }

  #header(row: Row): Header | undefined {
    const { event, lamport, entity, type, id } = row
    const header = this.#read(event, "header", row.header, headerFromText)
    if (header === undefined) return undefined
    if (header.node !== this.#line.node || header.seq !== seqOfRow(event)) {
      const what = `holds event ${header.seq} of ${header.node}`
      this.report(event, "header", "out-of-sequence", what)
    }
    if (lamport !== header.lamport) {
      const what = `has lamport ${String(lamport)} beside it, its header says ${header.lamport}`
      this.report(event, "lamport", "column-differs", what)
    }
    const control = header.type === controlType
    const belongs = control ? entity === 0 : type === header.type && id === header.id
    if (!belongs) {
      const what = `is an event of ${header.type}/${header.id}, which row ${String(entity)} of entities is not`
      this.report(event, "entity", "column-differs", what)
    }
    return header
  }

  /** Checks salt and body; returns why the event is not understood. */
  #body(row: Row, header: Header, hash: string): string | undefined {
    const { event, salt, body } = row
    const whole =
      typeof salt === "string" &&
      typeof body === "string" &&
      isSalt(salt) &&
      bodyHash(salt, body) === header.body
    if (!whole) {
      const what = "has a salt and a body that its header does not name"
      this.report(event, "salt, body", "body-hash", what)
    }
    const read = this.#read(event, "body", body, bodyFromText)
    const { schema } = this.#facts
    if (read === undefined || schema === undefined || this.#judgement === undefined)
      return undefined
    return reasonAside(this.#judgement, schema, header, hash, read)
  }

  #read<A>(row: number, column: string, text: unknown, read: (text: string) => A): A | undefined {
    if (typeof text !== "string") {
      this.report(row, column, "not-text", `has a ${column} that is not text`, "schema")
      return undefined
    }
    try {
      return read(text)
    } catch (error) {
      if (!(error instanceof CanonicalError || error instanceof EventError)) throw error
      this.report(row, column, error.code, `cannot be read: ${error.message}`, "schema")
      return undefined
    }
  }

  end(counts: LogCounts): void {
    const { headSeq, headHash, headLamport } = this.#line
    if (this.#expected <= headSeq) {
      this.#missing(this.#expected, headSeq)
      this.#ofLine("head_seq", `The log is said to end at ${headSeq}, which is not held.`)
    } else if (this.#last !== undefined) {
      this.#transactions.end(this.#last.event)
      const { hash, lamport } = this.#last
      if (hash !== headHash) this.#ofLine("head_hash", `Event ${headSeq} has another hash.`)
      if (lamport !== headLamport) {
        this.#ofLine("head_lamport", `Event ${headSeq} has lamport ${String(lamport)}.`)
      }
    }
    counts.transactions += this.#transactions.count
    this.#parting()
    this.#signatures.end()
    counts.signatures += this.#signatures.count
  }

  /** Where a branch begins, its trunk must hold another event. */
  #parting(): void {
    const { from, firstHash, parent } = this.#line
    const trunk = parent === undefined ? undefined : this.#facts.events.lines.get(parent)
    if (trunk === undefined || this.#facts.events.at(trunk, from)?.hash !== firstHash) return
    this.#ofLine("first_hash", `The branch begins with the event that line ${trunk.line} holds.`)
  }
}

/** Rows that belong to no log at all: before, between and after the ranges of the lines. */
const checkStrays = ({ sqlite, events, findings }: LogFacts): void => {
  const strays = sqlite.prepare<[number, number], { count: number; first: string | null }>(
    "SELECT count(*) AS count, CAST(min(event) AS TEXT) AS first FROM events WHERE event > ? AND event < ?",
  )
  const report = (after: number, before: number): void => {
    const { count, first } = strays.get(after, before)!
    if (count === 0) return
    const message = `${count} events, from row ${String(first)} on, belong to no log.`
    findings.error("structure", "event-stray", `events row ${String(first)}`, message, "events")
  }
  let after = -Infinity
  for (const line of events.lines.keys()) {
    report(after, rowOf(line, 0))
    after = rowOf(line, seqMax)
  }
  report(after, Infinity)
}

/** Events between two reports of progress. */
const stepEvents = 500

/** Who may write, by the events in the file; undefined when nobody knows which project it is. */
const judgementOf = ({ sqlite, events, project }: LogFacts): Judgement | undefined => {
  if (project === undefined) return undefined
  const isWithin: Judgement["isWithin"] = (cut, event) => events.isWithin(cut, event)
  const publicKeyOf = (node: string) => events.publicKeyOf(node)
  const current = membershipFrom(sqlite, project, { isWithin, publicKeyOf })
  return { rule: membershipRule(project), current, isWithin }
}

/** Checks all logs; yields the number of events done now and then. */
export function* checkLogs(facts: LogFacts, counts: LogCounts): Generator<number> {
  const { sqlite, events, schema } = facts
  const judgement = judgementOf(facts)
  const shared = new SharedMembers(sqlite, events, schema, judgement)
  const canTell = schema !== undefined && judgement !== undefined
  const rescued = canTell ? shared.understoodByBranches() : undefined
  const rows = sqlite.prepare<[number, number], Row>(
    `SELECT event, lamport, hash, events.entity, aside, header, salt, body, type, id
     FROM events LEFT JOIN entities ON entities.entity = events.entity
     WHERE event BETWEEN ? AND ? ORDER BY event`,
  )
  for (const line of events.lines.values()) {
    const report = (row: number, column: string, code: string, what: string): void =>
      walk.report(row, column, code, what)
    const transactions = new TransactionWalk(line, events, shared, rescued, report)
    const walk = new LogWalk(facts, judgement, line, transactions)
    for (const row of rows.iterate(rowOf(line.line, 0), rowOf(line.line, seqMax))) {
      walk.event(row)
      counts.events += 1
      if (counts.events % stepEvents === 0) yield counts.events
    }
    walk.end(counts)
  }
  checkStrays(facts)
  checkStraySignatures(sqlite, facts.findings)
}
