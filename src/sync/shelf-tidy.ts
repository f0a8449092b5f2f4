/**
 * Keeps a shelf in order: many small runs of a log become one, what lies there twice goes, and a run from
 * whose middle another one goes on is cut there, so that names tell what is held.
 *
 * Invariants
 *  1. What goes has been checked to lie, event for event, in a file that stays and was there before.
 *  2. Of two files with the same events everybody keeps the same one, so two who tidy at once lose nothing.
 *  3. A run that another one goes on from stays, unless that one goes too.
 *
 * The newest runs of a log are left alone: whoever lacks but a little reads but a little. Behind them each
 * small run is at least as large as all newer ones together, so there are few, and each event is written
 * again few times.
 */
import { segmentBytesMax } from "../log/segment.ts"
import type { ShelfFiles } from "./shelf-files.ts"
import { runsByNode } from "./shelf-holdings.ts"
import type { NodeRuns } from "./shelf-holdings.ts"
import { logsPrefix, runFromName, runOfSegment } from "./shelf-names.ts"
import type { ShelfRun } from "./shelf-names.ts"
import type { ShelfStorage } from "./shelf-storage.ts"
import { encodeSegment, segmentFrom } from "./segment.ts"
import type { Segment } from "./segment.ts"

/** Small runs at the end of a log before some are merged. */
export const smallRunsMax = 32
/** Runs at the end of a log that are not merged yet. */
export const newestRunsKept = 8
/** From so many bytes of lines a run is large and stays as it is. */
const largeBytes = segmentBytesMax / 2
/** Bytes of files that one round reads to compare them. */
const comparedBytesMax = 8 * 1024 * 1024
/** Groups that one round merges; the next one goes on. */
const mergesMax = 16
/** Times that one round cuts runs and lists again. */
const cutsMax = 8

const isLarge = ({ lines }: ShelfRun): boolean => lines >= largeBytes

/** Runs that follow each other, from seq 1 or from where a branch parts, to each end. */
export const chainsOf = (runs: NodeRuns): ReadonlyArray<ReadonlyArray<ShelfRun>> => {
  const before = new Map<ShelfRun, ShelfRun>()
  for (const run of runs.linked) {
    for (const next of runs.next(run)) {
      const known = before.get(next)
      if (known === undefined || run.from < known.from) before.set(next, run)
    }
  }
  const used = new Set<ShelfRun>()
  const ends = [...runs.linked].filter((run) => runs.next(run).length === 0)
  return ends
    .sort((left, right) => right.to - left.to || (left.name < right.name ? -1 : 1))
    .map((end) => {
      const chain: Array<ShelfRun> = []
      for (let run: ShelfRun | undefined = end; run && !used.has(run); run = before.get(run)) {
        used.add(run)
        chain.push(run)
      }
      return chain.reverse()
    })
}

/** Cuts a chain at its large runs, and behind those from which more than one run goes on. */
const smallStretches = (
  chain: ReadonlyArray<ShelfRun>,
  runs: NodeRuns,
): ReadonlyArray<ReadonlyArray<ShelfRun>> => {
  const stretches: Array<Array<ShelfRun>> = [[]]
  for (const run of chain) {
    if (!isLarge(run)) stretches.at(-1)!.push(run)
    if (isLarge(run) || runs.next(run).length > 1) stretches.push([])
  }
  return stretches
}

/** Groups of neighbours, none with more lines than a segment may have. */
const grouped = (runs: ReadonlyArray<ShelfRun>): ReadonlyArray<ReadonlyArray<ShelfRun>> => {
  const groups: Array<Array<ShelfRun>> = []
  let bytes = Number.POSITIVE_INFINITY
  for (const run of runs) {
    if (bytes + run.lines > segmentBytesMax) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)!.push(run)
    bytes += run.lines
  }
  return groups.filter(({ length }) => length > 1)
}

