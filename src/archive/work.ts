/**
 * Long work in plain asynchronous functions, run as Effects that can be interrupted.
 *
 * An interrupted call ends only when its work has settled and cleaned up after itself, so whoever
 * rolls back or removes files afterwards has them alone.
 */
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import { guarded } from "../store/database.ts"

const systemFailures: { readonly [code: string]: readonly [code: string, remedy: string] } = {
  ENOSPC: ["disk-full", "Free some space and try again; nothing was changed."],
  EDQUOT: ["disk-full", "Free some space and try again; nothing was changed."],
  ENOENT: ["file-missing", "Check the path."],
  ENOTDIR: ["file-missing", "Check the path."],
  EISDIR: ["not-a-file", "Name a file, not a folder."],
  EACCES: ["no-access", "Give this user access to the file and its folder."],
  EPERM: ["no-access", "Give this user access to the file and its folder."],
  EROFS: ["no-access", "Choose a folder that can be written."],
}

const systemCode = /^E[A-Z0-9]+$/

/** What the database or the file system refuses, as a `LamplogError`; undefined for a bug. */
const failureFrom = (error: unknown, where: string): LamplogError | undefined => {
  try {
    guarded(where, () => {
      throw error
    })
  } catch (named) {
    if (named instanceof LamplogError) return named
  }
  const { code, message } = error as NodeJS.ErrnoException
  if (typeof code !== "string" || !systemCode.test(code)) return undefined
  const [name, remedy] = systemFailures[code] ?? ["disk-error", "Check the disk and its space."]
  return new LamplogError({
    code: name,
    message: `${where}: ${message}.`,
    remedy,
    where,
    cause: error,
  })
}

/** Runs plain asynchronous work on a file or database at `where`. */
export const work = <A>(
  where: string,
  run: (signal: AbortSignal) => Promise<A>,
): Effect.Effect<A, LamplogError> =>
  Effect.callback<A, LamplogError>((resume, signal) => {
    const running = run(signal).then(
      (value) => resume(Effect.succeed(value)),
      (error: unknown) => {
        const failure = failureFrom(error, where)
        resume(failure === undefined ? Effect.die(error) : Effect.fail(failure))
      },
    )
    return Effect.promise(() => running)
  })

/** Lets timers, signals and other fibers have their turn. */
export const breathe = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    setImmediate(() => {
      if (signal?.aborted === true) reject(signal.reason as Error)
      else resolve()
    })
  })
