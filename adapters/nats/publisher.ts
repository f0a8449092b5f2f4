/**
 * Puts messages into the stream, one at a time, so that each is there once.
 *
 * An acknowledgement is not believed further than it goes: one that says "duplicate" may lie (nothing was stored), a
 * timeout may have stored, a wrong sequence may be our own first attempt. In all three cases the stream's leader is
 * asked what lies last on our subject, and that decides. Each publisher has a subject of its own for each log, on
 * which only it writes; another's message there means that this node's id is in use elsewhere.
 */
import { headers, nuid } from "@nats-io/transport-node"
import type { PubAck } from "@nats-io/jetstream"
import { LamplogError } from "../../src/remote.ts"
import type { Connection } from "./connection.ts"
import { idHeader } from "./message.ts"
import type { Outgoing } from "./message.ts"
import { lastOn } from "./probe.ts"
import type { LastMessage } from "./probe.ts"
import { apiCodeOf, apiCodes, interrupted, mapFailure } from "./refuse.ts"

/** Attempts to store one message before it is left to the next meeting. */
const attemptsMax = 4

interface Attempt {
  readonly subject: string
  readonly message: Outgoing
  readonly expected: number
  readonly id: string
}

/** Where a message lies now. */
export interface Published {
  readonly sequence: number
  readonly id: string
}

export class Publisher {
  readonly #connection: Connection
  readonly #stream: string
  /** The last sequence on each subject of ours, as the leader has told since the connection stands. */
  readonly #last = new Map<string, number>()
  /** The same as reading the stream has told: fine to begin with, proof of nothing. */
  readonly #hints = new Map<string, number>()
  #epoch: number

  constructor(connection: Connection, stream: string) {
    this.#connection = connection
    this.#stream = stream
    this.#epoch = connection.epoch
  }

  /** Asks for the last message on a subject of ours, as it must be before anything is put there. */
  async probe(subject: string, signal: AbortSignal): Promise<LastMessage | undefined> {
    const last = await lastOn(this.#connection, this.#stream, subject, signal)
    this.#last.set(subject, last?.sequence ?? 0)
    return last
  }

  /** Tells what reading the stream has shown; 0 when there is no message of ours. */
  hint(subject: string, sequence: number): void {
    if (!this.#last.has(subject)) this.#hints.set(subject, sequence)
  }

  /** What is known of a subject may be wrong from now on. */
  forget(): void {
    this.#last.clear()
  }

  /**
   * Stores a message; gives back where. Rejects with `remote-interrupted` when somebody else has written on
   * this subject: read first what it was.
   */
  async publish(subject: string, message: Outgoing, signal: AbortSignal): Promise<Published> {
    if (this.#epoch !== this.#connection.epoch) {
      this.#epoch = this.#connection.epoch
      this.forget()
    }
    try {
      return await this.#publish(subject, message, signal)
    } catch (error) {
      // Whatever was known of the subject is not known any more.
      this.#last.delete(subject)
      throw error
    }
  }

  async #publish(subject: string, message: Outgoing, signal: AbortSignal): Promise<Published> {
    const hint = this.#hints.get(subject)
    this.#hints.delete(subject)
    if (hint !== undefined && !this.#last.has(subject)) this.#last.set(subject, hint)
    if (!this.#last.has(subject)) {
      const last = await this.probe(subject, signal)
      // What a lost acknowledgement was for is there already.
      if (last !== undefined && last.id.startsWith(`${message.id}:`)) return last
    }
    for (let attempt = 1; ; attempt += 1) {
      const expected = this.#last.get(subject)!
      const id = `${message.id}:${nuid.next()}`
      const outcome = await this.#attempt({ subject, message, expected, id }, signal)
      if (typeof outcome === "number") {
        this.#last.set(subject, outcome)
        return { sequence: outcome, id }
      }
      const last = await this.probe(subject, signal)
      if (last?.id === id) return last
      // Less than was expected means that the stream has forgotten something.
      if ((last?.sequence ?? 0) > expected) {
        if (last !== undefined && last.id.startsWith(`${message.id}:`)) return last
        const { where } = this.#connection
        throw interrupted(where, `something else was published as this node on ${subject}`, outcome)
      }
      // A server that was silent once is asked again by the next meeting, not at once.
      const isSilent = outcome instanceof LamplogError && outcome.code === "remote-timeout"
      if (isSilent || attempt >= attemptsMax) throw outcome
    }
  }

  /** The sequence that was acknowledged, or why nothing is known. */
  async #attempt(
    { subject, message, expected, id }: Attempt,
    signal: AbortSignal,
  ): Promise<number | Error> {
    const { where } = this.#connection
    const found = headers()
    for (const name of message.headers.keys()) found.set(name, message.headers.get(name))
    found.set(idHeader, id)
    let ack: PubAck
    try {
      ack = await this.#connection.attempt(signal, ({ stream }) =>
        stream.publish(subject, message.data, {
          headers: found,
          expect: { streamName: this.#stream, lastSubjectSequence: expected },
        }),
      )
    } catch (error) {
      signal.throwIfAborted()
      const failure = mapFailure(error, where, "publishing")
      const unknown =
        apiCodeOf(error) === apiCodes.wrongLastSequence || failure.code === "remote-timeout"
      // After a loss of the connection one cannot ask; the next meeting looks.
      if (unknown && this.#connection.isUp) return failure
      throw failure
    }
    if (ack.duplicate || ack.seq === 0) {
      return interrupted(where, "the server took a message for one that it does not have")
    }
    return ack.seq
  }
}
