/** 500 histories of whole replicas; which ones, the seeds say. More: `npm run soak -- --seeds N`. */
import { it } from "vitest"
import { runSeeds } from "./seeds.ts"

const seeds = 500
const first = 4 * seeds - seeds

for (let from = first; from < first + seeds; from += 50) {
  it(`holds every property for seeds ${from} to ${from + 49}`, () => runSeeds(from, 50))
}
