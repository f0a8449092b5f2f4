/** 100 histories of replicas that meet. More: `npm run soak -- --kind sync --seeds N`. */
import { it } from "vitest"
import { runSyncSeeds } from "./seeds.ts"

const seeds = 100
const first = 3 * seeds - seeds

for (let from = first; from < first + seeds; from += 20) {
  it(`holds every property for seeds ${from} to ${from + 19}`, () => runSyncSeeds(from, 20))
}
