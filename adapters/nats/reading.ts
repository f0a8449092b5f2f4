/**
 * Reads messages of the stream and hands them over, in batches; keeps the ledger and the place.
 */
import type { PullRequest, Remote, Take } from "../../src/remote.ts"
import type { Bucket } from "./bucket.ts"
import type { Connection } from "./connection.ts"
import type { Memory } from "./memory.ts"
import { Assembly } from "./message.ts"
import type { Arrived, Stored } from "./message.ts"
import type { StreamState } from "./probe.ts"
import { StreamReader } from "./stream-reader.ts"
import { logOfSubject, projectOfAbout } from "./subjects.ts"
import type { Names } from "./subjects.ts"
import type { Tail } from "./tail.ts"

/** Lines of one batch, in bytes. */
const batchBytesMax = 4 * 1024 * 1024
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

const isAbout = (subject: string): boolean => projectOfAbout(subject) !== undefined

/** Remembers which message of ours is the last on its subject. */
const noteOwn = ({ memory }: Sources, node: string, { subject, sequence }: Stored): void => {
  const log = logOfSubject(subject)
  if (log?.publisher === node) memory.published(log.node, sequence)
}

/** Hands over what arrives in batches, and keeps the ledger and the place. */
export class Handing {
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

  /** Messages that were none of Lamplog's, or broken. */
  get strangers(): number {
    return this.#assembly.strangers
  }

  async all(messages: ReadonlyArray<Stored>): Promise<void> {
    const { memory, connection } = this.#sources
    let place = memory.place!
    for (const message of messages) {
      noteOwn(this.#sources, this.#node, message)
      const arrived = isAbout(message.subject)
        ? undefined
        : this.#assembly.take(message, connection.where)
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

const warnOfStrangers = ({ where, settings }: Connection, memory: Memory, count: number): void => {
  if (count === 0 || memory.warned) return
  memory.warned = true
  settings.options.onWarning?.(
    `${where}: ${count} messages in the project's stream are broken or not Lamplog's; they were passed over.`,
  )
}

/** Reads the stream from a place to its end. */
export const readOn = async (
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
    warnOfStrangers(connection, memory, handing.strangers)
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
