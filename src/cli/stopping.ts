/**
 * Commands that keep what they did when somebody stops them: meeting remotes, serving.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import { LastChance } from "../project/last-chance.ts"
import type { Call } from "./command.ts"
import { Interrupted } from "./report.ts"

/** Ends when the user interrupts. */
export const interruption = ({ terminal: { signal } }: Call): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const stop = (): void => resume(Effect.void)
    if (signal.aborted) stop()
    else signal.addEventListener("abort", stop, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", stop))
  })

/** From here on an interrupt no longer stops the program by itself: it has to listen. */
export const listening: Effect.Effect<void> = Effect.flatMap(LastChance, (ask) => Effect.sync(ask))

/** Runs a program until it ends or is interrupted; then `message` tells what that means. */
export const untilInterrupted = <A>(
  call: Call,
  program: Effect.Effect<A, LamplogError>,
  message: string,
): Effect.Effect<A, LamplogError> =>
  Effect.andThen(
    listening,
    Effect.raceFirst(
      program,
      Effect.flatMap(interruption(call), () => Effect.fail(new Interrupted(message))),
    ),
  )
