/**
 * In a project of members every log that is held ends where its node has signed it, or nobody could take
 * it from here.
 *
 * A signature stands at the end of a run. When a run cannot be taken to its end, what was taken of it is
 * taken back, and everything is tried again without that run, which waits as a whole. So a member that
 * builds on what nobody holds keeps its own events out, and no two replicas apart.
 */
import { attempt } from "../store/attempt.ts"
import { rowOf } from "../store/database.ts"
import type { Replica } from "../store/replica.ts"

/** Chain hashes of events that cannot be taken for now. */
export type HeldBack = ReadonlySet<string>

/** Thrown to take back what ends without a signature. */
class EndsUnsigned extends Error {}

const headsOf = ({ lines }: Replica): ReadonlyMap<number, number> =>
  new Map(lines.all.map(({ headSeq, line }) => [line, headSeq]))

/** Events behind the last signature of their logs that were not held before. */
const bareEvents = (replica: Replica, before: ReadonlyMap<number, number>): Set<string> => {
  const { lines, node: me, sqlite } = replica
  const hashes = sqlite
    .prepare<[number, number], string>("SELECT hash FROM events WHERE event BETWEEN ? AND ?")
    .pluck()
  const found = new Set<string>()
  for (const { from, headSeq, line, node, signedSeq = 0 } of lines.all) {
    const known = Math.max(before.get(line) ?? from - 1, signedSeq)
    // This replica signs its own log when it commits.
    if (node === me || known >= headSeq) continue
    for (const hash of hashes.all(rowOf(line, known + 1), rowOf(line, headSeq))) found.add(hash)
  }
  return found
}

/** Runs `take`, again and again, until every log ends where it is signed. */
export const toSignedEnds = <A>(replica: Replica, take: (heldBack: HeldBack) => A): A => {
  const before = headsOf(replica)
  const heldBack = new Set<string>()
  for (;;) {
    try {
      return attempt(replica, () => {
        const taken = take(heldBack)
        const bare = bareEvents(replica, before)
        if (bare.size === 0) return taken
        for (const hash of bare) heldBack.add(hash)
        throw new EndsUnsigned()
      })
    } catch (error) {
      if (!(error instanceof EndsUnsigned)) throw error
    }
  }
}
