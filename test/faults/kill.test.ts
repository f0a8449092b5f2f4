/**
 * Killed at any moment, a process leaves a project that opens, verifies and holds what it should.
 * `npm run soak -- --kind kill` kills more.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { KillBench } from "./kill.ts"
import type { KillRun } from "./kill.ts"

// Some 30 processes have to start, on whatever else the machine is doing.
const patienceMillis = 300_000

let bench: KillBench
beforeAll(async () => {
  bench = new KillBench()
  await bench.measure()
}, patienceMillis)
afterAll(() => bench.remove())

describe("a process that is killed", () => {
  const runs = 20

  it(
    `leaves everything acknowledged and nothing half done (seeds 0 to ${runs - 1})`,
    { timeout: patienceMillis },
    async () => {
      const results: Array<KillRun> = []
      for (let seed = 0; seed < runs; seed++) results.push(await bench.kill(seed))
      expect(results.filter(({ faults }) => faults.length > 0)).toEqual([])
      expect(results.some(({ finished }) => !finished)).toBe(true)
    },
  )

  it("while making a project leaves it whole, or a folder where it can be made", async () => {
    for (let seed = 0; seed < 5; seed++) expect(await bench.killInit(seed)).toEqual([])
  })
})
