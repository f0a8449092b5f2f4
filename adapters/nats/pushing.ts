/**
 * Hands over what is lacking: new events to the stream, what the stream has forgotten to the bucket.
 *
 * Nothing is published that lies there already, as far as one can see: our own last message is looked at first, and
 * before what others wrote is relayed, what came meanwhile is looked at too, because after a loss all replicas have
 * the same to bring back.
 */
import { encodeSegment, LamplogError } from "../../src/remote.ts"
import type { Batch, Pushed, PushRequest, Segment } from "../../src/remote.ts"
import { publishAbout } from "./about.ts"
import { messagesOf } from "./message.ts"
import { streamState } from "./streams.ts"
import type { StreamState } from "./probe.ts"
import type { Publisher } from "./publisher.ts"
import { lookOn } from "./reading.ts"
import type { Sources } from "./reading.ts"

/** The part of a limited stream that one push may fill. */
const shareOfStream = 0.5

export interface PushSources extends Sources {
  readonly publisher: Publisher
}

class Pushing {
  readonly #sources: PushSources
  readonly #request: PushRequest
  readonly #signal: AbortSignal
  #state: StreamState
  #events = 0
  /** Bytes and messages published so far. */
  #bytes = 0
  #messages = 0

  constructor(sources: PushSources, request: PushRequest, state: StreamState, signal: AbortSignal) {
    this.#sources = sources
    this.#request = request
    this.#state = state
    this.#signal = signal
  }

  async run(): Promise<Pushed> {
    const { memory, names, publisher } = this.#sources
    const { node } = this.#request
    // What others, or a process of ours that died, have put there since it was read.
    if (this.#state.last > Math.max(memory.readUpTo, memory.lookedUpTo)) {
      await lookOn(this.#sources, node, this.#signal)
    }
    // Read to its end, the stream has told what lies last on our subjects; the server checks it.
    for (const [log, sequence] of memory.own) {
      publisher.hint(names.log(node, log), sequence < this.#state.first ? 0 : sequence)
    }
    for await (const batch of this.#request.batches) {
      this.#signal.throwIfAborted()
      const forgotten: Array<Segment> = []
      for (const segment of batch) {
        if (!(await this.#segment(segment))) forgotten.push(segment)
      }
      if (forgotten.length > 0) await this.#keep(forgotten)
    }
    return { frontier: memory.frontier, unsure: [], events: this.#events, refused: [] }
  }

  /** Publishes a segment; false when it belongs into the bucket. */
  async #segment(segment: Segment): Promise<boolean> {
    const { memory } = this.#sources
    const held = (): boolean => memory.ledger.covers(segment, memory.heldInBucket)
    if (held()) return true
    if (segment.node !== this.#request.node) {
      await this.#lookForOthers()
      if (held()) return true
    }
    if (memory.ledger.isBehind(segment, memory.heldInBucket) || this.#isFull()) return false
    await this.#publish(segment)
    return true
  }

  #isFull(): boolean {
    const { bytesMax, messagesMax } = this.#state
    return this.#bytes >= bytesMax * shareOfStream || this.#messages >= messagesMax * shareOfStream
  }

  async #lookForOthers(): Promise<void> {
    const { connection, names, memory } = this.#sources
    this.#state = await streamState(connection, names, this.#signal)
    if (this.#state.last > Math.max(memory.readUpTo, memory.lookedUpTo)) {
      await lookOn(this.#sources, this.#request.node, this.#signal)
    }
  }

  async #publish(segment: Segment): Promise<void> {
    const { connection, names, memory, publisher } = this.#sources
    const { node } = this.#request
    const encoded = encodeSegment(segment)
    const room = Math.min(connection.bodyBytesMax, this.#state.messageBytesMax - 4096)
    const messages = messagesOf(segment, encoded, room)
    const subject = names.log(node, segment.node)
    let lowest = Infinity
    for (const message of messages) {
      const { sequence, id } = await publisher.publish(subject, message, this.#signal)
      memory.published(segment.node, sequence)
      lowest = Math.min(lowest, sequence)
      this.#bytes += message.data.length
      this.#messages += 1
      if (!names.shared) memory.advance(sequence, id, message.data.length)
    }
    memory.ledger.add(segment, lowest)
    this.#events += segment.to - segment.from + 1
  }

  /** Puts what the stream has forgotten, or has no room for, into the bucket. */
  async #keep(segments: Batch): Promise<void> {
    const { bucket, shelf, memory, connection } = this.#sources
    try {
      await bucket.ensure(this.#signal)
    } catch (error) {
      if (!(error instanceof LamplogError) || error.code !== "remote-denied") throw error
      connection.settings.options.onWarning?.(
        `${connection.where} has forgotten events and has no bucket to keep them in; let an administrator run \`lamplog nats init\`.`,
      )
      return
    }
    const batches = (async function* (): AsyncGenerator<Batch> {
      yield segments
    })()
    const known = memory.heldInBucket
    const pushed = await shelf.push({ ...this.#request, known, batches }, this.#signal)
    this.#events += pushed.events
    // What others put there meanwhile shows at the next look.
    memory.bucket = {
      created: memory.bucket?.created ?? "",
      sequence: 0,
      frontier: pushed.frontier,
    }
  }
}

export const pushTo = async (
  sources: PushSources,
  request: PushRequest,
  signal: AbortSignal,
): Promise<Pushed> => {
  const { connection, names, memory } = sources
  const state = await streamState(connection, names, signal)
  // Another stream than the one that was read: what is believed of it is wrong.
  if (memory.place?.created !== state.created || state.last < memory.readUpTo) {
    memory.restart(state)
  }
  memory.ledger.forgetBefore(state.first)
  await publishAbout(sources, request, state, signal)
  return new Pushing(sources, request, state, signal).run()
}
