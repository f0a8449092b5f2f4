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
import { CanonicalError } from "../event/canonical.ts"
import {
  bodyFromText,
  controlType,
  EventError,
  headerFromText,
  transactionBytesMax
} from "../event/event.ts"
import type { Header } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"
import { bodyHash, chainHash, genesisHash, isHash, isSalt, nodeFromPublicKey, verifyHead } from "../event/hash.ts"
import type { Reference } from "../event/stamp.ts"
import { clockFault } from "../log/chain.ts"
import { lineFromText } from "../log/segment.ts"
import { notUnderstood } from "../state/schema.ts"
import type { HistoryEvent } from "../state/entity.ts"
import { rowOf } from "./database.ts"
import type { LogLine } from "./lines.ts"
import { historyEvent } from "./projection.ts"
import type { Replica } from "./replica.ts"

/** Where a run of a log's events begins. */
export interface LogStart {
  readonly node: string
  /** 64 hexadecimal characters. */
  readonly publicKey: string
  /** Seq of the first event that follows. */
  readonly from: number
  /** Chain hash before it. */
  readonly previous: string
}

export interface Received {
  /** Events that were not held before. */
  readonly events: number
  readonly setAside: number
  /** Entities whose history grew. */
  readonly touched: ReadonlySet<number>
  /** Branches that came into being: proof of two histories under one (node, seq). */
  readonly forks: ReadonlyArray<Reference>
}

interface Member {
  readonly row: number
  readonly type: string
  readonly id: string
  readonly event: HistoryEvent
}

/** The transaction being read: one event alone, or several. */
interface Open {
  readonly count: number
  readonly lamport: number
  readonly firstRow: number
  readonly previousLamport: number
  next: number
  bytes: number
  parentsMax: number
  anchor: number | undefined
  deferred: boolean
  aside: string | undefined
  members: Array<Member>
}

interface Cursor {
  readonly start: LogStart
  /** The line whose event at `seq` was read last; undefined before the first event of a log. */
  line: LogLine | undefined
  seq: number
  hash: string
  lamport: number
  open: Open | undefined
}

const refuse = (code: string, message: string, where: string, remedy?: string): LamplogError =>
  new LamplogError({
    stage: "structure",
    code,
    message,
    where,
    remedy: remedy ?? "Ask the sender for a new copy; nothing of this one was taken."
  })

export class Receiver {
  readonly #replica: Replica
  readonly #insert
  readonly #setAside
  readonly #rowHash
  readonly #rowLamport
  readonly #header
  #cursor: Cursor | undefined
  #events = 0
  #asideCount = 0
  readonly #touched = new Set<number>()
  readonly #forks: Array<Reference> = []
  /** First rows of transactions that refer to what had not been read yet. */
  readonly #deferred: Array<number> = []
  #ownAhead = false

  constructor(replica: Replica) {
    this.#replica = replica
    const { sqlite } = replica
    this.#insert = sqlite.prepare(
      "INSERT INTO events (event, lamport, hash, entity, aside, header, salt, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    this.#setAside = sqlite.prepare("UPDATE events SET aside = ? WHERE event BETWEEN ? AND ?")
    this.#rowHash = sqlite.prepare<[number], string>("SELECT hash FROM events WHERE event = ?").pluck()
    this.#rowLamport = sqlite.prepare<[number], number>("SELECT lamport FROM events WHERE event = ?").pluck()
    this.#header = sqlite.prepare<[number], string>("SELECT header FROM events WHERE event = ?").pluck()
  }

