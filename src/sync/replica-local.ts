/**
 * The replica at hand, as meetings and peers use it.
 *
 * Each call is one synchronous step, or several with others' turns between them; `run` sees to it that
 * no step falls into a write of somebody else.
 */
import type { Frontier, Head } from "../log/frontier.ts"
import type { LogLine } from "../store/lines.ts"
import { readCursor } from "../store/meetings.ts"
import type { Replica } from "../store/replica.ts"
import { nodeLength } from "../store/travelling.ts"
import { frontierWithWaiting } from "../store/waiting.ts"
import type { Local, Points } from "./local.ts"
import { outgoing } from "./outgoing.ts"
import type { Batch } from "./segment.ts"
import { takeBatch } from "./taking.ts"

/** Runs a step while nobody else writes in this process. */
export type Exclusively = <A>(step: () => A) => Promise<A>

/** Seqs from a head back to the first event, in doubling steps: what both hold is found in few. */
const seqsBack = (headSeq: number): ReadonlyArray<number> => {
  const seqs = [headSeq]
  for (let step = 1; headSeq - step > 1; step *= 2) seqs.push(headSeq - step)
  return headSeq > 1 ? [...seqs, 1] : seqs
}

const pointsOfLine = ({ lines }: Replica, line: LogLine): ReadonlyArray<Head> => {
  let holder = line
  return seqsBack(line.headSeq).map((seq) => {
    while (seq < holder.from) holder = lines.get(holder.parent!)
    return { seq, hash: lines.hashAt(holder.line, seq) }
  })
}

/** Places of these logs, the highest first; logs that are not held have none. */
export const pointsOf = (replica: Replica, logs: ReadonlyArray<string>): Points => {
  const lineByName = new Map([...replica.lines.names()].map(([line, name]) => [name, line]))
  return Object.fromEntries(
    logs.map((log) => {
      const line = lineByName.get(log)
      const points = line === undefined ? [] : pointsOfLine(replica, replica.lines.get(line))
      return [log, points]
    }),
  )
}

/** Which logs of somebody's frontier have heads that are not held here. */
export const unknownHeads = ({ lines }: Replica, frontier: Frontier): ReadonlyArray<string> =>
  Object.entries(frontier).flatMap(([log, { seq, hash }]) =>
    lines.holding(log.slice(0, nodeLength), seq, hash) === undefined ? [log] : [],
  )

class ReplicaLocal implements Local {
  readonly #replica: Replica
  readonly #run: Exclusively

  constructor(replica: Replica, run: Exclusively) {
    this.#replica = replica
    this.#run = run
  }

  get description(): Local["description"] {
    const { name, project, schema } = this.#replica
    return { project, name, schema: { name: schema.name, version: schema.version } }
  }

  readonly node = (): string => this.#replica.node

  #read<A>(read: () => A): Promise<A> {
    return this.#run(() => this.#replica.read(read))
  }

  readonly stand: Local["stand"] = () =>
    this.#read(() => ({
      frontier: this.#replica.lines.frontier(),
      since: frontierWithWaiting(this.#replica),
    }))

  readonly unknownHeads: Local["unknownHeads"] = (frontier) =>
    this.#read(() => unknownHeads(this.#replica, frontier))

  readonly pointsOf: Local["pointsOf"] = (logs) => this.#read(() => pointsOf(this.#replica, logs))

  readonly lacking: Local["lacking"] = async function* (
    this: ReplicaLocal,
    known: Frontier,
    options: Parameters<Local["lacking"]>[1],
  ): AsyncGenerator<Batch> {
    const batches = outgoing(this.#replica, known, options)
    for (;;) {
      const { done, value } = await this.#run(() => batches.next())
      if (done === true) return
      yield value
    }
  }.bind(this)

  readonly take: Local["take"] = (batch, cursor) =>
    this.#run(() => takeBatch(this.#replica, batch, cursor))

  readonly cursor: Local["cursor"] = (remote) => this.#read(() => readCursor(this.#replica, remote))
}

/** `run` executes a synchronous function while nobody else writes; it rejects with what that throws. */
export const localOf = (replica: Replica, run: Exclusively): Local => new ReplicaLocal(replica, run)
