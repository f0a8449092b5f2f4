/**
 * One replica of a simulated world: its folder, the process that has it open, and the meetings of that
 * process. The process may die at any time; the folder stays.
 */
import { LamplogError } from "../../../src/event/failure.ts"
import { Author } from "../../../src/store/author.ts"
import { Replica } from "../../../src/store/replica.ts"
import type { Local } from "../../../src/sync/local.ts"
import { peerOf } from "../../../src/sync/peer.ts"
import type { Peer, PullAnswer } from "../../../src/sync/remote.ts"
import { localOf } from "../../../src/sync/replica-local.ts"
import { News } from "../../../src/testing/memory-news.ts"
import { registryOf } from "../../simulation/schemas.ts"
import type { SchemaVersion } from "../../simulation/schemas.ts"
import type { Mutant } from "./mutant.ts"
import { isKilled, Killed, mortal, spare } from "./mortal.ts"

export interface Place {
  readonly directory: string
  readonly stateDirectory: string
}

const openReplica = ({ directory, stateDirectory }: Place, version: SchemaVersion): Replica =>
  Replica.open(directory, { schemas: registryOf(version), stateDirectory })

/** A process that has a replica open. */
interface Process {
  readonly replica: Replica
  readonly author: Author
  readonly local: Local
  readonly peer: Peer
  /** Aborted when its meetings are to stop. */
  stop: AbortController
  alive: boolean
}

const closed = (): LamplogError =>
  new LamplogError({
    code: "remote-interrupted",
    message: "The other side went away.",
    remedy: "Try again.",
  })

export class Member implements Place {
  readonly directory: string
  readonly stateDirectory: string
  readonly name: string
  version: SchemaVersion
  saved: { readonly path: string; readonly version: SchemaVersion } | undefined
  /** Links over which a meeting is under way. */
  readonly meeting = new Set<object>()
  readonly #mutant: Mutant
  readonly news = new News()
  #process: Process

  /** `made`: the replica, if it is open already. */
  constructor(name: string, place: Place, version: SchemaVersion, mutant: Mutant, made?: Replica) {
    this.name = name
    this.directory = place.directory
    this.stateDirectory = place.stateDirectory
    this.version = version
    this.#mutant = mutant
    this.#process = this.#started(made ?? openReplica(this, version))
  }

  #started(replica: Replica): Process {
    // Durability is tested elsewhere, by killing processes; here it would only cost time.
    replica.sqlite.pragma("synchronous = OFF")
    // Every step is synchronous, and so is every write here: none falls into another.
    const sound = this.news.heardFrom(localOf(replica, async (step) => step()))
    const local = this.#mutant.local?.(sound) ?? sound
    const started: Process = {
      replica,
      author: new Author(replica),
      local: mortal(local, () => started.alive),
      peer: peerOf(local, { changed: this.news.changed }),
      stop: new AbortController(),
      alive: true,
    }
    return started
  }

  get alive(): boolean {
    return this.#process.alive
  }
  get replica(): Replica {
    return this.#process.replica
  }
  get author(): Author {
    return this.#process.author
  }
  get local(): Local {
    return this.#process.local
  }
  get signal(): AbortSignal {
    return this.#process.stop.signal
  }
  /** Stands for the process that is running now. */
  get process(): object {
    return this.#process
  }

  /** Ends the meetings of this process; it goes on. */
  stop(): void {
    this.#process.stop.abort(new Killed())
    this.#process.stop = new AbortController()
  }

  /** Whether the database was killed under the running process. */
  get isDoomed(): boolean {
    return this.alive && isKilled(this.replica)
  }

  /** Ends the process, whatever it was doing. */
  die(): void {
    if (!this.alive) return
    this.#process.alive = false
    this.#process.stop.abort(new Killed())
    spare(this.replica)
    this.replica.close()
  }

  start(): void {
    if (!this.alive) this.#process = this.#started(openReplica(this, this.version))
  }

  /** This replica as others reach it: whichever process runs when they call. */
  get peer(): Peer {
    const reach = <A>(call: (peer: Peer) => Promise<A>): Promise<A> => {
      const reached = this.#process
      if (!reached.alive) return Promise.reject(closed())
      return call(reached.peer).catch((error: unknown) => {
        throw reached.alive && !isKilled(reached.replica) ? error : closed()
      })
    }
    return {
      description: this.local.description,
      answerPull: (request, signal) =>
        reach(async (peer): Promise<PullAnswer> => {
          const answer = await peer.answerPull(request, signal)
          return { ...answer, batches: this.#batches(answer.batches) }
        }),
      answerPush: (hello, batches, signal) =>
        reach((peer) => peer.answerPush(hello, batches, signal)),
      changed: (signal) => reach((peer) => peer.changed(signal)),
      getAsset: (sha256) => reach((peer) => peer.getAsset(sha256)),
      hasAssets: (hashes) => reach((peer) => peer.hasAssets(hashes)),
      putAsset: (...given) => reach((peer) => peer.putAsset(...given)),
    }
  }

  async *#batches(batches: PullAnswer["batches"]): PullAnswer["batches"] {
    const reached = this.#process
    try {
      yield* batches
    } catch (error) {
      throw reached.alive && !isKilled(reached.replica) ? error : closed()
    }
  }
}
