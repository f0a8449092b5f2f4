/**
 * Logs as they travel: the same runs of events whichever branch a replica happens to store as trunk.
 *
 * A replica's lines depend on the order of arrival. Here every fork is read by the rule of its names:
 * the branch whose first differing event has the smallest hash goes on, every other begins a log.
 */
import { LamplogError } from "../event/failure.ts"
import { genesisHash } from "../event/hash.ts"
import type { Frontier, Head } from "../log/frontier.ts"
import type { Lines, LogLine } from "./lines.ts"

/** Consecutive events of one line. */
export interface Stretch {
  readonly line: number
  readonly from: number
  readonly to: number
}

export interface TravellingLog {
  readonly name: string
  readonly node: string
  readonly publicKey: string
  readonly from: number
  readonly to: number
  /** Chain hash before `from`, and at `to`. */
  readonly previous: string
  readonly head: string
  readonly signature: string | undefined
  readonly stretches: ReadonlyArray<Stretch>
  /** The line that holds the event before `from`, of a branch. */
  readonly base: number | undefined
}

interface Start {
  readonly line: LogLine
  readonly from: number
  readonly previous: string
  readonly base: number | undefined
}

/** Lines by the line they part from, and where they part from it: each group by that seq. */
type Children = ReadonlyMap<number | undefined, ReadonlyArray<ReadonlyArray<LogLine>>>

const childrenOf = (lines: Lines): Children => {
  const byParent = Map.groupBy(lines.all, ({ parent }) => parent)
  const grouped = [...byParent].map(([parent, children]) => {
    const bySeq = [...Map.groupBy(children, ({ from }) => from)]
    const inOrder = bySeq.sort((left, right) => left[0] - right[0]).map(([, group]) => group)
    return [parent, inOrder] as const
  })
  return new Map(grouped)
}

/** Where the next lines part from this one, after a seq. */
const nextChildren = (children: Children, line: LogLine, after: number) => {
  const groups = children.get(line.line) ?? []
  let low = 0
  for (let high = groups.length; low < high;) {
    const middle = (low + high) >> 1
    if (groups[middle]![0]!.from > after) high = middle
    else low = middle + 1
  }
  return groups[low] ?? []
}

/** Follows one log to its end; what parts from it on the way is added to `starts`. */
const follow = (
  lines: Lines,
  names: ReadonlyMap<number, string>,
  childrenByLine: Children,
  start: Start,
  starts: Array<Start>,
): TravellingLog => {
  const stretches: Array<Stretch> = []
  let { line, from } = start
  for (;;) {
    const children = nextChildren(childrenByLine, line, from)
    const seq = children[0]?.from
    if (seq === undefined) break
    stretches.push({ line: line.line, from, to: seq - 1 })
    const previous = lines.hashAt(line.line, seq - 1)
    const contenders = [
      { hash: lines.hashAt(line.line, seq), line },
      ...children.map((child) => ({ hash: child.firstHash, line: child })),
    ].sort((left, right) => (left.hash < right.hash ? -1 : 1))
    const base = line.line
    for (const loser of contenders.slice(1)) {
      starts.push({ line: loser.line, from: seq, previous, base })
    }
    line = contenders[0]!.line
    from = seq
  }
  stretches.push({ line: line.line, from, to: line.headSeq })
  return {
    name: names.get(line.line)!,
    node: line.node,
    publicKey: line.publicKey,
    from: start.from,
    to: line.headSeq,
    previous: start.previous,
    head: line.headHash,
    signature: line.signedSeq === line.headSeq ? line.signature : undefined,
    stretches,
    base: start.base,
  }
}

/** All logs held, by node; a branch after what it parts from. */
export const travellingLogs = (lines: Lines, project: string): ReadonlyArray<TravellingLog> => {
  const names = lines.names()
  const children = childrenOf(lines)
  const starts: Array<Start> = lines.all
    .filter((line) => line.parent === undefined)
    .map((line) => {
      const previous = genesisHash(project, line.publicKey)
      return { line, from: 1, previous, base: undefined }
    })
  const logs: Array<TravellingLog> = []
  for (let start = starts.pop(); start !== undefined; start = starts.pop()) {
    logs.push(follow(lines, names, children, start, starts))
  }
  return logs.sort((left, right) =>
    left.node !== right.node
      ? left.node < right.node
        ? -1
        : 1
      : left.from - right.from || (left.name < right.name ? -1 : 1),
  )
}

const unknownHere = (node: string, { seq, hash }: Head): LamplogError =>
  new LamplogError({
    code: "frontier-unknown",
    message: `Event ${seq} of ${node} (${hash.slice(0, 8)}…) is not held here, so what comes after it cannot be told.`,
    remedy: "Merge what the other side holds first, or export without --since.",
    where: `${node}:${seq}`,
  })

