/**
 * Events that no writer of ours makes and the page allows: step and fold read them alike.
 */
import { expect, it } from "vitest"
import { designSystem } from "../../src/domain/design-system.ts"
import { foldEntity } from "../../src/state/fold.ts"
import { stepEntity } from "../../src/state/step.ts"
import type { HistoryEvent } from "../../src/state/entity.ts"

const token = designSystem.types.token!

const event: HistoryEvent = {
  node: "a".repeat(26),
  seq: 1,
  lamport: 1,
  hash: "1".repeat(64),
  op: "put",
  parents: [],
  applied: true,
  actor: "stranger",
}

const readings: ReadonlyArray<readonly [string, Partial<HistoryEvent>, object]> = [
  ["clears and writes one field", { fields: { value: 1 }, unset: ["value"] }, { value: 1 }],
  [
    "clears one field twice",
    { fields: { type: "color" }, unset: ["value", "value"] },
    { type: "color" },
  ],
  [
    "removes and sets one key of a map",
    { fields: { modes: { remove: ["dark", "dark"], set: { dark: { value: 1 } } } } },
    { modes: { dark: { value: 1 } } },
  ],
  [
    "removes and adds one element of a set",
    { fields: { tags: { add: ["a", "a"], remove: ["a"] } } },
    { tags: ["a"] },
  ],
]

for (const [what, content, fields] of readings) {
  it(`an event that ${what} has one meaning, and no conflict with itself`, () => {
    const odd = { ...event, ...content }
    const folded = foldEntity("token", "blue", token, [odd])
    expect(folded).toMatchObject({ fields, conflicts: [], deleted: false })
    expect(folded).toEqual({
      ...stepEntity(token, undefined, odd),
    })
  })
}
