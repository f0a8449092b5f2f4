/**
 * The fold against an independent reading of its rules, over thousands of awkward histories.
 */
import { describe, expect, it } from "vitest"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import type { EntityState, HistoryEvent } from "../../src/state/entity.ts"
import { textOfSorted } from "../../src/state/entity.ts"
import { foldEntity } from "../../src/state/fold.ts"
import { stepEntity } from "../../src/state/step.ts"
import { Random } from "../simulation/random.ts"
import { oddDefinition, randomHistory } from "./history.ts"
import { oracleFold } from "./oracle.ts"

const runs = 4000

const fold = (events: ReadonlyArray<HistoryEvent>): EntityState | undefined =>
  foldEntity("thing", "one", oddDefinition, events)

/** Everything that is stored and hashed of a state, as bytes. */
const bytesOf = (state: EntityState | undefined): string =>
  state === undefined
    ? "nothing"
    : [
        textOfSorted(state.fields),
        String(state.deleted),
        JSON.stringify(state.heads),
        JSON.stringify(state.conflicts),
      ].join("\n")

const plain = (state: EntityState | undefined): Json =>
  state === undefined
    ? null
    : (JSON.parse(
        canonicalFromJson({
          fields: state.fields,
          deleted: state.deleted,
          heads: state.heads.map(({ hash }) => hash),
          conflicts: state.conflicts as unknown as Json,
        }),
      ) as Json)

/** Runs a check for many seeds; a failure names its seed, and the seed alone brings it back. */
const forSeeds = (check: (random: Random) => void): void => {
  const only = process.env["LAMPLOG_SEED"]
  const seeds =
    only === undefined ? Array.from({ length: runs }, (_, seed) => seed) : [Number(only)]
  for (const seed of seeds) {
    try {
      check(new Random(seed))
    } catch (error) {
      throw new Error(`seed ${seed} (LAMPLOG_SEED=${seed} replays it): ${String(error)}`, {
        cause: error,
      })
    }
  }
}

describe("foldEntity", () => {
  it("means what the rules say, on every history", () => {
    forSeeds((random) => {
      const history = randomHistory(random)
      const expected = oracleFold("thing", "one", history, oddDefinition)
      expect(plain(fold(history))).toEqual(
        expected === undefined ? null : JSON.parse(canonicalFromJson(expected as unknown as Json)),
      )
    })
  })

  it("gives the same bytes in whatever order the events are given", () => {
    forSeeds((random) => {
      const history = randomHistory(random)
      const bytes = bytesOf(fold(history))
      expect(bytesOf(fold(random.shuffle(history)))).toBe(bytes)
      expect(bytesOf(fold(history.toReversed()))).toBe(bytes)
    })
  })
})

describe("stepEntity", () => {
  it("agrees byte for byte with the fold wherever it answers", () => {
    let answers = 0
    forSeeds((random) => {
      const history = randomHistory(random)
      let state: EntityState | undefined
      for (const [index, event] of history.entries()) {
        const folded = fold(history.slice(0, index + 1))
        if (!event.applied) {
          state = folded
          continue
        }
        const stepped = stepEntity(oddDefinition, state, event)
        if (stepped !== undefined) {
          answers += 1
          expect(bytesOf(stepped)).toBe(bytesOf(folded))
        }
        state = stepped ?? folded
      }
    })
    expect(answers, "the property must not hold by silence").toBeGreaterThan(0)
  })
})
