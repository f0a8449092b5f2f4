/**
 * How received history is refused: nothing of it is taken, and the sender is asked again.
 */
import { LamplogError } from "../event/failure.ts"
import type { Stage } from "../event/failure.ts"

/** A refusal of what was received; `structure` unless the line itself is at fault. */
export const refuse = (
  code: string,
  message: string,
  where: string,
  remedy?: string,
  stage: Stage = "structure",
): LamplogError =>
  new LamplogError({
    stage,
    code,
    message,
    where,
    remedy: remedy ?? "Ask the sender for a new copy; nothing of this one was taken.",
  })
