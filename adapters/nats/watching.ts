/**
 * Stays at the remote: hears the live tail and beacons, answers others, says that it is there.
 *
 * Invariants
 *  1. The tail is listened to before anything is read, so that nothing falls in between.
 *  2. Whatever may have been missed (a loss of the connection, an overflow, silence) ends in news: then the stream
 *     itself is looked at.
 */
import type { Msg, Subscription } from "@nats-io/transport-node"
import type { Frontier, Hello, Peer, Presence } from "../../src/remote.ts"
import { protocolVersion } from "../../src/remote.ts"
import { Answering } from "./answering.ts"
import type { Connection, Link } from "./connection.ts"
import { Presences, beaconFrom, beaconText, digestOf } from "./presence.ts"
import type { Beacon } from "./presence.ts"
import { mapFailure, unreachable } from "./refuse.ts"
import { logOfSubject } from "./subjects.ts"
import type { Names } from "./subjects.ts"
import { Tail } from "./tail.ts"

/** Between two looks at the stream, at random in between. */
const lookMillisMin = 30_000
const lookMillisMax = 60_000
/** Between two beacons that tell of something urgent. */
const urgentMillisMin = 250

export interface Watched {
  readonly connection: Connection
  readonly names: Names
  readonly hello: Hello
  readonly peer: Peer | undefined
  /** What this replica held when it was last asked. */
  readonly frontier: () => Frontier
  readonly news: () => void
}

export class Watching {
  readonly tail = new Tail()
  readonly #watched: Watched
  readonly #presences = new Presences(() => performance.now())
  readonly #ended = Promise.withResolvers<never>()
  readonly #stopped = new AbortController()
  #frontier: Frontier = {}
  #timers: Array<NodeJS.Timeout> = []
  #urgentAt = -Infinity
  /** Somebody who holds what the stream may not. */
  #suspect: string | undefined

  constructor(watched: Watched) {
    this.#watched = watched
  }

  /** Runs until aborted; rejects when the remote is lost for good. */
  async run(link: Link, signal: AbortSignal): Promise<void> {
    const { connection, names, hello, peer } = this.#watched
    const answering = new Answering(connection, names, hello.node, peer, () =>
      this.#text(false, false),
    )
    const subscriptions = [
      this.#listen(link, names.allTail, this.#heardTail),
      this.#listen(link, names.allPresence, this.#heardBeacon),
    ]
    const stopAnswering = answering.start(link)
    const stopHearing = connection.onChange((event) => this.#changed(event))
    const aborted = Promise.withResolvers<void>()
    const abort = (): void => aborted.resolve()
    signal.addEventListener("abort", abort, { once: true })
    if (signal.aborted) abort()
    try {
      await this.#refresh()
      // Whoever hears that we are there may ask at once: the server has to know what we listen to.
      await connection.call("watching", signal, ({ client }) => client.flush())
      this.#speak(link)
      this.#look()
      this.#watched.news()
      await Promise.race([aborted.promise, this.#ended.promise])
    } finally {
      signal.removeEventListener("abort", abort)
      this.#stopped.abort()
      stopHearing()
      stopAnswering()
      for (const subscription of subscriptions) subscription.unsubscribe()
      for (const timer of this.#timers) clearTimeout(timer)
      this.#leave(link)
    }
  }

  /** Who is there, without us. */
  peers(): ReadonlyArray<Presence> {
    return this.#presences.list()
  }

  /** Somebody who should be asked if the stream has nothing new; told once. */
  suspect(): string | undefined {
    const suspect = this.#suspect
    this.#suspect = undefined
    return suspect
  }

  /** Tells at once what is held here now: what was to be stored could not be. */
  async announce(link: Link): Promise<void> {
    const now = performance.now()
    if (now - this.#urgentAt < urgentMillisMin) return
    this.#urgentAt = now
    await this.#refresh()
    this.#publish(link, false, true)
  }

  #listen(link: Link, subject: string, hear: (message: Msg) => void): Subscription {
    const { connection } = this.#watched
    return link.client.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) hear(message)
        else this.#ended.reject(mapFailure(error, connection.where, "watching"))
      },
    })
  }

  readonly #heardTail = (message: Msg): void => {
    const isUsed = this.tail.add(message)
    const isOwn = logOfSubject(message.subject)?.publisher === this.#watched.hello.node
    if (!isOwn || !isUsed) this.#watched.news()
  }

  readonly #heardBeacon = (message: Msg): void => {
    const { hello, names } = this.#watched
    const beacon = beaconFrom(message.string())
    // Nobody speaks for another.
    if (beacon === undefined || message.subject !== names.presence(beacon.node)) return
    if (beacon.node === hello.node) return
    const isNew = this.#presences.hear(beacon)
    if (!beacon.isLeaving) void this.#compare(beacon, beacon.isUrgent || !isNew)
  }

  /** Others hold something else: they may have it from elsewhere, or could not store it. */
  async #compare({ digest, node }: Beacon, isLasting: boolean): Promise<void> {
    if (digest === digestOf(this.#held())) return
    await this.#refresh()
    if (digest === digestOf(this.#held())) return
    if (isLasting) this.#suspect = node
    this.#watched.news()
  }

  #changed(event: "lost" | "back" | "closed"): void {
    const { connection, news } = this.#watched
    this.tail.clear()
    if (event === "back") news()
    if (event === "closed") {
      // Somebody has to ask to hear why: the credentials may be good no more.
      news()
      this.#ended.reject(unreachable(connection.where, "the connection was closed"))
    }
  }

  #held(): Frontier {
    return this.#watched.peer === undefined ? this.#watched.frontier() : this.#frontier
  }

  async #refresh(): Promise<void> {
    const { peer, hello } = this.#watched
    if (peer === undefined) return
    const request = {
      version: protocolVersion,
      project: hello.project,
      node: hello.node,
      since: {},
    }
    const answer = await peer.answerPull(request, this.#stopped.signal).catch(() => undefined)
    if (answer !== undefined) this.#frontier = answer.frontier
  }

  #text(isLeaving: boolean, isUrgent: boolean): string {
    const { hello, connection } = this.#watched
    return beaconText({
      node: hello.node,
      name: connection.settings.options.name,
      frontier: this.#held(),
      everyMillis: this.#presences.everyMillis(0.5),
      isLeaving,
      isUrgent,
    })
  }

  #publish({ client }: Link, isLeaving: boolean, isUrgent = false): void {
    const { connection, names, hello } = this.#watched
    if (!connection.isUp) return
    try {
      client.publish(names.presence(hello.node), this.#text(isLeaving, isUrgent))
    } catch {
      // A frontier too large for this server, or a connection that closes: others ask anyway.
    }
  }

  #leave(link: Link): void {
    this.#publish(link, true)
  }

  #after(millis: number, run: () => void): void {
    if (this.#stopped.signal.aborted) return
    const timer = setTimeout(() => {
      this.#timers = this.#timers.filter((other) => other !== timer)
      run()
    }, millis).unref()
    this.#timers.push(timer)
  }

  /** A beacon now, and again and again. */
  #speak(link: Link): void {
    this.#publish(link, false)
    this.#after(this.#presences.everyMillis(Math.random()), () => {
      void this.#refresh().then(() => this.#speak(link))
    })
  }

  #look(): void {
    const millis = lookMillisMin + Math.random() * (lookMillisMax - lookMillisMin)
    this.#after(millis, () => {
      // What the tail has may have holes that nobody sees.
      this.tail.clear()
      this.#watched.news()
      this.#look()
    })
  }
}
