/**
 * The full check of a replica or an archive: what it looked at, and what it found.
 */
import type { Stage } from "../event/failure.ts"

export interface Finding {
  /** Dangling references and values that do not fit are warnings; anything else is an error. */
  readonly severity: "error" | "warning"
  readonly stage: Stage
  readonly code: string
  /** The first bad place: a row, a log and seq, an entity, a member and line. */
  readonly where: string
  readonly message: string
}

export interface Verification {
  /** False only when a finding is an error. */
  readonly ok: boolean
  readonly checked: { readonly [what: string]: number }
  readonly findings: ReadonlyArray<Finding>
}
