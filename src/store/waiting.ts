/**
 * Events that came and cannot be taken yet: their bytes, and what each of them waits for.
 *
 * They were checked by themselves, but not against history: they count for nothing, are shown to nobody
 * and are never passed on. A run stands here once, in the bytes it came in.
 *
 * Invariants
 *  1. Bounded: when there is no room, the newest is turned away, since its sender still has it.
 *  2. What waits for admission, which anybody can send, takes little room by itself.
 */
import type { Reference } from "../event/stamp.ts"
import { transactionBytesMax } from "../event/event.ts"
import type { Frontier, Head } from "../log/frontier.ts"
import type { Replica } from "./replica.ts"
import { nodeLength } from "./travelling.ts"

/** All that waits, in bytes: the longest transaction fits, and as much again as one remote sends. */
export const waitingBytesMax = transactionBytesMax + 64 * 1024 * 1024
/** What waits for admission, in bytes. */
export const strangersBytesMax = 16 * 1024 * 1024
/** Runs that wait, however short. */
export const waitingRunsMax = 20_000
/** What a run takes beside its bytes. */
const runBytes = 512

/**
 * `gap`: what it builds on is missing. `incomplete`: its transaction is not whole. `unsigned`: its node has
 * not signed for it. `not-admitted`: its node was not admitted.
 */
export type WaitingReason = "gap" | "incomplete" | "unsigned" | "not-admitted"

/** A run of one log's events that waits. */
export interface WaitingRun {
  readonly node: string
  readonly from: number
  readonly to: number
  /** Chain hash before `from`, and at `to`. */
  readonly previous: string
  readonly head: string
  /** Whether its node has signed for its end. */
  readonly signed: boolean
  /** Members that its last transaction lacks. */
  readonly lacks: number
  readonly reason: WaitingReason
  /** What its first transaction refers to and is not held. */
  readonly needs: Reference | undefined
}

export interface StoredRun extends WaitingRun {
  /** Its place in the order of arrival. */
  readonly arrival: number
}

interface Row {
  readonly arrival: number
  readonly node: string
  readonly first_seq: number
  readonly previous: string
  readonly last_seq: number
  readonly head: string
  readonly signed: number
  readonly lacks: number
  readonly reason: WaitingReason
  readonly needs: string | null
}

const needsText = ({ needs }: WaitingRun): string | null =>
  needs === undefined ? null : JSON.stringify([needs.node, needs.seq, needs.hash])

const referenceFrom = (text: string): Reference => {
  const [node, seq, hash] = JSON.parse(text) as [string, number, string]
  return { node, seq, hash }
}

const runFromRow = (row: Row): StoredRun => {
  const { arrival, node, first_seq: from, last_seq: to, previous, head, lacks, reason } = row
  const needs = row.needs === null ? undefined : referenceFrom(row.needs)
  return { arrival, node, from, to, previous, head, signed: row.signed === 1, lacks, reason, needs }
}

const columns = `arrival, node, first_seq, previous, last_seq, head, signed, lacks, reason, needs`

export class Waiting {
  readonly #sqlite

  constructor({ sqlite }: Replica) {
    this.#sqlite = sqlite
  }

  /** Every run that waits, in the order of arrival, without its bytes. */
  all(): ReadonlyArray<StoredRun> {
    return this.#sqlite
      .prepare<[], Row>(`SELECT ${columns} FROM waiting ORDER BY arrival`)
      .all()
      .map(runFromRow)
  }

  segment(arrival: number): Buffer {
    return this.#sqlite
      .prepare<[number], Buffer>("SELECT segment FROM waiting WHERE arrival = ?")
      .pluck()
      .get(arrival)!
  }

  /** Whether there is room for so many bytes more. */
  hasRoom(bytes: number, reason: WaitingReason): boolean {
    const { runs, total, strange } = this.#sqlite
      .prepare<[], { runs: number; total: number; strange: number }>(
        `SELECT count(*) AS runs, coalesce(sum(bytes), 0) AS total,
           coalesce(sum(bytes) FILTER (WHERE reason = 'not-admitted'), 0) AS strange FROM waiting`,
      )
      .get()!
    const taken = bytes + runBytes
    if (runs >= waitingRunsMax || total + taken > waitingBytesMax) return false
    return reason !== "not-admitted" || strange + taken <= strangersBytesMax
  }

