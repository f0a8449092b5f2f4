/**
 * Who makes a change, and why: --actor and --reason of every command that writes.
 */
import type { WriteOptions } from "../project/project.ts"
import type { Call } from "./command.ts"
import { findProject } from "./folder.ts"
import { actorOf, readSettings } from "./settings.ts"
import { UsageError } from "./usage.ts"

const reasonLengthMax = 4096

export const authorship = (call: Call): WriteOptions => {
  const actor = actorOf(call, readSettings(findProject(call)))
  const reason = call.flag("reason")
  if (reason === undefined) return { actor }
  if (reason.trim() !== "" && reason.length <= reasonLengthMax && reason.isWellFormed()) {
    return { actor, reason }
  }
  throw new UsageError(
    "reason-invalid",
    "The reason is empty or too long.",
    `Give 1 to ${reasonLengthMax} characters, or leave --reason out.`,
    "--reason",
  )
}
