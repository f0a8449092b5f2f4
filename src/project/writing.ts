/**
 * Changing a project: many changes as one atomic change, or each as an event of its own.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LamplogError } from "../event/failure.ts"
import type { Change } from "../state/change.ts"
import type { Author, Authorship } from "../store/author.ts"
import { timestamp } from "./clock.ts"
import type { WallClock } from "./clock.ts"
import type { OpeningPolicy } from "./opening.ts"
import { lastChance } from "./last-chance.ts"
import { reportProgress } from "./progress.ts"
import type { WriteOptions, WriteResult } from "./project.ts"
import { attempt, stepwise } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

/** A project opened for writing: its handle, who encodes its events, what time it is; how it opens archives. */
export interface Desk {
  readonly handle: Handle
  readonly author: Author
  readonly clock: WallClock | undefined
  readonly policy: OpeningPolicy
}

/** Changes that one commit makes durable when each is an event of its own. */
const groupChanges = 1000

/** Who writes, why, and when, for the events of one call. */
export const authorship = (
  clock: WallClock | undefined,
  options: WriteOptions,
): Effect.Effect<Authorship> =>
  Effect.map(timestamp(clock), (at) => ({ actor: options.actor, reason: options.reason, at }))

export const change = (
  desk: Desk,
  changes: ReadonlyArray<Change>,
  options: WriteOptions,
): Effect.Effect<WriteResult, LamplogError> =>
  Effect.gen(function* () {
    const signed = yield* authorship(desk.clock, options)
    const total = changes.length
    return yield* desk.handle.write(
      Effect.suspend(() => {
        const tell = (done: number) =>
          reportProgress({ stage: "writing", done, total, unit: "events" })
        return Effect.tap(stepwise(desk.author.writeSteps(changes, signed), tell), lastChance)
      }),
    )
  })

const changeGroup = (
  desk: Desk,
  group: ReadonlyArray<Change>,
  options: WriteOptions,
): Effect.Effect<WriteResult, LamplogError> =>
  Effect.gen(function* () {
    const signed = yield* authorship(desk.clock, options)
    return yield* desk.handle.write(
      attempt(() => {
        let events = 0
        for (const one of group) events += desk.author.write([one], signed).events
        return { events, lamport: desk.handle.replica.top()?.lamport ?? 0 }
      }),
    )
  })

export const changeEach = (
  desk: Desk,
  changes: Stream.Stream<Change, LamplogError>,
  options: WriteOptions,
): Effect.Effect<WriteResult, LamplogError> =>
  Effect.gen(function* () {
    let events = 0
    let done = 0
    // An empty group reads the lamport, and fails like a write would if there is nothing to change.
    let lamport = (yield* changeGroup(desk, [], options)).lamport
    yield* Stream.runForEach(Stream.grouped(changes, groupChanges), (group) =>
      Effect.gen(function* () {
        const written = yield* changeGroup(desk, group, options)
        events += written.events
        lamport = written.lamport
        done += group.length
        yield* reportProgress({ stage: "writing", done, total: undefined, unit: "events" })
        yield* Effect.yieldNow
      }),
    )
    return { events, lamport }
  })
