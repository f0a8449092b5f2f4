/**
 * What keeps two copies of a folder alike, as badly as real tools do: in any order, file by file, first
 * halves of files, copies under other names, removals late or taken back.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname, extname, join } from "node:path"
import type { Random } from "../../simulation/random.ts"

type Side = 0 | 1

/** Names that tools give to a second copy. */
const copyNames: ReadonlyArray<(name: string, count: number) => string> = [
  (name, count) => named(name, ` (ada's conflicted copy ${count})`),
  (name, count) => named(name, `.sync-conflict-${count}-ABCDEFG`),
  (name, count) => named(name, ` (${count})`),
  (name) => `${name}~`,
  (name, count) => join(dirname(name), `.~tmp~${count}`),
]

const named = (name: string, addition: string): string =>
  `${name.slice(0, -extname(name).length || undefined)}${addition}${extname(name)}`

export class Courier {
  readonly #folders: readonly [string, string]
  readonly #random: Random
  /** What both sides held under a name the last time it was carried. */
  readonly #carried = new Set<string>()
  #copies = 0

  constructor(folders: readonly [string, string], random: Random) {
    this.#folders = folders
    this.#random = random
  }

  #names(side: Side): ReadonlyArray<string> {
    const folder = this.#folders[side]
    const all = readdirSync(folder, { recursive: true }) as ReadonlyArray<string>
    return all.filter((name) => statSync(join(folder, name)).isFile()).sort()
  }

  #bytes(side: Side, name: string): Buffer | undefined {
    const path = join(this.#folders[side], name)
    return existsSync(path) ? readFileSync(path) : undefined
  }

  #put(side: Side, name: string, bytes: Uint8Array): void {
    const path = join(this.#folders[side], name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }

  /** Names that differ between the sides. */
  #different(): ReadonlyArray<string> {
    const names = new Set([...this.#names(0), ...this.#names(1)])
    return [...names].filter((name) => {
      const [left, right] = [this.#bytes(0, name), this.#bytes(1, name)]
      return left === undefined || right === undefined || !left.equals(right)
    })
  }

  /** Carries some of what is different, in any order and condition. */
  carry(files: number): void {
    for (let file = 0; file < files; file += 1) {
      const different = this.#different()
      if (different.length === 0) return
      this.#carryOne(this.#random.pick(different), false)
    }
  }

  /** Carries everything, whole. */
  settle(): void {
    for (const name of this.#different()) this.#carryOne(name, true)
  }

  #carryOne(name: string, whole: boolean): void {
    const [left, right] = [this.#bytes(0, name), this.#bytes(1, name)]
    if (left !== undefined && right !== undefined) {
      // Names tell contents, so the longer one is the one that has arrived.
      this.#put(left.length > right.length ? 1 : 0, name, left.length > right.length ? left : right)
      return
    }
    const bytes = (left ?? right)!
    const [holder, other]: readonly [Side, Side] = left === undefined ? [1, 0] : [0, 1]
    if (this.#carried.has(name) && (whole || this.#random.chance(0.8))) {
      rmSync(join(this.#folders[holder], name))
      this.#carried.delete(name)
      return
    }
    if (!whole && this.#random.chance(0.2)) {
      this.#put(other, name, bytes.subarray(0, this.#random.below(bytes.length)))
      return
    }
    if (!whole && this.#random.chance(0.15)) {
      this.#copies += 1
      this.#put(other, this.#random.pick(copyNames)(name, this.#copies), bytes)
      return
    }
    this.#put(other, name, bytes)
    this.#carried.add(name)
  }
}
