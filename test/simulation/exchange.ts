/**
 * Carrying events from one replica to another, the way every remote does: rows in, lines out.
 */
import { LamplogError } from "../../src/event/failure.ts"
import { genesisHash } from "../../src/event/hash.ts"
import { lineText } from "../../src/log/segment.ts"
import { rowOf } from "../../src/store/database.ts"
import type { LogLine } from "../../src/store/lines.ts"
import { Receiver } from "../../src/store/receive.ts"
import type { Received } from "../../src/store/receive.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Extent } from "./operations.ts"
import type { Random } from "./random.ts"

/** A run of one line's events. */
interface Run {
  readonly line: LogLine
  readonly from: number
  readonly to: number
}

interface Row {
  readonly header: string
  readonly salt: string
  readonly body: string
  readonly lamport: number
}

const rowsOf = (replica: Replica, { line, from, to }: Run): ReadonlyArray<Row> =>
  replica.sqlite
    .prepare<[number, number], Row>(
      "SELECT header, salt, body, lamport FROM events WHERE event BETWEEN ? AND ? ORDER BY event",
    )
    .all(rowOf(line.line, from), rowOf(line.line, to))

const hashBefore = (replica: Replica, { line, from }: Run): string => {
  let holder = line
  while (from - 1 < holder.from) {
    if (holder.parent === undefined) return genesisHash(replica.project, line.publicKey)
    holder = replica.lines.get(holder.parent)
  }
  return replica.lines.hashAt(holder.line, from - 1)
}

/** Where the other replica stops holding this line: 0 when it holds nothing of it. */
const heldUpTo = (from: Replica, line: LogLine, to: Replica): number => {
  for (let seq = line.headSeq; seq >= line.from; seq--) {
    if (to.lines.holding(line.node, seq, from.lines.hashAt(line.line, seq)) !== undefined)
      return seq
  }
  return line.from - 1
}

const runsFor = (
  from: Replica,
  to: Replica,
  extent: Extent,
  random: Random,
): ReadonlyArray<Run> => {
  const lines = from.lines.all
  const whole = lines.map((line) => ({ line, from: line.from, to: line.headSeq }))
  switch (extent) {
    case "all":
      return whole
    case "lacking":
      return whole.map((run) => ({ ...run, from: heldUpTo(from, run.line, to) + 1 }))
    case "torn":
      return whole.map((run) => ({ ...run, to: random.between(run.from - 1, run.to) }))
    case "early": {
      const limit = random.between(0, from.top()?.lamport ?? 0)
      return whole.map((run) => ({
        ...run,
        to: run.from - 1 + rowsOf(from, run).filter(({ lamport }) => lamport <= limit).length,
      }))
    }
  }
}

/** Any order in which a branch comes after the line it parts from. */
const inSomeOrder = (runs: ReadonlyArray<Run>, random: Random): ReadonlyArray<Run> => {
  const waiting = random.shuffle(runs)
  const ordered: Array<Run> = []
  const waits = (run: Run) => waiting.some(({ line }) => line.line === run.line.parent)
  while (waiting.length > 0) {
    const next = waiting.findIndex((run) => !waits(run))
    ordered.push(...waiting.splice(next, 1))
  }
  return ordered
}

/** Hands over events in one transaction of the receiver. Throws what the receiver refuses. */
export const give = (from: Replica, to: Replica, extent: Extent, random: Random): Received => {
  if (random.chance(0.05)) from.signOwnHead()
  const runs = inSomeOrder(
    runsFor(from, to, extent, random).filter((run) => run.to >= run.from),
    random,
  )
  return to.transaction(() => {
    const receiver = new Receiver(to)
    for (const run of runs) {
      const { node, publicKey, signature, signedSeq } = run.line
      receiver.begin({ node, publicKey, from: run.from, previous: hashBefore(from, run) })
      for (const { header, salt, body } of rowsOf(from, run)) {
        receiver.line(lineText(header, salt, body).slice(0, -1), node)
      }
      if (signedSeq === run.to && random.chance(0.2)) receiver.end(signature)
      else receiver.end()
    }
    return receiver.finish()
  })
}

/** What may be missing when only a part was carried; nothing else may be refused. */
const partialRefusals = new Set(["history-missing", "transaction-cut"])

/** Hands over a part; undefined when it was refused for what it leaves out. */
export const tryToGive = (
  from: Replica,
  to: Replica,
  extent: Extent,
  random: Random,
): Received | undefined => {
  try {
    return give(from, to, extent, random)
  } catch (error) {
    const expected = error instanceof LamplogError && partialRefusals.has(error.code)
    if (expected && extent === "torn") return undefined
    throw error
  }
}
