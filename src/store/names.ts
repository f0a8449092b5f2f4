/**
 * Which entity names may exist: a Bloom filter over all of them, so that a new entity is not looked
 * for in the database. It may say "perhaps" for a name that is not there, never "no" for one that is.
 *
 * Filled from the database once enough names were not found to pay for it. (Bloom, 1970; two probes
 * from one 32-bit FNV-1a hash and its scrambled twin, as Kirsch and Mitzenmacher allow.)
 */
import type { Sqlite } from "./database.ts"

/** 2^23 bits, 1 MiB: one false "perhaps" in a hundred at 500,000 names. */
const bits = 2 ** 23
/** Look-ups that found nothing before the filter is filled. */
const missesBeforeFilling = 200

export class Names {
  readonly #sqlite: Sqlite
  #filter: Uint32Array | undefined
  #misses = 0
  /** Names added before there was a filter; the database may not hold them yet. */
  #early: Array<readonly [type: string, id: string]> = []

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite
  }

  reset(): void {
    this.#filter = undefined
    this.#misses = 0
    this.#early = []
  }

  /** Whether a look-up is worth while. */
  mayExist(type: string, id: string): boolean {
    if (this.#filter === undefined) {
      this.#misses += 1
      if (this.#misses <= missesBeforeFilling) return true
      this.#fill()
    }
    const hash = hashOf(type, id)
    return this.#has(hash) && this.#has(scramble(hash))
  }

  add(type: string, id: string): void {
    if (this.#filter === undefined) {
      this.#early.push([type, id])
      return
    }
    const hash = hashOf(type, id)
    this.#set(hash)
    this.#set(scramble(hash))
  }

  #fill(): void {
    this.#filter = new Uint32Array(bits / 32)
    const rows = this.#sqlite.prepare<[], { type: string; id: string }>(
      "SELECT type, id FROM entities",
    )
    for (const { type, id } of rows.iterate()) this.add(type, id)
    for (const [type, id] of this.#early) this.add(type, id)
    this.#early = []
  }

  #has(hash: number): boolean {
    const bit = hash & (bits - 1)
    return (this.#filter![bit >>> 5]! & (1 << (bit & 31))) !== 0
  }

  #set(hash: number): void {
    const bit = hash & (bits - 1)
    this.#filter![bit >>> 5]! |= 1 << (bit & 31)
  }
}

const hashOf = (type: string, id: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < type.length; index++) {
    hash = Math.imul(hash ^ type.charCodeAt(index), 0x01000193)
  }
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

const scramble = (hash: number): number => {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return (mixed ^ (mixed >>> 13)) >>> 0
}
