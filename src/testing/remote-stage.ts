/**
 * Replicas in a temporary folder, as many as a check of a remote needs, that meet at one place.
 */
import { deepStrictEqual, strictEqual } from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pauseFor } from "node:timers/promises"
import { builtInSchemas } from "../domain/schemas.ts"
import { randomProjectId } from "../event/hash.ts"
import type { Change } from "../state/change.ts"
import { Author } from "../store/author.ts"
import { openConflicts, snapshotLines } from "../store/query.ts"
import { Replica } from "../store/replica.ts"
import type { Local } from "../sync/local.ts"
import { peerOf } from "../sync/peer.ts"
import type { Hello, Peer, Remote } from "../sync/remote.ts"
import { localOf } from "../sync/replica-local.ts"
import { protocolVersion } from "../sync/segment.ts"
import { Session } from "../sync/session.ts"
import type { Tally } from "../sync/session.ts"
import { memoryAssets } from "./memory-assets.ts"
import { News } from "./memory-news.ts"

/** What went to and fro between replicas and a place. */
export interface PlaceTraffic {
  readonly requests: number
  readonly bytes: number
}

/** A place to meet at, for as long as one check takes. */
export interface RemotePlace {
  /** Connects one more replica. */
  readonly connect: () => Promise<Remote>
  readonly traffic?: () => PlaceTraffic
  /** Leaves bytes there that do not belong there, under any name. */
  readonly litter?: (bytes: Uint8Array) => Promise<void>
  /** Loses all that is there. */
  readonly lose?: () => Promise<void>
  /** Takes the place away with all that is there. */
  readonly remove: () => Promise<void>
}

/** Makes a new, empty place; `host` answers there, where a place needs somebody to answer. */
export type OpenPlace = (host: Peer) => Promise<RemotePlace>

/** Retries of a session last a second and more; a check has no reason to wait so long. */
const hurry = 20

/** One replica that takes part in a check. */
export class Guest {
  readonly replica: Replica
  readonly local: Local
  readonly news = new News()
  readonly #author: Author
  readonly #remotes: Array<Remote> = []

  constructor(replica: Replica) {
    this.replica = replica
    this.local = this.news.heardFrom(localOf(replica, async (step) => step()))
    this.#author = new Author(replica)
  }

  get hello(): Hello {
    return { version: protocolVersion, project: this.replica.project, node: this.replica.node }
  }

  write(...changes: ReadonlyArray<Change>): void {
    this.#author.write(changes, { actor: "check" })
    this.news.tell()
  }

  /** One event after the other, each of its own entity. */
  writeMany(prefix: string, count: number, value = "v"): void {
    for (let index = 0; index < count; index++) {
      this.write({ op: "put", type: "note", id: `${prefix}${index}`, fields: { value } })
    }
  }

  async connect(place: RemotePlace): Promise<Remote> {
    const remote = await place.connect()
    this.#remotes.push(remote)
    return remote
  }

  /** Meets at the place once, over a connection of its own. */
  async meet(place: RemotePlace, signal = never): Promise<Tally> {
    const remote = await this.connect(place)
    const pause = async (millis: number): Promise<void> => {
      await pauseFor(millis / hurry)
    }
    const timing = { random: () => 0.5, pause }
    try {
      return await new Session(this.local, remote, { name: "place", timing }).meet(signal)
    } finally {
      await remote.close()
    }
  }

  count(): number {
    return this.replica.read(() => this.replica.lines.eventCount)
  }

  state(): unknown {
    const { replica } = this
    return replica.read(() => ({
      frontier: replica.lines.frontier(),
      digest: replica.digest(),
      snapshot: [...snapshotLines(replica)],
      conflicts: openConflicts(replica),
    }))
  }

  async close(): Promise<void> {
    for (const remote of this.#remotes) await remote.close()
    this.replica.close()
  }
}

export const never = new AbortController().signal

export class RemoteStage {
  readonly project = randomProjectId()
  readonly #folder = mkdtempSync(join(tmpdir(), "lamplog-remote-"))
  readonly #guests: Array<Guest> = []
  readonly #places: Array<RemotePlace> = []

  /** A replica that holds nothing yet; two with one `seed` are copies of each other. */
  guest(options: { readonly seed?: string; readonly project?: string } = {}): Guest {
    const name = String(this.#guests.length)
    const replica = Replica.create(join(this.#folder, name), {
      schemas: builtInSchemas(),
      name: "checked",
      schema: "open",
      project: options.project ?? this.project,
      stateDirectory: join(this.#folder, `${name}-state`),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    })
    // Vanishes with the check: nothing of it has to outlive a power cut.
    replica.sqlite.pragma("synchronous = OFF")
    const guest = new Guest(replica)
    this.#guests.push(guest)
    return guest
  }

  async place(open: OpenPlace): Promise<RemotePlace> {
    const { local, news } = this.guest()
    const host = peerOf(local, { changed: news.changed, assets: memoryAssets() })
    const place = await open(host)
    this.#places.push(place)
    return place
  }

  async clear(): Promise<void> {
    for (const guest of this.#guests) await guest.close()
    for (const place of this.#places) await place.remove()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Runs one check on a stage of its own. */
export const onStage =
  (run: (stage: RemoteStage) => Promise<void>): (() => Promise<void>) =>
  async () => {
    const stage = new RemoteStage()
    try {
      await run(stage)
    } finally {
      await stage.clear()
    }
  }

/** Holds that these replicas are equal, byte for byte. */
export const equalGuests = (...guests: ReadonlyArray<Guest>): void => {
  const [first, ...others] = guests
  for (const other of others) deepStrictEqual(other.state(), first!.state())
  strictEqual(new Set(guests.map((guest) => guest.count())).size, 1, "events held")
}
