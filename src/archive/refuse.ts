/**
 * How an archive is refused: stage, code, the place in it, and the one thing to do.
 */
import { LamplogError } from "../event/failure.ts"
import type { Stage } from "../event/failure.ts"

export const askAgain = "Ask for a new copy of the archive; nothing of this one was taken."

/** Longest name of a place that a message repeats, in characters. */
const whereLengthMax = 200

/** A name out of an untrusted file, safe to show: printable ASCII, bounded. */
export const shown = (name: string): string =>
  name
    .slice(0, whereLengthMax)
    .replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

export const refuse = (
  stage: Stage,
  code: string,
  message: string,
  where: string,
  remedy = askAgain,
  cause?: unknown,
): LamplogError => new LamplogError({ stage, code, message, where, remedy, cause })
