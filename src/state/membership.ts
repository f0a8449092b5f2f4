/**
 * Who may write in a project of members: a pure function of the events held.
 *
 * `admit` and `retire` are read level by level from the founder, whom the project's id names. Level 0
 * is the founder; a node admitted by a member of level n is of level n + 1, the lowest it can get.
 *
 * Invariants
 *  1. Neither order of arrival nor lamports take part: equal sets of events give equal members.
 *  2. What an author may do depends only on levels above its own and on its own word, so there is no
 *     circle: a node cannot admit itself, nor retire whoever admitted it.
 *  3. A retirement sets the last event of a node that counts, its cut. Cuts only ever add up: an event
 *     counts if it is within all of them, so of two cuts of one log the lowest wins.
 *  4. `known` only ever grows with the events held, and so does what may be stored.
 */
import { noEventHash } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"
import { isIdentifier, isNonce, projectIdOf } from "../event/hash.ts"
import { comparePositions } from "../event/stamp.ts"
import type { Position, Reference } from "../event/stamp.ts"

/** The last event of a node that counts; seq 0 when none does. */
export interface Cut {
  readonly seq: number
  readonly hash: string
}

/** An `admit` or `retire` that has an effect if its author may do so. */
export interface ControlEvent extends Position {
  /** The node admitted or retired. */
  readonly subject: string
  /** Undefined in an `admit`. */
  readonly cut: Cut | undefined
  readonly name: string | undefined
  readonly nonce: string | undefined
}

export interface Member {
  /** Steps from the founder. */
  readonly level: number
  /** Undefined for the founder. */
  readonly admittedBy: string | undefined
  readonly name: string | undefined
  /** All that count, the lowest first; without one the node may write. */
  readonly cuts: ReadonlyArray<Cut>
}

export interface Membership {
  /** Undefined while the founder's first event is not held. */
  readonly founder: string | undefined
  readonly members: ReadonlyMap<string, Member>
  /**
   * The founder, and everybody whom somebody known has ever named in an `admit`, rightly or not. Their
   * events may be stored and passed on; those of members alone are applied.
   */
  readonly known: ReadonlySet<string>
}

/**
 * Whether an event is the one at a cut or stands before it in the same log. While the event at the
 * cut is not held nobody can tell the branches of a fork apart, and the seq alone decides.
 */
export type IsWithin = (cut: Reference, event: Reference) => boolean

/** Reads a control event; undefined for any other event, and for one that can have no effect. */
export const controlEventFrom = (
  header: Header,
  hash: string,
  body: Body,
): ControlEvent | undefined => {
  const { node, seq, lamport, id: subject, op, transaction } = header
  // Alone in its transaction: whether it counts must not depend on what a reader knows of others.
  if ((op !== "admit" && op !== "retire") || transaction !== undefined) return undefined
  if (!isIdentifier(subject)) return undefined
  const { name, nonce } = body.admits ?? {}
  const position = { node, seq, lamport, hash, subject }
  if (op === "admit") return { ...position, cut: undefined, name, nonce }
  const cut = subject === node ? { seq, hash } : cutFrom(subject, body.retires)
  return cut === undefined ? undefined : { ...position, cut, name: undefined, nonce: undefined }
}

const cutFrom = (subject: string, retires: Reference | undefined): Cut | undefined => {
  if (retires === undefined || retires.node !== subject) return undefined
  const { seq, hash } = retires
  return (seq === 0) === (hash === noEventHash) ? { seq, hash } : undefined
}

/** Whether an event proves that its author founded the project. */
export const isFounding = (event: ControlEvent, publicKey: string, project: string): boolean =>
  event.seq === 1 &&
  event.cut === undefined &&
  event.subject === event.node &&
  event.nonce !== undefined &&
  isNonce(event.nonce) &&
  projectIdOf(publicKey, event.nonce) === project

const compareCuts = (left: Cut, right: Cut): number =>
  left.seq - right.seq || (left.hash < right.hash ? -1 : left.hash > right.hash ? 1 : 0)

/** The first cut that an event is beyond. */
export const cutBefore = (member: Member, event: Reference, isWithin: IsWithin): Cut | undefined =>
  member.cuts.find((cut) => !isWithin({ node: event.node, ...cut }, event))

const knownFrom = (
  founder: string,
  admitsByAuthor: ReadonlyMap<string, ReadonlyArray<ControlEvent>>,
): ReadonlySet<string> => {
  const known = new Set([founder])
  // A set that is walked gives what is added on the way, too.
  for (const author of known) {
    for (const { subject } of admitsByAuthor.get(author) ?? []) known.add(subject)
  }
  return known
}

class Evaluation {
  readonly #retiresBySubject: ReadonlyMap<string, ReadonlyArray<ControlEvent>>
  readonly #isWithin: IsWithin
  readonly members = new Map<string, Member>()

  constructor(retires: ReadonlyArray<ControlEvent>, isWithin: IsWithin) {
    this.#retiresBySubject = Map.groupBy(retires, ({ subject }) => subject)
    this.#isWithin = isWithin
  }

  /** Whether a member said this while it could. */
  counts(event: ControlEvent): boolean {
    const author = this.members.get(event.node)
    return author !== undefined && cutBefore(author, event, this.#isWithin) === undefined
  }

  add(node: string, level: number, admission: ControlEvent | undefined): void {
    const retires = this.#retiresBySubject.get(node) ?? []
    // A node's own word about itself always counts, or two branches of it could void each other's.
    const counting = retires.filter(
      (event) =>
        event.node === node ||
        ((this.members.get(event.node)?.level ?? level) < level && this.counts(event)),
    )
    this.members.set(node, {
      level,
      admittedBy: admission?.node,
      name: admission?.name,
      cuts: counting.map(({ cut }) => cut!).sort(compareCuts),
    })
  }
}

/** Who the members are. */
export const evaluateMembership = (
  founding: ControlEvent | undefined,
  events: ReadonlyArray<ControlEvent>,
  isWithin: IsWithin,
): Membership => {
  if (founding === undefined) return nobody
  const founder = founding.node
  const admits = events.filter(({ cut }) => cut === undefined).sort(comparePositions)
  const admitsByAuthor = Map.groupBy(admits, ({ node }) => node)
  const evaluation = new Evaluation(
    events.filter(({ cut }) => cut !== undefined),
    isWithin,
  )
  const { members } = evaluation
  evaluation.add(founder, 0, undefined)
  members.set(founder, { ...members.get(founder)!, name: founding.name })
  for (let above = [founder], level = 1; above.length > 0; level++) {
    const offered = above
      .flatMap((author) => admitsByAuthor.get(author) ?? [])
      .filter((event) => !members.has(event.subject) && evaluation.counts(event))
      .sort(comparePositions)
    const admissions = new Map<string, ControlEvent>()
    for (const event of offered) {
      if (!admissions.has(event.subject)) admissions.set(event.subject, event)
    }
    for (const [node, admission] of admissions) evaluation.add(node, level, admission)
    above = [...admissions.keys()]
  }
  return { founder, members, known: knownFrom(founder, admitsByAuthor) }
}

/** Before the founder is heard of. */
export const nobody: Membership = { founder: undefined, members: new Map(), known: new Set() }

/** Why a node's event is set aside whatever it says; undefined when the node may write it. */
export const outsiderReason = (
  { members }: Membership,
  event: Reference,
  isWithin: IsWithin,
): string | undefined => {
  const member = members.get(event.node)
  if (member === undefined) return `node ${event.node} is not a member`
  const cut = cutBefore(member, event, isWithin)
  return cut === undefined ? undefined : `node ${event.node} was retired after event ${cut.seq}`
}
