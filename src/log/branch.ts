/**
 * Names for the branches of a forked log, the same on every replica that holds the same events.
 *
 * Two histories under one (node, seq) are a proven fork. At a fork the branch whose first differing
 * event has the smallest hash keeps the name it came with; the others become `node-<hash8>` after
 * that event. A branch may fork again, by the same rule.
 *
 * A line is what a replica stores: a run of one node's events, which begins either at seq 1 or where
 * it parts from another line of the same node. Which line is stored as the trunk depends on the
 * order of arrival; the names do not.
 */

export interface Line {
  readonly line: number
  readonly node: string
  /** First seq of its own, and the hash of that event. */
  readonly from: number
  readonly firstHash: string
  /** The line that holds what comes before `from`; undefined for a log from seq 1. */
  readonly parent?: number
}

/** The hash of a line's own event at a seq where another line parts from it. */
export type HashAt = (line: number, seq: number) => string

/** Characters of a hash in a branch's name; where two branches share them, both take the whole hash. */
const shortHash = 8

/** Cuts names `node-hash` short as far as they stay apart, whatever order the branches came in. */
const shortened = (names: ReadonlyMap<number, string>): ReadonlyMap<number, string> => {
  const shortOf = (name: string): string => {
    const dash = name.indexOf("-")
    return dash < 0 ? name : name.slice(0, dash + 1 + shortHash)
  }
  const uses = new Map<string, number>()
  for (const name of new Set(names.values())) {
    uses.set(shortOf(name), (uses.get(shortOf(name)) ?? 0) + 1)
  }
  const short = [...names].map(([line, name]) => {
    return [line, uses.get(shortOf(name)) === 1 ? shortOf(name) : name] as const
  })
  return new Map(short)
}

/** Gives each line the name of the log that ends with it. */
export const namesOfLines = (
  lines: ReadonlyArray<Line>,
  hashAt: HashAt,
): ReadonlyMap<number, string> => {
  const names = new Map<number, string>()
  const descend = (contenders: ReadonlyArray<{ hash: string; line: Line }>, name: string): void => {
    const sorted = contenders.toSorted((left, right) => (left.hash < right.hash ? -1 : 1))
    for (const [rank, { hash, line }] of sorted.entries()) {
      names.set(line.line, rank === 0 ? name : `${line.node}-${hash}`)
    }
  }
  const childrenOf = Map.groupBy(lines, ({ parent }) => parent)
  const nameChildren = (line: Line, children: ReadonlyArray<Line>): void => {
    const bySeq = Map.groupBy(children, ({ from }) => from)
    for (const [seq, here] of [...bySeq].sort((left, right) => left[0] - right[0])) {
      descend(
        [
          { hash: hashAt(line.line, seq), line },
          ...here.map((child) => ({ hash: child.firstHash, line: child })),
        ],
        names.get(line.line)!,
      )
    }
  }
  // Two logs from seq 1 under one node differ in their very first event.
  const roots = childrenOf.get(undefined) ?? []
  for (const [node, group] of Map.groupBy(roots, (line) => line.node)) {
    descend(
      group.map((line) => ({ hash: line.firstHash, line })),
      node,
    )
  }
  // A key holder may fork a log as deeply as it is long, so this list is no recursion.
  const waiting = [...roots]
  for (let line = waiting.pop(); line !== undefined; line = waiting.pop()) {
    const children = childrenOf.get(line.line) ?? []
    nameChildren(line, children)
    for (const child of children) waiting.push(child)
  }
  return shortened(names)
}
