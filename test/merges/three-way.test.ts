/**
 * Three-way merges of real token files: what only one side changed stays as that side left it, and
 * what both changed differently, and nothing else, is a conflict.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "../../src/event/canonical.ts"
import type { Authored, ThreeWay } from "./expectation.ts"
import { replay, threeWays } from "./replay.ts"

const spectrum = (alias: string): ReadonlyMap<string, Authored> => {
  const folder = fileURLToPath(new URL(`../../node_modules/${alias}/src`, import.meta.url))
  const tokens = new Map<string, Authored>()
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const parsed = JSON.parse(readFileSync(join(folder, file), "utf8")) as JsonObject
    for (const [name, token] of Object.entries(parsed)) tokens.set(name, token as JsonObject)
  }
  return tokens
}

const one = (
  name: string,
  base: Authored,
  ours: Authored,
  theirs: Authored,
): ReadonlyArray<ThreeWay> => [
  { name, base, ours, theirs },
  { name: "bystander", base: { value: "1" }, ours: { value: "1" }, theirs: { value: "1" } },
]

describe("a three-way merge of Spectrum's own versions", () => {
  it("keeps every one-sided change and reports exactly the real conflicts", async () => {
    const outcome = await replay(
      threeWays(
        spectrum("spectrum-tokens-12-22-1"),
        spectrum("spectrum-tokens-12-23-3"),
        spectrum("spectrum-tokens-13-0-0-beta-46"),
      ),
    )
    expect(outcome.faults).toEqual([])
    expect(outcome.reportedConflicts).toBe(outcome.expectedConflicts)
    expect(outcome.expectedConflicts).toBeGreaterThan(0)
    expect(outcome.oneSided).toBeGreaterThan(0)
  })
})

describe("a token that one side moved to another shape", () => {
  const sets = (light: string, dark: string): JsonObject => ({
    sets: { light: { value: light }, dark: { value: dark } },
  })
  const cases: ReadonlyArray<readonly [string, Authored, Authored, Authored, number]> = [
    ["from value to sets, edited meanwhile", { value: "1" }, sets("1", "2"), { value: "3" }, 1],
    ["from sets to value, edited meanwhile", sets("1", "2"), { value: "1" }, sets("1", "3"), 1],
    [
      "from value to sets, the same on both sides",
      { value: "1" },
      sets("1", "2"),
      sets("1", "2"),
      0,
    ],
    ["to different sets on both sides", { value: "1" }, sets("1", "2"), sets("1", "3"), 1],
    ["and the other deleted", { value: "1" }, sets("1", "2"), undefined, 1],
    [
      "while the other touched another property",
      { value: "1" },
      sets("1", "2"),
      { value: "1", uuid: "u" },
      0,
    ],
    ["in different modes", sets("1", "2"), sets("9", "2"), sets("1", "8"), 0],
  ]
  for (const [what, base, ours, theirs, conflicts] of cases) {
    it(`${what}: ${conflicts} conflicts, one shape`, async () => {
      const outcome = await replay(one("token", base, ours, theirs))
      expect(outcome.faults).toEqual([])
      expect(outcome.reportedConflicts).toBe(conflicts)
    })
  }
})
