/**
 * Reads what is new: the live tail if nothing is missing in it, else the stream from the cursor, else what the stream
 * has forgotten from the bucket, else from somebody who is there.
 *
 * All of these only add; doing several is safe, and the order is one of cost.
 */
import type { Batch, Frontier, Holdings, PullRequest, Remote, Take } from "../../src/remote.ts"
import { isTransient, LamplogError } from "../../src/remote.ts"
import { askPeers } from "./asking.ts"
import type { Bucket } from "./bucket.ts"
import type { Connection } from "./connection.ts"
import type { Memory } from "./memory.ts"
import { Assembly } from "./message.ts"
import type { Arrived, Stored } from "./message.ts"
import { isSamePlace } from "./probe.ts"
import type { StreamState } from "./probe.ts"
import { StreamReader } from "./stream-reader.ts"
import { streamState } from "./streams.ts"
import { logOfSubject } from "./subjects.ts"
import type { Names } from "./subjects.ts"
import type { Tail } from "./tail.ts"

/** Lines of one batch, in bytes. */
const batchBytesMax = 4 * 1024 * 1024
/** Characters of a node id, with which the name of each of its logs begins. */
const nodeLength = 26
/** A stream without a leader is silent: after so long others are asked. */
export const slowMillis = 500
/** Bytes in that time that show that something is coming. */
const comingBytesMin = 16 * 1024
/** Readings of a stream that seems shorter than its leader says, and the first pause between them. */
const readingsMax = 4
const lagMillis = 25

export interface Sources {
  readonly connection: Connection
  readonly names: Names
  readonly memory: Memory
  readonly bucket: Bucket
  readonly shelf: Remote
  /** The live tail, while somebody watches. */
  readonly tail: Tail | undefined
  /** Somebody who may hold what the stream does not. */
  readonly suspect?: (() => string | undefined) | undefined
  /** Tells those who are there what is held here, when the stream is slow. */
  readonly announce?: (() => Promise<void> | undefined) | undefined
}

/** Remembers which message of ours is the last on its subject. */
const noteOwn = ({ memory }: Sources, node: string, { subject, sequence }: Stored): void => {
  const log = logOfSubject(subject)
  if (log?.publisher === node) memory.published(log.node, sequence)
}

/** Hands over what arrives in batches, and keeps the ledger and the place. */
class Handing {
  readonly #sources: Sources
  readonly #node: string
  readonly #take: Take
  readonly #assembly = new Assembly()
  #batch: Array<Arrived> = []
  #bytes = 0
  readonly #signal: AbortSignal

  constructor(sources: Sources, node: string, take: Take, signal: AbortSignal) {
    this.#sources = sources
    this.#node = node
    this.#take = take
    this.#signal = signal
  }

  async all(messages: ReadonlyArray<Stored>): Promise<void> {
    const { memory, connection } = this.#sources
    let place = memory.place!
    for (const message of messages) {
      noteOwn(this.#sources, this.#node, message)
      const arrived = this.#assembly.take(message, connection.where)
      if (arrived !== undefined) {
        if (this.#bytes + arrived.segment.size > batchBytesMax) {
          memory.place = place
          await this.#flush()
        }
        this.#batch.push(arrived)
        this.#bytes += arrived.segment.size
      }
      // A place is kept only where nothing before it is unfinished.
      if (this.#assembly.isSettled && message.sequence > place.sequence) {
        const { sequence, id: messageId, data } = message
        place = { ...place, sequence, messageId, bytes: data.length }
      }
    }
    memory.place = place
    await this.#flush()
  }

  async #flush(): Promise<void> {
    const { memory } = this.#sources
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#bytes = 0
    this.#signal.throwIfAborted()
    for (const { segment, lowest } of batch) memory.ledger.add(segment, lowest)
    const text = memory.text()
    const { refused } = await this.#take(
      batch.map(({ segment }) => segment),
      text,
    )
    memory.saved(text)
    // What nobody can take is not held there, whatever lies there.
    const lost = batch.filter(({ segment }) =>
      refused.some(
        ({ node, from, to }) => node === segment.node && from <= segment.to && to >= segment.from,
      ),
    )
    if (lost.length === 0) return
    for (const { segment } of lost) memory.ledger.drop(segment)
    const corrected = memory.text()
    await this.#take([], corrected)
    memory.saved(corrected)
  }
}

/** Whether the tail alone can be handed over: it goes on where reading stopped, in one piece. */
const tailAfter = ({ tail, memory, connection, names }: Sources): ReadonlyArray<Stored> => {
  const { place, readUpTo, epoch } = memory
  if (tail === undefined || place === undefined || names.shared) return []
  if (epoch !== connection.epoch || place.sequence !== readUpTo) return []
  return tail.after(readUpTo)
}

