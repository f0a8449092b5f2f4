/** Ten replicas in processes of their own, on one server. */
import { expect, it } from "vitest"
import { runProcesses } from "./processes.ts"

it("ten processes that write at once, are killed and come late hold the same in the end", async () => {
  const outcome = await runProcesses({ processes: 10, edits: 40, seed: 1, pauseMillisMax: 20 })
  expect(outcome.events).toBe(400)
}, 180_000)
