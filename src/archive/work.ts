/**
 * Long work in plain asynchronous functions, run as Effects that can be interrupted.
 *
 * An interrupted call ends only when its work has settled and cleaned up after itself, so whoever
 * rolls back or removes files afterwards has them alone.
 */
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import { guarded } from "../store/database.ts"

type SystemFailure = readonly [code: string, message: string, remedy: string]

const full: SystemFailure = [
  "disk-full",
  "there is no space left for it",
  "Free some space and try again; nothing was changed.",
]
const missing: SystemFailure = [
  "file-missing",
  "there is no such file or folder",
  "Check the path.",
]
const denied: SystemFailure = [
  "no-access",
  "this user may not read or write there",
  "Give this user access, or choose another folder.",
]

const systemFailures: { readonly [code: string]: SystemFailure } = {
  ENOSPC: full,
  EDQUOT: full,
  ENOENT: missing,
  ENOTDIR: missing,
  EISDIR: ["not-a-file", "it is a folder", "Name a file."],
  EACCES: denied,
  EPERM: denied,
  EROFS: denied,
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
  const other: SystemFailure = ["disk-error", message, "Check the disk and its space."]
  const [name, reason, remedy] = systemFailures[code] ?? other
  const details = { code: name, message: `${where}: ${reason}.`, remedy, where }
  return new LamplogError({ ...details, cause: error })
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
