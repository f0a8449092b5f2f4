/**
 * How archives are opened here: what opens encrypted ones, how large they may be, whose signatures
 * count, and what whoever takes one in is told about it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { nearLimit } from "../archive/limits.ts"
import type { ArchiveLimits, LimitWarning } from "../archive/limits.ts"
import { openArchive } from "../archive/open.ts"
import type { OpenArchiveOptions } from "../archive/open.ts"
import type { Archive, Signature } from "../archive/read.ts"
import type { LamplogError } from "../event/failure.ts"
import { ProgressReporter } from "./progress.ts"
import type { ImportProblem } from "./project.ts"

/** What opens an encrypted archive. */
export interface OpeningKeys {
  /** age identities, `AGE-SECRET-KEY-1…`. */
  readonly identities?: ReadonlyArray<string> | undefined
  readonly passphrase?: string | undefined
}

/** What holds for every archive that is opened here. */
export interface OpeningPolicy {
  /** How large an archive may be; the balanced profile unless given. */
  readonly limits?: ArchiveLimits
  /** Keys of signers that this reader trusts, as text (`name+id+key`). */
  readonly trusted?: ReadonlyArray<string>
  /** Refuse what nobody trusted has signed. */
  readonly requireSignature?: boolean
}

/** The keys for one call. */
export interface KeyOptions {
  readonly keys?: OpeningKeys | undefined
}

export const policyFrom = (options: OpeningPolicy): OpeningPolicy => {
  const { limits, requireSignature, trusted } = options
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(trusted === undefined ? {} : { trusted }),
    ...(requireSignature === undefined ? {} : { requireSignature }),
  }
}

/** The options for opening one archive, progress included. */
export const openingOptions = (
  policy: OpeningPolicy,
  { keys }: KeyOptions,
): Effect.Effect<OpenArchiveOptions> =>
  Effect.map(ProgressReporter, (onProgress) => ({
    ...policyFrom(policy),
    ...(keys === undefined ? {} : { keys }),
    onProgress,
  }))

/** Opens an archive as this reader's policy has it; closed when the scope ends. */
export const openSource = (
  path: string,
  policy: OpeningPolicy,
  options: KeyOptions,
): Effect.Effect<Archive, LamplogError, Scope.Scope> =>
  Effect.flatMap(openingOptions(policy, options), (how) => openArchive(path, how))

/** What a limit that is nearly used up means to whoever imports. */
export const limitProblems = (
  warnings: ReadonlyArray<LimitWarning>,
): ReadonlyArray<ImportProblem> =>
  warnings.map((warning) => ({
    stage: "archive",
    code: "limit-near",
    message: nearLimit(warning),
    where: warning.limit,
  }))

const strength = { unsigned: 0, unknown: 1, trusted: 2 } as const

/** Who vouches for several archives together: as much as for the one vouched for least. */
export const weakestSignature = (signatures: ReadonlyArray<Signature>): Signature | undefined =>
  signatures.toSorted((left, right) => strength[left.status] - strength[right.status])[0]