  /** Begins a run of one log's events. Refuses what does not connect to what is held. */
  begin(start: LogStart): void {
    const { node, from, previous } = start
    const where = `log ${node}`
    if (!isHash(start.publicKey) || nodeFromPublicKey(start.publicKey) !== node) {
      throw refuse("key-mismatch", `The public key given for ${node} is not that node's key.`, where)
    }
    if (!Number.isSafeInteger(from) || from < 1 || !isHash(previous)) {
      throw refuse("log-start", `The log of ${node} begins nowhere.`, where)
    }
    let line: LogLine | undefined
    if (from === 1) {
      if (previous !== genesisHash(this.#replica.project, start.publicKey)) {
        throw refuse(
          "other-project",
          `The log of ${node} does not belong to project ${this.#replica.project}.`,
          where,
          "Merge only archives of the same project; use `import` for the values of another one."
        )
      }
    } else {
      line = this.#replica.lines.holding(node, from - 1, previous)
      if (line === undefined) {
        const held = this.#replica.lines.ofNode(node).map((known) => known.headSeq)
        throw refuse(
          "history-missing",
          `The log of ${node} goes on after event ${from - 1} (${previous.slice(0, 8)}…), which is not held here${held.length > 0 ? ` (held up to ${Math.max(...held)})` : ""}.`,
          where,
          "Ask for an archive that reaches further back, or a complete one."
        )
      }
    }
    const lamport = line === undefined ? 0 : this.#rowLamport.get(rowOf(line.line, from - 1))!
    this.#cursor = { start, line, seq: from - 1, hash: previous, lamport, open: undefined }
  }

  /** Takes the next line of the log begun last. `where` names the place for errors. */
  line(text: string, where: string): void {
    try {
      this.#take(text, where)
    } catch (error) {
      if (error instanceof CanonicalError) {
        throw new LamplogError({
          stage: "schema",
          code: error.code,
          message: `${where}: ${error.message}.`,
          where: `${where} ${error.where}`.trim(),
          remedy: "Ask the sender for a new copy; nothing of this one was taken."
        })
      }
      if (error instanceof EventError) {
        throw new LamplogError({
          stage: "schema",
          code: error.code,
          message: `${where}: ${error.message}.`,
          where,
          remedy: "Ask the sender for a new copy; nothing of this one was taken."
        })
      }
      throw error
    }
  }

  #take(text: string, where: string): void {
    const cursor = this.#cursor!
    const { header: headerLine, salt, body: bodyLine } = lineFromText(text, where)
    const hash = chainHash(cursor.hash, headerLine)
    const seq = cursor.seq + 1
    const held = this.#held(cursor, seq, hash)
    if (held !== undefined) {
      cursor.line = held
      cursor.lamport = this.#rowLamport.get(rowOf(held.line, seq))!
      cursor.seq = seq
      cursor.hash = hash
      return
    }
    const header = headerFromText(headerLine)
    const { node } = cursor.start
    if (header.node !== node || header.seq !== seq) {
      throw refuse(
        "out-of-sequence",
        `${where}: event ${header.seq} of ${header.node} stands where event ${seq} of ${node} belongs.`,
        where
      )
    }
    if (!isSalt(salt) || bodyHash(salt, bodyLine) !== header.body) {
      throw refuse("body-hash", `${where}: the body of ${node}:${seq} is not the one its header names.`, where)
    }
    const body = bodyFromText(bodyLine)
    const open = this.#transaction(cursor, header, where)
    const line = this.#extend(cursor, seq, hash, header.lamport)
    const row = rowOf(line.line, seq)
    const control = header.type === controlType
    const { projection } = this.#replica
    const entity = control ? 0 : projection.entityOf(header.type, header.id)
    this.#measure(open ?? (cursor.open = this.#openAt(cursor, header, row)), header, entity, text, where)
    const state = cursor.open!
    state.aside ??= notUnderstood(this.#replica.schema, header, body)
    this.#insert.run(row, header.lamport, hash, entity, state.aside ?? null, headerLine, salt, bodyLine)
    this.#events += 1
    if (entity !== 0) this.#touched.add(entity)
    if (!control) {
      state.members.push({ row, type: header.type, id: header.id, event: historyEvent(header, hash, body) })
    }
    if (node === this.#replica.node) this.#ownAhead = true
    cursor.line = line
    cursor.seq = seq
    cursor.hash = hash
    if (state.next === state.count) this.#close(cursor, where)
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
      .find((other) => other.from === seq && other.firstHash === hash && other.parent === line?.line)
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

  /** The transaction that this event continues; undefined when it begins one. */
  #transaction(cursor: Cursor, header: Header, where: string): Open | undefined {
    const { open } = cursor
    const index = header.transaction?.index ?? 0
    const count = header.transaction?.count ?? 1
    const expected = open === undefined ? 0 : open.next
    if (index !== expected || (open !== undefined && (count !== open.count || header.lamport !== open.lamport))) {
      throw refuse(
        "transaction-broken",
        `${where}: ${header.node}:${header.seq} is member ${index} of ${count} where member ${expected} belongs.`,
        where
      )
    }
    return open
  }

  #openAt(cursor: Cursor, header: Header, row: number): Open {
    return {
      count: header.transaction?.count ?? 1,
      lamport: header.lamport,
      firstRow: row,
      previousLamport: cursor.lamport,
      next: 0,
      bytes: 0,
      parentsMax: 0,
      anchor: undefined,
      deferred: false,
      aside: undefined,
      members: []
    }
  }

  /** Adds what one member stands on to the transaction's clock. */
  #measure(open: Open, header: Header, entity: number, text: string, where: string): void {
    open.next += 1
    open.bytes += text.length
    if (open.bytes > transactionBytesMax) {
      throw refuse("transaction-too-large", `${where}: a transaction exceeds ${transactionBytesMax} bytes.`, where)
    }
    if (header.anchor !== undefined) {
      if (open.next > 1) throw refuse("anchor-misplaced", `${where}: only the first member of a transaction may name an anchor.`, where)
      const anchor = this.#replica.lines.place(header.anchor)
      if (anchor === undefined) open.deferred = true
      else open.anchor = anchor.lamport
    }
    if (header.parents.length === 0) return
    const heads = this.#replica.projection.headsOf(header.type, header.id)
    for (const parent of header.parents) {
      const head = heads.find((known) => known.hash === parent.hash)
      const lamport = head?.lamport ?? this.#parentLamport(parent, entity, where)
      if (lamport === undefined) open.deferred = true
      else open.parentsMax = Math.max(open.parentsMax, lamport)
    }
  }