/** Groups of runs of one chain to be merged now, each into one. */
export const mergesOf = (
  chain: ReadonlyArray<ShelfRun>,
  runs: NodeRuns,
): ReadonlyArray<ReadonlyArray<ShelfRun>> => {
  const stretches = smallStretches(chain, runs)
  const enclosed = stretches.slice(0, -1).flatMap(grouped)
  const last = stretches.at(-1)!
  if (last.length <= smallRunsMax) return enclosed
  const older = last.slice(0, -newestRunsKept)
  let newerBytes = 0
  let first = older.length
  for (const [index, run] of [...older.entries()].reverse()) {
    if (run.lines < newerBytes) first = index
    newerBytes += run.lines
  }
  return [...enclosed, ...grouped(older.slice(first))]
}

class Tidying {
  readonly #storage: ShelfStorage
  readonly #files: ShelfFiles
  readonly #project: string
  readonly #signal: AbortSignal
  #comparedBytes = 0
  changed = false

  constructor(storage: ShelfStorage, files: ShelfFiles, project: string, signal: AbortSignal) {
    this.#storage = storage
    this.#files = files
    this.#project = project
    this.#signal = signal
  }

  #check(run: ShelfRun) {
    this.#signal.throwIfAborted()
    return this.#files.check(this.#project, run, this.#signal)
  }

  /** Reads a run to compare others with it, as long as there is time for that. */
  async #compared(run: ShelfRun) {
    this.#comparedBytes += run.size
    if (this.#comparedBytes > comparedBytesMax) return undefined
    const checked = await this.#check(run)
    if (checked === undefined) return undefined
    const { segment, lines } = checked
    const hashAt = (seq: number): string =>
      seq < run.from ? segment.previous : lines[seq - run.from]!.hash
    return { segment, lines, hashAt }
  }

  async #write(segment: Segment): Promise<void> {
    const bytes = encodeSegment(segment)
    await this.#files.write(runOfSegment(segment, bytes.length).name, bytes, this.#signal)
    this.changed = true
  }

  async #remove(run: ShelfRun): Promise<void> {
    await this.#storage.remove(run.name, this.#signal)
    this.changed = true
  }

  /** Gives a run that was found under an odd name its own one. */
  async rename(run: ShelfRun, names: ReadonlySet<string>): Promise<void> {
    const checked = await this.#check(run)
    if (checked === undefined) return
    const { name } = runOfSegment(checked.segment, run.size)
    if (!names.has(name)) {
      await this.#files.write(name, encodeSegment(checked.segment), this.#signal)
    }
    await this.#remove(run)
  }

  /** Writes one run in place of several, from inside which no other goes on. */
  async merge(group: ReadonlyArray<ShelfRun>): Promise<void> {
    const lines: Array<Buffer> = []
    let first
    let last
    for (const run of group) {
      const checked = await this.#check(run)
      if (checked === undefined) return
      // A name tells but a part of what a run goes on from.
      if (last !== undefined && checked.segment.previous !== last.head) return
      first ??= checked.segment
      last = checked.segment
      for (const line of checked.lines) lines.push(line.bytes)
    }
    const { project, node, publicKey, from, previous } = first!
    const { to, head, signature } = last!
    const start = { project, node, publicKey, from, to, previous, head }
    const whole = Buffer.concat(lines)
    await this.#write(segmentFrom(signature === undefined ? start : { ...start, signature }, whole))
    for (const run of group) await this.#remove(run)
  }

  /** Cuts one run from whose middle another one goes on. Tells whether there was one. */
  async cut(runs: NodeRuns): Promise<boolean> {
    for (const run of runs.all) {
      if (runs.linked.has(run)) continue
      for (const outer of runs.linked) {
        if (outer.from >= run.from || outer.to < run.from) continue
        if (this.#files.isApart(outer, run, "base")) continue
        const read = await this.#compared(outer)
        if (read === undefined) continue
        const { segment, lines, hashAt } = read
        const head = hashAt(run.from - 1)
        if (!head.startsWith(run.previous)) {
          this.#files.setApart(outer, run, "base")
          continue
        }
        const { codec: _codec, size: _size, payload: _payload, ...whole } = segment
        const { signature: _signature, ...unsigned } = whole
        const bytes = lines.map((line) => line.bytes)
        const [one, two] = [
          bytes.slice(0, run.from - outer.from),
          bytes.slice(run.from - outer.from),
        ]
        const before = { ...unsigned, to: run.from - 1, head }
        await this.#write(segmentFrom(before, Buffer.concat(one)))
        const after = { ...whole, from: run.from, previous: head }
        await this.#write(segmentFrom(after, Buffer.concat(two)))
        await this.#remove(outer)
        return true
      }
    }
    return false
  }

  /** Removes what lies in a larger run, or beside one of the same events. */
  async compare(runs: NodeRuns): Promise<void> {
    const gone = new Set<ShelfRun>()
    for (const [outer, inner] of overlapsOf(runs.all)) {
      const around = new Set(inner)
      /** Whether something goes on from the end of a run and would not know from what. */
      const isNeeded = (run: ShelfRun, leaving: ReadonlySet<ShelfRun>): boolean =>
        run.to !== outer.to && runs.next(run).some((next) => !gone.has(next) && !leaving.has(next))
      const rest = inner.filter(
        (run) =>
          !gone.has(run) && !isNeeded(run, around) && !this.#files.isApart(outer, run, "content"),
      )
      if (gone.has(outer) || rest.length === 0) continue
      const read = await this.#compared(outer)
      if (read === undefined) continue
      const within = new Set<ShelfRun>()
      for (const run of rest) {
        const begins = read.hashAt(run.from - 1).startsWith(run.previous)
        if (begins && read.hashAt(run.to) === run.head) within.add(run)
        else this.#files.setApart(outer, run, "content")
      }
      for (const run of [...within].sort((left, right) => right.to - left.to)) {
        if (isNeeded(run, new Set())) continue
        await this.#remove(run)
        gone.add(run)
      }
    }
  }
}

