/**
 * A place like a broker's stream: messages in one order, read from a cursor, forgotten from the front.
 *
 * It answers for nothing: it may be cut at either end, begun anew, or hold what nobody can read. What it
 * says that it holds is what an unbroken chain of its messages leads to.
 */
import { genesisHash, membershipRule } from "../../../src/event/hash.ts"
import type { Frontier, Head } from "../../../src/log/frontier.ts"
import type { Holdings, ProjectDescription, Pushed, Remote } from "../../../src/sync/remote.ts"
import { decodeSegment, encodeSegment } from "../../../src/sync/segment.ts"
import { runFromSegment } from "../../../src/sync/run.ts"
import type { Segment } from "../../../src/sync/segment.ts"

/** A message that can be read. */
interface Message {
  readonly segment: Segment
  /** Chain hashes of its events; none when it is not what it says, so that it hides nothing. */
  readonly hashes: ReadonlyArray<string>
}

const checkedHashes = (segment: Segment): ReadonlyArray<string> => {
  const isSigned = segment.signature !== undefined
  if (!isSigned && membershipRule(segment.project) === "members") return []
  try {
    return runFromSegment(segment, segment.project).hashes
  } catch {
    return []
  }
}

const messageFrom = (bytes: Uint8Array): Message | undefined => {
  try {
    const segment = decodeSegment(bytes, "stream")
    return { segment, hashes: checkedHashes(segment) }
  } catch {
    // Somebody else's message, or a damaged one: nothing that a reader could use.
    return undefined
  }
}

export class Stream {
  /** Sequence number of the first message kept. */
  first = 1
  /** Goes up when the stream is made anew: cursors of the old one mean nothing. */
  epoch = 1
  messages: Array<Message | undefined> = []
  /** Messages kept; older ones are forgotten. */
  retained = Infinity
  description: ProjectDescription | undefined

  append(bytes: Uint8Array): void {
    this.messages.push(messageFrom(bytes))
    this.forget(this.messages.length - this.retained)
  }

  /** Loses so many of the oldest messages. */
  forget(count: number): void {
    if (count <= 0) return
    this.first += this.messages.splice(0, count).length
  }

  /** Loses so many of the newest messages, and gives their numbers to others. */
  cut(count: number): void {
    this.messages.splice(Math.max(0, this.messages.length - count))
  }

  begin(): void {
    this.epoch += 1
    this.first = 1
    this.messages = []
  }

  /** Chain hashes that are reached from a first event, each with its place. */
  reached(): ReadonlyMap<string, { readonly node: string; readonly seq: number }> {
    const reached = new Map<string, { readonly node: string; readonly seq: number }>()
    for (const message of this.messages) {
      if (message === undefined || message.hashes.length === 0) continue
      const { project, node, publicKey, from, previous } = message.segment
      const begins = from === 1 && previous === genesisHash(project, publicKey)
      if (!begins && !reached.has(previous)) continue
      for (const [index, hash] of message.hashes.entries()) {
        reached.set(hash, { node, seq: from + index })
      }
    }
    return reached
  }
}

const holdingsOf = (stream: Stream, since: Frontier): Holdings => {
  const reached = stream.reached()
  const followed = new Set<string>()
  for (const message of stream.messages) {
    const [first, ...rest] = message?.hashes ?? []
    if (first === undefined || !reached.has(first)) continue
    for (const hash of [message!.segment.previous, first, ...rest].slice(0, -1)) followed.add(hash)
  }
  const frontier: { [log: string]: Head } = {}
  for (const [hash, { node, seq }] of reached) {
    if (followed.has(hash)) continue
    const log = frontier[node] === undefined ? node : `${node}-${hash.slice(0, 8)}`
    frontier[log] = { seq, hash }
  }
  const unsure = Object.entries(since).filter(([, { hash }]) => !reached.has(hash))
  return { frontier, unsure: unsure.map(([log]) => log) }
}

const nodeLength = 26

/** Whether whoever holds `since` has what this message carries. */
const isCovered = (since: Frontier, { segment: { node, to, head } }: Message): boolean =>
  Object.entries(since).some(
    ([log, held]) =>
      log.slice(0, nodeLength) === node &&
      (held.seq > to || (held.seq === to && held.hash === head)),
  )

export const streamRemote = (stream: Stream): Remote => ({
  where: "stream",
  capabilities: { watches: false, assets: false, presence: false },
  describe: async () => (stream.description === undefined ? [] : [stream.description]),
  pull: async ({ since, cursor, points }, take, signal) => {
    const [epoch, seq] = (cursor ?? "0 0").split(" ").map(Number)
    const { messages, first } = stream
    const known = epoch === stream.epoch ? Math.max(0, seq! + 1 - first) : 0
    // What came before the cursor and is not held was lost on the way, or by the reader.
    const lacked = messages.findIndex(
      (message) => message !== undefined && !isCovered(since, message),
    )
    const start = points !== undefined ? 0 : lacked < 0 ? known : Math.min(known, lacked)
    for (let index = start; index < messages.length; index++) {
      signal.throwIfAborted()
      const segment = messages[index]?.segment
      await take(segment === undefined ? [] : [segment], `${stream.epoch} ${first + index}`)
    }
    return holdingsOf(stream, since)
  },
  push: async ({ batches, description, known }, signal): Promise<Pushed> => {
    stream.description = description
    let events = 0
    for await (const batch of batches) {
      signal.throwIfAborted()
      for (const segment of batch) {
        stream.append(encodeSegment(segment))
        events += segment.to - segment.from + 1
      }
    }
    return { ...holdingsOf(stream, known), events, refused: [] }
  },
  close: async () => {},
})
