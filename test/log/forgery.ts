/**
 * Random logs by key holders who follow the format and nothing else: they name any parents, write one
 * thing twice, fork where they like, inside transactions too, and use kinds that nobody knows.
 *
 * Whatever they write, replicas that hold it agree, and the state is what the rules make of it.
 */
import type { Json } from "../../src/event/canonical.ts"
import type { Reference } from "../../src/event/stamp.ts"
import type { Replica } from "../../src/store/replica.ts"
import { same } from "../simulation/broken.ts"
import { checkReplica } from "../simulation/properties.ts"
import { Random } from "../simulation/random.ts"
import { stateOf, World } from "../simulation/world.ts"
import type { Member } from "../simulation/world.ts"
import { randomContent } from "../state/history.ts"
import { ForgedLog, receive } from "./forge.ts"
import type { Carried } from "./forge.ts"

interface Written {
  readonly reference: Reference
  readonly lamport: number
  readonly type: string
  readonly id: string
  readonly transaction: readonly [index: number, count: number] | undefined
  /** Highest lamport that a parent of its transaction may have. */
  readonly height: number
}

/** One branch, with what it shares with others before it. */
interface Branch {
  readonly log: ForgedLog
  readonly shared: ReadonlyArray<Written>
  readonly own: Array<Written>
}

const types = ["thing", "thing", "thing", "note", "lamp", "ufo"]
const operations = ["put", "patch", "patch", "patch", "delete", "resolve", "rename"]

export class Forgery {
  readonly branches: Array<Branch> = []
  readonly #random: Random
  readonly #events: Array<Written> = []

  constructor(random: Random) {
    this.#random = random
    const authors = random.between(2, 4)
    for (let author = 0; author < authors; author++) {
      this.branches.push({ log: new ForgedLog(`author ${author}`), shared: [], own: [] })
    }
    for (let steps = random.between(3, 14); steps > 0; steps--) {
      if (random.chance(0.15)) this.#fork()
      else this.#write(random.pick(this.branches), 0, random.pick([1, 1, 1, 2, 3]))
    }
  }

