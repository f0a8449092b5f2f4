/**
 * Runs that fail only when others are left out: somebody who sends many of them costs a few tries, and
 * keeps nobody else's events out.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { sha256 } from "../../src/event/hash.ts"
import { Receiver } from "../../src/store/receive.ts"
import type { Replica } from "../../src/store/replica.ts"
import { waitingSummary } from "../../src/store/waiting.ts"
import { toSignedEnds } from "../../src/sync/signed-ends.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import { Shelf } from "../store/replicas.ts"
import { MemberLog, nodeOf, projectId, segmentOf } from "./logs.ts"

let shelf: Shelf
beforeEach(() => {
  shelf = new Shelf()
})
afterEach(() => shelf.remove())

const whole = (log: MemberLog): Segment => segmentOf(log.run(), log)

/** A replica that holds the founder, who admitted Bob and Cy, and Bob's first event. */
const start = (): { readonly replica: Replica; readonly bob: MemberLog } => {
  const ana = new MemberLog("ana")
  ana.found()
  ana.admit("bob")
  ana.admit("cy")
  const bob = new MemberLog("bob")
  bob.edit("a", { x: 0 })
  const replica = shelf.create("own", { project: projectId, seed: sha256("own"), schema: "open" })
  expect(takeBatch(replica, [whole(ana), whole(bob)]).events).toBe(4)
  return { replica, bob }
}

/** Branches, the second event of each on the first of the one before; what the first needs never comes. */
const chained = (bob: MemberLog, count: number): ReadonlyArray<MemberLog> => {
  let before = bob.branch(1).edit("a", { never: 1 })
  return Array.from({ length: count }, (_, at) => {
    const branch = bob.branch(1)
    const first = branch.edit("a", { first: at })
    branch.edit("a", { second: at }, { parents: [before] })
    before = first
    return branch
  })
}

describe("a member that sends runs which fail one after the other", () => {
  it("keeps its own events waiting, and nobody else's", () => {
    const { replica, bob } = start()
    const cy = new MemberLog("cy")
    cy.edit("b", { y: 1 })
    cy.edit("b", { y: 2 })
    const forks = chained(bob, 40)
    const taken = takeBatch(replica, [...forks.map(whole), whole(cy)])
    expect(taken).toMatchObject({ events: 2, refused: [] })
    expect(replica.lines.ofNode(nodeOf("cy"))[0]!.headSeq).toBe(2)
    expect(waitingSummary(replica).nodes).toMatchObject([{ node: nodeOf("bob"), events: 80 }])
    for (const line of replica.lines.all.slice(0, 2)) expect(line.signedSeq).toBe(line.headSeq)
  })

  it("is tried a few times, however many there are", () => {
    const { replica, bob } = start()
    const forks = chained(bob, 40)
    let tries = 0
    const held = replica.transaction(() =>
      toSignedEnds(replica, ({ isAll }) => {
        if (isAll) return "nothing"
        const { lines, signature: _, ...run } = forks[tries]!.run(0, 1)
        tries += 1
        const receiver = new Receiver(replica, { signed: true })
        receiver.begin(run)
        receiver.line(lines[0]!, "line 1")
        receiver.end()
        receiver.finish()
        return "something"
      }),
    )
    expect({ held, tries }).toEqual({ held: "nothing", tries: 8 })
    expect(replica.lines.eventCount).toBe(4)
  })
})
