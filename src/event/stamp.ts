/**
 * The total order of all events: (`lamport`, `node`, `seq`, chain hash).
 *
 * It is a linear extension of causality, because an event's lamport is above those of everything its
 * author had seen. (`lamport`, `node`) alone is the stamp that people see: `LAMPORT@NODE`.
 */

/** Names one event for ever; the hash tells the branches of a forked log apart. */
export interface Reference {
  readonly node: string
  readonly seq: number
  readonly hash: string
}

export interface Position extends Reference {
  readonly lamport: number
}

export const comparePositions = (left: Position, right: Position): number => {
  if (left.lamport !== right.lamport) return left.lamport - right.lamport
  if (left.node !== right.node) return left.node < right.node ? -1 : 1
  if (left.seq !== right.seq) return left.seq - right.seq
  return left.hash < right.hash ? -1 : left.hash > right.hash ? 1 : 0
}

export const compareReferences = (left: Reference, right: Reference): number => {
  if (left.node !== right.node) return left.node < right.node ? -1 : 1
  if (left.seq !== right.seq) return left.seq - right.seq
  return left.hash < right.hash ? -1 : left.hash > right.hash ? 1 : 0
}

export const stampFrom = (position: { readonly lamport: number; readonly node: string }): string =>
  `${position.lamport}@${position.node}`

/** Reads `LAMPORT@NODE`; undefined when the text is no stamp. */
export const parseStamp = (
  text: string,
): { readonly lamport: number; readonly node: string } | undefined => {
  const match = /^(\d{1,15})@([a-z2-7]{26})$/.exec(text)
  return match ? { lamport: Number(match[1]), node: match[2]! } : undefined
}
