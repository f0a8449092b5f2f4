/**
 * Who had seen what, within one entity: a DAG of events and the question "is a an ancestor of b?".
 *
 * The DAG is cut into chains greedily (an event continues the chain whose tail is one of its
 * parents), and each event knows, for every chain, how far it had seen. A history without
 * concurrency is one chain and costs a constant per event; otherwise the cost grows with the number
 * of branches that were open at once, not with the length of the history. (Chain decomposition of a
 * partial order, as in Fidge/Mattern vector clocks over the smallest set of writers.)
 */
import type { Reference } from "../event/stamp.ts"

interface Place {
  readonly chain: number
  readonly index: number
  /** How far this event had seen every other chain; shared with its parent when nothing was added. */
  readonly seen: ReadonlyMap<number, number>
}

export interface Node {
  readonly hash: string
  readonly parents: ReadonlyArray<Reference>
}

export class Ancestry {
  readonly #places = new Map<string, Place>()
  readonly #tails: Array<number> = []

  /** Adds an event; all its parents must have been added before. */
  add(event: Node): void {
    let continued: Place | undefined
    const known: Array<Place> = []
    for (const parent of event.parents) {
      const place = this.#places.get(parent.hash)
      if (place === undefined) continue
      known.push(place)
      if (continued === undefined && this.#tails[place.chain] === place.index) continued = place
    }
    const chain = continued?.chain ?? this.#tails.length
    const index = continued === undefined ? 0 : continued.index + 1
    this.#tails[chain] = index
    let seen: ReadonlyMap<number, number> = continued?.seen ?? new Map()
    if (known.length > (continued === undefined ? 0 : 1)) {
      const merged = new Map(seen)
      const raise = (other: number, to: number) => {
        if (other !== chain && (merged.get(other) ?? -1) < to) merged.set(other, to)
      }
      for (const place of known) {
        if (place === continued) continue
        raise(place.chain, place.index)
        for (const [other, to] of place.seen) raise(other, to)
      }
      seen = merged
    }
    this.#places.set(event.hash, { chain, index, seen })
  }

  /** Whether the author of `later` had applied `earlier`. An event is not its own ancestor. */
  isAncestor(earlier: string, later: string): boolean {
    const from = this.#places.get(earlier)
    const to = this.#places.get(later)
    if (from === undefined || to === undefined) return false
    if (from.chain === to.chain) return from.index < to.index
    return (to.seen.get(from.chain) ?? -1) >= from.index
  }

  /** Whether neither had seen the other. */
  isConcurrent(left: string, right: string): boolean {
    return left !== right && !this.isAncestor(left, right) && !this.isAncestor(right, left)
  }
}
