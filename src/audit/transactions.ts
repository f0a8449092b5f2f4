/**
 * Transactions of one log: whole, with one lamport that the clock equation allows, and set aside or
 * applied together.
 *
 * A branch may part inside a transaction: what it shares with its trunk counts for its clock, and is
 * applied if any transaction that holds it is understood.
 */
import { bodyFromText, headerFromText } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import { clockFault } from "../log/chain.ts"
import type { ClockBase } from "../log/chain.ts"
import type { ProjectSchema } from "../state/schema.ts"
import type { Sqlite } from "../store/database.ts"
import { reasonAside } from "../store/membership.ts"
import type { Judgement } from "../store/membership.ts"
import type { HeldEvent, HeldEvents, HeldLine } from "./evidence.ts"

/** One member as the walk along its log has read it. */
export interface Member {
  readonly row: number
  readonly header: Header
  readonly entity: unknown
  readonly aside: unknown
  /** Why this reader does not understand it; undefined when it does, or when that cannot be told. */
  readonly reason: string | undefined
}

export type Report = (row: number, column: string, code: string, message: string) => void

interface Open {
  readonly count: number
  readonly lamport: number
  readonly previous: number | undefined
  readonly members: Array<{ readonly row: number; readonly aside: unknown }>
  next: number
  parentsMax: number
  anchor: number | undefined
  reason: string | undefined
  /** False when a member is missing or damaged, so that nobody can tell how it is classed. */
  whole: boolean
  /** False when something that it stands on is missing, so that its clock proves nothing. */
  sound: boolean
}

interface StoredText {
  readonly header: string
  readonly body: string
}

/** Reads members that a branch shares with its trunk. */
export class SharedMembers {
  readonly #events: HeldEvents
  readonly #schema: ProjectSchema | undefined
  readonly #judgement: Judgement | undefined
  readonly #text

