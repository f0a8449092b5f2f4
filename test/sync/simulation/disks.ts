/**
 * What people do to the files of a replica behind its back: backups, and copies that go on.
 */
import { copyFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { databaseFile } from "../../../src/store/database.ts"
import { copyReplica, hideCopy, replaceDatabase } from "../../simulation/folder.ts"
import { Member } from "./member.ts"
import type { Place } from "./member.ts"
import { spare } from "./mortal.ts"
import type { World } from "./world.ts"

const replicasMax = 12

/** Whoever is about to be killed is let live: its file has to be whole. */
const checkpointed = ({ replica }: Member): void => {
  spare(replica)
  replica.sqlite.pragma("wal_checkpoint(TRUNCATE)")
}

export const save = (world: World, member: Member): void => {
  if (member.isDoomed) return
  checkpointed(member)
  const path = world.folder.next("saved")
  copyFileSync(join(member.directory, databaseFile), path)
  member.saved = { path, version: member.version }
}

export const restore = (
  world: World,
  member: Member,
  inPlace: boolean,
  recordLost: boolean,
): void => {
  const { saved } = member
  if (saved === undefined) return
  member.die()
  if (recordLost) rmSync(member.stateDirectory, { recursive: true, force: true })
  // Nothing is left by which this rollback could be noticed before it meets others.
  if (recordLost && inPlace) world.forked = true
  replaceDatabase(member.directory, saved.path, inPlace)
  member.version = saved.version
  member.start()
  world.countLosses()
}

export const copy = (world: World, original: Member, hidden: boolean): void => {
  const { length } = world.members
  if (length >= replicasMax || original.isDoomed) return
  const place: Place = {
    directory: world.folder.next("replica"),
    stateDirectory: world.folder.next("state"),
  }
  checkpointed(original)
  copyReplica(original.directory, place.directory)
  if (hidden) {
    world.forked = true
    hideCopy(place.directory)
  }
  const twin = new Member(`replica ${length}`, place, original.version, world.mutant)
  world.members.push(twin)
  const ways = world.ways.filter(({ from }) => from === original)
  for (const { to } of ways) world.connect(twin, to)
  if (ways.length === 0) world.connect(twin, original)
}
