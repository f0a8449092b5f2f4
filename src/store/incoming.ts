/**
 * A transaction on its way in: one event alone or several, judged when its last member is there.
 *
 * A key holder who writes two histories may let them part inside a transaction. The branch then
 * shares its first members with the trunk: they count for its clock, and they are applied if either
 * transaction is understood.
 */
import { bodyFromText, headerFromText, transactionBytesMax } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"
import type { Reference } from "../event/stamp.ts"
import { clockFault } from "../log/chain.ts"
import type { HistoryEvent } from "../state/entity.ts"
import { rowOf } from "./database.ts"
import { refuse } from "./refuse.ts"
import type { LogLine } from "./lines.ts"
import type { JudgeAtFirst } from "./membership.ts"
import type { Entry } from "./projection.ts"
import type { Replica } from "./replica.ts"

/** Members of larger transactions are folded from the database instead of from memory. */
const decodedMembersMax = 4096
const decodedBytesMax = 8 * 1024 * 1024

interface Member {
  /** Undefined for events about the project itself. */
  readonly entry: Entry | undefined
  readonly event: HistoryEvent | undefined
}

/** The lamport of a parent; undefined while it is not held. A parent is of the same entity. */
export const parentLamport = (
  replica: Replica,
  parent: Reference,
  entity: number,
  where: string,
): number | undefined => {
  const place = replica.lines.place(parent)
  if (place !== undefined && place.entity !== entity) {
    throw refuse(
      "parent-elsewhere",
      `${where}: names ${parent.node}:${parent.seq} as a parent, which is an event of another entity.`,
      where,
    )
  }
  return place?.lamport
}

/** Rows of the events just before `seq`, oldest first, on a line or what it parts from. */
export const rowsBefore = (
  replica: Replica,
  line: LogLine | undefined,
  seq: number,
  count: number,
): ReadonlyArray<number> | undefined => {
  const rows: Array<number> = []
  let holder = line
  for (let before = seq - 1; before >= seq - count; before--) {
    while (holder !== undefined && before < holder.from) {
      holder = holder.parent === undefined ? undefined : replica.lines.get(holder.parent)
    }
    if (holder === undefined) return undefined
    rows.unshift(rowOf(holder.line, before))
  }
  return rows
}

export class IncomingTransaction {
  readonly count: number
  readonly lamport: number
  /** Lamport of the event before the transaction. */
  readonly previousLamport: number
  /** Rows of members that the trunk holds already. */
  readonly shared: ReadonlyArray<number>
  readonly members: Array<Member> = []
  next: number
  /** Whether something it stands on has not been read yet. */
  deferred = false
  /** Why this reader sets it aside; undefined while every member is understood. */
  aside: string | undefined
  readonly #replica: Replica
  readonly #judge: JudgeAtFirst
  /** Entities that its members change; an event alone needs none. */
  readonly #entities: Set<number> | undefined
  #bytes = 0
  #parentsMax = 0
  #anchor: number | undefined

  constructor(
    replica: Replica,
    judge: JudgeAtFirst,
    first: Header,
    previousLamport: number,
    shared: ReadonlyArray<number>,
  ) {
    this.#replica = replica
    this.#judge = judge
    this.count = first.transaction?.count ?? 1
    this.lamport = first.lamport
    this.previousLamport = previousLamport
    this.shared = shared
    this.next = shared.length
    if (this.count > 1) this.#entities = new Set()
  }

  /** Whether this header is the member that comes next. */
  expects(header: Header): boolean {
    return (
      (header.transaction?.index ?? 0) === this.next &&
      (header.transaction?.count ?? 1) === this.count &&
      header.lamport === this.lamport
    )
  }

  /** Adds what one member stands on to the clock of the whole. */
  measure(header: Header, entry: Entry | undefined, bytes: number, where: string): void {
    this.#bytes += bytes
    if (entry !== undefined) entry.bytes += bytes
    if (this.#bytes > transactionBytesMax) {
      throw refuse(
        "transaction-too-large",
        `${where}: a transaction exceeds ${transactionBytesMax} bytes.`,
        where,
      )
    }
    if (this.#entities !== undefined && entry !== undefined) {
      if (this.#entities.has(entry.entity)) {
        throw refuse(
          "transaction-broken",
          `${where}: a transaction changes ${header.type}/${header.id} twice.`,
          where,
        )
      }
      this.#entities.add(entry.entity)
    }
    if (header.anchor !== undefined) {
      if ((header.transaction?.index ?? 0) > 0) {
        throw refuse(
          "anchor-misplaced",
          `${where}: only the first member of a transaction may name an anchor.`,
          where,
        )
      }
      const anchor = this.#replica.lines.place(header.anchor)
      if (anchor === undefined) this.deferred = true
      else this.#anchor = anchor.lamport
    }
    if (header.parents.length === 0) return
    const heads = entry === undefined ? [] : this.#replica.projection.headsOf(entry)
    for (const parent of header.parents) {
      const head = heads.find((known) => known.hash === parent.hash)
      const lamport =
        head?.lamport ?? parentLamport(this.#replica, parent, entry?.entity ?? 0, where)
      if (lamport === undefined) this.deferred = true
      else this.#parentsMax = Math.max(this.#parentsMax, lamport)
    }
  }

  add(entry: Entry | undefined, header: Header, body: Body, event: HistoryEvent): void {
    this.aside ??= this.#judge(header, event.hash, body)
    this.next += 1
    const isLarge = this.count > decodedMembersMax || this.#bytes > decodedBytesMax
    this.members.push({ entry, event: isLarge ? undefined : event })
  }

  /**
   * Takes in the shared members' part of the clock and of what is understood. Refuses a start that
   * is not the start of this transaction, and a member whose transaction nothing begins.
   */
  measureShared(entryOf: (header: Header) => Entry | undefined): void {
    const read = this.#replica.sqlite.prepare<
      [number],
      { hash: string; header: string; body: string }
    >("SELECT hash, header, body FROM events WHERE event = ?")
    for (const [index, row] of this.shared.entries()) {
      const { hash, header: text, body } = read.get(row)!
      const header = headerFromText(text)
      const where = `${header.node}:${header.seq}`
      const { transaction, lamport } = header
      const fits = transaction?.index === index && transaction.count === this.count
      if (!fits || lamport !== this.lamport) {
        throw refuse(
          "transaction-broken",
          `${where} is not member ${index} of the ${this.count} that an event after it names.`,
          where,
        )
      }
      this.measure(header, entryOf(header), text.length + body.length, where)
      this.aside ??= this.#judge(header, hash, bodyFromText(body))
    }
  }

  /** Why its clock is refused; undefined when the equation holds. */
  fault(): string | undefined {
    const previous = this.previousLamport
    const parentsMax = this.#parentsMax
    const anchor = this.#anchor
    return clockFault(
      this.lamport,
      anchor === undefined ? { previous, parentsMax } : { previous, parentsMax, anchor },
    )
  }
}
