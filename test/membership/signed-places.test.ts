/**
 * Signatures along the logs of a project of members: where they are, how few of them there are, and that
 * whoever hands a long log on sends nothing that has to wait.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { verifyReplica } from "../../src/audit/verify.ts"
import { sha256 } from "../../src/event/hash.ts"
import type { Head } from "../../src/log/frontier.ts"
import { Author } from "../../src/store/author.ts"
import { foundingDraft } from "../../src/store/control.ts"
import { newFounding } from "../../src/store/create.ts"
import type { Founding } from "../../src/store/create.ts"
import type { Replica } from "../../src/store/replica.ts"
import { strideBytes, strideEvents } from "../../src/store/signatures.ts"
import { waitingSummary } from "../../src/store/waiting.ts"
import { outgoing } from "../../src/sync/outgoing.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import { Random } from "../simulation/random.ts"
import { Shelf } from "../store/replicas.ts"

const actor = { actor: "ana" }

let shelf: Shelf
let founding: Founding
beforeEach(() => {
  shelf = new Shelf()
  founding = newFounding()
})
afterEach(() => shelf.remove())

const create = (name: string, seed = sha256(name)): Replica =>
  shelf.create(name, {
    project: founding.project,
    seed,
    schema: "open",
    stateDirectory: shelf.path(`state of ${name}`),
  })

const founder = (): Replica => {
  const replica = create("founder", founding.seed)
  new Author(replica).control(foundingDraft(replica.node, founding.nonce, "ana", actor))
  return replica
}

const put = (replica: Replica, id: string, value: string): void => {
  new Author(replica).write([{ op: "put", type: "thing", id, fields: { value } }], actor)
}

/** One transaction of so many. */
const putMany = (replica: Replica, round: number, count: number): void => {
  const changes = Array.from({ length: count }, (_, at) => ({
    op: "put" as const,
    type: "thing",
    id: `${round} ${at}`,
    fields: { value: at },
  }))
  new Author(replica).write(changes, actor)
}

const placesOf = ({ sqlite }: Replica, line = 1): ReadonlyArray<number> =>
  sqlite
    .prepare<[number], number>("SELECT seq FROM signatures WHERE line = ? ORDER BY seq")
    .pluck()
    .all(line)

const bytesBetween = ({ sqlite }: Replica, from: number, to: number): number =>
  sqlite
    .prepare<[number, number], number>(
      "SELECT sum(octet_length(header) + octet_length(body)) FROM events WHERE event > ? AND event <= ?",
    )
    .pluck()
    .get(2 ** 32 + from, 2 ** 32 + to)!

/** Of any three neighbours the outer two are apart. */
const expectFew = (replica: Replica): void => {
  const places = placesOf(replica)
  for (const [at, from] of places.slice(0, -2).entries()) {
    const to = places[at + 2]!
    const areApart = to - from >= strideEvents || bytesBetween(replica, from, to) >= strideBytes
    expect(areApart, `${from} to ${to}`).toBe(true)
  }
  expect(places.at(-1)).toBe(replica.lines.get(1).headSeq)
}

interface CaughtUp {
  readonly batches: number
  readonly segments: ReadonlyArray<Segment>
  /** Bytes that waited after some batch, at most. */
  readonly waited: number
}

const catchUp = (from: Replica, to: Replica, since: Record<string, Head> = {}): CaughtUp => {
  let batches = 0
  let waited = 0
  const segments: Array<Segment> = []
  for (const batch of outgoing(from, since)) {
    batches += 1
    segments.push(...batch)
    expect(takeBatch(to, batch).refused).toEqual([])
    waited = Math.max(waited, waitingSummary(to).bytes)
  }
  expect(to.lines.frontier()).toEqual(from.lines.frontier())
  expect(to.digest()).toBe(from.digest())
  return { batches, segments, waited }
}

