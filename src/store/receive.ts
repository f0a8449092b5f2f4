/**
 * Receiving: lines of other replicas' logs, checked one by one and taken whole or not at all.
 *
 * The caller opens a transaction, feeds each log in order (`begin`, `line`…, `end`) and calls
 * `finish`; any refusal is thrown and the caller rolls back. Everything is checked that a stranger
 * could have forged: canonical bytes, hashes, chain, transactions, the clock equation, that every
 * parent and anchor is held, and signatures where they are given.
 *
 * Logs may come in any order. What an event refers to may stand in a log that comes later; such
 * events are checked again at the end.
 */
import { controlType, headerFromText } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import { bodyHash, chainHash, verifyHead } from "../event/hash.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Reference } from "../event/stamp.ts"
import { lineFromText } from "../log/segment.ts"
import { rowOf } from "./database.ts"
import { checkDeferred } from "./deferred.ts"
import type { Deferred } from "./deferred.ts"
import { IncomingTransaction, rowsBefore } from "./incoming.ts"
import { checkedLine, checkStart, eventOfLine, otherBody } from "./line-check.ts"
import type { LogStart } from "./line-check.ts"
import type { LogLine } from "./lines.ts"
import { judgeAtFirst } from "./membership.ts"
import type { JudgeAtFirst } from "./membership.ts"
import { historyEvent } from "./projection.ts"
import { refuse } from "./refuse.ts"
import type { Membership } from "../state/membership.ts"
import { settleMembership } from "./reclassify.ts"
import type { Replica } from "./replica.ts"

export interface Received {
  /** Events that were not held before. */
  readonly events: number
  readonly setAside: number
  /** Entities whose history grew. */
  readonly touched: ReadonlySet<number>
  /** Branches that came into being: proof of two histories under one (node, seq). */
  readonly forks: ReadonlyArray<Reference>
}

interface Cursor {
  readonly start: LogStart
  /** The line whose event at `seq` was read last; undefined before the first event of a log. */
  line: LogLine | undefined
  seq: number
  hash: string
  lamport: number
  open: IncomingTransaction | undefined
  /** Row of the open transaction's first member that is new. */
  openRow: number
  /** Events received before this run. */
  readonly eventsBefore: number
}

const unsigned = (node: string): LamplogError =>
  refuse(
    "unsigned",
    `The log of ${node} ends without that node's signature, which a project of members asks for.`,
    `log ${node}`,
    "Ask for a copy that was signed: every export and every sync of that node's replica is.",
  )

export class Receiver {
  readonly #replica: Replica
  readonly #insert
  readonly #setAside
  readonly #rowHash
  readonly #rowLamport
  /** Who the members were before anything came, by whom all that comes is judged at first. */
  readonly #before: Membership
  readonly #judge: JudgeAtFirst
  readonly #isSignatureNeeded: boolean
  #cursor: Cursor | undefined
  #events = 0
  #asideCount = 0
  readonly #touched = new Set<number>()
  readonly #forks: Array<Reference> = []
  /** Transactions that refer to what had not been read yet. */
  readonly #deferred: Array<Deferred> = []
  #ownAhead = false
  /** Nodes of which something new came, and whether any of it is about the project itself. */
  readonly #arrived = new Set<string>()
  #controlArrived = false

  /** `signed`: whoever receives has checked by itself that the nodes signed what they have to. */
  constructor(replica: Replica, { signed = false }: { readonly signed?: boolean } = {}) {
    this.#replica = replica
    const { members, schema, sqlite } = replica
    this.#before = members.current
    this.#judge = judgeAtFirst(members, schema)
    this.#isSignatureNeeded = !signed && members.rule === "members"
    this.#insert = sqlite.prepare(
      "INSERT INTO events (event, lamport, hash, entity, aside, header, salt, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    this.#setAside = sqlite.prepare("UPDATE events SET aside = ? WHERE event BETWEEN ? AND ?")
    this.#rowHash = sqlite
      .prepare<[number], string>("SELECT hash FROM events WHERE event = ?")
      .pluck()
    this.#rowLamport = sqlite
      .prepare<[number], number>("SELECT lamport FROM events WHERE event = ?")
      .pluck()
  }

