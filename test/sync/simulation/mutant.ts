/** Ways to break what replicas do with batches, to show that the simulation notices. */
import type { Local } from "../../../src/sync/local.ts"
import type { Remote } from "../../../src/sync/remote.ts"

export interface Mutant {
  readonly local?: (local: Local) => Local
  readonly remote?: (remote: Remote) => Remote
}
