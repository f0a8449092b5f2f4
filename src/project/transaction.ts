/**
 * One thing at a time on one open project, and every long write all or nothing.
 *
 * Invariants
 *  1. While a write of this handle is under way nothing else of this handle reads or writes, so
 *     nobody sees a state that may be rolled back.
 *  2. A write that fails or is interrupted is rolled back before anyone learns of it.
 *  3. Waiting for another process never blocks this one, and can be interrupted.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { LamplogError } from "../event/failure.ts"
import { SchemaError } from "../state/schema.ts"
import { databaseFile, guarded } from "../store/database.ts"
import type { Replica } from "../store/replica.ts"
import { runningMillis } from "./clock.ts"

/** Between two attempts to get the file's write lock, in milliseconds. */
const busyPauseMillis = 20

/** What SQLite refuses outside the replica's own calls. */
const refusedByDatabase = (error: unknown): LamplogError | undefined => {
  try {
    return guarded(databaseFile, () => {
      throw error
    })
  } catch (named) {
    return named instanceof LamplogError ? named : undefined
  }
}

const failureFrom = (error: unknown): LamplogError | undefined => {
  if (error instanceof LamplogError) return error
  const refused = refusedByDatabase(error)
  if (refused !== undefined) return refused
  if (!(error instanceof SchemaError)) return undefined
  return new LamplogError({
    stage: "schema",
    code: error.code,
    message: `${error.message}.`,
    remedy: "Register the schema that the project uses, or upgrade Lamplog.",
    cause: error,
  })
}

/** Runs a plain function of the engine; what it refuses is a failure, anything else a bug. */
export const attempt = <A>(run: () => A): Effect.Effect<A, LamplogError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      const failure = failureFrom(error)
      return failure === undefined ? Effect.die(error) : Effect.fail(failure)
    }
  })

/** Runs steps to their end, giving others their turn between two of them. */
export const stepwise = <A>(
  steps: Generator<number, A, void>,
  tell: (done: number) => Effect.Effect<void>,
): Effect.Effect<A, LamplogError> =>
  Effect.gen(function* () {
    for (;;) {
      const next = yield* attempt(() => steps.next())
      if (next.done === true) return next.value
      yield* tell(next.value)
      yield* Effect.yieldNow
    }
  })

/** A project opened by this process. */
export interface Handle {
  readonly replica: Replica
  /** A plain read, of one consistent state. */
  readonly read: <A>(run: (replica: Replica) => A) => Effect.Effect<A, LamplogError>
  /** The digest of the state; kept for the next who asks when nobody else is writing. */
  readonly digest: Effect.Effect<string, LamplogError>
  /** Something that takes its time and must see the tables in one state throughout. */
  readonly view: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LamplogError, R>
  /** A plain function that makes its own transactions, alone; waits for other processes. */
  readonly run: <A>(write: () => A) => Effect.Effect<A, LamplogError>
  /** Something that must not meet a write of this handle, but is no transaction itself. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Everything that the body writes, durably; or nothing of it. */
  readonly write: <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LamplogError, R>
  /** What the body would do: it runs as in `write`, then everything is taken back. */
  readonly rehearse: <A, E, R>(
    body: Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E | LamplogError, R>
}

/** Runs something that must not stop this process to wait for another one's lock. */
const impatiently = <A>(replica: Replica, run: () => A): A => {
  const patience = replica.sqlite.pragma("busy_timeout", { simple: true }) as number
  replica.sqlite.pragma("busy_timeout = 0")
  try {
    return run()
  } finally {
    replica.sqlite.pragma(`busy_timeout = ${patience}`)
  }
}

const tryToBegin = (replica: Replica): Effect.Effect<void, LamplogError> =>
  attempt(() =>
    impatiently(replica, () => {
      try {
        replica.begin()
      } catch (error) {
        if (replica.sqlite.inTransaction) replica.rollback()
        throw error
      }
    }),
  )

/** Tries something until no other process is in its way, up to the busy timeout. */
const patiently = <A>(
  busyTimeoutMillis: number,
  attempted: Effect.Effect<A, LamplogError>,
  wait: (pause: Effect.Effect<void>) => Effect.Effect<void>,
): Effect.Effect<A, LamplogError> =>
  Effect.gen(function* () {
    const start = yield* runningMillis
    for (;;) {
      const tried = yield* Effect.result(attempted)
      if (Result.isSuccess(tried)) return tried.success
      const left = busyTimeoutMillis - ((yield* runningMillis) - start)
      if (tried.failure.code !== "project-busy" || left <= 0)
        return yield* Effect.fail(tried.failure)
      yield* wait(Effect.sleep(Math.min(busyPauseMillis, left)))
    }
  })

export const openHandle = (replica: Replica, busyTimeoutMillis: number): Handle => {
  const turn = Semaphore.makeUnsafe(1)
  const transact = <A, E, R>(body: Effect.Effect<A, E, R>, keep: boolean) =>
    turn.withPermit(
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          // Only the waiting may be interrupted: a lock that was taken is always given back.
          yield* patiently(busyTimeoutMillis, tryToBegin(replica), restore)
          const exit = yield* Effect.exit(restore(body))
          const commits = keep && Exit.isSuccess(exit)
          const end = attempt(() => (commits ? replica.commit() : replica.rollback()))
          const ended = yield* Effect.exit(end)
          // Why the body failed says more than why taking it back did.
          if (Exit.isSuccess(exit)) yield* ended
          return yield* exit
        }),
      ),
    )
  const view = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    turn.withPermit(
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          yield* attempt(() => replica.sqlite.exec("BEGIN"))
          // SQLite takes its snapshot at the first read.
          const first = attempt(() => replica.sqlite.prepare("SELECT key FROM meta LIMIT 1").get())
          const exit = yield* Effect.exit(restore(Effect.andThen(first, effect)))
          yield* attempt(() => replica.sqlite.exec("ROLLBACK"))
          return yield* exit
        }),
      ),
    )
  return {
    replica,
    view,
    digest: turn.withPermit(attempt(() => impatiently(replica, () => replica.digest()))),
    read: (run) => turn.withPermit(attempt(() => replica.read(() => run(replica)))),
    run: (write) => {
      const attempted = attempt(() => impatiently(replica, write))
      return turn.withPermit(patiently(busyTimeoutMillis, attempted, (pause) => pause))
    },
    alone: (effect) => turn.withPermit(effect),
    write: (body) => transact(body, true),
    rehearse: (body) => transact(body, false),
  }
}
