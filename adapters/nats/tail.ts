/**
 * The live tail: what the server tells again right after it was stored, with its place in the stream. Bounded: when it
 * overflows it is dropped, and the stream is read instead.
 */
import type { Msg } from "@nats-io/transport-node"
import { idHeader } from "./message.ts"
import type { Stored } from "./message.ts"

const tailBytesMax = 16 * 1024 * 1024
const tailMessagesMax = 2000

export class Tail {
  #messages: Array<Stored> = []
  #bytes = 0
  #highest = 0
  /** Sequences went back: the stream is another, or lost its end. */
  #wentBack = false

  /** Keeps a message; false when it cannot be used and the stream has to be looked at. */
  add(message: Msg): boolean {
    const sequence = Number(message.headers?.get("Nats-Sequence"))
    const last = this.#messages.at(-1)
    const size = message.data.length
    if (sequence <= this.#highest) this.#wentBack = true
    this.#highest = sequence
    const fits = this.#messages.length < tailMessagesMax && this.#bytes + size <= tailBytesMax
    if (!Number.isSafeInteger(sequence) || sequence < 1 || !fits) {
      this.clear()
      return false
    }
    // One was lost, or the stream is another: what was kept no longer goes on.
    if (last !== undefined && sequence !== last.sequence + 1) this.clear()
    this.#messages.push({
      sequence,
      subject: message.subject,
      id: message.headers?.get(idHeader) ?? "",
      headers: message.headers,
      data: message.data,
    })
    this.#bytes += size
    return true
  }

  /** The highest sequence that was heard of. */
  get highest(): number {
    return this.#highest
  }

  clear(): void {
    this.#messages = []
    this.#bytes = 0
  }

  /** The stream itself was read up to here. */
  dropUpTo(sequence: number): void {
    this.#wentBack = false
    const kept = this.#messages.findIndex((message) => message.sequence > sequence)
    this.#messages = kept < 0 ? [] : this.#messages.slice(kept)
    this.#bytes = this.#messages.reduce((bytes, { data }) => bytes + data.length, 0)
  }

  /** What follows a place without a gap; empty when it does not. */
  after(sequence: number): ReadonlyArray<Stored> {
    if (this.#wentBack) return []
    const found = this.#messages.findIndex((message) => message.sequence > sequence)
    if (found < 0 || this.#messages[found]!.sequence !== sequence + 1) return []
    return this.#messages.slice(found)
  }
}