/** Whether `outer` is the one to stay, if the other lies in it: the same for everybody who asks. */
const outranks = (outer: ShelfRun, inner: ShelfRun): boolean => {
  if (outer.from > inner.from || outer.to < inner.to || outer === inner) return false
  if (outer.to > inner.to) return true
  if (outer.signed !== inner.signed) return outer.signed
  return outer.from < inner.from || outer.name < inner.name
}

/** Runs, each with those that may lie in it; larger ones first. */
const overlapsOf = (
  runs: ReadonlyArray<ShelfRun>,
): ReadonlyArray<readonly [ShelfRun, ReadonlyArray<ShelfRun>]> => {
  const sorted = runs.toSorted((left, right) => left.from - right.from || right.to - left.to)
  return sorted.flatMap((outer, index) => {
    const inner: Array<ShelfRun> = []
    for (let at = index; at > 0 && sorted[at - 1]!.from === outer.from; at -= 1) {
      if (outranks(outer, sorted[at - 1]!)) inner.push(sorted[at - 1]!)
    }
    for (let at = index + 1; at < sorted.length && sorted[at]!.from <= outer.to; at += 1) {
      if (outranks(outer, sorted[at]!)) inner.push(sorted[at]!)
    }
    return inner.length === 0 ? [] : [[outer, inner] as const]
  })
}

/** Tidies a project's shelf; tells whether anything there has changed. */
export const tidyShelf = async (
  storage: ShelfStorage,
  files: ShelfFiles,
  project: string,
  listed: ReadonlyArray<ShelfRun>,
  signal: AbortSignal,
): Promise<boolean> => {
  const prefix = logsPrefix(project)
  const tidying = new Tidying(storage, files, project, signal)
  const isNamed = ({ name }: ShelfRun): boolean => runFromName(name, prefix) !== undefined
  const names = new Set(listed.filter(isNamed).map(({ name }) => name))
  for (const run of listed) if (!names.has(run.name)) await tidying.rename(run, names)
  let nodes = runsByNode(listed.filter(isNamed))
  const again = async (): Promise<void> => {
    nodes = runsByNode((await files.list(project, signal)).filter(isNamed))
  }
  if (tidying.changed) await again()
  for (let cuts = 0; cuts < cutsMax; cuts += 1) {
    let cut = false
    for (const runs of nodes) if (await tidying.cut(runs)) cut = true
    if (!cut) break
    await again()
  }
  const merges = nodes.flatMap((runs) => chainsOf(runs).flatMap((chain) => mergesOf(chain, runs)))
  for (const group of merges.slice(0, mergesMax)) await tidying.merge(group)
  if (merges.length > 0) await again()
  for (const runs of nodes) await tidying.compare(runs)
  return tidying.changed
}
