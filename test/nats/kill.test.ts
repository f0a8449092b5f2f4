/** Servers killed while replicas meet through them. */
import { afterAll, beforeAll, describe, it } from "vitest"
import { KillBench } from "./kill-rounds.ts"

let bench: KillBench

beforeAll(async () => {
  bench = await KillBench.make()
})

afterAll(() => bench.remove())

describe("a server killed while replicas hand over and fetch", () => {
  for (let seed = 0; seed < 5; seed++) {
    it(`loses nothing and doubles nothing: seed ${seed}`, () => bench.round(seed))
  }
})
