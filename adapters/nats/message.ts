/**
 * Segments as messages, and back: cut when they are longer than a server takes, put together again in bounded memory.
 *
 * The body is the encoded segment, or a part of it. Headers say what it is, so that one can look at a message without
 * unpacking it; none of them is believed once there is a body to look at.
 */
import { hash } from "node:crypto"
import { headers } from "@nats-io/transport-node"
import type { MsgHdrs } from "@nats-io/transport-node"
import {
  decodeSegment,
  encodedBytesMax,
  isHash,
  LamplogError,
  type Segment,
} from "../../src/remote.ts"
import type { Run } from "./ledger.ts"
import { logOfSubject } from "./subjects.ts"

/** Version, node, from, to, previous, head, of the segment. */
export const runHeader = "Lamplog-Run"
/** Index, count, bytes and SHA-256 of the whole, of a part. */
export const partHeader = "Lamplog-Part"
export const idHeader = "Nats-Msg-Id"

/** Largest body that is sent, whatever the server would take. */
export const bodyBytesMax = 1024 * 1024
/** Smallest one that makes sense. */
export const bodyBytesMin = 1024
const partsMax = 1 + Math.ceil(encodedBytesMax / bodyBytesMin)
/** Unfinished segments kept at once. */
const unfinishedMax = 4
/** Messages after which an unfinished segment is given up: its publisher sends it again. */
const unfinishedAgeMax = 4096

/** A message of the stream. */
export interface Stored {
  readonly sequence: number
  readonly subject: string
  readonly id: string
  readonly headers: MsgHdrs | undefined
  readonly data: Uint8Array
}

export interface Outgoing {
  readonly headers: MsgHdrs
  readonly data: Uint8Array
  /** The same for the same bytes; a nonce makes an attempt of its own of it. */
  readonly id: string
}

const runText = ({ node, from, to, previous, head }: Run): string =>
  ["v1", node, from, to, previous, head].join(" ")

/** The run that a message's headers name. */
export const runOfHeaders = (found: MsgHdrs | undefined): Run | undefined => {
  const match =
    /^v1 ([a-z2-7]{26}) ([0-9]{1,16}) ([0-9]{1,16}) ([0-9a-f]{64}) ([0-9a-f]{64})$/.exec(
      found?.get(runHeader) ?? "",
    )
  if (match === null) return undefined
  const [node, from, to, previous, head] = match.slice(1) as [
    string,
    string,
    string,
    string,
    string,
  ]
  return { node, from: Number(from), to: Number(to), previous, head }
}

/** The messages for a segment, none with a body longer than `bytesMax`. */
export const messagesOf = (
  run: Run,
  encoded: Uint8Array,
  bytesMax: number,
): ReadonlyArray<Outgoing> => {
  const size = Math.max(bodyBytesMin, Math.min(bytesMax, bodyBytesMax))
  const count = Math.max(1, Math.ceil(encoded.length / size))
  const whole = hash("sha256", encoded)
  const name = `${run.node}:${run.from}-${run.to}:${whole.slice(0, 32)}`
  return Array.from({ length: count }, (_, index) => {
    const found = headers()
    found.set(runHeader, runText(run))
    if (count > 1) found.set(partHeader, [index, count, encoded.length, whole].join(" "))
    const data = encoded.subarray(index * size, (index + 1) * size)
    return { headers: found, data, id: count === 1 ? name : `${name}:${index}/${count}` }
  })
}

interface Part {
  readonly index: number
  readonly count: number
  readonly size: number
  readonly whole: string
}

const partOf = (found: MsgHdrs | undefined): Part | "none" | "nonsense" => {
  const text = found?.get(partHeader) ?? ""
  if (text === "") return "none"
  const [index, count, size, whole, ...more] = text.split(" ")
  const part = {
    index: Number(index),
    count: Number(count),
    size: Number(size),
    whole: whole ?? "",
  }
  const sound =
    Number.isSafeInteger(part.index) &&
    part.index >= 0 &&
    Number.isSafeInteger(part.count) &&
    part.count > 1 &&
    part.count <= partsMax &&
    part.index < part.count &&
    Number.isSafeInteger(part.size) &&
    part.size > 0 &&
    part.size <= encodedBytesMax &&
    isHash(part.whole) &&
    more.length === 0
  return sound ? part : "nonsense"
}

interface Unfinished {
  readonly subject: string
  readonly whole: string
  readonly size: number
  readonly count: number
  readonly first: number
  readonly parts: Array<Uint8Array>
  bytes: number
}

/** A segment that arrived, and the lowest place in the stream that it rests on. */
export interface Arrived {
  readonly segment: Segment
  readonly lowest: number
}

/** Puts parts together. Messages must come in the order of the stream. */
export class Assembly {
  readonly #unfinished = new Map<string, Unfinished>()
  /** Messages that were none of ours, or broken. */
  strangers = 0

  /** Whether nothing is unfinished: what was read so far need not be read again. */
  get isSettled(): boolean {
    return this.#unfinished.size === 0
  }

  /** Takes a message; gives back a segment once it is whole. Never throws. */
  take(message: Stored, where: string): Arrived | undefined {
    const { subject, sequence, data } = message
    for (const [name, { first }] of this.#unfinished) {
      if (sequence - first > unfinishedAgeMax) this.#unfinished.delete(name)
    }
    const log = logOfSubject(subject)
    const part = partOf(message.headers)
    if (log === undefined || part === "nonsense") return this.#stranger()
    if (part === "none") {
      // Publishers send one thing after the other: what they had begun, they gave up.
      this.#unfinished.delete(subject)
      return this.#decoded(data, sequence, log.node, where)
    }
    const unfinished = this.#joined(message, part)
    if (unfinished === undefined) return undefined
    if (unfinished.parts.length < unfinished.count) return undefined
    this.#unfinished.delete(subject)
    const whole = Buffer.concat(unfinished.parts)
    if (whole.length !== part.size || hash("sha256", whole) !== part.whole) return this.#stranger()
    return this.#decoded(whole, unfinished.first, log.node, where)
  }

  #joined({ subject, sequence, data }: Stored, part: Part): Unfinished | undefined {
    let unfinished = this.#unfinished.get(subject)
    const { index, count, size, whole } = part
    if (unfinished?.whole !== whole || unfinished.count !== count || index === 0) {
      this.#unfinished.delete(subject)
      if (index > 0) return undefined
      unfinished = { subject, whole, size, count, first: sequence, parts: [], bytes: 0 }
      if (this.#unfinished.size >= unfinishedMax) {
        this.#unfinished.delete(this.#unfinished.keys().next().value!)
      }
      this.#unfinished.set(subject, unfinished)
    }
    // One that came again is known; one that was left out ends it.
    if (index < unfinished.parts.length) return undefined
    if (index > unfinished.parts.length || unfinished.bytes + data.length > size) {
      this.#unfinished.delete(subject)
      return this.#stranger()
    }
    unfinished.parts.push(data)
    unfinished.bytes += data.length
    return unfinished
  }

  #decoded(bytes: Uint8Array, lowest: number, node: string, where: string): Arrived | undefined {
    try {
      const segment = decodeSegment(bytes, where)
      return segment.node === node ? { segment, lowest } : this.#stranger()
    } catch (error) {
      if (error instanceof LamplogError) return this.#stranger()
      throw error
    }
  }

  #stranger(): undefined {
    this.strangers += 1
    return undefined
  }
}
