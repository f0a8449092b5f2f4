/**
 * What cannot be taken yet: kept once, within bounds, tried again, told of.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import { signHead } from "../../src/event/hash.ts"
import { readCursor } from "../../src/store/meetings.ts"
import type { Replica } from "../../src/store/replica.ts"
import {
  frontierWithWaiting,
  strangersBytesMax,
  Waiting,
  waitingBytesMax,
  waitingRunsMax,
  waitingSummary,
} from "../../src/store/waiting.ts"
import { outgoing } from "../../src/sync/outgoing.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import { cutSegment } from "../sync/pieces.ts"
import { seedOf, Shelf, write } from "./replicas.ts"

const project = "aaaqeayeaudaocajbifqydiob4"

const run = {
  node: "a".repeat(26),
  from: 2,
  to: 3,
  previous: "0".repeat(64),
  head: "1".repeat(64),
  signed: false,
  lacks: 0,
  reason: "gap",
  needs: undefined,
} as const

describe("what waits", () => {
  let shelf: Shelf
  let from: Replica
  let to: Replica
  let pieces: ReadonlyArray<Segment>

  beforeEach(() => {
    shelf = new Shelf()
    from = shelf.create("from", { project, seed: seedOf("from") })
    to = shelf.create("to", { project, seed: seedOf("to") })
    for (let at = 0; at < 6; at++) {
      write(from, [{ op: "put", type: "token", id: `t${at}`, fields: { value: `${at}` } }])
    }
    pieces = cutSegment([...outgoing(from, {})].flat()[0]!, [2, 4])
  })
  afterEach(() => shelf.remove())

  it("is tried again when what it builds on has come, in whatever order it came", () => {
    const [first, second, third] = pieces as [Segment, Segment, Segment]
    expect(takeBatch(to, [third])).toMatchObject({ events: 0, waiting: 2 })
    expect(takeBatch(to, [second])).toMatchObject({ events: 0, waiting: 2 })
    expect(to.lines.eventCount).toBe(0)
    expect(takeBatch(to, [first])).toMatchObject({ events: 6, waiting: 0, refused: [] })
    expect(to.digest()).toBe(from.digest())
    expect(waitingSummary(to)).toEqual({ events: 0, bytes: 0, nodes: [] })
  })

  it("is kept once, however often it comes, and rather with a signature", () => {
    const { signature: _, ...unsigned } = pieces[2]!
    for (const segment of [unsigned, unsigned, pieces[2]!, unsigned]) {
      expect(takeBatch(to, [segment]).waiting).toBe(2)
    }
    const [kept, ...others] = new Waiting(to).all()
    expect(others).toEqual([])
    expect(kept!.signed).toBe(true)
    takeBatch(to, pieces.slice(0, 2))
    expect(to.lines.ofNode(from.node)[0]!.signedSeq).toBe(6)
  })

  it("is not kept when its own bytes do not hold", () => {
    const forged = {
      ...pieces[1]!,
      signature: signHead("11".repeat(32), project, from.node, 4, ""),
    }
    const damaged = { ...pieces[2]!, head: "2".repeat(64) }
    const { refused, waiting } = takeBatch(to, [forged, damaged])
    expect(refused.map(({ error }) => error.code)).toEqual(["signature-invalid", "log-end"])
    expect(waiting).toBe(0)
    expect(new Waiting(to).all()).toEqual([])
  })

  it("is no part of the frontier; only what follows it in a chain need not be sent again", () => {
    takeBatch(to, [pieces[0]!])
    const held = to.lines.frontier()
    takeBatch(to, [pieces[2]!])
    expect(to.lines.frontier()).toEqual(held)
    expect(frontierWithWaiting(to)).toEqual(held)
    to.sqlite.prepare("DELETE FROM waiting").run()
    // Here the second run stands for the first part of a long transaction.
    to.transaction(() => new Waiting(to).add({ ...run, ...pieces[1]! }, Buffer.from("x")))
    expect(frontierWithWaiting(to)).toEqual({ [from.node]: { seq: 4, hash: pieces[1]!.head } })
  })

  it("is listed by node and reason", () => {
    takeBatch(to, [pieces[2]!])
    const { events, nodes } = waitingSummary(to)
    expect(events).toBe(2)
    expect(nodes).toMatchObject([{ node: from.node, reason: "gap", events: 2 }])
  })

  it("is turned away when there is no room, and read again: the cursor stays", () => {
    takeBatch(to, [], { remote: "r", text: "1" })
    to.transaction(() => new Waiting(to).add(run, Buffer.from("x")))
    to.sqlite.prepare("UPDATE waiting SET bytes = ?").run(waitingBytesMax - 600)
    const full = takeBatch(to, [pieces[2]!], { remote: "r", text: "2" })
    expect(full).toMatchObject({ events: 0, waiting: 0 })
    expect(full.refused.map(({ from: seq, error }) => [seq, error.code])).toEqual([
      [5, "waiting-full"],
    ])
    expect(readCursor(to, "r")).toBe("1")
    // What can be taken is taken all the same.
    expect(takeBatch(to, [pieces[0]!], { remote: "r", text: "2" }).events).toBe(2)
    expect(readCursor(to, "r")).toBe("2")
    to.sqlite.prepare("DELETE FROM waiting").run()
    expect(takeBatch(to, [pieces[2]!]).waiting).toBe(2)
  })

  it("takes little room while it waits for admission, and few runs in all", () => {
    const waiting = new Waiting(to)
    expect(waiting.hasRoom(strangersBytesMax - 1024, "not-admitted")).toBe(true)
    expect(waiting.hasRoom(strangersBytesMax, "not-admitted")).toBe(false)
    expect(waiting.hasRoom(strangersBytesMax, "gap")).toBe(true)
    expect(waiting.hasRoom(waitingBytesMax, "gap")).toBe(false)
    to.transaction(() => waiting.add({ ...run, reason: "not-admitted" }, Buffer.alloc(1024)))
    expect(waiting.hasRoom(strangersBytesMax - 1024, "not-admitted")).toBe(false)
    to.transaction(() => {
      for (let seq = 10; seq < waitingRunsMax + 9; seq++) {
        waiting.add({ ...run, from: seq }, Buffer.alloc(1))
      }
    })
    expect(waiting.hasRoom(1, "gap")).toBe(false)
  })

  it("comes out of its table as it went in", () => {
    const needs = { node: from.node, seq: 7, hash: "3".repeat(64) }
    const bytes = Buffer.from(canonicalFromJson({ any: "bytes" }))
    to.transaction(() => new Waiting(to).add({ ...run, needs, lacks: 3, signed: true }, bytes))
    const [{ arrival, ...stored }] = new Waiting(to).all() as [ReturnType<Waiting["all"]>[number]]
    expect(stored).toEqual({ ...run, needs, lacks: 3, signed: true })
    expect(new Waiting(to).segment(arrival)).toEqual(bytes)
  })
})
