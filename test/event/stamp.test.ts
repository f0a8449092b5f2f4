/**
 * The total order of events, and the stamps people see.
 */
import { describe, expect, it } from "vitest"
import {
  comparePositions,
  compareReferences,
  parseStamp,
  stampFrom,
} from "../../src/event/stamp.ts"
import type { Position } from "../../src/event/stamp.ts"
import { Random } from "../simulation/random.ts"

const at = (lamport: number, node: string, seq: number, hash: string): Position => ({
  lamport,
  node,
  seq,
  hash,
})

describe("the order of events", () => {
  it("goes by lamport, then node, then seq, then chain hash", () => {
    const sorted = [
      at(1, "z", 9, "f"),
      at(2, "a", 9, "f"),
      at(2, "b", 1, "f"),
      at(2, "b", 2, "a"),
      at(2, "b", 2, "b"),
      at(2, "b", 10, "a"),
      at(10, "a", 1, "a"),
    ]
    for (let seed = 0; seed < 20; seed++) {
      expect(new Random(seed).shuffle(sorted).sort(comparePositions)).toEqual(sorted)
    }
  })

  it("is total: two events are equal only if they are one", () => {
    const random = new Random(1)
    const some = () =>
      at(random.below(2), random.pick(["a", "b"]), random.below(2), random.pick(["a", "b"]))
    for (let run = 0; run < 2000; run++) {
      const [left, right] = [some(), some()]
      const order = comparePositions(left, right)
      expect(Math.sign(order) + Math.sign(comparePositions(right, left))).toBe(0)
      expect(order === 0).toBe(JSON.stringify(left) === JSON.stringify(right))
      if (left.lamport === right.lamport) {
        expect(Math.sign(compareReferences(left, right))).toBe(Math.sign(order))
      }
    }
  })
})

describe("stamps", () => {
  it("are LAMPORT@NODE, and nothing else is read as one", () => {
    const node = "c3mq5qo3spc7xmh47cnpdvfq4i"
    expect(stampFrom({ lamport: 12, node })).toBe(`12@${node}`)
    expect(parseStamp(`12@${node}`)).toEqual({ lamport: 12, node })
    for (const wrong of [
      "",
      `@${node}`,
      `12@`,
      `-1@${node}`,
      `1.5@${node}`,
      `12@${node} `,
      `1@${node}@`,
    ]) {
      expect(parseStamp(wrong)).toBeUndefined()
    }
  })
})