const unsureOf = ({ memory }: Sources, since: Frontier): ReadonlyArray<string> =>
  Object.entries(since).flatMap(([log, { seq, hash }]) => {
    const run = { node: log.slice(0, nodeLength), from: seq, to: seq, previous: "", head: hash }
    return memory.ledger.covers(run, memory.heldInBucket) ? [] : [log]
  })

const holdingsOf = (sources: Sources, { since }: PullRequest): Holdings => ({
  frontier: sources.memory.frontier,
  unsure: unsureOf(sources, since),
})

/** Reads the stream from a place to its end. */
const readOn = async (
  sources: Sources,
  request: PullRequest,
  state: StreamState,
  start: number,
  take: Take,
  signal: AbortSignal,
): Promise<void> => {
  const { connection, names, memory, tail } = sources
  const place = memory.place!
  if (place.sequence === state.last) memory.readUpTo = state.last
  // A consumer lies on any server of a cluster, which may lag behind the leader that told the state.
  const isDense = !names.shared && state.holes === 0 && state.messages > 0
  const expected = isDense ? state.last : (tail?.highest ?? 0)
  let read = start - 1
  for (let attempt = 0; attempt < readingsMax; attempt += 1) {
    if (read + 1 > place.sequence && state.last <= memory.readUpTo) break
    if (attempt > 0) await pause(lagMillis * 2 ** attempt, signal)
    const reading = { stream: names.stream, node: request.node, filter: names.all }
    const reader = new StreamReader(connection, { ...reading, start: read + 1 })
    const handing = new Handing(sources, request.node, take, signal)
    for await (const messages of reader.read(signal)) {
      await handing.all(messages)
      read = messages.at(-1)!.sequence
    }
    if (read >= expected) break
  }
  // What could not be seen yet is not taken for read.
  if (state.last > memory.readUpTo) {
    memory.readUpTo = read >= expected ? Math.max(state.last, read) : read
  }
  tail?.dropUpTo(memory.readUpTo)
}

/** Resolves after so many milliseconds. */
const pause = async (millis: number, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, millis)
  signal.addEventListener("abort", () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
  signal.throwIfAborted()
}

/** Gives what the bucket holds and `since` lacks, if the bucket has changed since the last look. */
const readBucket = async (
  { bucket, shelf, memory }: Sources,
  request: PullRequest,
  again: boolean,
  take: Take,
  signal: AbortSignal,
): Promise<void> => {
  const state = await bucket.state(signal)
  if (state === undefined) {
    memory.bucket = undefined
    return
  }
  const { bucket: seen } = memory
  if (!again && seen?.created === state.created && seen.sequence === state.sequence) return
  const { cursor: _, ...asked } = request
  const { frontier } = await shelf.pull(asked, (batch: Batch) => take(batch), signal)
  memory.bucket = Object.keys(frontier).length === 0 ? undefined : { ...state, frontier }
}

/** Where to begin to read, and whether that goes back. */
const startOf = async (
  { connection, names, memory }: Sources,
  request: PullRequest,
  state: StreamState,
  signal: AbortSignal,
): Promise<{ readonly start: number; readonly again: boolean }> => {
  const { place } = memory
  const at = { stream: names.stream, node: request.node, filter: names.all }
  const same = place !== undefined && (await isSamePlace(connection, at, place, state, signal))
  if (same) memory.place = { ...place, holes: state.holes }
  else memory.restart(state)
  memory.epoch = connection.epoch
  memory.ledger.forgetBefore(state.first)
  const next = Math.max(memory.place!.sequence + 1, state.first)
  if (request.points !== undefined) return { start: state.first, again: true }
  const lost = memory.ledger.lost(request.since, memory.place!.sequence)
  if (lost !== undefined && memory.mayReread(request.since)) return { start: lost, again: true }
  return { start: next, again: !same }
}

/** What need not be asked of others, now that the stream was read. */
const sinceNow = ({ memory }: Sources, { since }: PullRequest): Frontier => {
  const gaps = new Set(memory.ledger.gaps(memory.heldInBucket, since))
  const read = Object.entries(memory.frontier).filter(
    ([log, { seq }]) => !gaps.has(log.slice(0, nodeLength)) && seq > (since[log]?.seq ?? 0),
  )
  return { ...since, ...Object.fromEntries(read) }
}

/** What both hold together. */
const merged = (since: Frontier, held: Frontier): Frontier => ({
  ...since,
  ...Object.fromEntries(
    Object.entries(held).filter(([log, { seq }]) => seq > (since[log]?.seq ?? 0)),
  ),
})

