/**
 * Reads what is new: the live tail if nothing is missing in it, else the stream from the cursor, else what the stream
 * has forgotten from the bucket, else from somebody who is there.
 *
 * All of these only add; doing several is safe, and the order is one of cost.
 */
import type { Batch, Frontier, Holdings, PullRequest, Take } from "../../src/remote.ts"
import { isTransient, LamplogError } from "../../src/remote.ts"
import { askPeers } from "./asking.ts"
import type { Stored } from "./message.ts"
import { isSamePlace } from "./probe.ts"
import type { StreamState } from "./probe.ts"
import { Handing, readOn } from "./reading.ts"
import type { Sources } from "./reading.ts"
import { streamState } from "./streams.ts"

/** Characters of a node id, with which the name of each of its logs begins. */
const nodeLength = 26
/** A stream without a leader is silent: after so long others are asked. */
export const slowMillis = 500
/** Bytes in that time that show that something is coming. */
const comingBytesMin = 16 * 1024

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
  // Also for somebody who lacks nothing: what the bucket holds need not be brought there again.
  if (!looks && memory.ledger.gaps(memory.heldInBucket, {}).length > 0) {
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
