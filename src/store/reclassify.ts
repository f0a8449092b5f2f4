/**
 * What is set aside depends on the kinds a reader understands and on who may write. When either changes
 * the events held are asked again: the answer is the same as on a replica that receives them now.
 */
import { bodyFromText, controlType, headerFromText } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import type { Membership } from "../state/membership.ts"
import { rowOf, seqMax } from "./database.ts"
import { rowsBefore } from "./incoming.ts"
import type { LogLine } from "./lines.ts"
import { reasonAside, standingChanged } from "./membership.ts"
import { refuse } from "./refuse.ts"
import type { Replica } from "./replica.ts"

interface Row {
  readonly event: number
  readonly aside: string | null
  readonly hash: string
  readonly header: string
  readonly body: string
}

const pageRows = 1000

const columns = "event, aside, hash, header, body"

/** Told of each event that gets another class. */
type Changed = (row: Row, header: Header, reason: string | null) => void

class Reclassing {
  readonly #replica: Replica
  readonly #changed: Changed
  readonly #read
  readonly #update

  constructor(replica: Replica, changed: Changed) {
    this.#replica = replica
    this.#changed = changed
    const { sqlite } = replica
    this.#read = sqlite.prepare<[number], Row>(`SELECT ${columns} FROM events WHERE event = ?`)
    this.#update = sqlite.prepare("UPDATE events SET aside = ? WHERE event = ?")
  }

  #reasonOf(row: Row, header: Header): string | undefined {
    const { members, schema } = this.#replica
    return reasonAside(members, schema, header, row.hash, bodyFromText(row.body))
  }

  #setClass(row: Row, header: Header, reason: string | undefined): void {
    const aside = reason ?? null
    if (row.aside === aside) return
    this.#update.run(aside, row.event)
    this.#changed(row, header, aside)
  }

  /** Classes the rows of one line behind a seq, transaction by transaction. */
  line(line: LogLine, behind: number): void {
    const first = this.#beginning(line, behind + 1)
    if (first > line.headSeq) return
    const page = this.#replica.sqlite.prepare<[number, number, number], Row>(
      `SELECT ${columns} FROM events WHERE event > ? AND event <= ? ORDER BY event LIMIT ?`,
    )
    let members: Array<readonly [Row, Header, string | undefined]> = []
    const finish = (): void => {
      const reason = members.find(([, , one]) => one !== undefined)?.[2]
      for (const [row, header] of members) this.#setClass(row, header, reason)
      members = []
    }
    const last = rowOf(line.line, seqMax)
    for (let after = rowOf(line.line, first - 1); ;) {
      const rows = page.all(after, last, pageRows)
      if (rows.length === 0) break
      for (const row of rows) {
        const header = headerFromText(row.header)
        if ((header.transaction?.index ?? 0) === 0) finish()
        members.push([row, header, this.#reasonOf(row, header)])
      }
      after = rows.at(-1)!.event
    }
    finish()
  }

  /** Where the transaction begins that an event stands in, as far as it is on this line. */
  #beginning(line: LogLine, seq: number): number {
    const row = seq <= line.from ? undefined : this.#read.get(rowOf(line.line, seq))
    if (row === undefined) return Math.max(seq, line.from)
    const { transaction } = headerFromText(row.header)
    return Math.max(line.from, seq - (transaction?.index ?? 0))
  }

  /**
   * A branch that parts inside a transaction: what it shares with the trunk is applied if the branch's
   * transaction is understood, and the branch's members are set aside with what they share.
   */
  sharedMembers(line: LogLine): void {
    const first = this.#read.get(rowOf(line.line, line.from))!
    const { transaction } = headerFromText(first.header)
    if (transaction === undefined || transaction.index === 0) return
    const { count, index } = transaction
    const before = rowsBefore(this.#replica, line, line.from, index) ?? []
    const own = Array.from({ length: count - index }, (_, at) => rowOf(line.line, line.from + at))
    const all = [...before, ...own].map((number) => {
      const row = this.#read.get(number)!
      const header = headerFromText(row.header)
      return [row, header, this.#reasonOf(row, header)] as const
    })
    const reason = all.find(([, , one]) => one !== undefined)?.[2]
    const told = reason === undefined ? all : all.slice(before.length)
    for (const [row, header] of told) this.#setClass(row, header, reason)
  }
}

/** `behind` says for each line up to which seq nothing changes; undefined when nothing does at all. */
const reclassLines = (
  replica: Replica,
  behind: (line: LogLine) => number | undefined,
  changed: Changed,
): void => {
  const work = new Reclassing(replica, changed)
  const lines = replica.lines.all.filter((line) => behind(line) !== undefined)
  for (const line of lines) work.line(line, behind(line)!)
  for (const line of lines) work.sharedMembers(line)
}

/** Gives every event its class anew, inside the caller's transaction, before a rebuild. */
export const reclassify = (replica: Replica): void => {
  replica.members.reset()
  reclassLines(
    replica,
    () => 0,
    () => {},
  )
}

/** What a change of membership did to events that are held. */
export interface Settled {
  /** Entities that have to be folded again. */
  readonly touched: ReadonlySet<number>
  /** Events set aside less those applied again. */
  readonly setAside: number
}

/**
 * Asks who the members are now that something of `arrived` came in, and gives every event of whom that
 * matters to its class; `before` is by whom they were classed. Refuses events of nodes that nobody known has named. Call it inside the
 * transaction that brought them.
 */
export const settleMembership = (
  replica: Replica,
  before: Membership,
  arrived: ReadonlySet<string>,
  controlArrived: boolean,
): Settled => {
  const { lines, members, projection } = replica
  const touched = new Set<number>()
  let setAside = 0
  if (members.rule === "open") return { touched, setAside }
  const isSteady = (node: string) =>
    before.known.has(node) &&
    (lines.ofNode(node).length < 2 || (before.members.get(node)?.cuts.length ?? 0) === 0)
  if (!controlArrived && [...arrived].every(isSteady)) return { touched, setAside }
  members.reset()
  const after = members.current
  for (const node of arrived) if (!after.known.has(node)) throw notAdmitted(replica, node)
  const nodes = standingChanged(lines, before, after, arrived)
  const behind = ({ node }: LogLine) => nodes.get(node)
  reclassLines(replica, behind, (_, header, reason) => {
    setAside += reason === null ? -1 : 1
    if (header.type === controlType) return
    const entry = projection.entry(header.type, header.id)
    touched.add(entry.entity)
    projection.invalidate(entry)
  })
  return { touched, setAside }
}

const notAdmitted = (replica: Replica, node: string) =>
  refuse(
    "not-admitted",
    `${node} is not admitted to ${replica.name}: no member that is known here has ever named it.`,
    `log ${node}`,
    `Ask a member to run \`lamplog node admit ${node}\`; nothing was taken.`,
  )
