/**
 * Chance from one number: the same seed gives the same choices on every machine, for ever.
 *
 * mulberry32 (public domain, Tommy Ettinger): 32 bits of state, good enough to choose operations.
 * Nothing in a property test may take chance from anywhere else, or its seed would not replay it.
 */
export class Random {
  #state: number

  constructor(seed: number) {
    // Neighbouring seeds would begin alike; one multiplication sets them apart.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  }

  /** A number from 0 (included) to 1 (excluded). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(items: ReadonlyArray<A>): A {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError("picked from nothing")
    return item
  }

  /** Some of the items, each with the same probability, in their order. */
  some<A>(items: ReadonlyArray<A>, probability: number): ReadonlyArray<A> {
    return items.filter(() => this.chance(probability))
  }

  /** The items in another order. */
  shuffle<A>(items: ReadonlyArray<A>): Array<A> {
    const shuffled = [...items]
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.below(last + 1)
      const kept = shuffled[last]!
      shuffled[last] = shuffled[other]!
      shuffled[other] = kept
    }
    return shuffled
  }
}
