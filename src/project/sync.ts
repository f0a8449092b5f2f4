/**
 * Meeting remotes: once, until both hold the same, or for as long as somebody wants to follow one.
 *
 * The meeting itself is `sync/session.ts`; here it gets the replica, time and chance, and what is
 * told to people: summaries, the memory of the last meeting, what conflicts are open now.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { work } from "../archive/work.ts"
import { LamplogError } from "../event/failure.ts"
import { readMeetings, saveMeeting } from "../store/meetings.ts"
import { nodeLength } from "../store/travelling.ts"
import type { Local } from "../sync/local.ts"
import { peerOf } from "../sync/peer.ts"
import type { Peer, Remote } from "../sync/remote.ts"
import { localOf } from "../sync/replica-local.ts"
import { newTally, Session } from "../sync/session.ts"
import type { Tally, Timing } from "../sync/session.ts"
import { headsMissing } from "../sync/step.ts"
import { moveAssets } from "./asset-moving.ts"
import { assetsOfPeer } from "./asset-peer.ts"
import type { Changes } from "./changes.ts"
import { timed, timestamp } from "./clock.ts"
import type { FollowOptions, FollowState, Meeting, SyncOptions, SyncSummary } from "./meeting.ts"
import { ProgressReporter } from "./progress.ts"
import { Patience } from "./patience.ts"
import { openConflictIds } from "./reading.ts"
import type { Handle } from "./transaction.ts"
import type { Desk } from "./writing.ts"

/** Runs calls of a handle for those who wait for promises, for as long as a scope lives. */
export type Promised = <A>(call: Effect.Effect<A, LamplogError>) => Promise<A>

export const makePromised: Effect.Effect<Promised, never, Scope.Scope> = Effect.map(
  FiberSet.makeRuntimePromise<never, unknown, LamplogError>(),
  (run) => (call) => run(call),
)

/** The replica of a handle, as meetings see it. */
const localOfHandle = ({ replica, run }: Handle, promised: Promised): Local =>
  localOf(replica, (write) => promised(run(write)))

const timing: Timing = {
  random: Math.random,
  pause: (millis, signal) =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        reject(signal.reason as Error)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", stop)
        resolve()
      }, millis)
      if (signal.aborted) stop()
      else signal.addEventListener("abort", stop, { once: true })
    }),
}

const timedOut = (tally: Tally, where: string, millis: number): LamplogError => {
  const { error, rounds } = tally
  const unfinished = rounds === 0 ? "no answer came" : "both do not hold the same yet"
  const why = error === undefined ? unfinished : error.message
  const more =
    rounds === 0
      ? "Check the address and the network, or allow more time with --timeout."
      : "Allow more time with --timeout."
  return new LamplogError({
    code: "sync-timeout",
    message: `The meeting with ${where} was given up after ${millis / 1000} s without getting on: ${why}`,
    remedy: `${error?.remedy ?? more} What was taken so far is kept.`,
    where,
    ...(error === undefined ? {} : { cause: error }),
  })
}

/** Meets once, as long as there is any use. */
const meetOnce = async (
  local: Local,
  remote: Remote,
  { name, timeoutMillis }: SyncOptions,
  onTally: (tally: Tally) => void,
  signal: AbortSignal,
): Promise<void> => {
  if (timeoutMillis === undefined) {
    await new Session(local, remote, { name, timing, onTally }).meet(signal)
    return
  }
  const patience = new Patience(timeoutMillis)
  const watched = (tally: Tally): void => {
    patience.see(tally.moved)
    onTally(tally)
  }
  const session = new Session(local, remote, { name, timing, onTally: watched })
  try {
    await session.meet(AbortSignal.any([signal, patience.signal]))
  } catch (error) {
    if (signal.aborted || !patience.signal.aborted) throw error
    throw timedOut(session.tally, remote.where, timeoutMillis)
  } finally {
    patience.end()
  }
}

/** Keeps for later what a meeting has shown. */
const remember = (
  { clock, handle }: Desk,
  remote: string,
  { holdings }: Tally,
): Effect.Effect<void, LamplogError> =>
  holdings === undefined
    ? Effect.void
    : Effect.flatMap(timestamp(clock), (metAt) =>
        handle.run(() => saveMeeting(handle.replica, { remote, metAt, frontier: holdings })),
      )

