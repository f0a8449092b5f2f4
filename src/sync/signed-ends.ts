/**
 * In a project of members every log that is held ends where its node has signed it, or nobody could take
 * it from here.
 *
 * A signature stands at the end of a run. When a run cannot be taken to its end, what was taken of it is
 * taken back, and everything is tried again without that run, which waits as a whole. So a member that
 * builds on what nobody holds keeps its own events out, and no two replicas apart.
 *
 * Who is honest needs a second try, seldom a third. Somebody may send runs each of which fails only when
 * the one before it is left out; so after a few tries all of a node waits that has a run which failed, and
 * after a few more everything does, except what `taking.ts` takes at once.
 */
import { attempt } from "../store/attempt.ts"
import { rowOf } from "../store/database.ts"
import type { Replica } from "../store/replica.ts"

/** What cannot be taken for now. */
export interface HeldBack {
  /** Chain hashes of events. */
  readonly hashes: ReadonlySet<string>
  /** Nodes of which nothing is taken. */
  readonly nodes: ReadonlySet<string>
  readonly isAll: boolean
}

/** Tries, before nodes that have failed are held back as a whole. */
const runTriesMax = 4
/** Tries, before everything is. */
const triesMax = 8

/** Thrown to take back what ends without a signature. */
class EndsUnsigned extends Error {}

const headsOf = ({ lines }: Replica): ReadonlyMap<number, number> =>
  new Map(lines.all.map(({ headSeq, line }) => [line, headSeq]))

interface Bare {
  readonly node: string
  readonly hashes: ReadonlyArray<string>
}

/** Events behind the last signature of their logs that were not held before. */
const bareEvents = (replica: Replica, before: ReadonlyMap<number, number>): ReadonlyArray<Bare> => {
  const { lines, node: me, sqlite } = replica
  const hashes = sqlite
    .prepare<[number, number], string>("SELECT hash FROM events WHERE event BETWEEN ? AND ?")
    .pluck()
  return lines.all.flatMap(({ from, headSeq, line, node, signedSeq = 0 }) => {
    const known = Math.max(before.get(line) ?? from - 1, signedSeq)
    // This replica signs its own log when it commits.
    if (node === me || known >= headSeq) return []
    return [{ node, hashes: hashes.all(rowOf(line, known + 1), rowOf(line, headSeq)) }]
  })
}

/** Runs `take`, again and again, until every log ends where it is signed. */
export const toSignedEnds = <A>(replica: Replica, take: (heldBack: HeldBack) => A): A => {
  const before = headsOf(replica)
  const hashes = new Set<string>()
  const failed = new Set<string>()
  for (let tries = 1; ; tries += 1) {
    const nodes = tries > runTriesMax ? failed : new Set<string>()
    try {
      return attempt(replica, () => {
        const taken = take({ hashes, nodes, isAll: tries > triesMax })
        const bare = bareEvents(replica, before)
        if (bare.length === 0) return taken
        for (const { hashes: unsigned, node } of bare) {
          failed.add(node)
          for (const hash of unsigned) hashes.add(hash)
        }
        throw new EndsUnsigned()
      })
    } catch (error) {
      if (!(error instanceof EndsUnsigned)) throw error
    }
  }
}
