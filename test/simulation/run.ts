/**
 * Carries out one history and holds everything that must be true of it.
 */
import { verifyReplica } from "../../src/audit/verify.ts"
import { snapshotLines } from "../../src/store/query.ts"
import { hold, same } from "./broken.ts"
import { give } from "./exchange.ts"
import { keysFrom } from "./keys.ts"
import type { History } from "./operations.ts"
import {
  checkAgreement,
  checkReadersApart,
  checkReplica,
  checkStillDeleted,
  deletedEverywhere,
} from "./properties.ts"
import { Random } from "./random.ts"
import { stateOf, World } from "./world.ts"
import type { Member } from "./world.ts"

const exchange = (from: Member, to: Member, random: Random): void => {
  if (from === to) return
  give(from.replica, to.replica, random.chance(0.5) ? "all" : "lacking", random)
}

/** Everybody brings everything to one of them, who then hands all of it round. */
const meetAll = ({ members }: World, random: Random): void => {
  const host = random.pick(members)
  for (const guest of random.shuffle(members)) exchange(guest, host, random)
  for (const guest of random.shuffle(members)) exchange(host, guest, random)
}

/** A new replica that is fed everything in its own order is equal to those who lived through it. */
const replay = (world: World, random: Random): void => {
  const from = random.pick(world.members)
  const newcomer = world.newcomer(from.version)
  try {
    give(from.replica, newcomer.replica, "all", random)
    same("replay gives the same", stateOf(newcomer.replica), stateOf(from.replica), "a newcomer")
    const { replica } = from
    const before = stateOf(replica)
    replica.transaction(() => {
      replica.projection.reset()
      replica.projection.rebuild()
    })
    same("folding again gives the same", stateOf(replica), before, "a rebuild")
  } finally {
    newcomer.replica.close()
  }
}

/** Everybody deletes one entity, nobody knowing of the others; then they meet. */
const deleteTogether = (world: World, random: Random): void => {
  const living = [...snapshotLines(world.members[0]!.replica)]
    .map((line) => JSON.parse(line) as { type: string; id: string; deleted: boolean })
    .filter(({ deleted }) => !deleted)
  if (living.length === 0) return
  const { type, id } = random.pick(living)
  for (const { author } of world.members)
    author.write([{ op: "delete", type, id }], { actor: "all" })
  meetAll(world, random)
  checkAgreement(world.members, "after deleting together")
  for (const { replica } of world.members) checkStillDeleted(replica, [`${type}/${id}`])
}

const conclude = (world: World, random: Random): void => {
  const { members } = world
  const versions = new Set(members.map(({ version }) => version))
  const deleted = versions.size === 1 ? deletedEverywhere(members) : []
  meetAll(world, random)
  checkAgreement(members, "after meeting")
  checkStillDeleted(members[0]!.replica, deleted)
  checkReadersApart(members)
  for (const version of versions) {
    const reader = members.find((member) => member.version === version)!
    checkReplica(reader, world.acknowledged, world.forked)
  }
  for (const member of members) world.upgrade(member)
  if (versions.has(1)) {
    checkAgreement(members, "after upgrading")
    checkReplica(random.pick(members), world.acknowledged, world.forked)
  }
  replay(world, random)
  deleteTogether(world, random)
  const { findings } = verifyReplica(random.pick(members).replica)
  const errors = findings.filter(({ severity }) => severity === "error")
  hold("a full check finds no error", errors.length === 0, () => JSON.stringify(errors))
}

/** Throws what went wrong; resolves when everything held. */
export const runHistory = async (history: History): Promise<void> => {
  const keys = keysFrom(`history ${history.seed}`)
  const world = new World(history.seed, history.replicas)
  try {
    for (const operation of history.operations) await world.perform(operation)
    conclude(world, new Random(history.seed))
  } finally {
    world.close()
    keys.release()
  }
}
