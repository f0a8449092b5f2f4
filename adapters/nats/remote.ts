/**
 * A project's stream, bucket and peers on a NATS server, as a remote.
 *
 * The stream is a relay and a cache, never the record: what it has lost, the replicas bring back.
 */
import { LamplogError, isTransient, shelfRemote } from "../../src/remote.ts"
import type {
  Frontier,
  Hello,
  Holdings,
  Presence,
  ProjectDescription,
  PullRequest,
  Pushed,
  PushRequest,
  Remote,
  RemoteCapabilities,
  Take,
} from "../../src/remote.ts"
import { describeProjects } from "./about.ts"
import { whoIsThere } from "./asking.ts"
import { Bucket } from "./bucket.ts"
import { bucketStorage } from "./bucket-shelf.ts"
import { Connection } from "./connection.ts"
import { Memory } from "./memory.ts"
import { beaconFrom } from "./presence.ts"
import { Publisher } from "./publisher.ts"
import { pullFrom, slowMillis } from "./pulling.ts"
import { pushTo } from "./pushing.ts"
import type { PushSources } from "./pushing.ts"
import { invalid, refuse } from "./refuse.ts"
import { settingsFrom } from "./settings.ts"
import type { NatsOptions, Settings } from "./settings.ts"
import { namesOf } from "./subjects.ts"
import { Watching } from "./watching.ts"

/** What is kept of one project for one node. */
interface Side {
  readonly sources: Omit<PushSources, "tail">
  watching: Watching | undefined
  /** What this node said last that it holds. */
  since: Frontier
}

/** Projects and nodes that one remote serves at once. */
const sidesMax = 64

class NatsRemote implements Remote {
  readonly where: string
  readonly capabilities: RemoteCapabilities = { watches: true, assets: true, presence: true }
  readonly #connection: Connection
  readonly #sides = new Map<string, Side>()
  /** Pulls and pushes of one remote follow each other: they share a consumer. */
  #turn: Promise<unknown> = Promise.resolve()
  #last: Side | undefined

  constructor(settings: Settings) {
    this.where = settings.where
    this.#connection = new Connection(settings)
  }

  #side({ project, node }: Hello): Side {
    const key = `${project}.${node}`
    let side = this.#sides.get(key)
    if (side === undefined) {
      const { settings } = this.#connection
      if (settings.project !== undefined && settings.project !== project) {
        throw refuse({
          code: "other-project",
          message: `${this.where}: the URL names project ${settings.project}, this is ${project}`,
          remedy: "Remove the part after # from the remote's URL, or open the other project.",
          where: this.where,
        })
      }
      const names = namesOf(project, settings.layout)
      const bucket = new Bucket(this.#connection, names, node)
      side = {
        sources: {
          connection: this.#connection,
          names,
          memory: new Memory(),
          bucket,
          shelf: shelfRemote(bucketStorage(bucket, project, this.where)),
          publisher: new Publisher(this.#connection, names.stream),
        },
        watching: undefined,
        since: {},
      }
      if (this.#sides.size >= sidesMax) this.#sides.delete(this.#sides.keys().next().value!)
      this.#sides.set(key, side)
    }
    this.#last = side
    return side
  }

  /** Runs when those before have ended. */
  #next<A>(run: () => Promise<A>): Promise<A> {
    const next = this.#turn.then(run, run)
    this.#turn = next.catch(() => undefined)
    return next
  }

  async describe(signal: AbortSignal): Promise<ReadonlyArray<ProjectDescription>> {
    await this.#connection.ready(undefined, signal)
    return describeProjects(this.#connection, signal)
  }

  pull(request: PullRequest, take: Take, signal: AbortSignal): Promise<Holdings> {
    return this.#next(async () => {
      const side = this.#side(request)
      const link = await this.#connection.ready(request.node, signal)
      side.since = request.since
      const { sources, watching } = side
      const live = {
        tail: watching?.tail,
        suspect: () => watching?.suspect(),
        announce: () => watching?.announce(link),
      }
      return pullFrom({ ...sources, ...live }, request, take, signal)
    })
  }

  push(request: PushRequest, signal: AbortSignal): Promise<Pushed> {
    return this.#next(async () => {
      const side = this.#side(request)
      const link = await this.#connection.ready(request.node, signal)
      // Those who are there are told by ourselves what the stream cannot tell them, or not soon.
      const announce = (): Promise<void> | undefined => side.watching?.announce(link)
      const slow = setInterval(() => void announce(), slowMillis)
      try {
        return await pushTo({ ...side.sources, tail: side.watching?.tail }, request, signal)
      } catch (error) {
        if (error instanceof LamplogError && isTransient(error) && !signal.aborted) {
          await announce()
        }
        throw error
      } finally {
        clearInterval(slow)
      }
    })
  }

  async watch(hello: Hello, news: () => void, signal: AbortSignal): Promise<void> {
    const side = this.#side(hello)
    const link = await this.#connection.ready(hello.node, signal)
    if (side.watching !== undefined) {
      throw invalid(this.where, "this project is watched already", "Watch it once.")
    }
    const watching = new Watching({
      connection: this.#connection,
      names: side.sources.names,
      hello,
      peer: this.#connection.settings.options.peer,
      frontier: () => side.since,
      news,
    })
    side.watching = watching
    try {
      await watching.run(link, signal)
    } finally {
      side.watching = undefined
    }
  }

  async peers(hello: Hello, signal: AbortSignal): Promise<ReadonlyArray<Presence>> {
    const { sources, watching } = this.#side(hello)
    const link = await this.#connection.ready(hello.node, signal)
    const known = watching?.peers() ?? []
    if (known.length > 0) return known
    const texts = await whoIsThere(sources, link, signal)
    const beacons = texts.flatMap((text) => beaconFrom(text) ?? [])
    const peers = new Map(
      beacons.map(({ node, name, frontier }) => [node, { node, name, frontier }]),
    )
    peers.delete(hello.node)
    return [...peers.values()].sort((left, right) => (left.node < right.node ? -1 : 1))
  }

  /** Assets belong to the project that was met last: one remote serves one project. */
  async #shelf(signal: AbortSignal): Promise<Remote> {
    const { settings } = this.#connection
    const { node = "", project = settings.project } = settings.options
    const side =
      this.#last ?? (project === undefined ? undefined : this.#side({ version: 1, project, node }))
    if (side === undefined) {
      throw invalid(this.where, "no project was met yet", "Pull first, or name it: #PROJECT.")
    }
    await this.#connection.ready(undefined, signal)
    return side.sources.shelf
  }

  async getAsset(
    sha256: string,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    return (await this.#shelf(signal)).getAsset!(sha256, signal)
  }

  async hasAssets(
    sha256: ReadonlyArray<string>,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    return (await this.#shelf(signal)).hasAssets!(sha256, signal)
  }

  async putAsset(
    sha256: string,
    size: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    return (await this.#shelf(signal)).putAsset!(sha256, size, bytes, signal)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/**
 * A remote on a NATS server. The URL's parts and options are looked at now, the connection is made by the first call.
 * Rejects with `remote-invalid` for a URL that is none.
 */
export const openNats = async (url: string, options: NatsOptions = {}): Promise<Remote> =>
  new NatsRemote(settingsFrom(url, options))
