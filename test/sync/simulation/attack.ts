/**
 * What an enemy does to one replica, or leaves at a place: each attempt is refused with its reason, and
 * what honest replicas hand over beside it is taken all the same.
 */
import { LamplogError } from "../../../src/event/failure.ts"
import type { Hello, Remote, Taken } from "../../../src/sync/remote.ts"
import { encodeSegment, protocolVersion } from "../../../src/sync/segment.ts"
import type { Batch, Segment } from "../../../src/sync/segment.ts"
import { Session } from "../../../src/sync/session.ts"
import { hold, same } from "../../simulation/broken.ts"
import type { Random } from "../../simulation/random.ts"
import { stateOf } from "../../simulation/world.ts"
import { verdictOn } from "./attack-kinds.ts"
import type { AttackKind, ForgeryKind } from "./attack-kinds.ts"
import { forge } from "./forgery.ts"
import type { Member } from "./member.ts"
import { Killed } from "./mortal.ts"
import type { World } from "./world.ts"

const enemyNode = "zzzqeayeaudaocajbifqydiob4"

const never = new AbortController().signal

async function* inOrder(batches: ReadonlyArray<Batch>): AsyncGenerator<Batch> {
  yield* batches
}

const helloTo = (member: Member): Hello => ({
  version: protocolVersion,
  project: member.local.description.project,
  node: enemyNode,
})

/** What a replica can hand over of what it holds, to somebody who holds this. */
const held = async (from: Member, to?: Member): Promise<ReadonlyArray<Batch>> => {
  const known = to === undefined ? {} : (await to.local.stand()).frontier
  // Where histories part, all of it: what follows may build on either.
  return Array.fromAsync(from.local.lacking(known, { all: true }))
}

/** Gives one batch to a replica: as the answer to its question, or unasked. */
const give = async (member: Member, batch: Batch, asked: boolean): Promise<Taken["refused"]> => {
  if (asked) return (await member.local.take(batch)).refused
  const pushed = await member.peer.answerPush(helloTo(member), inOrder([batch]), never)
  return pushed.refused
}

const codesOf = (refused: Taken["refused"], { node, from, to }: Segment): ReadonlyArray<string> =>
  refused
    .filter((run) => run.node === node && run.from <= to && run.to >= from)
    .map(({ error }) => error.code)

const holdsHead = (member: Member, { node, to, head }: Segment): boolean =>
  member.replica.read(() => member.replica.lines.holding(node, to, head) !== undefined)

const hand = async (
  world: World,
  member: Member,
  kind: ForgeryKind,
  random: Random,
): Promise<void> => {
  const source = random.pick(world.members.filter(({ alive }) => alive))
  const honest = (await held(source, member))[0] ?? []
  const all = (await held(source)).flat()
  if (all.length === 0) return
  const basis = random.pick(all)
  const forged = forge(kind, basis, random)
  const verdict = verdictOn(kind, world.isMembers)
  if (verdict !== "taken" && forged.head !== basis.head) world.forbidden.add(forged.head)
  // Whoever holds the event at the end of a run need not look at it again.
  const known = holdsHead(member, forged)
  const batch = random.shuffle([...honest, forged])
  const refused = await give(member, batch, random.chance(0.5))
  const about = () => `${kind}: ${JSON.stringify(refused)}`
  for (const segment of honest) {
    hold("what is honest is taken beside what is not", holdsHead(member, segment), about)
  }
  if (verdict === "taken") {
    hold("a second history is kept", holdsHead(member, forged), about)
    world.forked = true
  } else if (verdict === "waits") {
    hold("what waits is not refused", codesOf(refused, forged).length === 0, about)
    const { frontier } = await member.peer.answerPull({ ...helloTo(member), since: {} }, never)
    const isTold = Object.values(frontier).some(({ hash }) => hash === forged.head)
    const counts = isTold || holdsHead(member, forged)
    hold("what waits counts for nothing", known || forged.head === basis.head || !counts, about)
  } else {
    const codes = codesOf(refused, forged)
    const reasons: ReadonlyArray<string> = verdict.refused
    const asExpected = (known || codes.length > 0) && codes.every((code) => reasons.includes(code))
    hold("an enemy is refused with a reason", asExpected, about)
  }
}

