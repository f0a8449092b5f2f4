/**
 * The replicas and places of one history, and what each operation does to them.
 */
import { LamplogError } from "../../../src/event/failure.ts"
import { keyPairFromSeed, projectIdOf, sha256 } from "../../../src/event/hash.ts"
import { settlementOf } from "../../../src/project/resolve.ts"
import { admitDraft, foundingDraft, leaveDraft, retireDraft } from "../../../src/store/control.ts"
import { openConflicts } from "../../../src/store/query.ts"
import { Replica } from "../../../src/store/replica.ts"
import { advance } from "../../../src/sync/advance.ts"
import { isTransient } from "../../../src/sync/remote.ts"
import type { Remote } from "../../../src/sync/remote.ts"
import type { Segment } from "../../../src/sync/segment.ts"
import { Session } from "../../../src/sync/session.ts"
import type { Tally } from "../../../src/sync/session.ts"
import { memoryRemote } from "../../../src/testing/memory-peer.ts"
import { hold } from "../../simulation/broken.ts"
import { Folder } from "../../simulation/folder.ts"
import { Random } from "../../simulation/random.ts"
import { registryOf, schemaName } from "../../simulation/schemas.ts"
import type { SchemaVersion } from "../../simulation/schemas.ts"
import { project as openProject } from "../../simulation/world.ts"
import { attack } from "./attack.ts"
import { Clockwork } from "./clockwork.ts"
import { copy, restore, save } from "./disks.ts"
import { Ledger } from "./ledger.ts"
import { Member } from "./member.ts"
import type { Place } from "./member.ts"
import type { Mutant } from "./mutant.ts"
import { Killed, killAfter, spare } from "./mortal.ts"
import { calm, throughWeather } from "./network.ts"
import type { Weather } from "./network.ts"
import type { Operation, SyncHistory } from "./operations.ts"
import { meetingPlace } from "./place.ts"
import type { MeetingPlace } from "./place.ts"

/** What a writer may be told instead of being served. */
const refusals = new Set(["type-unknown", "not-a-member", "retired"])

/** One replica's way to a place or to another replica. */
export interface Way {
  readonly from: Member
  readonly to: MeetingPlace | Member
  /** Under this name the replica keeps its cursor. */
  readonly name: string
  open: boolean
}

export class World {
  readonly clockwork = new Clockwork()
  readonly members: Array<Member> = []
  readonly places: ReadonlyArray<MeetingPlace>
  readonly ways: Array<Way> = []
  readonly ledger = new Ledger()
  /** Whether only members may write. */
  readonly isMembers: boolean
  readonly project: string = openProject
  /** Heads that nobody may ever hold. */
  readonly forbidden = new Set<string>()
  weather: Weather = calm
  /** Whether two databases may have gone on under one key. */
  forked = false
  readonly folder = new Folder()
  readonly mutant: Mutant
  readonly #seed: number
  readonly #dead: Array<Member> = []
  #failure: { readonly error: unknown } | undefined

  constructor(history: SyncHistory, mutant: Mutant = {}) {
    this.#seed = history.seed
    this.mutant = mutant
    this.isMembers = history.members
    const founder = sha256(`${history.seed} founder`)
    const nonce = sha256(`${history.seed} nonce`).slice(0, 32)
    if (history.members) {
      this.project = projectIdOf(keyPairFromSeed(founder).publicKey, nonce)
      this.members.push(this.newcomer(history.replicas[0]!, founder))
      this.#found(nonce)
    }
    for (const version of history.replicas.slice(this.members.length))
      this.members.push(this.newcomer(version))
    this.places = history.places.map((kind) => meetingPlace(kind))
    for (const { from, to } of history.links) {
      const [near, far] = [this.at(from), this.#target(to)]
      if (near !== far && far !== undefined) this.connect(near, far)
    }
  }

  #found(nonce: string): void {
    const founder = this.members[0]!
    const draft = foundingDraft(founder.replica.node, nonce, "founder", { actor: "founder" })
    this.#acknowledged(founder, () => founder.author.control(draft))
  }