describe("a log of a project of members", () => {
  it("is signed after every commit, and keeps few of those signatures", () => {
    const ana = founder()
    for (let round = 0; round < 200; round++) putMany(ana, round, 6)
    expectFew(ana)
    expect(placesOf(ana).length).toBeLessThanOrEqual(1201 / strideEvents + 1)
    expect(placesOf(ana).length).toBeGreaterThanOrEqual(3)
    expect(verifyReplica(ana).checked.signatures).toBe(placesOf(ana).length)
  })

  it("keeps them nearer to each other where events are large", () => {
    const ana = founder()
    const value = "x".repeat(200_000)
    for (let at = 0; at < 20; at++) put(ana, `t${at}`, value + at)
    expectFew(ana)
    expect(placesOf(ana).length).toBeGreaterThanOrEqual(4)
    expect(placesOf(ana).length).toBeLessThanOrEqual(5)
  })

  it("is signed along a long commit, at the ends of transactions", () => {
    const ana = founder()
    ana.transaction(() => {
      for (let round = 0; round < 300; round++) putMany(ana, round, 7)
    })
    expectFew(ana)
    const places = placesOf(ana)
    expect(places.length).toBeGreaterThanOrEqual(4)
    for (const seq of places) expect((seq - 1) % 7).toBe(0)
    for (const [at, seq] of places.slice(1).entries()) {
      expect(seq - places[at]!).toBeLessThan(strideEvents + 7)
    }
    expect(verifyReplica(ana).ok).toBe(true)
  })

  it("that has a wrong signature somewhere along it is a finding", () => {
    const ana = founder()
    ana.transaction(() => {
      for (let round = 0; round < 160; round++) putMany(ana, round, 7)
    })
    const [, middle, other] = placesOf(ana)
    ana.sqlite
      .prepare(
        `UPDATE signatures SET signature = (SELECT signature FROM signatures WHERE seq = ?) WHERE seq = ?`,
      )
      .run(other, middle)
    const { findings, ok } = verifyReplica(ana)
    expect(ok).toBe(false)
    expect(findings).toMatchObject([{ code: "log-signature" }])
    expect(findings[0]!.where).toContain(`signature of event ${middle}`)
  })
})

describe("catching up with a project of members", () => {
  it("takes every batch of a long log when it comes, also from somebody who is not its author", () => {
    const ana = founder()
    const value = "x".repeat(60_000)
    const author = new Author(ana)
    ana.transaction(() => {
      for (let at = 0; at < 300; at++) {
        author.write([{ op: "put", type: "thing", id: `t${at}`, fields: { value } }], actor)
      }
    })
    const relay = create("relay")
    const first = catchUp(ana, relay)
    expect(first.batches).toBeGreaterThanOrEqual(4)
    expect(first.waited).toBe(0)
    let from = relay
    for (const name of ["second", "third"]) {
      const next = create(name)
      const { batches, segments, waited } = catchUp(from, next)
      expect(batches).toBeGreaterThanOrEqual(4)
      expect(segments.every(({ signature }) => signature !== undefined)).toBe(true)
      expect(waited).toBe(0)
      from = next
    }
  })

  it("knows where a log may be cut, also when it came all at once", () => {
    const ana = founder()
    const value = "x".repeat(60_000)
    for (let at = 0; at < 200; at++) put(ana, `t${at}`, value)
    const relay = create("relay")
    const batches = [...outgoing(ana, {})].toReversed()
    for (const batch of batches) takeBatch(relay, batch)
    expect(relay.lines.frontier()).toEqual(ana.lines.frontier())
    expect(placesOf(relay)).toHaveLength(batches.length)
    const { segments, waited } = catchUp(relay, create("newcomer"))
    expect(segments.every(({ signature }) => signature !== undefined)).toBe(true)
    expect(waited).toBe(0)
  })

  it("takes every batch when it comes where members build on each other all the time", () => {
    const random = new Random(7)
    const ana = founder()
    const writers = [ana, create("bo"), create("cy"), create("di")]
    for (const { node } of writers.slice(1)) {
      new Author(ana).control({
        ...foundingDraft(node, "", "friend", actor),
        body: { actor: "ana", kind: 1, admits: { name: "friend" } },
      })
    }
    const text = "y".repeat(15_000)
    for (let round = 0; round < 160; round++) {
      const writer = random.pick(writers)
      const other = random.pick(writers)
      if (other !== writer) {
        for (const batch of outgoing(other, writer.lines.frontier())) takeBatch(writer, batch)
      }
      for (let count = random.between(1, 5); count > 0; count--) {
        if (writer === ana || writer.members.current.members.has(writer.node)) {
          put(writer, `t${random.below(40)}`, `${round}${text}${count}`)
        }
      }
    }
    for (const writer of writers.slice(1)) {
      for (const batch of outgoing(writer, ana.lines.frontier())) takeBatch(ana, batch)
    }
    let from = ana
    for (const name of ["one", "two", "three"]) {
      const next = create(name)
      const { batches, waited } = catchUp(from, next)
      expect(batches).toBeGreaterThanOrEqual(2)
      expect(waited).toBe(0)
      from = next
    }
  })
})