  /** Begins a run of one log's events. Refuses what does not connect to what is held. */
  begin(start: LogStart): void {
    const { node, from, previous } = start
    checkStart(start, this.#replica.project)
    let line: LogLine | undefined
    if (from > 1) {
      line = this.#replica.lines.holding(node, from - 1, previous)
      if (line === undefined) {
        const held = this.#replica.lines.ofNode(node).map((known) => known.headSeq)
        throw refuse(
          "history-missing",
          `The log of ${node} goes on after event ${from - 1} (${previous.slice(0, 8)}…), which is not held here${held.length > 0 ? ` (held up to ${Math.max(...held)})` : ""}.`,
          `log ${node}`,
          "Ask for an archive that reaches further back, or a complete one.",
        )
      }
    }
    const lamport = line === undefined ? 0 : this.#rowLamport.get(rowOf(line.line, from - 1))!
    this.#cursor = {
      start,
      line,
      seq: from - 1,
      hash: previous,
      lamport,
      open: undefined,
      openRow: 0,
      eventsBefore: this.#events,
    }
  }

  /** Takes the next line of the log begun last. `where` names the place for errors. */
  line(text: string, where: string): void {
    checkedLine(where, () => this.#take(text, where))
  }

  #take(text: string, where: string): void {
    const cursor = this.#cursor!
    const parts = lineFromText(text, where)
    const { header: headerLine, salt, body: bodyLine } = parts
    const hash = chainHash(cursor.hash, headerLine)
    const seq = cursor.seq + 1
    const held = this.#held(cursor, seq, hash)
    if (held !== undefined) {
      // The header is the one held; its text names the body's hash as no escaped text in it could.
      if (!headerLine.includes(`"body":"${bodyHash(salt, bodyLine)}"`)) {
        throw otherBody(cursor.start.node, seq, where)
      }
      cursor.line = held
      cursor.lamport = this.#rowLamport.get(rowOf(held.line, seq))!
      cursor.seq = seq
      cursor.hash = hash
      return
    }
    const { node } = cursor.start
    const { header, body } = eventOfLine(parts, node, seq, where)
    const open = this.#transaction(cursor, header, where)
    const line = this.#extend(cursor, seq, hash, header.lamport)
    const row = rowOf(line.line, seq)
    if (cursor.open !== open) {
      cursor.open = open
      cursor.openRow = row
    }
    const control = header.type === controlType
    const entry = control ? undefined : this.#replica.projection.entry(header.type, header.id)
    const entity = entry?.entity ?? 0
    open.measure(header, entry, text.length, where)
    open.add(entry, header, body, historyEvent(header, hash, body))
    const aside = open.aside ?? null
    this.#insert.run(row, header.lamport, hash, entity, aside, headerLine, salt, bodyLine)
    this.#events += 1
    this.#arrived.add(node)
    if (control) this.#controlArrived = true
    if (entity !== 0) this.#touched.add(entity)
    if (node === this.#replica.node) this.#ownAhead = true
    cursor.line = line
    cursor.seq = seq
    cursor.hash = hash
    if (open.next === open.count) this.#close(cursor, open, where)
  }

  /** The line that holds this very event already. */
  #held(cursor: Cursor, seq: number, hash: string): LogLine | undefined {
    const { lines } = this.#replica
    const { line } = cursor
    if (line !== undefined && seq <= line.headSeq) {
      if (this.#rowHash.get(rowOf(line.line, seq)) === hash) return line
    } else if (line !== undefined) return undefined
    return lines
      .ofNode(cursor.start.node)
      .find(
        (other) => other.from === seq && other.firstHash === hash && other.parent === line?.line,
      )
  }

  /** Puts a new event at the end of its line, or begins a branch beside the one that is held. */
  #extend(cursor: Cursor, seq: number, hash: string, lamport: number): LogLine {
    const { lines } = this.#replica
    const { line, start } = cursor
    if (line !== undefined && line.headSeq === seq - 1) {
      lines.advance(line, seq, hash, lamport)
      return line
    }
    if (line !== undefined || lines.ofNode(start.node).length > 0) {
      this.#forks.push({ node: start.node, seq, hash })
    }
    return lines.begin(start.node, start.publicKey, line, { seq, hash, lamport })
  }

