/**
 * 5,000 requests that were altered at random, over raw sockets: the server answers each with a status
 * it has, or closes the line; it goes on serving, keeps nothing, and its memory does not grow.
 * `npm run fuzz -- --http` sends more.
 */
import { expect, it } from "vitest"
import { fuzzServer } from "./fuzzing.ts"

const count = 5000
const mebibyte = 1024 * 1024

it(`refuses or serves ${count} altered requests`, { timeout: 120_000 }, async () => {
  const { answers, faults, grownBytes } = await fuzzServer(0, count)
  expect(faults).toEqual([])
  // So that no change makes all of them nonsense at the first glance.
  for (const status of [200, 400, 403, 404, 409, 413, 415]) {
    expect(answers.get(status), `status ${status}`).toBeGreaterThan(0)
  }
  expect(grownBytes).toBeLessThan(100 * mebibyte)
})
