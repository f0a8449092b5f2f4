/**
 * Wall clocks that contradict what is proven: an event dated earlier than one its author had seen.
 *
 * Recorded times are for people to read, so a wrong clock changes no result; but whoever reads the
 * history should know which dates not to trust.
 */
import * as Effect from "effect/Effect"
import { bodyFromText, headerFromText } from "../event/event.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Reference } from "../event/stamp.ts"
import { rowOf } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import type { Replica } from "../store/replica.ts"
import { attempt } from "./transaction.ts"

/** Differences up to this are what honest clocks have, in milliseconds. */
const toleratedMillis = 1000
const pageRows = 1000

interface Row {
  readonly event: number
  readonly header: string
  readonly body: string
}

/** Milliseconds of a recorded time; undefined when there is none, or it is none. */
const millisIn = (body: string | undefined): number | undefined => {
  const { at } = body === undefined ? {} : bodyFromText(body)
  const millis = at === undefined ? Number.NaN : Date.parse(at)
  return Number.isFinite(millis) ? millis : undefined
}

class Contradictions {
  /** The widest contradiction between two nodes, in milliseconds, by "earlier later". */
  readonly #widest = new Map<string, number>()
  readonly #replica: Replica
  readonly #bodyAt

  constructor(replica: Replica) {
    this.#replica = replica
    this.#bodyAt = replica.sqlite
      .prepare<[number], string>("SELECT body FROM events WHERE event = ?")
      .pluck()
  }

  #millisOf(reference: Reference): number | undefined {
    const place = this.#replica.lines.place(reference)
    return place === undefined ? undefined : millisIn(this.#bodyAt.get(place.row))
  }

  check(row: Row): void {
    const at = millisIn(row.body)
    if (at === undefined) return
    const header = headerFromText(row.header)
    const { node, seq, parents, anchor } = header
    const note = (other: string, millis: number | undefined): void => {
      const amount = millis === undefined ? 0 : millis - at
      const key = `${node} ${other}`
      if (amount > Math.max(toleratedMillis, this.#widest.get(key) ?? 0)) {
        this.#widest.set(key, amount)
      }
    }
    if (seq > 1) note(node, millisIn(this.#bodyAt.get(row.event - 1)))
    for (const parent of parents) note(parent.node, this.#millisOf(parent))
    if (anchor !== undefined) note(anchor.node, this.#millisOf(anchor))
  }

  list(): ReadonlyArray<string> {
    return [...this.#widest]
      .sort((left, right) => (left[0] < right[0] ? -1 : 1))
      .map(([key, millis]) => {
        const [node, other] = key.split(" ") as [string, string]
        const amount = `${(millis / 1000).toFixed(1)} s`
        return node === other
          ? `clock skew: the clock of ${node} was set back by ${amount}`
          : `clock skew: events of ${node} are dated up to ${amount} before events of ${other} that they had seen`
      })
  }
}

/** Looks at the events received in this transaction, as the committed state beside it tells. */
export const clockSkew = (
  replica: Replica,
  committed: Sqlite,
): Effect.Effect<ReadonlyArray<string>, LamplogError> =>
  Effect.gen(function* () {
    const contradictions = new Contradictions(replica)
    const held = committed
      .prepare<[number], number>("SELECT head_seq FROM lines WHERE line = ?")
      .pluck()
    const page = replica.sqlite.prepare<[number, number, number], Row>(
      "SELECT event, header, body FROM events WHERE event BETWEEN ? AND ? ORDER BY event LIMIT ?",
    )
    for (const line of replica.lines.all) {
      const last = rowOf(line.line, line.headSeq)
      let next = rowOf(line.line, (held.get(line.line) ?? line.from - 1) + 1)
      while (next <= last) {
        const rows = yield* attempt(() => {
          const found = page.all(next, last, pageRows)
          for (const row of found) contradictions.check(row)
          return found
        })
        next = (rows.at(-1)?.event ?? last) + 1
        yield* Effect.yieldNow
      }
    }
    return contradictions.list()
  })