  /** Parents of an entity with a lamport up to some height: any events, not only heads. */
  #parents(type: string, id: string, height: number): ReadonlyArray<Written> {
    const known = this.#events.filter(
      (event) => event.type === type && event.id === id && event.lamport <= height,
    )
    const recent = this.#random.chance(0.7) ? known.slice(-2) : known
    return this.#random.some(recent, 0.6)
  }

  /** Writes the members of a transaction from `first` on; `begun` is the one before, if any. */
  #write(branch: Branch, first: number, count: number, begun?: Written): void {
    const random = this.#random
    const before = [...branch.shared, ...branch.own]
    const used = new Set(
      first === 0 ? [] : before.slice(-first).map(({ type, id }) => `${type}/${id}`),
    )
    let lamport = begun?.lamport
    let height = begun?.height ?? Infinity
    for (let index = first; index < count; index++) {
      let [type, id] = [random.pick(types), random.pick(["a", "b"])]
      while (used.has(`${type}/${id}`)) [type, id] = [random.pick(types), `${id}'`]
      used.add(`${type}/${id}`)
      const parents = this.#parents(type, id, height)
      let anchor: Written | undefined
      if (lamport === undefined) {
        const previous = before.at(-1)?.lamport ?? 0
        const base = Math.max(previous, ...parents.map((parent) => parent.lamport))
        const above = this.#events.filter((event) => event.lamport > base)
        anchor = above.length > 0 && random.chance(0.4) ? random.pick(above) : undefined
        lamport = 1 + (anchor?.lamport ?? base)
        height = base
      }
      const transaction = count === 1 ? undefined : ([index, count] as const)
      const op = random.pick(operations)
      const content = op === "delete" && random.chance(0.8) ? {} : randomContent(random)
      const kind = random.pick([1, 1, 1, 2])
      const reference = branch.log.add({
        type,
        id,
        op,
        lamport,
        parents: parents.map((parent) => parent.reference).sort(byReference),
        ...(anchor === undefined ? {} : { anchor: anchor.reference }),
        ...(transaction === undefined ? {} : { transaction }),
        body: { kind, ...(content as { [key: string]: Json }) },
      })
      const written = { reference, lamport, type, id, transaction, height }
      branch.own.push(written)
      this.#events.push(written)
    }
  }

  /** Goes on from any event of a log in another way; what has begun is finished. */
  #fork(): void {
    const random = this.#random
    const from = random.pick(this.branches)
    const events = random.below(from.own.length + 1)
    const shared = [...from.shared, ...from.own.slice(0, events)]
    const branch: Branch = { log: from.log.branch(events), shared, own: [] }
    const last = shared.at(-1)
    const [index, count] = last?.transaction ?? [0, 1]
    if (index + 1 < count) this.#write(branch, index + 1, count, last!)
    else this.#write(branch, 0, random.pick([1, 2]))
    this.branches.push(branch)
  }

  /** The logs in an order in which a branch comes after what it parts from. */
  logs(random: Random): ReadonlyArray<Carried> {
    const waiting = random.shuffle(this.branches.filter(({ own }) => own.length > 0))
    const ordered: Array<Carried> = []
    const known = new Set<string>()
    while (waiting.length > 0) {
      const next = waiting.findIndex(({ shared }) =>
        shared.every(({ reference }) => known.has(reference.hash)),
      )
      for (const { log, own } of waiting.splice(next, 1)) {
        ordered.push(log)
        for (const { reference } of own) known.add(reference.hash)
      }
    }
    return ordered
  }

  /** The same logs cut after a lamport, which leaves whole transactions. */
  early(logs: ReadonlyArray<Carried>, limit: number): ReadonlyArray<Carried> {
    return logs.flatMap((log) => {
      const { own } = this.branches.find((branch) => branch.log === log)!
      const lines = log.lines.slice(0, own.filter(({ lamport }) => lamport <= limit).length)
      return lines.length === 0 ? [] : [(log as ForgedLog).altered({ lines })]
    })
  }

  get top(): number {
    return Math.max(...this.#events.map(({ lamport }) => lamport))
  }
}

const byReference = (left: Reference, right: Reference): number =>
  left.node !== right.node
    ? left.node < right.node
      ? -1
      : 1
    : left.seq - right.seq || (left.hash < right.hash ? -1 : 1)

/** Makes random logs, hands them over in several ways, and throws what does not hold. */
export const runForgery = (seed: number): void => {
  const random = new Random(seed)
  const forgery = new Forgery(random)
  const world = new World(seed, [2, 2, 1])
  try {
    const [at, other, young] = world.members as [Member, Member, Member]
    receive(at.replica, forgery.logs(random))
    const logs = forgery.logs(random)
    for (let part = 0; part < 3; part++) {
      receive(other.replica, forgery.early(logs, random.between(1, forgery.top)))
    }
    receive(other.replica, forgery.logs(random))
    same("the same, whatever came first", stateOf(other.replica), stateOf(at.replica), "in parts")
    checkReplica(at, new Set(), true)
    receive(young.replica, forgery.logs(random))
    checkReplica(young, new Set(), true)
    world.upgrade(young)
    same("the same after an upgrade", stateOf(young.replica), stateOf(at.replica), "upgraded")
    replayInPieces(world.newcomer(2), at.replica, forgery, random)
  } finally {
    world.close()
  }
}

/** Each log by itself, as often as it takes until nothing is missing any more. */
const replayInPieces = (
  { replica }: Member,
  expected: Replica,
  forgery: Forgery,
  random: Random,
): void => {
  try {
    for (let limit = 1; limit <= forgery.top; limit++) {
      for (const log of forgery.early(forgery.logs(random), limit)) receive(replica, [log])
    }
    same("the same, log by log", stateOf(replica), stateOf(expected), "in pieces")
  } finally {
    replica.close()
  }
}
