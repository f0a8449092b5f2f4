/**
 * Killed at any moment, a process leaves a project that opens, verifies and holds what it should.
 * `npm run soak -- --kind kill` kills more.
 */
import { describe, expect, it } from "vitest"
import { killRepeatedly } from "./kill.ts"

describe("a process that is killed", () => {
  const runs = 20
  const seed = 7

  // Some 30 processes have to start, on whatever else the machine is doing.
  const patienceMillis = 300_000

  it(
    `leaves everything acknowledged and nothing half done (${runs} times, seed ${seed})`,
    { timeout: patienceMillis },
    async () => {
      const results = await killRepeatedly(runs, seed)
      expect(results.filter(({ faults }) => faults.length > 0)).toEqual([])
      expect(results).toHaveLength(runs)
      expect(results.some(({ finished }) => !finished)).toBe(true)
    },
  )
})
