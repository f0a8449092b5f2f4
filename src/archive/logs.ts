/**
 * Logs as they travel: the same runs of events whichever branch a replica happens to store as trunk.
 *
 * A replica's lines depend on the order of arrival. Here every fork is read by the rule of its names:
 * the branch whose first differing event has the smallest hash goes on, every other begins a log.
 */
import { LamplogError } from "../event/failure.ts"
import { genesisHash } from "../event/hash.ts"
import type { Frontier } from "../log/frontier.ts"
import type { Lines, LogLine } from "../store/lines.ts"

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
}

interface Start {
  readonly line: LogLine
  readonly from: number
  readonly previous: string
}

const childrenAt = (lines: Lines, line: LogLine, after: number): ReadonlyArray<LogLine> => {
  const children = lines
    .ofNode(line.node)
    .filter((child) => child.parent === line.line && child.from > after)
  const first = children.reduce((least, child) => Math.min(least, child.from), Infinity)
  return children.filter((child) => child.from === first)
}

/** Follows one log to its end; what parts from it on the way is added to `starts`. */
const follow = (
  lines: Lines,
  names: ReadonlyMap<number, string>,
  start: Start,
  starts: Array<Start>,
): TravellingLog => {
  const stretches: Array<Stretch> = []
  let { line, from } = start
  for (;;) {
    const children = childrenAt(lines, line, from)
    const seq = children[0]?.from
    if (seq === undefined) break
    stretches.push({ line: line.line, from, to: seq - 1 })
    const previous = lines.hashAt(line.line, seq - 1)
    const contenders = [
      { hash: lines.hashAt(line.line, seq), line },
      ...children.map((child) => ({ hash: child.firstHash, line: child })),
    ].sort((left, right) => (left.hash < right.hash ? -1 : 1))
    for (const loser of contenders.slice(1)) starts.push({ line: loser.line, from: seq, previous })
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
  }
}

/** All logs held, by node; a branch after what it parts from. */
export const travellingLogs = (lines: Lines, project: string): ReadonlyArray<TravellingLog> => {
  const names = lines.names()
  const starts: Array<Start> = lines.all
    .filter((line) => line.parent === undefined)
    .map((line) => ({ line, from: 1, previous: genesisHash(project, line.publicKey) }))
  const logs: Array<TravellingLog> = []
  for (let start = starts.pop(); start !== undefined; start = starts.pop()) {
    logs.push(follow(lines, names, start, starts))
  }
  return logs.sort((left, right) =>
    left.node !== right.node
      ? left.node < right.node
        ? -1
        : 1
      : left.from - right.from || (left.name < right.name ? -1 : 1),
  )
}

/** Where an event stands: the log that holds it, and how far that log is known then. */
const knownAt = (
  logs: ReadonlyArray<TravellingLog>,
  lines: Lines,
  node: string,
  seq: number,
  hash: string,
): TravellingLog => {
  const held = lines.holding(node, seq, hash)
  const holder = logs.find((log) =>
    log.stretches.some(({ line, from, to }) => line === held?.line && from <= seq && seq <= to),
  )
  if (holder !== undefined) return holder
  throw new LamplogError({
    code: "frontier-unknown",
    message: `Event ${seq} of ${node} (${hash.slice(0, 8)}…) is not held here, so what comes after it cannot be told.`,
    remedy: "Merge what the other side holds first, or export without --since.",
    where: `${node}:${seq}`,
  })
}

/**
 * What a reader who holds `since` lacks of these logs. Whoever holds an event of a branch holds all
 * that the branch builds on.
 */
export const logsSince = (
  logs: ReadonlyArray<TravellingLog>,
  since: Frontier,
  lines: Lines,
): ReadonlyArray<TravellingLog> => {
  const known = new Map<TravellingLog, number>()
  const learn = (node: string, seq: number, hash: string): void => {
    const holder = knownAt(logs, lines, node, seq, hash)
    if (seq > (known.get(holder) ?? 0)) known.set(holder, seq)
    if (holder.from > 1) learn(node, holder.from - 1, holder.previous)
  }
  for (const [name, { seq, hash }] of Object.entries(since)) {
    learn(name.slice(0, nodeLength), seq, hash)
  }
  return logs.flatMap((log) => {
    const seq = known.get(log)
    if (seq === undefined) return [log]
    if (seq === log.to) return []
    const { line } = log.stretches.find(({ from, to }) => from <= seq && seq <= to)!
    const rest = log.stretches
      .filter(({ to }) => to > seq)
      .map((stretch) => ({ ...stretch, from: Math.max(stretch.from, seq + 1) }))
    return [{ ...log, from: seq + 1, previous: lines.hashAt(line, seq), stretches: rest }]
  })
}

/** Characters of a node id, with which the name of each of its logs begins. */
export const nodeLength = 26
