/**
 * What this adapter remembers of a project while it is open: how far its stream was read, and what it is said to hold.
 * All of it can be told again from the stream and the bucket; the part that saves reading goes into the cursor.
 */
import { hash } from "node:crypto"
import type { Frontier } from "../../src/remote.ts"
import { cursorFrom, cursorText } from "./cursor.ts"
import type { BucketSeen, Place } from "./cursor.ts"
import { Ledger } from "./ledger.ts"
import type { StreamState } from "./probe.ts"

/** Between two times of reading a stream again for what was handed over and is not held. */
const rereadMillis = 60_000

export class Memory {
  ledger = new Ledger()
  place: Place | undefined
  bucket: BucketSeen | undefined
  /** By node, the last message with something of its log that was published as this node. */
  own = new Map<string, number>()
  /** The last sequence of the stream when everything before it had been read. */
  readUpTo = 0
  /** Further messages whose heads are in the ledger, and which were not handed over. */
  lookedUpTo = 0
  /** The connection's epoch in which the place was last known to be right. */
  epoch = -1
  /** When the stream was made that is known to tell what its project is. */
  described: string | undefined
  /** Whether it was told that messages of others lie in the stream. */
  warned = false
  #saved: string | undefined
  #isTrusted = true
  #reread: { readonly since: string; readonly at: number } | undefined

  /** Goes on from the replica's own cursor, unless it is the one given to it last. */
  resume(text: string | undefined): void {
    if (this.#isTrusted && text === this.#saved) return
    this.#isTrusted = true
    const cursor = cursorFrom(text)
    this.ledger = cursor?.ledger ?? new Ledger()
    this.place = cursor?.place
    this.bucket = cursor?.bucket
    this.own = new Map(cursor?.own)
    this.readUpTo = 0
    this.lookedUpTo = 0
    this.epoch = -1
    this.#saved = text
  }

  /** Begins with a stream of which nothing is known. */
  restart({ created, first, holes }: StreamState): void {
    this.ledger = new Ledger()
    this.place = { created, sequence: Math.max(0, first - 1), messageId: "", bytes: 0, holes }
    this.bucket = undefined
    this.own = new Map()
    this.readUpTo = 0
    this.lookedUpTo = 0
  }

  get frontier(): Frontier {
    return this.ledger.frontier(this.heldInBucket)
  }

  get heldInBucket(): Frontier {
    return this.bucket?.frontier ?? {}
  }

  /** The cursor as it is now, to be kept with the next batch. */
  text(): string {
    const { place, ledger, bucket, own } = this
    return cursorText({ place: place!, ledger, bucket, own })
  }

  /** Whether the replica keeps another cursor than would be right now. */
  get isUnsaved(): boolean {
    return this.place !== undefined && this.#saved !== this.text()
  }

  /** Something that was read may not have been taken: the next time the replica's own cursor counts. */
  distrust(): void {
    this.#isTrusted = false
  }

  saved(text: string): void {
    this.#saved = text
  }

  /** Whether to read again what `since` should have and has not; not over and over. */
  mayReread(since: Frontier): boolean {
    const digest = hash("sha256", JSON.stringify(since))
    const now = performance.now()
    const last = this.#reread
    if (last !== undefined && (last.since === digest || now - last.at < rereadMillis)) return false
    this.#reread = { since: digest, at: now }
    return true
  }

  /** A message was published as this node; the latest is the last. */
  published(node: string, sequence: number): void {
    this.own.delete(node)
    this.own.set(node, sequence)
  }

  /** A message of our own was stored here: nothing else came before it, it need not be read. */
  advance(sequence: number, messageId: string, bytes: number): void {
    if (this.place === undefined || sequence !== this.readUpTo + 1) return
    if (this.place.sequence === this.readUpTo) {
      this.place = { ...this.place, sequence, messageId, bytes }
    }
    this.readUpTo = sequence
  }
}
