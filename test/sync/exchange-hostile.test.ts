/**
 * Segments that somebody made up: each is refused with its reason, and the honest ones beside it are taken.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { bodyText, headerFromText, headerText } from "../../src/event/event.ts"
import type { Header } from "../../src/event/event.ts"
import {
  bodyHash,
  genesisHash,
  keyPairFromSeed,
  nodeFromPublicKey,
  signHead,
} from "../../src/event/hash.ts"
import { lineText } from "../../src/log/segment.ts"
import type { Replica } from "../../src/store/replica.ts"
import { waitingSummary } from "../../src/store/waiting.ts"
import { outgoing } from "../../src/sync/outgoing.ts"
import { linesOf } from "../../src/sync/run.ts"
import { linesBytesMax } from "../../src/sync/segment.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import { Random } from "../simulation/random.ts"
import { seedOf, Shelf, write } from "../store/replicas.ts"
import { cutSegment, segmentOf, sync } from "./pieces.ts"

const project = "aaaqeayeaudaocajbifqydiob4"
const key = keyPairFromSeed(seedOf("mallory"))
const node = nodeFromPublicKey(key.publicKey)
const salt = "00".repeat(16)
const start = {
  project,
  node,
  publicKey: key.publicKey,
  from: 1,
  previous: genesisHash(project, key.publicKey),
}

/** An event of mallory's log: well made, except for what is changed. */
const line = (
  change: Partial<Header> = {},
  body = bodyText({ kind: 1, actor: "m", fields: { value: "m" } }),
): string => {
  const header: Header = {
    node,
    seq: 1,
    lamport: 1,
    type: "token",
    id: "m",
    op: "put",
    parents: [],
    body: bodyHash(salt, body),
    ...change,
  }
  return lineText(headerText(header), salt, body).slice(0, -1)
}

const good = segmentOf(start, [line()])

/** Each attack: what it is, its code, and the segment. */
type Attack = readonly [name: string, code: string, segment: () => Segment]

const other = keyPairFromSeed(seedOf("other"))

const attacks: ReadonlyArray<Attack> = [
  ["of another project", "other-project", () => ({ ...good, project: "b".repeat(26) })],
  [
    "whose log begins in another project",
    "other-project",
    () => segmentOf({ ...start, previous: genesisHash("b".repeat(26), key.publicKey) }, [line()]),
  ],
  ["under another key", "key-mismatch", () => ({ ...good, publicKey: other.publicKey })],
  ["whose head is not that of its lines", "log-end", () => ({ ...good, head: "0".repeat(64) })],
  ["with too few lines", "event-count", () => ({ ...good, to: 2 })],
  ["whose size is a lie", "segment-invalid", () => ({ ...good, size: good.size + 1 })],
  ["beyond any size", "limit-exceeded", () => ({ ...good, size: linesBytesMax + 1 })],
  ["that begins before the first event", "segment-invalid", () => ({ ...good, from: 0 })],
  [
    "with a signature of somebody else",
    "signature-invalid",
    () => ({ ...good, signature: signHead(other.seed, project, node, 1, good.head) }),
  ],
  [
    "with a body that its header does not name",
    "body-hash",
    () => segmentOf(start, [line({ body: "0".repeat(64) })]),
  ],
  [
    "of another node's event",
    "out-of-sequence",
    () => segmentOf(start, [line({ node: nodeFromPublicKey(other.publicKey) })]),
  ],
  ["of another seq", "out-of-sequence", () => segmentOf(start, [line({ seq: 2 })])],
  [
    "with a clock that was pushed ahead",
    "clock-equation",
    () => segmentOf(start, [line({ lamport: 9000 })]),
  ],
  ["that is not canonical", "not-canonical", () => segmentOf(start, [line().replace("{", "{ ")])],
  [
    "that is no text",
    "not-utf8",
    () => {
      const payload = Buffer.from(`${line()}\n`)
      payload[5] = 0xff
      return { ...good, codec: "none", size: payload.length, payload }
    },
  ],
  ["without a line's parts", "line-parts", () => segmentOf(start, ["{}"])],
  [
    "with a body beyond its limit",
    "too-long",
    () =>
      segmentOf(start, [
        line({}, bodyText({ kind: 1, actor: "m", fields: { value: "x".repeat(1024 * 1024) } })),
      ]),
  ],
  [
    "whose transaction breaks off",
    "transaction-broken",
    () =>
      segmentOf(start, [
        line({ transaction: { index: 0, count: 2 } }),
        line({ seq: 2, lamport: 2 }),
      ]),
  ],
  [
    "whose transaction changes one entity twice",
    "transaction-broken",
    () =>
      segmentOf(start, [
        line({ transaction: { index: 0, count: 2 } }),
        line({ seq: 2, transaction: { index: 1, count: 2 } }),
      ]),
  ],
  [
    "that begins in the middle of a transaction that nothing begins",
    "transaction-broken",
    () => segmentOf(start, [line({ transaction: { index: 1, count: 2 } })]),
  ],
]