/** Finds the log that an event of a line travels in, and keeps what a reader is known to hold of each. */
class Reader {
  readonly #lines: Lines
  readonly #logs: ReadonlyArray<TravellingLog>
  /** Who holds what of each line, in order: a fork hands a line on from one log to another. */
  readonly #byLine = new Map<number, Array<Stretch & { readonly log: TravellingLog }>>()
  readonly #lineByHead: ReadonlyMap<string, LogLine>
  /** Up to which seq the reader holds a log. */
  readonly #known = new Map<TravellingLog, number>()

  constructor(logs: ReadonlyArray<TravellingLog>, lines: Lines) {
    this.#lines = lines
    this.#logs = logs
    for (const log of logs) {
      for (const stretch of log.stretches) {
        const held = this.#byLine.get(stretch.line)
        if (held === undefined) this.#byLine.set(stretch.line, [{ ...stretch, log }])
        else held.push({ ...stretch, log })
      }
    }
    for (const held of this.#byLine.values()) held.sort((left, right) => left.from - right.from)
    this.#lineByHead = new Map(lines.all.map((line) => [line.headHash, line]))
  }

  /** The log that holds an event of this line. */
  #ofLine(line: number, seq: number): TravellingLog {
    const held = this.#byLine.get(line)!
    let low = 0
    for (let high = held.length - 1; low < high;) {
      const middle = (low + high) >> 1
      if (held[middle]!.to < seq) low = middle + 1
      else high = middle
    }
    return held[low]!.log
  }

  /**
   * The reader holds this event, which is mostly the head of a line: so it holds all that the event
   * builds on. False when it is not held here.
   */
  holds(node: string, { seq, hash }: Head): boolean {
    const head = this.#lineByHead.get(hash)
    const isHead = head !== undefined && head.node === node && head.headSeq === seq
    const line = isHead ? head : this.#lines.holding(node, seq, hash)
    if (line === undefined) return false
    this.#learn(this.#ofLine(line.line, seq), seq)
    return true
  }

  #learn(first: TravellingLog, upTo: number): void {
    let log: TravellingLog | undefined = first
    for (let seq = upTo; log !== undefined;) {
      const before = this.#known.get(log)
      this.#known.set(log, Math.max(before ?? 0, seq))
      // What the log parts from was learnt with it, the first time.
      if (before !== undefined || log.base === undefined) return
      seq = log.from - 1
      log = this.#ofLine(log.base, seq)
    }
  }

  /** What the reader lacks of these logs. */
  lacks(): ReadonlyArray<TravellingLog> {
    return this.#logs.flatMap((log) => {
      const seq = this.#known.get(log)
      if (seq === undefined) return [log]
      if (seq === log.to) return []
      const { line } = log.stretches.find(({ from, to }) => from <= seq && seq <= to)!
      const rest = log.stretches
        .filter(({ to }) => to > seq)
        .map((stretch) => ({ ...stretch, from: Math.max(stretch.from, seq + 1) }))
      const previous = this.#lines.hashAt(line, seq)
      return [{ ...log, from: seq + 1, previous, stretches: rest }]
    })
  }
}

/** What a reader who holds `since` lacks of these logs. Refuses heads that are not held here. */
export const logsSince = (
  logs: ReadonlyArray<TravellingLog>,
  since: Frontier,
  lines: Lines,
): ReadonlyArray<TravellingLog> => {
  if (Object.keys(since).length === 0) return logs
  const reader = new Reader(logs, lines)
  for (const [name, head] of Object.entries(since)) {
    const node = name.slice(0, nodeLength)
    if (!reader.holds(node, head)) throw unknownHere(node, head)
  }
  return reader.lacks()
}

export interface LackingOptions {
  /** Of logs whose heads are not held here: events that the reader holds, the highest first. */
  readonly points?: { readonly [log: string]: ReadonlyArray<Head> }
  /** Logs of nodes with unknown heads are not left out. */
  readonly all?: boolean
}

/**
 * What a reader lacks who may hold what is not held here. A node of which it holds an unknown head,
 * without points to start from, is left out: the reader is ahead, or holds another branch.
 */
export const logsLacking = (
  logs: ReadonlyArray<TravellingLog>,
  known: Frontier,
  lines: Lines,
  { points = {}, all = false }: LackingOptions = {},
): ReadonlyArray<TravellingLog> => {
  const reader = new Reader(logs, lines)
  const hidden = new Set<string>()
  for (const [name, head] of Object.entries(known)) {
    const node = name.slice(0, nodeLength)
    if (!reader.holds(node, head) && points[name] === undefined) hidden.add(node)
  }
  for (const [name, heads] of Object.entries(points)) {
    const node = name.slice(0, nodeLength)
    heads.some((head) => reader.holds(node, head))
  }
  return reader.lacks().filter(({ node }) => all || !hidden.has(node))
}

/** Characters of a node id, with which the name of each of its logs begins. */
export const nodeLength = 26
