/**
 * The tools of the simulation: chance that repeats itself, and histories that get smaller.
 */
import { describe, expect, it } from "vitest"
import { Broken } from "./broken.ts"
import { randomHistory } from "./operations.ts"
import type { History } from "./operations.ts"
import { Random } from "./random.ts"
import { failureOf, kindOf, shrink } from "./shrink.ts"

describe("chance", () => {
  it("is the same for the same seed on every machine", () => {
    const random = new Random(1)
    expect(Array.from({ length: 5 }, () => random.below(1000))).toEqual([29, 346, 37, 573, 445])
    expect(randomHistory(7)).toEqual(randomHistory(7))
    expect(randomHistory(7)).not.toEqual(randomHistory(8))
  })

  it("picks everything in the end, and shuffles without loss", () => {
    const random = new Random(2)
    const items = [1, 2, 3, 4, 5]
    expect(new Set(Array.from({ length: 200 }, () => random.pick(items))).size).toBe(5)
    expect(random.shuffle(items).toSorted((left, right) => left - right)).toEqual(items)
    expect(random.some(items, 1)).toEqual(items)
    expect(random.some(items, 0)).toEqual([])
    expect(() => random.pick([])).toThrow(RangeError)
  })
})

/** Breaks where a replica is copied and some later operation is a delete of the thing `a`. */
const breaksOnCopyAndDelete = async ({ operations }: History): Promise<void> => {
  const copied = operations.findIndex((operation) => operation.do === "copy")
  const deleted = operations.findLastIndex(
    (operation) =>
      operation.do === "write" &&
      operation.changes.some(
        ({ op, type, id }) => op === "delete" && type === "thing" && id === "a",
      ),
  )
  if (copied >= 0 && deleted > copied) throw new Broken("made up", "a delete after a copy")
  if (copied < 0 && deleted >= 0) throw new Broken("another", "a delete without a copy")
}

describe("the shrinker", () => {
  it("leaves what it takes to fail in the same way, and nothing else", async () => {
    let shrunk = 0
    for (let seed = 0; seed < 200; seed++) {
      const history = randomHistory(seed)
      const failure = await failureOf(breaksOnCopyAndDelete, history)
      if (failure === undefined || kindOf(failure) !== "made up") continue
      const { operations, replicas } = await shrink(breaksOnCopyAndDelete, history, "made up")
      expect(operations.map((operation) => operation.do)).toEqual(["copy", "write"])
      expect(operations[1]).toMatchObject({ changes: [{ op: "delete", type: "thing", id: "a" }] })
      expect(replicas).toHaveLength(1)
      shrunk += 1
    }
    expect(shrunk).toBeGreaterThan(3)
  })
})
