/**
 * How an archive is refused: stage, code, the place in it, and the one thing to do.
 */
import { LamplogError } from "../event/failure.ts"
import type { Stage } from "../event/failure.ts"

export const askAgain = "Ask for a new copy of the archive; nothing of this one was taken."

export const refuse = (
  stage: Stage,
  code: string,
  message: string,
  where: string,
  remedy = askAgain,
  cause?: unknown,
): LamplogError => new LamplogError({ stage, code, message, where, remedy, cause })
