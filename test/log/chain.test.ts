/**
 * The clock equation, on its own.
 */
import { describe, expect, it } from "vitest"
import { clockFault, nextLamport } from "../../src/log/chain.ts"
import { Random } from "../simulation/random.ts"

describe("the clock", () => {
  it("is one more than the highest of prev, parents and anchor", () => {
    expect(nextLamport({ previous: 0, parentsMax: 0 })).toBe(1)
    expect(nextLamport({ previous: 5, parentsMax: 3 })).toBe(6)
    expect(nextLamport({ previous: 3, parentsMax: 5 })).toBe(6)
    expect(nextLamport({ previous: 3, parentsMax: 5, anchor: 9 })).toBe(10)
  })

  it("accepts the one lamport that a writer may give, and no other", () => {
    const random = new Random(3)
    for (let run = 0; run < 500; run++) {
      const [previous, parentsMax] = [random.below(9), random.below(9)]
      const high = Math.max(previous, parentsMax)
      const base = random.chance(0.5)
        ? { previous, parentsMax }
        : { previous, parentsMax, anchor: high + random.between(1, 5) }
      const right = nextLamport(base)
      for (let claimed = 0; claimed < 20; claimed++) {
        expect(clockFault(claimed, base) === undefined).toBe(claimed === right)
      }
    }
  })

  it("refuses an anchor that proves nothing", () => {
    expect(clockFault(6, { previous: 5, parentsMax: 0, anchor: 5 })).toMatch("anchor")
    expect(clockFault(6, { previous: 0, parentsMax: 5, anchor: 4 })).toMatch("anchor")
    expect(clockFault(7, { previous: 0, parentsMax: 5, anchor: 6 })).toBeUndefined()
  })
})
