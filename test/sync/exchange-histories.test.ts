/**
 * Random histories over roads that cut, lose, repeat and reorder: whatever arrives in whatever pieces,
 * all replicas end with the same events and the same state.
 */
import { expect, it } from "vitest"
import { frontierWithWaiting, Waiting, waitingSummary } from "../../src/store/waiting.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { keysFrom } from "../simulation/keys.ts"
import { randomHistory } from "../simulation/operations.ts"
import { Random } from "../simulation/random.ts"
import { stateOf, World } from "../simulation/world.ts"
import type { Member } from "../simulation/world.ts"
import { carried, lackingSegments, sync, torn } from "./pieces.ts"

/** Why runs had to wait, over all seeds. */
const reasons = new Set<string>()

const tornInto = (segments: ReadonlyArray<Segment>, random: Random): Array<Segment> =>
  random.shuffle(segments.flatMap((segment) => torn(segment, random)))

/** Delivers some of what is lacking, in batches of any size, some of them twice. */
const badRoad = ({ replica: from }: Member, { replica: to }: Member, random: Random): void => {
  const pieces = tornInto(lackingSegments(from, to), random)
  const kept = random.some(pieces, random.pick([0.5, 0.8, 1]))
  const again = random.some(kept, 0.2)
  const queue = [...kept, ...again]
  while (queue.length > 0) {
    const batch = queue.splice(0, random.between(1, 4))
    const { refused } = takeBatch(to, carried(batch))
    expect(refused).toEqual([])
    for (const { reason } of new Waiting(to).all()) reasons.add(reason)
  }
}

const runSeed = async (seed: number): Promise<void> => {
  const history = randomHistory(seed)
  const keys = keysFrom(`history ${seed}`)
  const world = new World(seed, history.replicas)
  const random = new Random(seed)
  try {
    for (const operation of history.operations) await world.perform(operation)
    const { members } = world
    for (let round = 0; round < 6; round++) {
      const from = random.pick(members)
      const to = random.pick(members)
      if (from !== to) badRoad(from, to, random)
    }
    for (const member of members) world.upgrade(member)
    // All to one, and from it to all; twice, for what waited may have kept something back.
    const host = members[0]!
    for (let round = 0; round < 2; round++) {
      for (const guest of members.slice(1)) sync(guest.replica, host.replica)
      for (const guest of members.slice(1)) sync(host.replica, guest.replica)
    }
    const expected = stateOf(host.replica)
    for (const { replica } of members) {
      expect(stateOf(replica)).toBe(expected)
      expect(waitingSummary(replica).events).toBe(0)
      expect(frontierWithWaiting(replica)).toEqual(replica.lines.frontier())
    }
  } finally {
    world.close()
    keys.release()
  }
}

const seeds = 60

for (let from = 0; from < seeds; from += 20) {
  it(`brings all replicas to one state for seeds ${from} to ${from + 19}`, async () => {
    for (let seed = from; seed < from + 20; seed++) {
      try {
        await runSeed(seed)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })
}

it("had runs that waited for what they build on, and for the rest of their transaction", () => {
  expect([...reasons].sort()).toEqual(["gap", "incomplete"])
})
