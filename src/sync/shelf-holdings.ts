/**
 * What a shelf holds and what somebody lacks of it, told from the names of its files alone.
 *
 * Runs of one node link where one goes on from the end of another; what links back to seq 1 is held. Names cannot
 * tell whether a shorter run is part of a longer one or of another branch. So heads that may be either
 * are all named, and whoever asks looks up whether it knows them; only if not does it ask with `points`, and
 * then gets every run that is not proven to be held.
 */
import type { Frontier, Head } from "../log/frontier.ts"
import type { Points } from "./local.ts"
import { previousLength } from "./shelf-names.ts"
import type { ShelfRun } from "./shelf-names.ts"

/** Characters of a node id, with which the name of each of its logs begins. */
const nodeLength = 26
/** Characters of a hash in the name of a further head. */
const shortHash = 8

export const nodeOfLog = (log: string): string => log.slice(0, nodeLength)

const endKey = (to: number, head: string): string => `${to}:${head.slice(0, previousLength)}`
const startKey = ({ from, previous }: ShelfRun): string => `${from - 1}:${previous}`

/** The runs of one node, and how they link. */
export class NodeRuns {
  readonly node: string
  /** Runs that link back to seq 1. */
  readonly linked: ReadonlySet<ShelfRun>
  readonly #runs: ReadonlyArray<ShelfRun>
  readonly #byStart: ReadonlyMap<string, ReadonlyArray<ShelfRun>>

  constructor(node: string, runs: ReadonlyArray<ShelfRun>) {
    this.node = node
    this.#runs = runs
    this.#byStart = Map.groupBy(runs, startKey)
    this.linked = this.#after(runs.filter(({ from }) => from === 1))
  }

  get all(): ReadonlyArray<ShelfRun> {
    return this.#runs
  }

  next(run: ShelfRun): ReadonlyArray<ShelfRun> {
    return this.#byStart.get(endKey(run.to, run.head)) ?? []
  }

  /** These runs and all that go on from them. */
  #after(starts: ReadonlyArray<ShelfRun>): ReadonlySet<ShelfRun> {
    const reached = new Set(starts)
    for (const run of reached) for (const next of this.next(run)) reached.add(next)
    return reached
  }

  /** Ends of what is linked, highest first. */
  heads(): ReadonlyArray<Head> {
    const ends = [...this.linked].filter((run) => this.next(run).length === 0)
    const heads = new Map(ends.map(({ to, head }) => [head, { seq: to, hash: head }]))
    return [...heads.values()].sort(
      (left, right) => right.seq - left.seq || (left.hash < right.hash ? -1 : 1),
    )
  }

  /** Runs that whoever holds these heads holds for sure: they end there, or lead there. */
  #covered(heads: ReadonlyArray<Head>): ReadonlySet<ShelfRun> {
    const held = new Set(heads.map(({ seq, hash }) => `${seq}:${hash}`))
    const byEnd = Map.groupBy(this.#runs, ({ to, head }) => endKey(to, head))
    const covered = new Set(this.#runs.filter(({ to, head }) => held.has(`${to}:${head}`)))
    for (const run of covered) {
      // A start names but a part of a hash: where several ends have it, none is proven.
      const before = byEnd.get(startKey(run)) ?? []
      if (new Set(before.map(({ head }) => head)).size === 1) {
        for (const previous of before) covered.add(previous)
      }
    }
    return covered
  }

  /** Runs to hand to somebody with these heads; with `certain`, all that are not proven to be held. */
  lacking(heads: ReadonlyArray<Head>, certain: boolean): ReadonlyArray<ShelfRun> {
    if (heads.length === 0) return this.#runs
    const covered = this.#covered(heads)
    if (certain) return this.#runs.filter((run) => !covered.has(run))
    const highest = Math.max(...heads.map(({ seq }) => seq))
    const going = heads.flatMap(({ seq, hash }) => this.#byStart.get(endKey(seq, hash)) ?? [])
    const beyond = this.#after(going)
    return this.#runs.filter((run) => !covered.has(run) && (run.to > highest || beyond.has(run)))
  }

  /** Whether each of these heads is the end of some linked run. */
  knows(heads: ReadonlyArray<Head>): boolean {
    const ends = new Set([...this.linked].map(({ to, head }) => `${to}:${head}`))
    return heads.every(({ seq, hash }) => ends.has(`${seq}:${hash}`))
  }
}

export const runsByNode = (runs: ReadonlyArray<ShelfRun>): ReadonlyArray<NodeRuns> =>
  [...Map.groupBy(runs, ({ node }) => node)]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([node, own]) => new NodeRuns(node, own))

/** Names heads as frontiers do; which of several keeps the plain name cannot be told from names. */
const frontierOfNode = (node: string, heads: ReadonlyArray<Head>): Frontier => {
  const [first, ...others] = heads
  if (first === undefined) return {}
  const uses = Map.groupBy(others, ({ hash }) => hash.slice(0, shortHash))
  const named = others.map((head) => {
    const short = head.hash.slice(0, shortHash)
    return [`${node}-${uses.get(short)!.length === 1 ? short : head.hash}`, head] as const
  })
  return Object.fromEntries([[node, first], ...named])
}

/** What is held, by node. */
export const shelfFrontier = (nodes: ReadonlyArray<NodeRuns>): Frontier => {
  const frontier: { [log: string]: Head } = {}
  for (const runs of nodes) Object.assign(frontier, frontierOfNode(runs.node, runs.heads()))
  return frontier
}

export interface Wanted {
  /** In the order in which they are to be given. */
  readonly runs: ReadonlyArray<ShelfRun>
  /** Logs of `since` of which more may be held here, on another branch. */
  readonly unsure: ReadonlyArray<string>
}

/** Runs of the same events, and of the same place, follow each other: the first that is sound will do. */
const readingOrder = (left: ShelfRun, right: ShelfRun): number =>
  left.lamport - right.lamport ||
  (left.node < right.node ? -1 : left.node > right.node ? 1 : 0) ||
  left.from - right.from ||
  right.to - left.to ||
  (left.name < right.name ? -1 : 1)

/** Which runs somebody who holds `since` needs. */
export const wantedFrom = (
  nodes: ReadonlyArray<NodeRuns>,
  since: Frontier,
  points: Points = {},
): Wanted => {
  const logsOf = Map.groupBy(Object.keys(since), nodeOfLog)
  const pointed = Map.groupBy(Object.keys(points), nodeOfLog)
  const held = new Map(nodes.map((runs) => [runs.node, runs]))
  const unsure: Array<string> = []
  for (const [node, logs] of logsOf) {
    const runs = held.get(node)
    for (const log of logs) {
      if (runs === undefined || runs.heads().length > 1 || !runs.knows([since[log]!])) {
        unsure.push(log)
      }
    }
  }
  const wanted = nodes.flatMap((runs) => {
    const heads = (logsOf.get(runs.node) ?? []).map((log) => since[log]!)
    const told = (pointed.get(runs.node) ?? []).flatMap((log) => points[log]!)
    return runs.lacking([...heads, ...told], told.length > 0)
  })
  return { runs: wanted.sort(readingOrder), unsure: unsure.sort() }
}
