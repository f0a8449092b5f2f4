/** The demo tells the whole story on real tokens, and it is true. */
import { on } from "node:events"
import { mkdirSync, readdirSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { DemoSummary } from "../../src/cli/demo.ts"
import { expectRefusal } from "./refusal.ts"
import { ended, stage } from "./stage.ts"

const { run, start, path } = stage()
// The demo makes its folder below the system's; here that is the stage's own.
const environment = { TMPDIR: path("tmp") }

describe("demo", () => {
  it("ends with three equal digests after real conflicts, and cleans up", async () => {
    mkdirSync(environment.TMPDIR, { recursive: true })
    const outcome = await ended(start(["demo", "--json"], { environment }))
    const summary = JSON.parse(outcome.stdout) as DemoSummary
    expect(outcome).toMatchObject({ status: 0, stderr: "" })
    expect(summary.success).toBe(true)
    expect(new Set(Object.values(summary.digests))).toEqual(new Set([summary.digest]))
    expect(summary.tokens).toBeGreaterThan(2000)
    expect(summary.conflictsFound).toBeGreaterThan(1)
    expect(summary.conflictsOpen).toBe(summary.conflictsFound - 1)
    expect(readdirSync(environment.TMPDIR)).not.toContainEqual(expect.stringMatching(/demo/))
  })

  it("shows every command one would type, calmly", async () => {
    const { status, stdout, stderr } = await run(["demo"])
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    for (const command of [
      "init",
      "import",
      "export",
      "clone",
      "set",
      "merge",
      "resolve",
      "verify",
    ]) {
      expect(stdout).toMatch(new RegExp(`(ana|bo|cy) +lamplog ${command}`))
    }
    expect(stdout.split("\n").length).toBeLessThan(60)
    const digests = [...stdout.matchAll(/^ {2}(ana|bo|cy) +([0-9a-f]{64})$/gm)]
    expect(digests).toHaveLength(3)
    expect(new Set(digests.map(([, , digest]) => digest)).size).toBe(1)
  })

  it("can be interrupted, and cleans up then too", async () => {
    mkdirSync(environment.TMPDIR, { recursive: true })
    const child = start(["demo"], { environment })
    const outcome = ended(child)
    for await (const [chunk] of on(child.stdout!, "data")) {
      if (String(chunk).includes("lamplog export")) break
    }
    child.kill("SIGINT")
    const { status, stderr } = await outcome
    expect(status).toBe(130)
    expect(stderr).toContain("Interrupted")
    expect(readdirSync(environment.TMPDIR)).not.toContainEqual(expect.stringMatching(/demo/))
  })

  it("says what is missing where the token packages are not installed", async () => {
    const { spectrumTokens } = await import("../../src/cli/demo-cast.ts")
    try {
      spectrumTokens("0.0.0")
      expect.unreachable()
    } catch (error) {
      const stdout = JSON.stringify({ error })
      expectRefusal({ status: 1, stdout, stderr: "" }, "demo-data-missing", 1)
    }
  })
})