  #target(to: SyncHistory["links"][number]["to"]): MeetingPlace | Member | undefined {
    return "place" in to ? this.placeAt(to.place) : this.at(to.replica)
  }

  connect(from: Member, to: MeetingPlace | Member): Way {
    const way = { from, to, name: `remote ${this.ways.length}`, open: true }
    this.ways.push(way)
    return way
  }

  close(): void {
    for (const member of this.members) member.die()
    this.folder.remove()
  }

  /** A replica that holds nothing yet and takes no part. */
  newcomer(version: SchemaVersion, key?: string): Member {
    const place: Place = {
      directory: this.folder.next("replica"),
      stateDirectory: this.folder.next("state"),
    }
    const seed = sha256(`${this.#seed}${place.directory.slice(this.folder.path.length)}`)
    const { stateDirectory } = place
    const { project } = this
    const options = { schemas: registryOf(version), name: "simulated", schema: schemaName }
    const made = Replica.create(place.directory, {
      ...options,
      project,
      stateDirectory,
      seed: key ?? seed,
    })
    return new Member(`replica ${this.members.length}`, place, version, this.mutant, made)
  }

  at(index: number): Member {
    const { length } = this.members
    return this.members[((index % length) + length) % length]!
  }

  placeAt(index: number): MeetingPlace | undefined {
    return this.places.length === 0 ? undefined : this.places[index % this.places.length]
  }

  #wayOf(member: Member, link: number): Way | undefined {
    const ways = this.ways.filter(({ from }) => from === member)
    return ways.length === 0 ? undefined : ways[link % ways.length]
  }

  async perform(operation: Operation): Promise<void> {
    await this.#perform(operation)
    await this.settle()
  }

  /** Everything that can run has run; whoever was killed is dead; what went wrong is thrown. */
  async settle(): Promise<void> {
    await this.clockwork.settle()
    this.#buryTheDoomed()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async wait(millis: number, done: () => boolean = () => false): Promise<void> {
    await this.clockwork.run(millis, () => {
      this.#buryTheDoomed()
      return done() || this.#failure !== undefined
    })
    await this.settle()
  }

  async #perform(operation: Operation): Promise<void> {
    if (operation.do === "wait") return this.wait(operation.millis)
    if (operation.do === "weather") {
      this.weather = operation.weather
      return undefined
    }
    if (operation.do === "lose") {
      const place = this.placeAt(operation.place)
      if (place === undefined) return undefined
      place.lose(operation.loss, new Random(operation.seed))
      return this.countLosses()
    }
    const member = this.at(operation.at)
    if (!member.alive) return undefined
    switch (operation.do) {
      case "write":
        return this.#acknowledged(member, () =>
          member.author.write(operation.changes, { actor: member.name, at: operation.wall }),
        )
      case "resolve":
        return this.#resolve(member, operation)
      case "admit":
      case "retire":
        return this.#control(member, operation.do, this.at(operation.node).replica.node)
      case "meet":
        return this.#meetOver(this.#wayOf(member, operation.link), operation.seed, operation.follow)
      case "stop":
        return member.stop()
      case "part": {
        const way = this.#wayOf(member, operation.link)
        if (way !== undefined) way.open = operation.open
        return undefined
      }
      case "crash":
        return this.#crash(member, operation.calls, operation.downMillis)
      case "save":
        return save(this, member)
      case "restore":
        return restore(this, member, operation.inPlace, operation.recordLost)
      case "copy":
        return copy(this, member, operation.hidden)
      case "attack":
        return attack(this, member, operation.kind, new Random(operation.seed))
    }
  }

  /** Runs something that writes, and takes down what it acknowledged. */
  #acknowledged(member: Member, run: () => { readonly events: number }): void {
    const { replica } = member
    try {
      const before = replica.read(() => replica.lines.eventCount)
      const { events } = run()
      const written = replica.lines.eventCount - before
      // One more when the replica goes on under a new key and says so first.
      const asSaid = written === events || (events > 0 && written === events + 1)
      hold("acknowledged count", asSaid, () => `${events} acknowledged, ${written} written`)
      this.ledger.acknowledge(replica, written)
      member.news.tell()
    } catch (error) {
      if (member.isDoomed || error instanceof Killed) return
      if (!(error instanceof LamplogError) || !refusals.has(error.code)) throw error
    }
  }

  #resolve(member: Member, choice: Extract<Operation, { readonly do: "resolve" }>): void {
    if (member.isDoomed) return
    this.#acknowledged(member, () => {
      const conflicts = openConflicts(member.replica)
      if (conflicts.length === 0) return { events: 0 }
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
      const { type, entity } = conflict
      return member.author.append(type, entity, op, content, { actor: "resolver" })
    })
  }

  #control(member: Member, kind: "admit" | "retire", node: string): void {
    if (!this.isMembers || member.isDoomed) return
    const { author, replica } = member
    const signed = { actor: member.name }
    this.#acknowledged(member, () =>
      replica.transaction(() => {
        const last = replica.lines.frontier()[node]
        const leaves = node === replica.node
        const retires = leaves ? leaveDraft(node, signed) : retireDraft(node, last, signed)
        const written = author.control(
          kind === "admit" ? admitDraft(node, undefined, signed) : retires,
        )
        // What it sent before has waited for this.
        const { events } = advance(replica, [])
        return { events: written.events + events }
      }),
    )
  }

  remoteOf({ to }: Way): Remote {
    const remote = to instanceof Member ? memoryRemote(to.peer) : to.remote()
    return this.mutant.remote?.(remote) ?? remote
  }

  /** Begins a meeting, unless one is under way there. */
  #meetOver(way: Way | undefined, seed: number, follow: boolean): void {
    if (way === undefined || way.from.meeting.has(way)) return
    void this.meet(way, seed, follow)
  }

  /** Meets over one way; what nobody expected becomes the world's failure. */
  async meet(way: Way, seed: number, follow = false): Promise<Tally | undefined> {
    const { from, name } = way
    const { process } = from
    const random = new Random(seed)
    const remote = throughWeather(this.remoteOf(way), {
      clockwork: this.clockwork,
      random,
      weather: () => this.weather,
      open: () => way.open,
    })
    const timing = {
      random: () => random.next(),
      pause: (millis: number, signal: AbortSignal) => this.clockwork.pause(millis, signal),
    }
    from.meeting.add(way)
    const session = new Session(from.local, remote, { name, timing })
    const { changed } = session
    try {
      if (!follow) return await session.meet(from.signal)
      from.news.listen(changed)
      await session.follow(from.signal)
      return undefined
    } catch (error) {
      const expected =
        error instanceof Killed ||
        from.process !== process ||
        !from.alive ||
        from.isDoomed ||
        (error instanceof LamplogError && isTransient(error))
      if (!expected) this.#failure ??= { error }
      return undefined
    } finally {
      from.news.leave(changed)
      from.meeting.delete(way)
    }
  }

  #crash(member: Member, calls: number, downMillis: number): void {
    killAfter(member.replica, calls)
    this.#dead.push(member)
    void this.clockwork.pause(downMillis).then(() => {
      this.#revive(member)
    })
  }

  /** Ends whoever was killed between two calls of its database. */
  #buryTheDoomed(): void {
    for (const member of this.members) if (member.isDoomed) member.die()
  }

  #revive(member: Member): void {
    if (member.alive) return
    member.start()
  }

  /** Everybody lives, and nobody is about to die. */
  reviveAll(): void {
    this.#buryTheDoomed()
    for (const member of this.members) {
      if (member.alive) spare(member.replica)
      else this.#revive(member)
    }
  }

  countLosses(): void {
    this.reviveAll()
    const placed = this.places.flatMap((place): ReadonlyArray<Segment> => place.segments())
    this.ledger.survive(
      this.members.map(({ replica }) => replica),
      placed,
    )
  }
}