  /** Keeps a run; one that waits already is only replaced by the same with a signature. */
  add(run: WaitingRun, segment: Buffer): void {
    this.#sqlite
      .prepare(
        `INSERT INTO waiting (node, first_seq, previous, last_seq, head, signed, lacks, reason, needs,
           bytes, segment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (node, first_seq, previous, head) DO UPDATE SET
           signed = excluded.signed, segment = excluded.segment, bytes = excluded.bytes
         WHERE excluded.signed > signed`,
      )
      .run(
        run.node,
        run.from,
        run.previous,
        run.to,
        run.head,
        run.signed ? 1 : 0,
        run.lacks,
        run.reason,
        needsText(run),
        segment.length + runBytes,
        segment,
      )
  }

  /** Notes what a run waits for now. */
  update({ arrival, ...run }: StoredRun): void {
    this.#sqlite
      .prepare("UPDATE waiting SET reason = ?, needs = ? WHERE arrival = ?")
      .run(run.reason, needsText(run), arrival)
  }

  remove(arrival: number): void {
    this.#sqlite.prepare("DELETE FROM waiting WHERE arrival = ?").run(arrival)
  }
}

/**
 * A frontier, with the runs that wait in an unbroken chain behind its heads. Where signatures are asked
 * for, a chain counts up to the last one: what was left unsigned is to be sent again with its signature.
 */
export const frontierWithWaiting = (replica: Replica): Frontier => {
  const held = replica.lines.frontier()
  const runs = new Waiting(replica).all()
  if (runs.length === 0) return held
  const placeOf = (node: string, seq: number, hash: string): string => `${node}:${seq}:${hash}`
  const next = Map.groupBy(runs, ({ node, from, previous }) => placeOf(node, from - 1, previous))
  const isOpen = replica.members.rule === "open"
  const endOf = (node: string, start: Head): Head => {
    let counted = start
    for (let head = start; ;) {
      const runsAfter = next.get(placeOf(node, head.seq, head.hash)) ?? []
      const last = runsAfter.toSorted(
        (left, right) =>
          (isOpen ? 0 : Number(right.signed) - Number(left.signed)) ||
          right.to - left.to ||
          (left.head < right.head ? -1 : 1),
      )[0]
      if (last === undefined) return counted
      head = { seq: last.to, hash: last.head }
      if (isOpen || last.signed) counted = head
    }
  }
  const frontier: { [log: string]: Head } = {}
  for (const [log, head] of Object.entries(held)) {
    frontier[log] = endOf(log.slice(0, nodeLength), head)
  }
  for (const { node, from, previous } of runs) {
    if (from !== 1 || frontier[node] !== undefined) continue
    const end = endOf(node, { seq: 0, hash: previous })
    if (end.seq > 0) frontier[node] = end
  }
  return frontier
}

/** What waits, for people: `status` lists it. */
export interface WaitingSummary {
  readonly events: number
  readonly bytes: number
  readonly nodes: ReadonlyArray<{
    readonly node: string
    readonly reason: WaitingReason
    readonly events: number
    readonly bytes: number
    /** One of the events that are waited for. */
    readonly needs?: Reference
  }>
}

export const waitingSummary = (replica: Replica): WaitingSummary =>
  replica.read(() => {
    const rows = replica.sqlite
      .prepare<
        [],
        { node: string; reason: WaitingReason; events: number; bytes: number; needs: string | null }
      >(
        `SELECT node, reason, sum(last_seq - first_seq + 1) AS events, sum(bytes) AS bytes,
           min(needs) AS needs FROM waiting GROUP BY node, reason ORDER BY node, reason`,
      )
      .all()
    const nodes = rows.map(({ needs, ...rest }) => {
      if (needs === null) return rest
      return { ...rest, needs: referenceFrom(needs) }
    })
    const sum = (part: "events" | "bytes"): number => nodes.reduce((all, row) => all + row[part], 0)
    return { events: sum("events"), bytes: sum("bytes"), nodes }
  })
