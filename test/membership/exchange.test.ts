/**
 * Replicas of a project of members that hear of different things from different people, and then tell
 * each other what they hold, as any two do that meet.
 */
import { afterEach, describe, expect, it } from "vitest"
import { sha256 } from "../../src/event/hash.ts"
import { equalFrontiers } from "../../src/log/frontier.ts"
import { snapshotLines } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import { outgoing } from "../../src/sync/outgoing.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import { Random } from "../simulation/random.ts"
import { Shelf } from "../store/replicas.ts"
import { History } from "./history.ts"
import { projectId, segmentOf } from "./logs.ts"
import type { MemberLog } from "./logs.ts"

/** A log in signed pieces, as its author may have sent them over time. */
const pieces = (log: MemberLog, random: Random): ReadonlyArray<Segment> => {
  const found: Array<Segment> = []
  let first = 0
  for (const [index, end] of log.ends.entries()) {
    const isLast = index === log.ends.length - 1
    if (!isLast && !random.chance(0.4)) continue
    found.push(segmentOf(log.run(first, end), log, first))
    first = end
  }
  return found
}

/** Each tells the other what it lacks; what it holds is told as a frontier. */
const meet = (one: Replica, two: Replica): void => {
  for (const [from, to] of [
    [one, two],
    [two, one],
  ] as const) {
    for (const batch of outgoing(from, {})) takeBatch(to, batch)
  }
}

const standOf = (replica: Replica) => ({
  frontier: replica.lines.frontier(),
  state: [...snapshotLines(replica)],
  digest: replica.digest(),
})

const first = Number(process.env.LAMPLOG_MEMBERSHIP_SEED ?? 0)
const seeds = Number(process.env.LAMPLOG_MEMBERSHIP_SEEDS ?? 8)

describe("replicas of a project of members that meet", () => {
  let shelf: Shelf
  afterEach(() => shelf.remove())

  it(`end with the same, whoever told them what, for ${seeds} seeds`, () => {
    for (let seed = first; seed < first + seeds; seed++) {
      const random = new Random(seed)
      const context = `LAMPLOG_MEMBERSHIP_SEED=${seed} LAMPLOG_MEMBERSHIP_SEEDS=1`
      shelf = new Shelf()
      const { logs } = new History(random)
      const all = logs.flatMap((log) => (log.ends.length > 0 ? pieces(log, random) : []))
      const replicas = ["one", "two", "three"].map((name) =>
        shelf.create(name, { project: projectId, seed: sha256(name), schema: "open" }),
      )
      for (const replica of replicas) {
        for (const segment of random.shuffle([...random.some(all, 0.7)])) {
          takeBatch(replica, [segment])
        }
      }
      const [one, two, three] = replicas as [Replica, Replica, Replica]
      for (let round = 0; round < 4; round++) {
        meet(one, two)
        meet(two, three)
        meet(three, one)
      }
      expect(equalFrontiers(one.lines.frontier(), two.lines.frontier()), context).toBe(true)
      expect(standOf(two), context).toEqual(standOf(one))
      expect(standOf(three), context).toEqual(standOf(one))
      shelf.remove()
    }
  })
})
