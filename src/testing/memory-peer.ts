/**
 * A remote without a network: two replicas in one process meet directly.
 *
 * Everything that would travel is encoded and decoded as on a wire, so that nothing is shared by
 * accident, and counted. One request and its answer are one round trip, however many batches the
 * answer has.
 */
import type { Peer, Pushed, Remote } from "../sync/remote.ts"
import { decodeSegment, encodeSegment } from "../sync/segment.ts"
import type { Batch } from "../sync/segment.ts"

/** What went over the wire so far. */
export interface Traffic {
  readonly roundTrips: number
  /** From the replica at hand to the other side. */
  readonly sentBytes: number
  readonly receivedBytes: number
}

export interface MemoryRemote extends Remote {
  readonly traffic: Traffic
}

const where = "memory"

class Wire implements MemoryRemote {
  readonly where = where
  readonly capabilities = { watches: true, assets: true, presence: false }
  readonly traffic = { roundTrips: 0, sentBytes: 0, receivedBytes: 0 }
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  #sent<A extends object>(message: A): A {
    const text = JSON.stringify(message)
    this.traffic.sentBytes += Buffer.byteLength(text)
    return JSON.parse(text) as A
  }

  #received<A extends object>(message: A): A {
    const text = JSON.stringify(message)
    this.traffic.receivedBytes += Buffer.byteLength(text)
    return JSON.parse(text) as A
  }

  #carried(batch: Batch, direction: "sentBytes" | "receivedBytes"): Batch {
    return batch.map((segment) => {
      const bytes = encodeSegment(segment)
      this.traffic[direction] += bytes.length
      return decodeSegment(bytes, where)
    })
  }

  async describe(signal: AbortSignal): ReturnType<Remote["describe"]> {
    signal.throwIfAborted()
    this.traffic.roundTrips += 1
    return this.#received([this.#peer.description])
  }

  async pull(...[request, take, signal]: Parameters<Remote["pull"]>): ReturnType<Remote["pull"]> {
    signal.throwIfAborted()
    this.traffic.roundTrips += 1
    // What a place keeps for a reader; a peer has no use for it.
    const { cursor: _, ...asked } = request
    const answer = await this.#peer.answerPull(this.#sent(asked), signal)
    const { frontier, unsure } = answer
    const holdings = this.#received({ frontier, unsure })
    for await (const batch of answer.batches) {
      signal.throwIfAborted()
      await take(this.#carried(batch, "receivedBytes"))
    }
    signal.throwIfAborted()
    return holdings
  }

  async push(...[request, signal]: Parameters<Remote["push"]>): Promise<Pushed> {
    signal.throwIfAborted()
    this.traffic.roundTrips += 1
    const { version, project, node, batches } = request
    const pushed = await this.#peer.answerPush(
      this.#sent({ version, project, node }),
      this.#sending(batches, signal),
      signal,
    )
    signal.throwIfAborted()
    const { refused, ...rest } = pushed
    return { ...this.#received(rest), refused }
  }

  async *#sending(batches: AsyncIterable<Batch>, signal: AbortSignal): AsyncIterable<Batch> {
    for await (const batch of batches) {
      signal.throwIfAborted()
      yield this.#carried(batch, "sentBytes")
    }
  }

  async watch(...[, news, signal]: Parameters<NonNullable<Remote["watch"]>>): Promise<void> {
    while (!signal.aborted) {
      await this.#peer.changed(signal)
      if (!signal.aborted) news()
    }
  }

  async getAsset(
    ...[sha256, signal]: Parameters<NonNullable<Remote["getAsset"]>>
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    signal.throwIfAborted()
    this.traffic.roundTrips += 1
    const bytes = await this.#peer.getAsset(sha256)
    return bytes === undefined ? undefined : this.#chunks(bytes, "receivedBytes", signal)
  }

  async hasAssets(
    ...[sha256, signal]: Parameters<NonNullable<Remote["hasAssets"]>>
  ): Promise<ReadonlySet<string>> {
    signal.throwIfAborted()
    this.traffic.roundTrips += 1
    const held = await this.#peer.hasAssets(this.#sent(sha256))
    return new Set(this.#received([...held]))
  }

  async putAsset(
    ...[sha256, size, bytes, signal]: Parameters<NonNullable<Remote["putAsset"]>>
  ): Promise<void> {
    signal.throwIfAborted()
    this.traffic.roundTrips += 1
    await this.#peer.putAsset(sha256, size, this.#chunks(bytes, "sentBytes", signal), signal)
  }

  async *#chunks(
    bytes: AsyncIterable<Uint8Array>,
    direction: "sentBytes" | "receivedBytes",
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      signal.throwIfAborted()
      this.traffic[direction] += chunk.length
      yield Buffer.from(chunk)
    }
  }

  async close(): Promise<void> {}
}

/** A remote that is somebody else's replica in this process. */
export const memoryRemote = (peer: Peer): MemoryRemote => new Wire(peer)
