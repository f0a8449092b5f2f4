/**
 * Killed, interrupted or without room, no command on archives leaves anything partial: no half file
 * under a name, no half of an import, no litter after the next run.
 * `npm run soak -- --kind archives` stops more of them.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ArchiveFaults } from "./archives.ts"
import type { ArchiveRun } from "./archives.ts"

// Some 60 processes have to start, on whatever else the machine is doing.
const patienceMillis = 300_000
const runs = 20

let faults: ArchiveFaults
beforeAll(() => {
  faults = new ArchiveFaults()
}, patienceMillis)
afterAll(() => faults.remove())

describe("a command on archives that something stops", () => {
  it(`leaves nothing partial (seeds 0 to ${runs - 1})`, { timeout: patienceMillis }, async () => {
    const results: Array<ArchiveRun> = []
    for (let seed = 0; seed < runs; seed++) results.push(await faults.run(seed))
    expect(results.filter((run) => run.faults.length > 0)).toEqual([])
    expect(results.filter(({ inTime }) => inTime).length).toBeGreaterThan(runs / 4)
  })
})
