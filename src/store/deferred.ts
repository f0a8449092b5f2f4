/**
 * Transactions that stand on what came later in the same exchange: checked when everything is there.
 */
import { headerFromText } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Reference } from "../event/stamp.ts"
import { clockFault } from "../log/chain.ts"
import { parentLamport } from "./incoming.ts"
import { refuse } from "./refuse.ts"
import type { Replica } from "./replica.ts"

export interface Deferred {
  /** Rows of all members, those shared with a trunk first. */
  readonly shared: ReadonlyArray<number>
  readonly firstRow: number
  readonly ownCount: number
  readonly previousLamport: number
}

const missing = (reference: Reference, header: Header): LamplogError =>
  refuse(
    "history-missing",
    `${header.node}:${header.seq} builds on ${reference.node}:${reference.seq} (${reference.hash.slice(0, 8)}…), which is neither held here nor sent along.`,
    `${reference.node}:${reference.seq}`,
    "Ask for an archive that holds it, or for a complete one.",
  )

/** Checks the clock of transactions that referred to later logs. */
export const checkDeferred = (replica: Replica, transactions: ReadonlyArray<Deferred>): void => {
  const { lines, projection, sqlite } = replica
  const headerAt = sqlite
    .prepare<[number], string>("SELECT header FROM events WHERE event = ?")
    .pluck()
  for (const { shared, firstRow, ownCount, previousLamport: previous } of transactions) {
    let parentsMax = 0
    let anchor: number | undefined
    let lamport = 0
    let where = ""
    const check = (row: number): void => {
      const header = headerFromText(headerAt.get(row)!)
      where = `${header.node}:${header.seq}`
      lamport = header.lamport
      const entity = header.parents.length > 0 ? projection.entry(header.type, header.id).entity : 0
      for (const parent of header.parents) {
        const found = parentLamport(replica, parent, entity, where)
        if (found === undefined) throw missing(parent, header)
        parentsMax = Math.max(parentsMax, found)
      }
      if (header.anchor === undefined) return
      anchor = lines.place(header.anchor)?.lamport
      if (anchor === undefined) throw missing(header.anchor, header)
    }
    for (const row of shared) check(row)
    for (let offset = 0; offset < ownCount; offset++) check(firstRow + offset)
    const base = anchor === undefined ? { previous, parentsMax } : { previous, parentsMax, anchor }
    const fault = clockFault(lamport, base)
    if (fault !== undefined) throw refuse("clock-equation", `${where} ${fault}.`, where)
  }
}
