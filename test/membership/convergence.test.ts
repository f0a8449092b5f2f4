/**
 * Replicas of a project of members that get the same events in different orders and portions: equal
 * classes, states and members on all of them, whoever was admitted, retired or forked.
 */
import { afterEach, describe, expect, it } from "vitest"
import { verifyReplica } from "../../src/audit/verify.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { sha256 } from "../../src/event/hash.ts"
import { snapshotLines } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import { Random } from "../simulation/random.ts"
import { Shelf } from "../store/replicas.ts"
import { Delivery, History } from "./history.ts"
import { projectId } from "./logs.ts"

/** Everything that has to be the same wherever the same events are held. */
const standOf = (replica: Replica) => ({
  frontier: replica.lines.frontier(),
  aside: replica.sqlite
    .prepare("SELECT hash, aside FROM events WHERE aside IS NOT NULL ORDER BY hash")
    .all(),
  state: [...snapshotLines(replica)],
  digest: replica.digest(),
  members: [...replica.members.current.members].sort(([left], [right]) => (left < right ? -1 : 1)),
  known: [...replica.members.current.known].sort(),
})

const replicaOf = (shelf: Shelf, name: string): Replica =>
  shelf.create(name, {
    project: projectId,
    seed: sha256(name),
    schema: "open",
    schemas: builtInSchemas(),
  })

const seeds = Number(process.env.LAMPLOG_MEMBERSHIP_SEEDS ?? 16)
const first = Number(process.env.LAMPLOG_MEMBERSHIP_SEED ?? 0)

describe("members who are admitted, retired and forked at random", () => {
  let shelf: Shelf
  afterEach(() => shelf.remove())

  it(`leave the same state everywhere, for ${seeds} seeds`, () => {
    let retired = 0
    let setAside = 0
    let late = 0
    for (let seed = first; seed < first + seeds; seed++) {
      shelf = new Shelf()
      const random = new Random(seed)
      const { logs } = new History(random)
      const context = `LAMPLOG_MEMBERSHIP_SEED=${seed} LAMPLOG_MEMBERSHIP_SEEDS=1`
      const one = replicaOf(shelf, "one")
      const two = replicaOf(shelf, "two")
      new Delivery(one, random).run(logs)
      // The other hears of a part of the logs first, so that much comes late.
      const delivery = new Delivery(two, random)
      delivery.run(random.some(logs, 0.6))
      const before = hashesOf(two, "aside IS NULL")
      delivery.run(logs)
      expect(standOf(two), context).toEqual(standOf(one))
      for (const replica of [one, two]) {
        expect(
          verifyReplica(replica).findings.filter(({ severity }) => severity === "error"),
          context,
        ).toEqual([])
      }
      const { members } = one.members.current
      retired += [...members.values()].filter(({ cuts }) => cuts.length > 0).length
      const aside = hashesOf(two, "aside IS NOT NULL")
      setAside += aside.size
      late += [...before].filter((hash) => aside.has(hash)).length
      shelf.remove()
    }
    // The histories are worth their name only if all this happens.
    if (seeds > 10) {
      expect(retired, "nobody was retired").toBeGreaterThan(seeds / 4)
      expect(setAside, "nothing was set aside").toBeGreaterThan(seeds)
      expect(late, "nothing was set aside after it had been applied").toBeGreaterThan(0)
    }
  })
})

const hashesOf = (replica: Replica, condition: string): ReadonlySet<string> =>
  new Set(
    replica.sqlite.prepare<[], string>(`SELECT hash FROM events WHERE ${condition}`).pluck().all(),
  )