  #parentLamport(parent: Reference, entity: number, where: string): number | undefined {
    const place = this.#replica.lines.place(parent)
    if (place !== undefined && place.entity !== entity) {
      throw refuse(
        "parent-elsewhere",
        `${where}: names ${parent.node}:${parent.seq} as a parent, which is an event of another entity.`,
        where
      )
    }
    return place?.lamport
  }

  /** The transaction is whole: check its clock, class it, fold it. */
  #close(cursor: Cursor, where: string): void {
    const open = cursor.open!
    cursor.open = undefined
    cursor.lamport = open.lamport
    if (open.deferred) this.#deferred.push(open.firstRow)
    else {
      const { previousLamport: previous, parentsMax, anchor } = open
      const fault = clockFault(
        open.lamport,
        anchor === undefined ? { previous, parentsMax } : { previous, parentsMax, anchor }
      )
      if (fault !== undefined) {
        throw refuse("clock-equation", `${where}: ${cursor.start.node}:${cursor.seq} ${fault}.`, where)
      }
    }
    if (open.aside !== undefined) {
      this.#setAside.run(open.aside, open.firstRow, open.firstRow + open.count - 1)
      this.#asideCount += open.count
      for (const member of open.members) this.#replica.projection.invalidate(member.type, member.id)
    } else {
      for (const { type, id, event } of open.members) this.#replica.projection.apply(type, id, event)
    }
  }

  /**
   * Ends the run of the log begun last. It must end where a transaction ends; `signature` is the
   * node's own signature over the log up to here.
   */
  end(signature?: string): void {
    const cursor = this.#cursor!
    const { node, publicKey } = cursor.start
    const where = `log ${node}`
    if (cursor.open !== undefined) {
      throw refuse("transaction-cut", `The log of ${node} ends inside a transaction.`, where)
    }
    if (signature !== undefined) {
      const valid = verifyHead(publicKey, signature, this.#replica.project, node, cursor.seq, cursor.hash)
      if (!valid) throw refuse("signature-invalid", `The signature over the log of ${node} does not fit.`, where)
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
    for (const row of this.#deferred) this.#checkDeferred(row)
    if (this.#ownAhead) this.#replica.markAheadElsewhere()
    return {
      events: this.#events,
      setAside: this.#asideCount,
      touched: this.#touched,
      forks: this.#forks
    }
  }

  #checkDeferred(firstRow: number): void {
    const first = headerFromText(this.#header.get(firstRow)!)
    const { lines, projection } = this.#replica
    const where = `${first.node}:${first.seq}`
    const count = first.transaction?.count ?? 1
    let parentsMax = 0
    let anchor: number | undefined
    for (let offset = 0; offset < count; offset++) {
      const header = offset === 0 ? first : headerFromText(this.#header.get(firstRow + offset)!)
      for (const parent of header.parents) {
        const entity = projection.entityOf(header.type, header.id)
        const lamport = this.#parentLamport(parent, entity, `${header.node}:${header.seq}`)
        if (lamport === undefined) throw this.#missing(parent, header)
        parentsMax = Math.max(parentsMax, lamport)
      }
      if (header.anchor !== undefined) {
        anchor = lines.place(header.anchor)?.lamport
        if (anchor === undefined) throw this.#missing(header.anchor, header)
      }
    }
    const previous = this.#previousLamport(firstRow, first)
    const fault = clockFault(
      first.lamport,
      anchor === undefined ? { previous, parentsMax } : { previous, parentsMax, anchor }
    )
    if (fault !== undefined) throw refuse("clock-equation", `${where} ${fault}.`, where)
  }

  #previousLamport(row: number, header: Header): number {
    if (header.seq === 1) return 0
    const line = this.#replica.lines.get(Math.floor(row / 2 ** 32))
    const holder = line.from === header.seq ? line.parent : line.line
    return holder === undefined ? 0 : this.#rowLamport.get(rowOf(holder, header.seq - 1))!
  }

  #missing(reference: Reference, header: Header): LamplogError {
    return refuse(
      "history-missing",
      `${header.node}:${header.seq} builds on ${reference.node}:${reference.seq} (${reference.hash.slice(0, 8)}…), which is neither held here nor sent along.`,
      `${reference.node}:${reference.seq}`,
      "Ask for an archive that holds it, or for a complete one."
    )
  }
}