export const syncProject = (
  desk: Desk,
  remote: Remote,
  options: SyncOptions,
): Effect.Effect<SyncSummary, LamplogError> =>
  Effect.gen(function* () {
    const { handle } = desk
    const { name } = options
    const onProgress = yield* ProgressReporter
    let tally = newTally
    const onTally = (told: Tally): void => {
      tally = told
      const { error, moved } = told
      const stage = error === undefined ? `meeting ${name}` : `trying to meet ${name} again`
      onProgress({ stage, done: moved, total: undefined, unit: "events" })
    }
    const local = localOfHandle(handle, yield* makePromised)
    const meet = work(remote.where, (signal) => meetOnce(local, remote, options, onTally, signal))
    const whole = Effect.andThen(meet, moveAssets(desk, remote, options.assets ?? "push"))
    const remembered = Effect.suspend(() => remember(desk, name, tally))
    const ended = Effect.onExit(whole, () => Effect.ignore(remembered))
    const [moved, durationSeconds] = yield* timed(ended)
    const conflicts = yield* handle.read((replica) => openConflictIds(replica).size)
    const { ahead, behind, forks, inSync, pulled, pushed, refused, rounds, waiting } = tally
    return {
      remote: name,
      where: remote.where,
      pulled,
      pushed,
      conflicts,
      digest: yield* handle.digest,
      inSync,
      ahead,
      behind,
      waiting,
      refused,
      forks,
      rounds,
      ...moved,
      durationSeconds,
    }
  }).pipe(Effect.scoped)

const stateFrom = ({ nextMillis, ...tally }: Tally): FollowState => {
  const { ahead, behind, error, phase, pulled, pushed, refused, waiting } = tally
  const nextAttemptMillis = nextMillis
  return { phase, pulled, pushed, waiting, refused, ahead, behind, error, nextAttemptMillis }
}

/**
 * Meets a remote whenever something is new here or there, until interrupted. Fails only for what no
 * other attempt would mend.
 */
export const followRemote = (
  desk: Desk,
  changes: Changes,
  remote: Remote,
  options: FollowOptions,
): Effect.Effect<void, LamplogError> =>
  Effect.scoped(
    Effect.flatMap(makePromised, (promised) =>
      work(remote.where, (signal) => follow({ desk, changes, promised }, remote, options, signal)),
    ),
  )

/** Ends when a signal is aborted. */
const aborted = (signal: AbortSignal): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const end = (): void => resume(Effect.void)
    if (signal.aborted) end()
    else signal.addEventListener("abort", end, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", end))
  })

interface Following {
  readonly desk: Desk
  readonly changes: Changes
  readonly promised: Promised
}

const follow = async (
  { desk, changes, promised }: Following,
  remote: Remote,
  { name, onState, assets = "push" }: FollowOptions,
  signal: AbortSignal,
): Promise<void> => {
  const { handle } = desk
  const local = localOfHandle(handle, promised)
  const settled = async (tally: Tally): Promise<void> => {
    const moving = tally.inSync ? moveAssets(desk, remote, assets) : Effect.void
    const moved = Effect.raceFirst(moving, aborted(signal))
    await promised(Effect.ignore(Effect.andThen(remember(desk, name, tally), moved)))
  }
  let settling = Promise.resolve()
  let isMeeting = true
  const session = new Session(local, remote, {
    name,
    timing,
    onTally: (tally) => {
      const hasMet = isMeeting && tally.phase !== "meeting"
      isMeeting = tally.phase === "meeting"
      if (hasMet) settling = settling.then(() => settled(tally)).catch(() => undefined)
      onState?.(stateFrom(tally))
    },
  })
  const unsubscribe = changes.subscribe(() => {
    void local.stand().then(({ frontier }) => {
      // What came from this remote itself is no news to it.
      const { holdings } = session.tally
      if (holdings === undefined || headsMissing(frontier, holdings).length > 0) session.changed()
    }, session.changed)
  })
  try {
    await session.follow(signal)
  } finally {
    unsubscribe()
    await settling
  }
}

/** How this replica answers others, for as long as the project is open. */
export const peerOfProject = (desk: Desk, changes: Changes, promised: Promised): Peer =>
  peerOf(localOfHandle(desk.handle, promised), {
    changed: (signal) => changes.next(signal),
    assets: assetsOfPeer(desk, promised),
  })

/** What is remembered of the last meeting with each remote, compared with what is held now. */
export const meetings = ({ handle }: Desk): Effect.Effect<ReadonlyArray<Meeting>, LamplogError> =>
  handle.read((replica) => {
    const frontier = replica.lines.frontier()
    return readMeetings(replica).flatMap(({ remote, metAt, frontier: holdings }) => {
      if (metAt === undefined || holdings === undefined) return []
      const behind = Object.entries(holdings).flatMap(([log, { seq, hash }]) => {
        const held = replica.lines.holding(log.slice(0, nodeLength), seq, hash) !== undefined
        return held ? [] : [log]
      })
      return [{ remote, metAt, holdings, ahead: headsMissing(frontier, holdings), behind }]
    })
  })
