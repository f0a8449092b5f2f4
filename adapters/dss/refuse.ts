/**
 * How this adapter refuses: the stage, a code, the file and the place in it, and what to do.
 */
import { LamplogError } from "../../src/index.ts"
import type { Stage } from "../../src/index.ts"

export const refuse = (
  stage: Stage,
  code: string,
  where: string,
  message: string,
  remedy: string,
): LamplogError =>
  new LamplogError({ stage, code, message: `${where}: ${message}.`, where, remedy })
