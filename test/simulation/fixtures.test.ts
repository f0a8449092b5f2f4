/**
 * Small histories that once failed, or that fail when one thing is broken on purpose: the smallest
 * that the shrinker found. Each says what it catches.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import type { History } from "./operations.ts"
import { runHistory } from "./run.ts"

interface Fixture {
  readonly catches: string
  readonly history: History
}

const folder = join(import.meta.dirname, "..", "fixtures", "histories")
const fixtures = readdirSync(folder).map(
  (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Fixture,
)

it("finds the stored histories", () => {
  expect(fixtures).not.toHaveLength(0)
})

for (const { catches, history } of fixtures) {
  it(`holds every property where this would show: ${catches}`, () => runHistory(history))
}
