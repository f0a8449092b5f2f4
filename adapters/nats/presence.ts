/**
 * Who is there: beacons, never stored, never used for what is right.
 *
 * Everybody who watches says from time to time that they are there and what they hold, more rarely the more they are.
 * Who was not heard of for three of their own intervals has gone; who leaves says so. Only the local monotonic clock
 * counts.
 */
import { hash } from "node:crypto"
import { frontierFromJson, isIdentifier } from "../../src/remote.ts"
import type { Frontier, Presence } from "../../src/remote.ts"

/** Shortest interval between two beacons. */
const everyMillisMin = 5000
/** With so many who are there, each speaks so many times less often. */
const peersPerSecond = 20
const beaconsMissedMax = 3
const everyMillisMax = 600_000
const peersMax = 1000
/** Longer frontiers are only told by their digest. */
const frontierBytesMax = 16 * 1024
const nameLengthMax = 100

export interface Beacon {
  readonly node: string
  readonly name: string | undefined
  /** Of the frontier. */
  readonly digest: string
  readonly frontier: Frontier | undefined
  readonly everyMillis: number
  readonly isLeaving: boolean
  /** What they hold cannot be stored now: ask them. */
  readonly isUrgent: boolean
}

export const digestOf = (frontier: Frontier): string =>
  hash(
    "sha256",
    Object.entries(frontier)
      .map(([log, head]) => `${log}:${head.seq}:${head.hash}`)
      .sort()
      .join("\n"),
  ).slice(0, 32)

export const beaconText = (beacon: Omit<Beacon, "digest"> & { readonly frontier: Frontier }) => {
  const { node, name, frontier, everyMillis, isLeaving, isUrgent } = beacon
  const digest = digestOf(frontier)
  const said = { bye: isLeaving, urgent: isUrgent }
  const base = { v: 1, node, name, digest, every: everyMillis, ...said }
  const held = JSON.stringify(frontier)
  return JSON.stringify(held.length > frontierBytesMax ? base : { ...base, frontier })
}

/** Reads a beacon; undefined when it is none. */
export const beaconFrom = (text: string): Beacon | undefined => {
  try {
    const value = JSON.parse(text) as { readonly [key: string]: unknown }
    const { v, node, name, digest, every, bye, urgent, frontier } = value
    if (v !== 1 || !isIdentifier(node) || !/^[0-9a-f]{32}$/.test(String(digest))) return undefined
    if (typeof every !== "number" || !(every >= 0 && every <= everyMillisMax)) return undefined
    return {
      node,
      name: typeof name === "string" ? name.slice(0, nameLengthMax) : undefined,
      digest: String(digest),
      frontier: frontierFromJson(frontier as never),
      everyMillis: Math.max(every, everyMillisMin),
      isLeaving: bye === true,
      isUrgent: urgent === true,
    }
  } catch {
    return undefined
  }
}

interface Known {
  readonly beacon: Beacon
  readonly heardAt: number
}

export class Presences {
  readonly #known = new Map<string, Known>()
  readonly #now: () => number

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Hears a beacon; tells whether what they hold has changed. */
  hear(beacon: Beacon): boolean {
    this.#forget()
    if (beacon.isLeaving) {
      this.#known.delete(beacon.node)
      return false
    }
    const before = this.#known.get(beacon.node)
    if (before === undefined && this.#known.size >= peersMax) return false
    this.#known.set(beacon.node, { beacon, heardAt: this.#now() })
    return before?.beacon.digest !== beacon.digest
  }

  #forget(): void {
    const now = this.#now()
    for (const [node, { beacon, heardAt }] of this.#known) {
      if (now - heardAt > beaconsMissedMax * beacon.everyMillis) this.#known.delete(node)
    }
  }

  list(): ReadonlyArray<Presence> {
    this.#forget()
    return [...this.#known.values()]
      .map(({ beacon: { node, name, frontier } }) => ({ node, name, frontier }))
      .sort((left, right) => (left.node < right.node ? -1 : 1))
  }

  /** How long to wait between two beacons of our own; `random` is from 0 up to 1. */
  everyMillis(random: number): number {
    const base = Math.max(everyMillisMin, (this.#known.size / peersPerSecond) * 1000)
    return Math.round(base * (0.8 + 0.4 * random))
  }
}
