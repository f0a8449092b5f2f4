/**
 * What a stream holds, told from the heads of its messages: for each node, pieces of its log that link.
 *
 * Nothing of it is proven: heads are what publishers say. It decides what is asked for and sent, never what is
 * kept. A piece stands for one segment, or for several in a row once a node has many; with each goes the lowest place
 * in the stream that it rests on, so that what a stream forgets at its start is forgotten here too.
 */
import { isHash, isIdentifier } from "../../src/remote.ts"
import type { Frontier, Head, SegmentHead } from "../../src/remote.ts"

export interface Piece {
  readonly from: number
  readonly to: number
  /** Chain hash before `from`, and at `to`. */
  readonly previous: string
  readonly head: string
  /** Lowest sequence of the stream's messages that make it up. */
  readonly lowest: number
}

export type Run = Pick<SegmentHead, "node" | "from" | "to" | "previous" | "head">

/** Pieces of one node; beyond them neighbours are joined. */
export const piecesMax = 16
/** Nodes told apart; a stream with more is held to hold nothing of the others. */
const nodesMax = 20_000
const shortHash = 8

const linked = (piece: Piece, heads: ReadonlyArray<Head>): boolean =>
  piece.from === 1 ||
  heads.some(
    ({ seq, hash }) =>
      // Inside a longer run a place has no hash here; that the run passes through it is believed.
      seq > piece.from - 1 || (seq === piece.from - 1 && hash === piece.previous),
  )

/** The oldest two pieces of which one begins inside the other and goes on. */
const overlapping = (pieces: ReadonlyArray<Piece>): readonly [Piece, Piece] | undefined => {
  for (const [index, left] of pieces.entries()) {
    const right = pieces.slice(index + 1).find(({ from, to }) => from <= left.to && to > left.to)
    if (right !== undefined) return [left, right]
  }
  return undefined
}

export class Ledger {
  readonly #pieces = new Map<string, Array<Piece>>()

