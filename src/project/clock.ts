/**
 * The only place that asks for the time: for `at` in events, for people to read, and for durations.
 *
 * No result depends on either. A caller may bring a clock of its own, so that a test or a replayed
 * script writes the same events every time.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Milliseconds since 1970, as the people around this machine count them. */
export type WallClock = () => number

/** The time to write into an event (RFC 3339, UTC). */
export const timestamp = (clock: WallClock | undefined): Effect.Effect<string> =>
  Effect.map(clock === undefined ? Clock.currentTimeMillis : Effect.sync(clock), (millis) =>
    new Date(millis).toISOString(),
  )

/** A running clock, in milliseconds, that no one can set back. */
export const runningMillis: Effect.Effect<number> = Effect.map(
  Clock.monotonicTimeNanos,
  (nanos) => Number(nanos / 1000n) / 1000,
)

/** What an effect gives, and how long it took, in seconds. */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<readonly [result: A, durationSeconds: number], E, R> =>
  Effect.gen(function* () {
    const start = yield* runningMillis
    const result = yield* effect
    return [result, ((yield* runningMillis) - start) / 1000] as const
  })
