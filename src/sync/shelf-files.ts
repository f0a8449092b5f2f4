/**
 * The files of one shelf, as far as they are to be used: listed, read, remembered when they are no good.
 *
 * Invariants
 *  1. A well-formed name of the right size counts until a reader has proven that it lies.
 *  2. A file of any other name counts when it has been read and checked to its end. That is bounded: so
 *     many files and bytes a listing, each one once.
 *  3. What is remembered here only saves work; another process starts with nothing.
 */
import { LamplogError } from "../event/failure.ts"
import { checkedLines } from "./shelf-check.ts"
import { logsPrefix, runFromName, runOfSegment } from "./shelf-names.ts"
import type { ShelfRun } from "./shelf-names.ts"
import type { ShelfEntry, ShelfStorage } from "./shelf-storage.ts"
import { decodeSegment, encodedBytesMax, protocolVersion } from "./segment.ts"
import type { Segment } from "./segment.ts"

/** Foreign files that one listing reads, and their bytes together. */
export const oddFilesMax = 64
export const oddBytesMax = 16 * 1024 * 1024
/** Files that are remembered. */
const rememberedMax = 20_000

const damagedPattern = /\.damaged[^/]*$/
/** Looks like one of ours under another name: worth reading before others. */
const likelyPattern = /\.events|\/[^/]*[0-9]{10}-[0-9]{10}-/

type Apart = "content" | "base"
type Verdict = "damaged" | "refused" | "newer"

export class ShelfFiles {
  readonly #storage: ShelfStorage
  /** Keys of files, as last listed, by name. */
  #keys = new Map<string, string>()
  readonly #verdicts = new Map<string, Verdict>()
  /** Names that were set aside since the last listing. */
  readonly #aside = new Set<string>()
  /** What files of other names turned out to be. */
  readonly #odd = new Map<string, ShelfRun | undefined>()
  /** Pairs of files that were compared and have nothing to do with each other. */
  readonly #apart = new Set<string>()

  constructor(storage: ShelfStorage) {
    this.#storage = storage
  }

