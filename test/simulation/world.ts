/**
 * The replicas of one history, and what each operation does to them.
 *
 * Everything that a replica acknowledged is written down here, outside of it, to be asked for at the
 * end. What a restored backup took away from the only one who had it is crossed out again: no
 * replica can keep what its owner threw away.
 */
import { copyFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { LamplogError } from "../../src/event/failure.ts"
import { sha256 } from "../../src/event/hash.ts"
import { settlementOf } from "../../src/project/resolve.ts"
import type { Change } from "../../src/state/change.ts"
import { Author } from "../../src/store/author.ts"
import { databaseFile } from "../../src/store/database.ts"
import { openConflicts, snapshotLines } from "../../src/store/query.ts"
import { Replica } from "../../src/store/replica.ts"
import { carryArchive } from "./archive.ts"
import { hold, same } from "./broken.ts"
import { tryToGive } from "./exchange.ts"
import { copyReplica, Folder, hideCopy, replaceDatabase } from "./folder.ts"
import type { Operation } from "./operations.ts"
import { Random } from "./random.ts"
import { registryOf, schemaName } from "./schemas.ts"
import type { SchemaVersion } from "./schemas.ts"
import { checkWritten } from "./written.ts"

export const project = "aaaqeayeaudaocajbifqydiob4"
const replicasMax = 8

interface Place {
  readonly directory: string
  readonly stateDirectory: string
}

export interface Member extends Place {
  version: SchemaVersion
  replica: Replica
  author: Author
  /** A copy of its database, kept aside, and the schema version it was kept at. */
  saved: { readonly path: string; readonly version: SchemaVersion } | undefined
}

/** Everything of a replica that two replicas with the same events and schema must share. */
export const stateOf = (replica: Replica): string =>
  replica.read(() =>
    JSON.stringify({
      frontier: replica.lines.frontier(),
      digest: replica.digest(),
      snapshot: [...snapshotLines(replica)],
      conflicts: openConflicts(replica),
    }),
  )

const quick = (replica: Replica): Replica => {
  // Durability is tested elsewhere, by killing processes; here it would only cost time.
  replica.sqlite.pragma("synchronous = OFF")
  return replica
}

const opened = ({ directory, stateDirectory }: Place, version: SchemaVersion): Replica =>
  quick(Replica.open(directory, { schemas: registryOf(version), stateDirectory }))

export class World {
  readonly folder = new Folder()
  readonly members: Array<Member> = []
  /** Chain hashes of the events whose writing was acknowledged. */
  readonly acknowledged = new Set<string>()
  /** Whether any two databases went on under one key. */
  forked = false
  readonly #seed: number

  constructor(seed: number, versions: ReadonlyArray<SchemaVersion>) {
    this.#seed = seed
    for (const version of versions) this.members.push(this.newcomer(version))
  }

  close(): void {
    for (const { replica } of this.members) replica.close()
    this.folder.remove()
  }

  #place(): Place {
    return { directory: this.folder.next("replica"), stateDirectory: this.folder.next("state") }
  }

  /** A replica that holds nothing yet and takes no part; the caller closes it. */
  newcomer(version: SchemaVersion): Member {
    const place = this.#place()
    const replica = Replica.create(place.directory, {
      schemas: registryOf(version),
      name: "simulated",
      schema: schemaName,
      project,
      stateDirectory: place.stateDirectory,
      seed: sha256(`${this.#seed}${place.directory.slice(this.folder.path.length)}`),
    })
    quick(replica)
    return { ...place, version, replica, author: new Author(replica), saved: undefined }
  }

  at(index: number): Member {
    const { length } = this.members
    return this.members[((index % length) + length) % length]!
  }

  async perform(operation: Operation): Promise<void> {
    switch (operation.do) {
      case "write":
        return this.#write(this.at(operation.at), operation.changes, operation.beside)
      case "resolve":
        return this.#resolve(this.at(operation.at), operation)
      case "give":
        return this.#give(this.at(operation.from), this.at(operation.to), operation)
      case "archive":
        return this.#carry(this.at(operation.from), this.at(operation.to), operation.since)
      case "clone":
        return this.#clone(this.at(operation.at), true)
      case "copy":
        return this.#clone(this.at(operation.at), false)
      case "save":
        return this.#save(this.at(operation.at))
      case "restore":
        return this.#restore(this.at(operation.at), operation.inPlace, operation.recordLost)
      case "upgrade":
        return this.upgrade(this.at(operation.at))
      case "reopen":
        return this.#reopen(this.at(operation.at))
    }
  }

  /** Runs something that writes, and takes down what it acknowledged. */
  #acknowledge(replica: Replica, run: () => { readonly events: number }): void {
    const [before, top] = replica.read(() => [
      replica.lines.eventCount,
      replica.lines.top()?.lamport ?? 0,
    ])
    const { node } = replica
    const parted = replica.lines.ofNode(node).length > 1
    const { events } = run()
    hold(
      "whoever meets a fork of its own log goes on under a new name",
      events === 0 || !parted || replica.node !== node,
      () => node,
    )
    const own = replica.ownLine()
    const written = replica.lines.eventCount - before
    // One more when the replica goes on under a new key and says so first.
    const asSaid = written === events || (events > 0 && written === events + 1)
    hold("acknowledged count", asSaid, () => `${events} acknowledged, ${written} written`)
    for (let seq = (own?.headSeq ?? 0) - written + 1; seq <= (own?.headSeq ?? 0); seq++) {
      this.acknowledged.add(replica.lines.hashAt(own!.line, seq))
    }
    const after = own?.headLamport ?? 0
    hold("what is written comes after all that is held", written === 0 || after > top, () => {
      return `${after} after ${top}`
    })
  }

  #write(member: Member, changes: ReadonlyArray<Change>, beside: boolean): void {
    const replica = beside ? opened(member, member.version) : member.replica
    const author = beside ? new Author(replica) : member.author
    const before = stateOf(replica)
    try {
      this.#acknowledge(replica, () => author.write(changes, { actor: replica.node.slice(0, 4) }))
      checkWritten(replica, changes)
    } catch (error) {
      if (!(error instanceof LamplogError) || error.code !== "type-unknown") throw error
      same("refusals change nothing", before, stateOf(replica), "a write")
    }
    if (!beside) return
    same("connections agree", stateOf(member.replica), stateOf(replica), "after a write beside")
    replica.close()
  }

  #resolve(
    { replica, author }: Member,
    choice: Extract<Operation, { readonly do: "resolve" }>,
  ): void {
    const conflicts = openConflicts(replica)
    if (conflicts.length === 0) return
    const conflict = conflicts[choice.conflict % conflicts.length]!
    const candidate = conflict.candidates[choice.take % conflict.candidates.length]!
    const value = "value" in choice ? choice.value : candidate.value
    const { op, content } =
      conflict.kind === "field"
        ? settlementOf(conflict, value)
        : {
            op: candidate.op === "delete" ? ("delete" as const) : ("resolve" as const),
            content: { settles: conflict.id },
          }
    this.#acknowledge(replica, () =>
      author.append(conflict.type, conflict.entity, op, content, { actor: "resolver" }),
    )
    const left = openConflicts(replica).filter(
      ({ type, entity, field, kind }) =>
        type === conflict.type &&
        entity === conflict.entity &&
        field === conflict.field &&
        kind === conflict.kind,
    )
    hold("a resolution settles", left.length === 0, () => JSON.stringify([conflict, left]))
  }

  #give(
    from: Member,
    to: Member,
    { extent, seed, twice }: Extract<Operation, { readonly do: "give" }>,
  ): void {
    if (from === to) return
    const before = stateOf(to.replica)
    const received = tryToGive(from.replica, to.replica, extent, new Random(seed))
    if (received === undefined || received.events === 0) {
      same("refusals and repetitions change nothing", before, stateOf(to.replica), extent)
    }
    if (!twice || received === undefined) return
    const after = stateOf(to.replica)
    const again = tryToGive(from.replica, to.replica, extent, new Random(seed))
    hold("a second time nothing is new", (again?.events ?? 0) === 0 || extent === "lacking", () =>
      JSON.stringify(again?.events),
    )
    same("a second time nothing changes", after, stateOf(to.replica), extent)
  }

  async #carry(from: Member, to: Member, since: boolean): Promise<void> {
    if (from === to) return
    const before = stateOf(to.replica)
    const path = this.folder.next("archive")
    const taken = await carryArchive(from.replica, to.replica, path, since)
    if (!taken) same("refusals change nothing", before, stateOf(to.replica), "an archive")
  }

  #checkpointed({ replica }: Member): void {
    replica.sqlite.pragma("wal_checkpoint(TRUNCATE)")
  }

  #clone(original: Member, hidden: boolean): void {
    if (this.members.length >= replicasMax) return
    const place = this.#place()
    this.#checkpointed(original)
    copyReplica(original.directory, place.directory)
    if (hidden) {
      this.forked = true
      hideCopy(place.directory)
    }
    const replica = opened(place, original.version)
    hold(
      "a copy is noticed",
      (replica.fence === undefined) === hidden || original.replica.fence !== undefined,
      () => String(replica.fence),
    )
    same("a copy is equal", stateOf(original.replica), stateOf(replica), "after copying")
    const { version } = original
    this.members.push({ ...place, version, replica, author: new Author(replica), saved: undefined })
  }

  #save(member: Member): void {
    this.#checkpointed(member)
    const path = this.folder.next("saved")
    copyFileSync(join(member.directory, databaseFile), path)
    member.saved = { path, version: member.version }
  }

  #restore(member: Member, inPlace: boolean, recordLost: boolean): void {
    const { saved } = member
    if (saved === undefined) return
    member.replica.close()
    if (recordLost) rmSync(member.stateDirectory, { recursive: true, force: true })
    // Nothing is left by which this rollback could be noticed before it meets others.
    if (recordLost && inPlace) this.forked = true
    replaceDatabase(member.directory, saved.path, inPlace)
    member.version = saved.version
    this.#openAgain(member)
    const held = this.members.map(({ replica }) =>
      replica.sqlite.prepare<[], string>("SELECT hash FROM events").pluck().all(),
    )
    const all = new Set(held.flat())
    for (const hash of this.acknowledged) if (!all.has(hash)) this.acknowledged.delete(hash)
  }

  #openAgain(member: Member): void {
    member.replica = opened(member, member.version)
    member.author = new Author(member.replica)
  }

  #reopen(member: Member): void {
    const before = stateOf(member.replica)
    const { node, fence } = member.replica
    member.replica.close()
    this.#openAgain(member)
    same("reopening changes nothing", before, stateOf(member.replica), member.replica.node)
    hold(
      "reopening keeps the writer",
      member.replica.node === node && member.replica.fence === fence,
      () => `${node} ${fence} became ${member.replica.node} ${member.replica.fence}`,
    )
  }

  upgrade(member: Member): void {
    if (member.version === 2) return
    member.replica.close()
    member.version = 2
    this.#openAgain(member)
  }
}