  add({ node, from, to, previous, head }: Run, sequence: number): void {
    let pieces = this.#pieces.get(node)
    if (pieces === undefined) {
      if (this.#pieces.size >= nodesMax) return
      pieces = []
      this.#pieces.set(node, pieces)
    }
    const same = pieces.findIndex((piece) => piece.from === from && piece.head === head)
    const piece = { from, to, previous, head, lowest: sequence }
    if (same >= 0) {
      // The copy that stays longest counts.
      if (pieces[same]!.lowest < sequence) pieces[same] = piece
      return
    }
    pieces.push(piece)
    pieces.sort((left, right) => left.from - right.from || left.to - right.to)
    if (pieces.length > piecesMax) this.#join(node, pieces)
  }

  /** Strikes out a run that nobody can take. */
  drop({ node, from, head }: Run): void {
    const pieces = this.#pieces.get(node)?.filter((p) => p.from !== from || p.head !== head)
    if (pieces === undefined || pieces.length === 0) this.#pieces.delete(node)
    else this.#pieces.set(node, pieces)
  }

  /** Forgets what rests on messages before this one. */
  forgetBefore(first: number): void {
    for (const [node, pieces] of this.#pieces) {
      const left = pieces.filter(({ lowest }) => lowest >= first)
      if (left.length === 0) this.#pieces.delete(node)
      else if (left.length < pieces.length) this.#pieces.set(node, left)
    }
  }

  /**
   * Joins the two neighbours that are shortest together. When none meet exactly, the oldest two that overlap: others
   * who relay a log cut it elsewhere. Else gives up the shortest piece, which then looks forgotten.
   */
  #join(node: string, pieces: Array<Piece>): void {
    let best: readonly [Piece, Piece] | undefined
    for (const left of pieces) {
      const next = pieces.filter(
        ({ from, previous }) => from === left.to + 1 && previous === left.head,
      )
      const right = next[0]
      if (next.length !== 1 || right === undefined) continue
      if (best === undefined || right.to - left.from < best[1].to - best[0].from) {
        best = [left, right]
      }
    }
    best ??= overlapping(pieces)
    if (best === undefined) {
      const shortest = pieces.reduce((l, r) => (r.to - r.from < l.to - l.from ? r : l))
      this.#pieces.set(
        node,
        pieces.filter((piece) => piece !== shortest),
      )
      return
    }
    const [left, right] = best
    const { from, previous } = left
    const { to, head } = right
    const lowest = Math.min(left.lowest, right.lowest)
    const others = pieces.filter((piece) => piece !== left && piece !== right)
    this.#pieces.set(
      node,
      [...others, { from, to, previous, head, lowest }].sort(
        (l, r) => l.from - r.from || l.to - r.to,
      ),
    )
  }

  /** Pieces of a node that reach back to seq 1, by what else is known to be held, and the others. */
  #split(node: string, base: ReadonlyArray<Head>) {
    const heads = [...base]
    const reached: Array<Piece> = []
    const loose: Array<Piece> = []
    for (const piece of this.#pieces.get(node) ?? []) {
      if (!linked(piece, heads)) loose.push(piece)
      else {
        reached.push(piece)
        heads.push({ seq: piece.to, hash: piece.head })
      }
    }
    return { reached, loose }
  }

  #tips(node: string, base: ReadonlyArray<Head>): ReadonlyArray<Head> {
    const { reached } = this.#split(node, base)
    const goneOnFrom = new Set(reached.map(({ from, previous }) => `${from - 1}:${previous}`))
    const ends = [...base, ...reached.map(({ to, head }) => ({ seq: to, hash: head }))]
    const tips = new Map(
      ends
        .filter(({ seq, hash }) => !goneOnFrom.has(`${seq}:${hash}`))
        .map((head) => [head.hash, head]),
    )
    return [...tips.values()].sort((l, r) => r.seq - l.seq || (l.hash < r.hash ? -1 : 1))
  }

  /** What is held whole, together with what the bucket holds. */
  frontier(bucket: Frontier): Frontier {
    const frontier: { [log: string]: Head } = {}
    const bases = basesOf(bucket)
    for (const node of new Set([...this.#pieces.keys(), ...bases.keys()])) {
      const [first, ...others] = this.#tips(node, bases.get(node) ?? [])
      if (first === undefined) continue
      frontier[node] = first
      for (const other of others) {
        const short = `${node}-${other.hash.slice(0, shortHash)}`
        frontier[frontier[short] === undefined ? short : `${node}-${other.hash}`] = other
      }
    }
    return frontier
  }

  /** Nodes with pieces that hang in the air for somebody who holds `since`. */
  gaps(bucket: Frontier, since: Frontier): ReadonlyArray<string> {
    const bases = basesOf(bucket)
    const held = basesOf(since)
    return [...this.#pieces.keys()].filter((node) => {
      const highest = Math.max(0, ...(held.get(node) ?? []).map(({ seq }) => seq))
      const { loose } = this.#split(node, bases.get(node) ?? [])
      return loose.some(({ from }) => from - 1 > highest)
    })
  }

  /**
   * Lowest sequence of something that was handed over earlier, though `since` does not have it; undefined
   * when there is none.
   */
  lost(since: Frontier, upTo: number): number | undefined {
    const held = basesOf(since)
    let lowest: number | undefined
    for (const [node, pieces] of this.#pieces) {
      const highest = Math.max(0, ...(held.get(node) ?? []).map(({ seq }) => seq))
      for (const piece of pieces) {
        if (piece.to <= highest || piece.lowest > upTo) continue
        lowest = Math.min(lowest ?? piece.lowest, piece.lowest)
      }
    }
    return lowest
  }

  /** Whether a run is held whole, all that is before it too. */
  covers({ node, to, head }: Run, bucket: Frontier): boolean {
    const base = basesOf(bucket).get(node) ?? []
    return (
      base.some(({ seq, hash }) => seq === to && hash === head) ||
      this.#split(node, base).reached.some((piece) => piece.to === to && piece.head === head)
    )
  }

  /** Whether the stream holds later events of the node, but not those before: it has forgotten them. */
  isBehind({ node, from }: Run, bucket: Frontier): boolean {
    const { loose } = this.#split(node, basesOf(bucket).get(node) ?? [])
    return loose.some((piece) => piece.from > from)
  }

  toJSON(): { readonly [node: string]: ReadonlyArray<ReadonlyArray<number | string>> } {
    return Object.fromEntries(
      [...this.#pieces].map(([node, pieces]) => [
        node,
        pieces.map(({ from, to, previous, head, lowest }) => [from, to, previous, head, lowest]),
      ]),
    )
  }

  /** Reads what `toJSON` gave; false when it is something else. */
  load(value: unknown): boolean {
    if (value === null || typeof value !== "object") return false
    for (const [node, pieces] of Object.entries(value)) {
      if (!isIdentifier(node) || !Array.isArray(pieces) || pieces.length > piecesMax) return false
      for (const piece of pieces as ReadonlyArray<unknown>) {
        if (!Array.isArray(piece)) return false
        const [from, to, previous, head, lowest] = piece as ReadonlyArray<unknown>
        const counted = [from, to, lowest].every((n) => Number.isSafeInteger(n))
        if (!counted || !isHash(previous) || !isHash(head)) return false
        const run = { node, from: from as number, to: to as number, previous, head }
        this.add(run, lowest as number)
      }
    }
    return true
  }
}

const nodeLength = 26

const basesOf = (frontier: Frontier): ReadonlyMap<string, ReadonlyArray<Head>> => {
  const bases = new Map<string, Array<Head>>()
  for (const [log, head] of Object.entries(frontier)) {
    const node = log.slice(0, nodeLength)
    const heads = bases.get(node)
    if (heads === undefined) bases.set(node, [head])
    else heads.push(head)
  }
  return bases
}