  /** What is there to use, and is not known to be bad. */
  async list(project: string, signal: AbortSignal): Promise<ReadonlyArray<ShelfRun>> {
    const prefix = logsPrefix(project)
    this.#aside.clear()
    const entries = await this.#storage.list(prefix, signal)
    this.#keys = new Map(entries.map((entry) => [entry.name, keyOf(entry)]))
    const runs: Array<ShelfRun> = []
    const odd: Array<ShelfEntry> = []
    for (const entry of entries) {
      const run = runFromName(entry.name, prefix)
      if (run === undefined) odd.push(entry)
      else if (run.size === entry.size) runs.push(run)
    }
    runs.push(...(await this.#oddRuns(project, odd, signal)))
    return this.usable(runs)
  }

  /** Those that nobody has found bad since they were listed. */
  usable(runs: ReadonlyArray<ShelfRun>): ReadonlyArray<ShelfRun> {
    return runs.filter(({ name }) => {
      const verdict = this.#verdict(name)
      return !this.#aside.has(name) && (verdict === undefined || verdict === "newer")
    })
  }

  async #oddRuns(
    project: string,
    entries: ReadonlyArray<ShelfEntry>,
    signal: AbortSignal,
  ): Promise<ReadonlyArray<ShelfRun>> {
    const worth = entries.filter(
      ({ name, size }) => size > 0 && size <= encodedBytesMax && !damagedPattern.test(name),
    )
    const fresh = worth
      .filter((entry) => !this.#odd.has(keyOf(entry)))
      .sort((left, right) => likelihood(right) - likelihood(left) || compareNames(left, right))
    let bytesLeft = oddBytesMax
    for (const entry of fresh.slice(0, oddFilesMax)) {
      if (entry.size > bytesLeft || this.#odd.size >= rememberedMax) continue
      bytesLeft -= entry.size
      this.#odd.set(keyOf(entry), await this.#readOdd(project, entry, signal))
    }
    return worth.flatMap((entry) => this.#odd.get(keyOf(entry)) ?? [])
  }

  async #readOdd(
    project: string,
    { name, size }: ShelfEntry,
    signal: AbortSignal,
  ): Promise<ShelfRun | undefined> {
    try {
      const bytes = await this.#storage.read(name, encodedBytesMax, signal)
      if (bytes?.length !== size) return undefined
      const segment = decodeSegment(bytes, name)
      if (segment.project !== project) return undefined
      checkedLines(segment, name)
      return { ...runOfSegment(segment, size), name }
    } catch (error) {
      signal.throwIfAborted()
      // Not a segment, half of one, or nothing that this user may read: none of ours.
      if (error instanceof LamplogError) return undefined
      throw error
    }
  }

  /** The segment that a name tells of; undefined when it is not there, or not what it says. */
  async read(project: string, run: ShelfRun, signal: AbortSignal): Promise<Segment | undefined> {
    if (this.#verdict(run.name) !== undefined) return undefined
    const bytes = await this.#storage.read(run.name, encodedBytesMax, signal)
    if (bytes?.length !== run.size) return undefined
    try {
      const segment = decodeSegment(bytes, run.name)
      if (fits(segment, run) && segment.project === project) return segment
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
      if (error.code === "segment-newer") return this.#newer(project, run, bytes)
    }
    await this.#damaged(run.name, signal)
    return undefined
  }

  /**
   * A segment that says it is of a newer version is left to newer programs. Unless but for that it is what
   * its name says, every hash of it: then the version is what is damaged.
   */
  #newer(project: string, run: ShelfRun, bytes: Uint8Array): Segment | undefined {
    const end = bytes.indexOf(0x0a) + 1
    const head = Buffer.from(bytes.subarray(0, end)).toString("utf8")
    const ours = head.replace(/"version":[0-9]+/, `"version":${protocolVersion}`)
    try {
      const whole = Buffer.concat([Buffer.from(ours), bytes.subarray(end)])
      const segment = decodeSegment(whole, run.name)
      checkedLines(segment, run.name)
      if (fits(segment, run) && segment.project === project) return segment
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
    }
    this.#remember(run.name, "newer")
    return undefined
  }

  /** Somebody refused what is in a file: is it damaged, or was it written so? */
  async refused(run: ShelfRun, segment: Segment, signal: AbortSignal): Promise<void> {
    try {
      checkedLines(segment, run.name)
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
      await this.#damaged(run.name, signal)
      return
    }
    this.#remember(run.name, "refused")
  }

  /** The lines of a file, checked; undefined when it is gone or no good. */
  async check(project: string, run: ShelfRun, signal: AbortSignal) {
    const segment = await this.read(project, run, signal)
    if (segment === undefined) return undefined
    try {
      return { segment, lines: checkedLines(segment, run.name) }
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
      await this.#damaged(run.name, signal)
      return undefined
    }
  }

  /** Puts a file there; whatever was known of one of that name is forgotten. */
  async write(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#storage.write(name, bytes, signal)
    this.#verdicts.delete(this.#keys.get(name) ?? name)
  }

  /** Whether it is known that a run does not lie in another one, or does not go on from inside it. */
  isApart(outer: ShelfRun, run: ShelfRun, how: Apart): boolean {
    return this.#apart.has([how, outer.name, run.name].join("\n"))
  }

  setApart(outer: ShelfRun, run: ShelfRun, how: Apart): void {
    if (this.#apart.size >= rememberedMax) this.#apart.clear()
    this.#apart.add([how, outer.name, run.name].join("\n"))
  }

  /** Takes a file away that nobody can use, so that another may come in its place. */
  setAside(run: ShelfRun, signal: AbortSignal): Promise<void> {
    return this.#damaged(run.name, signal)
  }

  async #damaged(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#storage.setAside(name, signal)
      this.#aside.add(name)
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
      // Whoever may only read leaves that to others.
      this.#remember(name, "damaged")
    }
  }

  #verdict(name: string): Verdict | undefined {
    return this.#verdicts.get(this.#keys.get(name) ?? name)
  }

  #remember(name: string, verdict: Verdict): void {
    if (this.#verdicts.size >= rememberedMax) this.#verdicts.clear()
    this.#verdicts.set(this.#keys.get(name) ?? name, verdict)
  }
}

const keyOf = ({ name, size, stamp }: ShelfEntry): string => `${name}\n${size}\n${stamp ?? ""}`

const likelihood = ({ name }: ShelfEntry): number => (likelyPattern.test(name) ? 1 : 0)

const compareNames = (left: ShelfEntry, right: ShelfEntry): number =>
  left.name < right.name ? -1 : 1

const fits = (segment: Segment, run: ShelfRun): boolean =>
  segment.node === run.node &&
  segment.from === run.from &&
  segment.to === run.to &&
  segment.head === run.head &&
  segment.size === run.lines &&
  (segment.signature !== undefined) === run.signed &&
  segment.previous.startsWith(run.previous)