  /** The transaction that this event belongs to: the open one, or the one it begins. */
  #transaction(cursor: Cursor, header: Header, where: string): IncomingTransaction {
    const index = header.transaction?.index ?? 0
    const open = cursor.open ?? this.#begun(cursor, header, index, where)
    if (!open.expects(header)) {
      throw refuse(
        "transaction-broken",
        `${where}: ${header.node}:${header.seq} is member ${index} of ${header.transaction?.count ?? 1} where member ${open.next} of ${open.count} belongs.`,
        where,
      )
    }
    return open
  }

  #begun(cursor: Cursor, header: Header, index: number, where: string): IncomingTransaction {
    if (index === 0) {
      this.#checkEnded(cursor, header.seq, where)
      return new IncomingTransaction(this.#replica, this.#judge, header, cursor.lamport, [])
    }
    const shared = rowsBefore(this.#replica, cursor.line, header.seq, index)
    const before = rowsBefore(this.#replica, cursor.line, header.seq - index, 1)
    const previous = before === undefined ? 0 : this.#rowLamport.get(before[0]!)!
    const open = new IncomingTransaction(this.#replica, this.#judge, header, previous, shared ?? [])
    const { projection } = this.#replica
    open.measureShared((member) =>
      member.type === controlType ? undefined : projection.entry(member.type, member.id),
    )
    return open
  }

  /** Refuses a branch that parts inside a transaction and begins another without ending it. */
  #checkEnded(cursor: Cursor, seq: number, where: string): void {
    const { line } = cursor
    if (line === undefined || line.headSeq === seq - 1) return
    const text = this.#replica.sqlite
      .prepare<[number], string>("SELECT header FROM events WHERE event = ?")
      .pluck()
      .get(rowOf(line.line, seq - 1))!
    const { transaction } = headerFromText(text)
    if (transaction === undefined || transaction.index + 1 === transaction.count) return
    throw refuse(
      "transaction-broken",
      `${where}: ${line.node}:${seq} begins where member ${transaction.index + 1} of ${transaction.count} belongs.`,
      where,
    )
  }

  /** The transaction is whole: check its clock, class it, fold it. */
  #close(cursor: Cursor, open: IncomingTransaction, where: string): void {
    const { openRow } = cursor
    const { projection } = this.#replica
    const ownCount = open.count - open.shared.length
    cursor.open = undefined
    cursor.lamport = open.lamport
    if (open.deferred) {
      const { shared, previousLamport } = open
      this.#deferred.push({ shared, firstRow: openRow, ownCount, previousLamport })
    } else {
      const fault = open.fault()
      if (fault !== undefined) {
        const name = `${cursor.start.node}:${cursor.seq}`
        throw refuse("clock-equation", `${where}: ${name} ${fault}.`, where)
      }
    }
    if (open.aside !== undefined) {
      this.#setAside.run(open.aside, openRow, openRow + ownCount - 1)
      this.#asideCount += ownCount
    } else for (const row of open.shared) this.#understand(row)
    for (const { entry, event } of open.members) {
      if (entry === undefined) continue
      if (open.aside === undefined && event !== undefined) projection.apply(entry, event)
      else projection.invalidate(entry)
    }
  }

  /** A member shared with a trunk that was set aside there: this branch makes it understood. */
  #understand(row: number): void {
    const { projection, sqlite } = this.#replica
    const changed = sqlite
      .prepare("UPDATE events SET aside = NULL WHERE event = ? AND aside IS NOT NULL")
      .run(row).changes
    if (changed === 0) return
    this.#asideCount -= 1
    const text = sqlite.prepare<[number], string>("SELECT header FROM events WHERE event = ?")
    const header = headerFromText(text.pluck().get(row)!)
    if (header.type !== controlType) projection.invalidate(projection.entry(header.type, header.id))
  }

  /**
   * Ends the run of the log begun last. It must end where a transaction ends; `signature` is the
   * node's own signature over the log up to here. In a project of members what is new needs one.
   */
  end(signature?: string): void {
    const cursor = this.#cursor!
    const { node, publicKey } = cursor.start
    const where = `log ${node}`
    if (cursor.open !== undefined) {
      throw refuse("transaction-cut", `The log of ${node} ends inside a transaction.`, where)
    }
    if (signature === undefined) {
      if (this.#isSignatureNeeded && this.#events > cursor.eventsBefore) throw unsigned(node)
    } else {
      const valid = verifyHead(
        publicKey,
        signature,
        this.#replica.project,
        node,
        cursor.seq,
        cursor.hash,
      )
      if (!valid)
        throw refuse(
          "signature-invalid",
          `The signature over the log of ${node} does not fit.`,
          where,
        )
      if (cursor.line !== undefined) this.#replica.lines.sign(cursor.line, cursor.seq, signature)
    }
    this.#cursor = undefined
  }

  /** The head of the run read last, to be compared with what the sender claims. */
  head(): { readonly seq: number; readonly hash: string } {
    return { seq: this.#cursor!.seq, hash: this.#cursor!.hash }
  }

  /** Checks what had to wait, and tells what was taken. The caller commits. */
  finish(): Received {
    checkDeferred(this.#replica, this.#deferred)
    const settled = settleMembership(
      this.#replica,
      this.#before,
      this.#arrived,
      this.#controlArrived,
    )
    for (const entity of settled.touched) this.#touched.add(entity)
    if (this.#ownAhead) this.#replica.markAheadElsewhere()
    return {
      events: this.#events,
      setAside: Math.max(0, this.#asideCount + settled.setAside),
      touched: this.#touched,
      forks: this.#forks,
    }
  }
}