/** Leaves something at a place for whoever comes by. */
const leave = async (world: World, kind: ForgeryKind, random: Random): Promise<void> => {
  const place = random.pick(world.places)
  const source = random.pick(world.members.filter(({ alive }) => alive))
  const all = (await held(source)).flat()
  if (all.length === 0) return
  const basis = random.pick(all)
  const forged = forge(kind, basis, random)
  if (verdictOn(kind, world.isMembers) === "taken") world.forked = true
  else if (forged.head !== basis.head) world.forbidden.add(forged.head)
  const bytes = encodeSegment(forged)
  const spoilt = random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length)) : bytes
  if (random.chance(0.5)) {
    place.litter(spoilt, random)
    return
  }
  const { description } = source.local
  const batches = inOrder([[forged]])
  const request = { ...helloTo(source), description, known: {}, batches }
  // A place may refuse what it can tell from honest segments.
  await place
    .remote()
    .push(request, never)
    .catch((error: unknown) => {
      if (!(error instanceof LamplogError)) throw error
    })
}

const refusedWith = async (
  code: string,
  call: () => Promise<unknown>,
  what: string,
): Promise<void> => {
  let found = "nothing"
  try {
    await call()
  } catch (error) {
    if (error instanceof Killed || !(error instanceof LamplogError)) throw error
    found = error.code
  }
  same("an enemy is refused with a reason", found, code, what)
}

/** Speaks of another project, or a later protocol. */
const misintroduce = async (
  member: Member,
  change: Partial<Hello>,
  code: string,
): Promise<void> => {
  const hello = { ...helloTo(member), ...change }
  const { peer } = member
  await refusedWith(code, () => peer.answerPull({ ...hello, since: {} }, never), "a pull")
  await refusedWith(code, () => peer.answerPush(hello, inOrder([]), never), "a push")
}

/** Says again what was said before, word for word. */
const replay = async (member: Member): Promise<void> => {
  const batches = await held(member)
  const before = stateOf(member.replica)
  const pushed = await member.peer.answerPush(helloTo(member), inOrder(batches), never)
  hold("a repetition is no refusal", pushed.refused.length === 0, () =>
    JSON.stringify(pushed.refused),
  )
  same("a repetition changes nothing", stateOf(member.replica), before, "replay")
}

/** Claims to hold what nobody wrote, and hands over nothing: the meeting ends all the same. */
const lie = async (world: World, member: Member, random: Random): Promise<void> => {
  const { frontier } = await member.local.stand()
  const claims = Object.entries(frontier).map(([log, { seq, hash }]) => {
    const further = random.chance(0.5)
    return [
      log,
      { seq: seq + random.below(3), hash: further ? hash.split("").reverse().join("") : hash },
    ]
  })
  const holdings = {
    frontier: Object.fromEntries(claims) as typeof frontier,
    unsure: random.some(Object.keys(frontier), 0.5),
  }
  const liar: Remote = {
    where: "liar",
    capabilities: { watches: false, assets: false, presence: false },
    describe: async () => [],
    pull: async () => holdings,
    push: async () => ({ ...holdings, events: 0, refused: [] }),
    close: async () => {},
  }
  const timing = {
    random: () => random.next(),
    pause: (millis: number, signal: AbortSignal) => world.clockwork.pause(millis, signal),
  }
  const session = new Session(member.local, liar, { name: "liar", timing })
  let outcome: { readonly error: unknown } | undefined
  session.meet(member.signal).then(
    () => {
      outcome = { error: undefined }
    },
    (error: unknown) => {
      outcome = { error }
    },
  )
  await world.clockwork.run(longMillis, () => outcome !== undefined)
  hold("a meeting with a liar ends", outcome !== undefined, () => JSON.stringify(session.tally))
  if (outcome?.error !== undefined) throw outcome.error as Error
}

const longMillis = 24 * 3600 * 1000

export const attack = async (
  world: World,
  member: Member,
  kind: AttackKind,
  random: Random,
): Promise<void> => {
  if (member.isDoomed) return
  try {
    if (kind === "other hello") {
      const change = { project: "bbbqeayeaudaocajbifqydiob4" }
      await misintroduce(member, change, "other-project")
    } else if (kind === "newer hello") {
      await misintroduce(member, { version: protocolVersion + 1 }, "protocol-newer")
    } else if (kind === "replay") await replay(member)
    else if (kind === "liar") await lie(world, member, random)
    else if (world.places.length > 0 && random.chance(0.5)) await leave(world, kind, random)
    else await hand(world, member, kind, random)
  } catch (error) {
    // Whoever dies meanwhile answers nobody.
    if (member.isDoomed || !member.alive || error instanceof Killed) return
    throw error
  }
}