describe("a segment that somebody made up", () => {
  let shelf: Shelf
  let honest: Replica
  let victim: Replica

  beforeEach(() => {
    shelf = new Shelf()
    honest = shelf.create("honest", { project, seed: seedOf("honest") })
    victim = shelf.create("victim", { project, seed: seedOf("victim") })
    for (let at = 0; at < 5; at++) {
      write(honest, [{ op: "put", type: "token", id: `t${at % 2}`, fields: { value: `${at}` } }])
    }
  })
  afterEach(() => shelf.remove())

  const honestSegments = (): ReadonlyArray<Segment> => [...outgoing(honest, {})].flat()

  for (const [at, [name, code, segment]] of attacks.entries()) {
    it(`${name} is refused as ${code}, and the honest ones beside it are taken`, () => {
      const bad = segment()
      const taken = takeBatch(
        victim,
        at % 2 === 0 ? [bad, ...honestSegments()] : [...honestSegments(), bad],
      )
      expect(taken.refused.map(({ error }) => error.code)).toEqual([code])
      expect(taken.refused[0]!.error.stage).toBeDefined()
      expect(taken.events).toBe(5)
      expect(victim.lines.frontier()).toEqual(honest.lines.frontier())
      expect(victim.digest()).toBe(honest.digest())
      expect(waitingSummary(victim).events).toBe(0)
    })
  }

  it("names a parent of another entity and is refused with what follows; what comes before is taken", () => {
    sync(honest, victim)
    const { seq, hash } = honest.lines.frontier()[honest.node]!
    const parent = { node: honest.node, seq, hash }
    const lamport = honest.lines.top()!.lamport + 1
    const bad = segmentOf(start, [
      line(),
      line({ seq: 2, lamport, parents: [parent] }),
      line({ seq: 3, lamport: lamport + 1 }),
    ])
    const later = segmentOf({ ...start, from: 4, previous: bad.head }, [
      line({ seq: 4, lamport: lamport + 2 }),
    ])
    const taken = takeBatch(victim, [bad, later])
    expect(taken.events).toBe(1)
    expect(taken.refused.map(({ from, to, error }) => [from, to, error.code])).toEqual([
      [2, 3, "parent-elsewhere"],
      [4, 4, "parent-elsewhere"],
    ])
    expect(victim.lines.frontier()[node]).toEqual({ seq: 1, hash: good.head })
    expect(waitingSummary(victim).events).toBe(0)
  })

  it("is refused by the hundred, and every honest one is taken all the same", () => {
    const bad = Array.from({ length: 100 }, (_, at) => {
      const forger = keyPairFromSeed(seedOf(`forger ${at}`))
      const name = nodeFromPublicKey(forger.publicKey)
      const from = {
        project,
        node: name,
        publicKey: forger.publicKey,
        from: 1,
        previous: genesisHash(project, forger.publicKey),
      }
      return segmentOf(from, [line({ node: name, lamport: 2 + at })])
    })
    const batch = new Random(1).shuffle([...bad, ...honestSegments()])
    const taken = takeBatch(victim, batch)
    expect(taken.refused).toHaveLength(100)
    expect(new Set(taken.refused.map(({ error }) => error.code))).toEqual(
      new Set(["clock-equation"]),
    )
    expect(victim.digest()).toBe(honest.digest())
  })

  it("is refused when it comes true only later that its clock was wrong", () => {
    const { seq, hash } = honest.lines.frontier()[honest.node]!
    const anchor = { node: honest.node, seq, hash }
    const bad = segmentOf(start, [line({ anchor, lamport: 77 })])
    expect(takeBatch(victim, [bad])).toMatchObject({ events: 0, waiting: 1, refused: [] })
    const [taken] = sync(honest, victim)
    expect(taken!.refused.map(({ error }) => error.code)).toEqual(["clock-equation"])
    expect(victim.digest()).toBe(honest.digest())
    expect(waitingSummary(victim)).toEqual({ events: 0, bytes: 0, nodes: [] })
  })

  it("does not keep the rest of a transaction from coming, when it pretends to be that rest", () => {
    write(honest, [
      { op: "put", type: "token", id: "p", fields: { value: "1" } },
      { op: "put", type: "token", id: "q", fields: { value: "1" } },
    ])
    const whole = honestSegments()[0]!
    const lines = linesOf(whole)
    const [first, rest] = cutSegment(whole, [6]) as [Segment, Segment]
    const { lamport, transaction } = headerFromText(lines[6]!.split("\t")[0]!)
    const twice = { node: honest.node, seq: 7, lamport, transaction: transaction!, id: "p" }
    const { from, previous, publicKey } = rest
    const pretended = segmentOf({ project, node: honest.node, publicKey, from, previous }, [
      line(twice),
    ])
    expect(takeBatch(victim, [first])).toMatchObject({ events: 5, waiting: 1 })
    const taken = takeBatch(victim, [pretended])
    expect(taken.refused.map(({ error }) => error.code)).toEqual(["transaction-broken"])
    expect(takeBatch(victim, [rest])).toMatchObject({ events: 2, waiting: 0, refused: [] })
    expect(victim.digest()).toBe(honest.digest())
  })

  it("leaves nothing waiting that came another way beside it", () => {
    write(honest, [
      { op: "put", type: "token", id: "p", fields: { value: "1" } },
      { op: "put", type: "token", id: "q", fields: { value: "1" } },
    ])
    const whole = honestSegments()[0]!
    const [first] = cutSegment(whole, [6]) as [Segment, Segment]
    expect(takeBatch(victim, [first])).toMatchObject({ events: 5, waiting: 1 })
    const taken = takeBatch(victim, [segmentOf(start, [line({ lamport: 9 })]), whole])
    expect(taken).toMatchObject({ events: 2, waiting: 0 })
    expect(taken.refused).toHaveLength(1)
    expect(waitingSummary(victim).events).toBe(0)
  })
})
