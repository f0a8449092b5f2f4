/**
 * What can go next in a project of members: of each log a run that its node has signed, and nothing that
 * builds on what stays behind.
 *
 * Transactions are read ahead in total order. What of them can go is the largest choice in which every
 * log ends at a signed place and nothing refers to what is not chosen; the rest goes with a later
 * batch. Whoever gets such a batch takes it at once.
 *
 * Where logs lean on each other so closely that nothing can go, more is read, up to a bound; past
 * that, what comes first goes unsigned, and waits at whoever gets it until the signature has come.
 *
 * Invariants
 *  1. Every log goes in order, without gaps.
 *  2. Memory: `aheadBytesMax` of lines, and one unit.
 */
import { controlType } from "../event/event.ts"
import { segmentBytesMax } from "../log/segment.ts"

/** A whole transaction of one log, or as much of it as one segment carries. */
export interface Unit<Log> {
  readonly log: Log
  readonly bytes: number
  /** Whether the transaction ends with it. */
  readonly isWhole: boolean
  /** Of the node, at its end. */
  readonly signature: string | undefined
  readonly headers: ReadonlyArray<string>
  /** Chain hashes: of each event, and before the first. */
  readonly hashes: ReadonlyArray<string>
  readonly previous: string
}

/** Lines that are read ahead, when less of them cannot go. */
const aheadBytesMax = 2 * segmentBytesMax
/** As much is worth a batch. */
const batchBytesMin = segmentBytesMax / 4

/** What a unit builds on. */
interface Needs {
  /** Chain hashes of events of other logs. */
  readonly hashes: ReadonlySet<string>
  /** Nodes that it admits. */
  readonly admits: ReadonlyArray<string>
}

interface Claims {
  readonly parents: ReadonlyArray<readonly [node: string, seq: number, hash: string]>
  readonly anchor?: readonly [node: string, seq: number, hash: string]
  readonly type: string
  readonly op: string
  readonly id: string
}

const needsOf = <Log>({ headers, previous }: Unit<Log>): Needs => {
  const hashes = new Set([previous])
  const admits: Array<string> = []
  for (const header of headers) {
    const { anchor, id, op, parents, type } = JSON.parse(header) as Claims
    for (const [, , hash] of parents) hashes.add(hash)
    if (anchor !== undefined) hashes.add(anchor[2])
    if (type === controlType && op === "admit") admits.push(id)
  }
  return { hashes, admits }
}

interface Waiting<Log, Sent extends Unit<Log>> {
  readonly unit: Sent
  readonly needs: Needs
  /** Its place among those of its log. */
  at: number
}

/** Chooses what can go of units in total order. */
class Choice<Log extends { readonly node: string }, Sent extends Unit<Log>> {
  readonly #byLog: Map<Log, Array<Waiting<Log, Sent>>>
  /** How many of each log's units are chosen. */
  readonly #chosen = new Map<Log, number>()
  readonly #dependents = new Map<Waiting<Log, Sent>, Array<Waiting<Log, Sent>>>()
  readonly #dropped: Array<Waiting<Log, Sent>> = []

  constructor(waiting: ReadonlyArray<Waiting<Log, Sent>>) {
    this.#byLog = Map.groupBy(waiting, ({ unit }) => unit.log)
    const byHash = new Map<string, Waiting<Log, Sent>>()
    const admitting = new Map<string, Waiting<Log, Sent>>()
    for (const one of waiting) {
      for (const hash of one.unit.hashes) byHash.set(hash, one)
      for (const node of one.needs.admits) if (!admitting.has(node)) admitting.set(node, one)
    }
    for (const units of this.#byLog.values()) {
      for (const [at, one] of units.entries()) {
        one.at = at
        for (const hash of one.needs.hashes) this.#depend(one, byHash.get(hash))
      }
      // Nobody takes events of a node that nobody has admitted.
      this.#depend(units[0]!, admitting.get(units[0]!.unit.log.node))
    }
    for (const [log, units] of this.#byLog) {
      this.#chosen.set(log, units.length)
      this.#cut(log, units.length)
    }
    for (let one = this.#dropped.pop(); one !== undefined; one = this.#dropped.pop()) {
      for (const { at, unit } of this.#dependents.get(one) ?? []) this.#cut(unit.log, at)
    }
  }

  #depend(one: Waiting<Log, Sent>, on: Waiting<Log, Sent> | undefined): void {
    if (on === undefined || on.unit.log === one.unit.log) return
    const known = this.#dependents.get(on)
    if (known === undefined) this.#dependents.set(on, [one])
    else known.push(one)
  }

  /** Leaves of a log at most its first units, up to where they are signed. */
  #cut(log: Log, most: number): void {
    const before = this.#chosen.get(log)!
    let count = Math.min(most, before)
    const units = this.#byLog.get(log)!
    while (count > 0 && units[count - 1]!.unit.signature === undefined) count -= 1
    for (let at = count; at < before; at++) this.#dropped.push(units[at]!)
    this.#chosen.set(log, count)
  }

  has({ at, unit }: Waiting<Log, Sent>): boolean {
    return at < this.#chosen.get(unit.log)!
  }
}

export class SignedBatches<Log extends { readonly node: string }, Sent extends Unit<Log>> {
  readonly #next: () => Sent | undefined
  /** Read, and to be sent. */
  #waiting: Array<Waiting<Log, Sent>> = []
  #bytes = 0
  /** A part of a transaction that goes by itself, when everything before it has gone. */
  #apart: Sent | undefined

  constructor(next: () => Sent | undefined) {
    this.#next = next
  }

  /** Units of the next batch, in total order; none when nothing is left. */
  take(): ReadonlyArray<Sent> {
    for (let bytes = segmentBytesMax; ; bytes += segmentBytesMax / 2) {
      const hasMore = this.#readUpTo(bytes)
      if (this.#waiting.length === 0) return this.#takeApart()
      const choice = new Choice(this.#waiting)
      const chosen = this.#waiting.filter((one) => choice.has(one))
      const size = chosen.reduce((sum, { unit }) => sum + unit.bytes, 0)
      const isLast = !hasMore || bytes >= aheadBytesMax
      if (size > 0 && (isLast || size >= batchBytesMin)) return this.#send(chosen)
      if (isLast) return this.#send(this.#first())
    }
  }

  /** Reads ahead; false when nothing more can be read for now. */
  #readUpTo(bytes: number): boolean {
    while (this.#apart === undefined && this.#bytes < bytes) {
      const unit = this.#next()
      if (unit === undefined) return false
      if (unit.isWhole) {
        this.#waiting.push({ unit, needs: needsOf(unit), at: 0 })
        this.#bytes += unit.bytes
      } else this.#apart = unit
    }
    return this.#apart === undefined
  }

  #takeApart(): ReadonlyArray<Sent> {
    const unit = this.#apart
    this.#apart = undefined
    return unit === undefined ? [] : [unit]
  }

  /** What comes first, whether or not it is signed. */
  #first(): ReadonlyArray<Waiting<Log, Sent>> {
    let bytes = 0
    const end = this.#waiting.findIndex(({ unit }, at) => {
      bytes += unit.bytes
      return at > 0 && bytes > segmentBytesMax
    })
    return end < 0 ? this.#waiting : this.#waiting.slice(0, end)
  }

  #send(chosen: ReadonlyArray<Waiting<Log, Sent>>): ReadonlyArray<Sent> {
    const sent = new Set(chosen)
    this.#waiting = this.#waiting.filter((one) => !sent.has(one))
    for (const { unit } of chosen) this.#bytes -= unit.bytes
    return chosen.map(({ unit }) => unit)
  }
}
