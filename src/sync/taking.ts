/**
 * Taking a batch: durable, with the cursor of the remote it came from, in one transaction.
 *
 * The fast path gives the whole batch to one `Receiver`, at the speed of an archive. When anything is
 * wrong or missing, that is taken back, and every run is checked by itself and advanced as far as what
 * it builds on is held (`advance.ts`). So nothing that one sender made up keeps others' events out.
 *
 * Invariant: never throws for what is in a batch, only for what the disk refuses.
 */
import { verifyHead } from "../event/hash.ts"
import type { LamplogError } from "../event/failure.ts"
import { requiresSignature } from "../store/admission.ts"
import { saveCursor } from "../store/meetings.ts"
import { Receiver } from "../store/receive.ts"
import type { Replica } from "../store/replica.ts"
import { advance, isRefusal } from "./advance.ts"
import type { RefusedRun, Taken } from "./remote.ts"
import { checkEnd, checkProject, linesOf, placeOf, runFromSegment } from "./run.ts"
import type { Run } from "./run.ts"
import { checkSegment } from "./segment.ts"
import type { Batch, Segment } from "./segment.ts"

export interface RemoteCursor {
  readonly remote: string
  readonly text: string
}

const nothing: Taken = { events: 0, waiting: 0, refused: [], forks: [] }

/** Whether all of a segment is held; keeps a signature that is newer than the one known. */
const isHeld = (replica: Replica, segment: Segment): boolean => {
  const { node, to, head, signature } = segment
  const line = replica.lines.holding(node, to, head)
  if (line === undefined) return false
  return signature === undefined || (line.signedSeq ?? 0) >= to
}

const noteSignature = ({ lines, project }: Replica, segment: Segment): void => {
  const { node, to, head, publicKey, signature } = segment
  const line = lines.holding(node, to, head)
  if (line === undefined || signature === undefined || (line.signedSeq ?? 0) >= to) return
  if (verifyHead(publicKey, signature, project, node, to, head)) lines.sign(line, to, signature)
}

const refusedRun = ({ node, from, to }: Segment, error: LamplogError): RefusedRun => {
  return { node, from, to, error }
}

/** Runs a check; what it refuses is listed, and the check has failed. */
const passes = (segment: Segment, refused: Array<RefusedRun>, check: () => void): boolean => {
  try {
    check()
    return true
  } catch (error) {
    if (!isRefusal(error)) throw error
    refused.push(refusedRun(segment, error))
    return false
  }
}

/** Who may not be stored at all the receiver finds out by itself. */
const mayBeFast = (replica: Replica, batch: Batch): boolean =>
  !requiresSignature(replica) || batch.every(({ signature }) => signature !== undefined)

const receive = (receiver: Receiver, segment: Segment): void => {
  const { node, from, signature } = segment
  const lines = linesOf(segment)
  receiver.begin(segment)
  for (const [at, line] of lines.entries()) receiver.line(line, `${node}:${from + at}`)
  checkEnd(segment, receiver.head().hash)
  receiver.end(signature)
}

/** Gives everything to one receiver; undefined when anything is missing or wrong. */
const takeFast = (
  replica: Replica,
  batch: Batch,
  done: (taken: Taken) => void,
): Taken | undefined => {
  if (!mayBeFast(replica, batch)) return undefined
  try {
    return replica.transaction(() => {
      const receiver = new Receiver(replica)
      for (const segment of batch) receive(receiver, segment)
      const { events, forks } = receiver.finish()
      const then = advance(replica, [])
      const taken = { ...then, events: events + then.events, forks: [...forks, ...then.forks] }
      done(taken)
      return taken
    })
  } catch (error) {
    if (!isRefusal(error)) throw error
    return undefined
  }
}

/** Checks every run by itself and takes what can be taken; the rest waits or is refused. */
const takeSlowly = (replica: Replica, batch: Batch, done: (taken: Taken) => void): Taken =>
  replica.transaction(() => {
    const refused: Array<RefusedRun> = []
    const runs = batch.flatMap((segment) => {
      const found: Array<Run> = []
      passes(segment, refused, () => found.push(runFromSegment(segment, replica.project)))
      return found
    })
    const taken = advance(replica, runs)
    done(taken)
    return { ...taken, refused: [...refused, ...taken.refused] }
  })

/** Takes a batch. A cursor is kept unless something was turned away only because it had no room. */
export const takeBatch = (replica: Replica, batch: Batch, cursor?: RemoteCursor): Taken => {
  const refused: Array<RefusedRun> = []
  const lacking = replica.read(() =>
    batch.filter(
      (segment) =>
        passes(segment, refused, () => {
          checkSegment(segment, placeOf(segment))
          checkProject(segment, replica.project)
        }) && !isHeld(replica, segment),
    ),
  )
  if (lacking.length === 0 && cursor === undefined) return { ...nothing, refused }
  const done = (taken: Taken): void => {
    for (const segment of lacking) noteSignature(replica, segment)
    // What had no room has to be read again.
    const isWhole = taken.refused.every(({ error }) => error.code !== "waiting-full")
    if (cursor !== undefined && isWhole) saveCursor(replica, cursor.remote, cursor.text)
  }
  const taken = takeFast(replica, lacking, done) ?? takeSlowly(replica, lacking, done)
  return { ...taken, refused: [...refused, ...taken.refused] }
}
