/**
 * Random histories of a project of members, and their delivery to replicas in any order and portions.
 */
import { sha256 } from "../../src/event/hash.ts"
import { LamplogError } from "../../src/event/failure.ts"
import type { Position } from "../../src/event/stamp.ts"
import { admissionOf, provesFounder } from "../../src/store/admission.ts"
import { attempt } from "../../src/store/attempt.ts"
import { Receiver } from "../../src/store/receive.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Random } from "../simulation/random.ts"
import { founderName, MemberLog } from "./logs.ts"

/** What is tried again when more has come. */
const waits = new Set(["history-missing", "not-admitted"])

const people = [founderName, "bob", "cy", "dan", "eve", "mal"]

/** What people wrote: random edits, admissions and retirements, rightly or not, forks and transactions. */
export class History {
  readonly logs: Array<MemberLog> = []
  readonly #events: Array<Position & { readonly id: string }> = []
  readonly #named = new Set([founderName])
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
    for (const name of people) this.logs.push(new MemberLog(name))
    this.logs[0]!.found()
    // Enough of them have a good chance to count.
    for (const name of ["bob", "cy"]) if (random.chance(0.8)) this.#admit(this.logs[0]!, name)
    for (let steps = random.between(10, 50); steps > 0; steps--) this.#step()
  }

  /** Events of those whom anybody has named: nobody could have seen the others'. */
  get #seen(): ReadonlyArray<Position> {
    return this.logs.flatMap(({ events, name }) => (this.#named.has(name) ? events : []))
  }

  #step(): void {
    const random = this.#random
    const log = random.pick(this.logs)
    const anchor = random.chance(0.4) ? this.#anchor() : undefined
    const kind = random.next()
    if (kind < 0.55) this.#edit(log, anchor)
    else if (kind < 0.62) this.#transaction(log)
    else if (kind < 0.75) this.#admit(log, random.pick(people), anchor)
    else if (kind < 0.88) this.#retire(log, anchor)
    else if (kind < 0.9) log.leave()
    else if (log.lines.length > 0) this.#fork(log)
  }

  #admit(log: MemberLog, name: string, anchor?: Position): void {
    log.admit(name, anchor)
    if (this.#named.has(log.name)) this.#named.add(name)
  }

  #anchor(): Position {
    return this.#random.pick(this.#seen)
  }

  #parents(id: string): ReadonlyArray<Position> {
    const seen = new Set(this.#seen.map(({ hash }) => hash))
    const known = this.#events.filter((event) => event.id === id && seen.has(event.hash))
    return this.#random.some(known.slice(-2), 0.7)
  }

  #edit(log: MemberLog, anchor: Position | undefined): void {
    const id = this.#random.pick(["a", "b", "c"])
    const claim = { parents: this.#parents(id), ...(anchor === undefined ? {} : { anchor }) }
    const fields = { [this.#random.pick(["x", "y"])]: this.#random.below(5) }
    this.#events.push({ ...log.edit(id, fields, claim), id })
  }

  #transaction(log: MemberLog): void {
    const first = log.edit("a", { t: this.#random.below(9) }, { transaction: [0, 2] })
    // Some forks part inside of it.
    const branch = this.#random.chance(0.2) ? log.branch(log.lines.length) : undefined
    const rest = { transaction: [1, 2] as const, lamport: first.lamport }
    log.edit("b", { t: this.#random.below(9) }, rest)
    this.#events.push({ ...first, id: "a" })
    if (branch === undefined) return
    branch.edit("c", { t: 10 + this.#random.below(9) }, rest)
    this.logs.push(branch)
  }

  #retire(log: MemberLog, anchor: Position | undefined): void {
    const random = this.#random
    const others = this.#seen.filter(({ node }) => node !== log.node)
    if (others.length === 0) return
    const cut = random.pick(others)
    const invented = random.chance(0.1) ? { ...cut, hash: sha256(cut.hash) } : cut
    log.retire(invented, anchor)
  }

  #fork(log: MemberLog): void {
    // Never inside a transaction: that is done where one is written.
    const places = [...(log.from === 1 ? [0] : []), ...log.ends.slice(0, -1)]
    if (places.length === 0) return
    const branch = log.branch(this.#random.pick(places))
    branch.edit("a", { forked: this.#random.below(99) })
    this.logs.push(branch)
  }
}

/** Hands over one history piece by piece; what cannot be taken yet is tried again later. */
export class Delivery {
  readonly #replica: Replica
  readonly #random: Random
  /** Events taken of each log. */
  readonly #taken = new Map<MemberLog, number>()

  constructor(replica: Replica, random: Random) {
    this.#replica = replica
    this.#random = random
  }

  /** Until nothing more can be taken. */
  run(logs: ReadonlyArray<MemberLog>): void {
    for (let progress = true; progress;) {
      progress = false
      for (const log of this.#random.shuffle([...logs])) {
        while (this.#portion(log)) {
          progress = true
          if (this.#random.chance(0.4)) break
        }
      }
    }
  }

  /** One or more transactions of a log, or several logs in one exchange. */
  #portion(log: MemberLog): boolean {
    const taken = this.#taken.get(log) ?? 0
    const ends = log.ends.filter((end) => end > taken)
    if (ends.length === 0) return false
    // All of it at once, or as much as there is before something that is missing.
    for (const end of [this.#random.pick(ends), ends[0]!]) {
      if (!this.#take(log, taken, end)) continue
      this.#taken.set(log, end)
      return true
    }
    return false
  }

  #take(log: MemberLog, first: number, end: number): boolean {
    const replica = this.#replica
    const { lines, signature, ...start } = log.run(first, end)
    const known = admissionOf(replica, log.node) !== "unknown"
    if (!known && !(start.from === 1 && provesFounder(replica, start.publicKey, lines[0]!))) {
      // Whoever does not ask before is refused.
      if (this.#random.chance(0.8)) return false
    }
    try {
      replica.transaction(() =>
        attempt(replica, () => {
          const receiver = new Receiver(replica)
          receiver.begin(start)
          for (const line of lines) receiver.line(line, log.name)
          receiver.end(signature)
          receiver.finish()
        }),
      )
      if (!known && start.from > 1) throw new Error(`${log.name} was taken without being known`)
      return true
    } catch (error) {
      if (!(error instanceof LamplogError) || !waits.has(error.code)) throw error
      return false
    }
  }
}