const pullStored = async (
  sources: Sources,
  request: PullRequest,
  take: Take,
  signal: AbortSignal,
): Promise<void> => {
  const { connection, names, memory } = sources
  const state = await streamState(connection, names, signal)
  const { start, again } = await startOf(sources, request, state, signal)
  const { isLimited, first, holes } = state
  // Where a stream has never lost anything, its bucket need not be looked at each time.
  const looks = again || isLimited || first > 1 || holes > 0 || memory.bucket !== undefined
  // Older things first, so that what builds on them need not wait.
  if (looks) await readBucket(sources, request, again, take, signal)
  await readOn(sources, request, state, start, take, signal)
  if (!looks && memory.ledger.gaps(memory.heldInBucket, request.since).length > 0) {
    await readBucket(sources, request, again, take, signal)
  }
  if (memory.ledger.gaps(memory.heldInBucket, request.since).length > 0) {
    await askPeers(sources, { ...request, since: sinceNow(sources, request) }, take, signal)
  }
  if (!memory.isUnsaved) return
  const text = memory.text()
  await take([], text)
  memory.saved(text)
}

/** Lets two who hand over take turns. */
const inTurn = (take: Take): Take => {
  let last: Promise<unknown> = Promise.resolve()
  return (batch, cursor) => {
    const next = last.then(() => take(batch, cursor))
    last = next.catch(() => undefined)
    return next
  }
}

/** Reads the stream; while nothing comes from there, those who are there are asked, again and again. */
const pullPatiently = async (
  sources: Sources,
  request: PullRequest,
  take: Take,
  signal: AbortSignal,
): Promise<void> => {
  const { connection } = sources
  const taking = inTurn(take)
  const stored = pullStored(sources, request, taking, signal)
  let { since } = request
  let received = connection.receivedBytes
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<"slow">()
    const timer = setTimeout(() => resolve("slow"), slowMillis)
    const first = await Promise.race([stored, promise]).finally(() => clearTimeout(timer))
    if (first !== "slow") return
    const isComing = connection.receivedBytes - received > comingBytesMin
    received = connection.receivedBytes
    if (isComing || !connection.isUp) continue
    await sources.announce?.()
    const asked = { ...request, since }
    const held = await askPeers(sources, asked, taking, signal, sources.suspect?.()).catch(
      () => ({}),
    )
    since = merged(since, held ?? {})
    received = connection.receivedBytes
  }
}

/** Hands over the live tail, if that is all that is new. */
const pullLive = async (
  sources: Sources,
  { points, node }: PullRequest,
  take: Take,
  signal: AbortSignal,
): Promise<boolean> => {
  const live = points === undefined ? tailAfter(sources) : []
  if (live.length === 0) return false
  const { memory, tail } = sources
  await new Handing(sources, node, take, signal).all(live)
  memory.readUpTo = live.at(-1)!.sequence
  tail?.dropUpTo(memory.readUpTo)
  return true
}

/** Hands over what is new, and tells what the stream and the bucket hold together. */
export const pullFrom = async (
  sources: Sources,
  request: PullRequest,
  take: Take,
  signal: AbortSignal,
): Promise<Holdings> => {
  const { memory, connection } = sources
  memory.resume(request.cursor)
  const before = JSON.stringify(memory.frontier)
  const suspect = sources.suspect?.()
  try {
    if (!(await pullLive(sources, request, take, signal))) {
      await pullPatiently(sources, request, take, signal)
    }
    // Somebody holds something else, for some time now, and the stream does not have it.
    if (suspect !== undefined && JSON.stringify(memory.frontier) === before) {
      const asked = { ...request, since: sinceNow(sources, request) }
      await askPeers(sources, asked, take, signal, suspect).catch(() => undefined)
    }
  } catch (error) {
    memory.distrust()
    signal.throwIfAborted()
    // Without a leader nothing is stored; those who are there can still tell each other.
    const asks = error instanceof LamplogError && isTransient(error) && connection.isUp
    if (asks) await askPeers(sources, request, take, signal).catch(() => undefined)
    throw error
  }
  return holdingsOf(sources, request)
}

/** Reads heads into the ledger that came since, without handing anything over. */
export const lookOn = async (
  sources: Sources,
  node: string,
  signal: AbortSignal,
): Promise<void> => {
  const { connection, names, memory } = sources
  const assembly = new Assembly()
  const start = Math.max(memory.readUpTo, memory.lookedUpTo) + 1
  const reading = { stream: names.stream, node, filter: names.all, start }
  for await (const messages of new StreamReader(connection, reading).read(signal)) {
    for (const message of messages) {
      noteOwn(sources, node, message)
      const arrived = assembly.take(message, connection.where)
      if (arrived !== undefined) memory.ledger.add(arrived.segment, arrived.lowest)
      if (assembly.isSettled) memory.lookedUpTo = message.sequence
    }
  }
}
