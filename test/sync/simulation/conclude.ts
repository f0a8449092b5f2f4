/**
 * The end of every history: the weather clears, everybody lives and meets, and then all hold the same.
 */
import { verifyReplica } from "../../../src/audit/verify.ts"
import { hold, same } from "../../simulation/broken.ts"
import { checkAgreement, checkReadersApart, checkReplica } from "../../simulation/properties.ts"
import type { Random } from "../../simulation/random.ts"
import { stateOf } from "../../simulation/world.ts"
import { hashesOf } from "./ledger.ts"
import { Member } from "./member.ts"
import { calm } from "./network.ts"
import type { Way, World } from "./world.ts"

/** Enough for what is under way to come to its end. */
const healMillis = 20 * 60 * 1000
/** Longer than any meeting that is still under way. */
const longMillis = 24 * 3600 * 1000

/** Makes sure that word can get from everybody to everybody. */
const connectAll = (world: World): void => {
  const group = new Map<object, object>()
  const root = (one: object): object => {
    const above = group.get(one)
    return above === undefined || above === one ? one : root(above)
  }
  for (const { from, to } of world.ways) group.set(root(from), root(to))
  const first = world.members[0]!
  for (const member of world.members) {
    if (root(member) === root(first)) continue
    world.connect(member, first)
    group.set(root(member), root(first))
  }
}

const meetNow = async (world: World, way: Way, seed: number): Promise<void> => {
  let done = false
  const meeting = world.meet(way, seed).finally(() => {
    done = true
  })
  await world.wait(longMillis, () => done)
  hold("meetings end", done, () => way.name)
  await meeting
}

/** Everybody meets everybody they know once. */
const meetOnce = async (world: World, random: Random): Promise<void> => {
  for (const way of random.shuffle(world.ways)) await meetNow(world, way, random.below(2 ** 31))
}

const agrees = ({ members }: World): boolean => {
  const frontiers = members.map(({ replica }) =>
    JSON.stringify(replica.read(() => replica.lines.frontier())),
  )
  return new Set(frontiers).size === 1
}

/** What each replica lacks of what any holds, in few words. */
const differences = ({ members }: World): string => {
  const held = members.map(({ replica }) => new Set(hashesOf(replica)))
  const all = new Set(held.flatMap((hashes) => [...hashes]))
  return held.map((hashes, index) => `${index} lacks ${all.size - hashes.size}`).join(", ")
}

const heal = async (world: World, random: Random): Promise<void> => {
  world.weather = calm
  world.reviveAll()
  for (const way of world.ways) way.open = true
  await world.wait(healMillis)
  // Those who follow would never end.
  for (const member of world.members) member.stop()
  await world.settle()
  hold(
    "meetings end",
    world.members.every(({ meeting }) => meeting.size === 0),
    () => "healing",
  )
  world.reviveAll()
  connectAll(world)
  const roundsMax = world.members.length * 2 + 4
  let agreed = false
  for (let round = 0; round < roundsMax; round++) {
    await meetOnce(world, random)
    // Once more, so that places have everything, too.
    if (agreed) return
    agreed = agrees(world)
  }
  hold("everybody holds the same in the end", false, () => differences(world))
}

/** Times that a newcomer finds damage which others have to mend. */
const joiningsMax = 4

/** A new replica that knows one of the others or one place becomes equal to all. */
const join = async (world: World, random: Random): Promise<void> => {
  const { version } = world.members[0]!
  const newcomer = world.newcomer(version)
  try {
    const way = random.pick(world.ways)
    const to = random.chance(0.5) ? way.from : way.to
    const joining: Way = { from: newcomer, to, name: "joining", open: true }
    const host = world.members[0]!
    for (let joinings = 1; ; joinings++) {
      await meetNow(world, joining, random.below(2 ** 31))
      if (joinings === joiningsMax || stateOf(newcomer.replica) === stateOf(host.replica)) break
      await meetOnce(world, random)
    }
    const what = to instanceof Member ? to.name : to.kind
    same("who joins becomes equal", stateOf(newcomer.replica), stateOf(host.replica), what)
  } finally {
    newcomer.die()
  }
}

/** Everybody names the same members, and folding all of it again gives the same. */
const checkMembers = ({ members }: World): void => {
  const named = members.map(({ replica }) =>
    JSON.stringify([...replica.members.current.members].sort(([a], [b]) => (a < b ? -1 : 1))),
  )
  for (const one of named) same("equal events, equal members", one, named[0]!, "members")
  for (const { replica } of members) {
    const before = stateOf(replica)
    replica.transaction(() => {
      replica.projection.reset()
      replica.projection.rebuild()
    })
    same("folding again gives the same", stateOf(replica), before, "a rebuild")
  }
}

export const conclude = async (world: World, random: Random): Promise<void> => {
  await heal(world, random)
  const { members } = world
  checkAgreement(members, "after healing")
  checkReadersApart(members)
  const one = random.pick(members)
  const held = new Set(hashesOf(one.replica))
  for (const hash of world.ledger.hashes()) {
    hold("what was acknowledged and survived is everywhere", held.has(hash), () => hash)
  }
  for (const hash of world.forbidden) {
    hold("what an enemy made up is nowhere", !held.has(hash), () => hash)
  }
  if (world.isMembers) checkMembers(world)
  else checkReplica(one, world.ledger.hashes(), world.forked)
  await join(world, random)
  const { findings } = verifyReplica(one.replica)
  const errors = findings.filter(({ severity }) => severity === "error")
  hold("a full check finds no error", errors.length === 0, () => JSON.stringify(errors))
}