  constructor(
    sqlite: Sqlite,
    events: HeldEvents,
    schema: ProjectSchema | undefined,
    judgement: Judgement | undefined,
  ) {
    this.#events = events
    this.#schema = schema
    this.#judgement = judgement
    this.#text = sqlite.prepare<[number], StoredText>(
      "SELECT header, body FROM events WHERE event = ?",
    )
  }

  /** One member at a row; undefined when it is missing or damaged. */
  read(event: HeldEvent | undefined): Member | undefined {
    const text = event === undefined ? undefined : this.#text.get(event.row)
    if (event === undefined || text === undefined) return undefined
    try {
      const header = headerFromText(text.header)
      const reason =
        this.#schema === undefined || this.#judgement === undefined
          ? undefined
          : reasonAside(this.#judgement, this.#schema, header, event.hash, bodyFromText(text.body))
      return { row: event.row, header, entity: event.entity, aside: null, reason }
    } catch {
      return undefined
    }
  }

  /** What the branch that begins with this event shares of its transaction, oldest first. */
  *before(line: HeldLine, header: Header): Generator<Member | undefined> {
    const index = header.transaction?.index ?? 0
    for (let seq = line.from - index; seq < line.from; seq++) {
      yield this.read(this.#events.before(line, seq))
    }
  }

  /** Rows that are applied because a branch made them understood, whatever their trunk says. */
  understoodByBranches(): ReadonlySet<number> {
    const rows = new Set<number>()
    for (const line of this.#events.lines.values()) {
      if (line.parent === undefined) continue
      const first = this.read(this.#events.at(line, line.from))
      if (first?.header.transaction === undefined || first.header.transaction.index === 0) continue
      const { index, count } = first.header.transaction
      const shared = [...this.before(line, first.header)]
      const own = (at: number) => this.read(this.#events.at(line, line.from + at))
      const understood = (member: Member | undefined) =>
        member !== undefined && member.reason === undefined
      let whole = shared.every(understood)
      for (let at = 0; whole && at < count - index; at++) whole = understood(own(at))
      if (whole) for (const member of shared) rows.add(member!.row)
    }
    return rows
  }
}

export class TransactionWalk {
  readonly #line: HeldLine
  readonly #events: HeldEvents
  readonly #shared: SharedMembers
  /** Undefined when nobody can tell what is set aside. */
  readonly #rescued: ReadonlySet<number> | undefined
  readonly #report: Report
  #open: Open | undefined
  /** Lamport of the event before; undefined after a gap. */
  #previous: number | undefined
  /** Whether the beginning of a transaction may have been lost. */
  #lost = false
  count = 0

  constructor(
    line: HeldLine,
    events: HeldEvents,
    shared: SharedMembers,
    rescued: ReadonlySet<number> | undefined,
    report: Report,
  ) {
    this.#line = line
    this.#events = events
    this.#shared = shared
    this.#rescued = rescued
    this.#report = report
    this.#previous = line.from === 1 ? 0 : events.before(line, line.from - 1)?.lamport
  }

  /** Something is missing or unreadable here; its lamport, if that is known all the same. */
  lose(lamport: number | undefined): void {
    this.#open = undefined
    this.#previous = lamport
    this.#lost = true
  }

  member(member: Member): void {
    const { row, header } = member
    const { index, count } = header.transaction ?? { index: 0, count: 1 }
    const open = this.#open
    if (open !== undefined) {
      if (index === open.next && count === open.count && header.lamport === open.lamport) {
        this.#take(open, member)
        return
      }
      const what = `is member ${index} of ${count} where member ${open.next} of ${open.count} belongs`
      this.#report(row, "header", "transaction-broken", what)
    }
    this.#take(this.#begin(member, index, count), member)
  }

  #begin({ row, header }: Member, index: number, count: number): Open {
    const { lamport } = header
    const broken = this.#open !== undefined
    const open: Open = {
      count,
      lamport,
      previous: this.#previous,
      members: [],
      next: index,
      parentsMax: 0,
      anchor: undefined,
      reason: undefined,
      whole: index === 0,
      sound: index === 0 && this.#previous !== undefined,
    }
    if (index === 0) return open
    const parted = this.#line.parent !== undefined && header.seq === this.#line.from
    if (!parted) {
      if (!this.#lost && !broken) {
        const what = `is member ${index} of a transaction that nothing begins`
        this.#report(row, "header", "transaction-broken", what)
      }
      return open
    }
    return this.#parted(open, header, index)
  }

  /** A branch that parts from its trunk inside a transaction begins with what it shares. */
  #parted(open: Open, header: Header, index: number): Open {
    const start = this.#line.from - index
    const previous = start === 1 ? 0 : this.#events.before(this.#line, start - 1)?.lamport
    const branch: Open = { ...open, previous, whole: true, sound: previous !== undefined }
    let next = 0
    for (const shared of this.#shared.before(this.#line, header)) {
      const transaction = shared?.header.transaction
      const fits = transaction?.index === next && transaction.count === open.count
      if (shared === undefined || !fits || shared.header.lamport !== open.lamport) {
        branch.whole = branch.sound = false
        continue
      }
      branch.reason ??= shared.reason
      this.#measure(branch, shared, false)
      next += 1
    }
    if (!branch.whole) {
      const what = `is member ${index} of a transaction whose first members are not held`
      this.#report(
        this.#events.at(this.#line, this.#line.from)!.row,
        "header",
        "transaction-broken",
        what,
      )
    }
    return branch
  }

  /** Adds what a member stands on to the clock of the whole. */
  #measure(open: Open, { row, header, entity }: Member, own: boolean): void {
    const report = (code: string, message: string) => {
      open.sound = false
      if (own) this.#report(row, "header", code, message)
    }
    if (header.anchor !== undefined) {
      const anchor = this.#events.find(header.anchor)
      const name = `${header.anchor.node}:${header.anchor.seq}`
      if ((header.transaction?.index ?? 0) > 0) {
        report("anchor-misplaced", "names an anchor, which only the first of a transaction may")
      } else if (anchor === undefined) {
        report("history-missing", `names ${name} as its anchor, which is not held`)
      } else open.anchor = anchor.lamport
    }
    for (const parent of header.parents) {
      const held = this.#events.find(parent)
      const name = `${parent.node}:${parent.seq}`
      if (held === undefined) {
        report("history-missing", `names ${name} as a parent, which is not held`)
      } else if (held.entity !== entity) {
        report("parent-elsewhere", `names ${name} as a parent, an event of another entity`)
      } else open.parentsMax = Math.max(open.parentsMax, held.lamport)
    }
  }

  #take(open: Open, member: Member): void {
    this.#open = open
    this.#measure(open, member, true)
    open.reason ??= member.reason
    open.members.push({ row: member.row, aside: member.aside })
    open.next += 1
    this.#lost = false
    if (open.next === open.count) this.#close(open)
  }

  #close(open: Open): void {
    this.#open = undefined
    this.#previous = open.lamport
    this.count += 1
    const { previous, parentsMax, anchor, members } = open
    if (open.sound && previous !== undefined) {
      const base: ClockBase = { previous, parentsMax, ...(anchor === undefined ? {} : { anchor }) }
      const fault = clockFault(open.lamport, base)
      if (fault !== undefined) this.#report(members[0]!.row, "header", "clock-equation", fault)
    }
    if (this.#rescued === undefined || !open.whole) return
    for (const { row, aside } of members) {
      const expected = this.#rescued.has(row) ? null : (open.reason ?? null)
      if (aside === expected) continue
      const what = `is ${told(aside)} where ${told(expected)} is right`
      this.#report(row, "aside", "aside-class", what)
    }
  }

  /** The log ends here. */
  end(row: number): void {
    const open = this.#open
    if (open === undefined) return
    const what = `ends inside a transaction, at member ${open.next - 1} of ${open.count}`
    this.#report(row, "header", "transaction-cut", what)
  }
}

const told = (aside: unknown): string =>
  typeof aside === "string" ? `set aside for "${aside.slice(0, 100)}"` : "applied"
