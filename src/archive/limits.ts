/**
 * How large an archive may be, in every respect in which a hostile one could be too large.
 *
 * What a writer makes under a profile, a reader with the same profile takes: a writer checks its own
 * archive by these limits before it appears under its name. Lengths of lines and bodies are part of
 * the format and stand in `event` and `log`; they are no setting.
 */
import { refuse } from "./refuse.ts"

const kibibyte = 1024
const mebibyte = 1024 * kibibyte
const gibibyte = 1024 * mebibyte

export interface ArchiveLimits {
  /** Bytes of the file. */
  readonly archiveBytes: number
  /** Members, the manifest and its signature counted. A zip without 64-bit records counts 65,534. */
  readonly members: number
  /** Bytes of the central directory, which is read into memory whole. */
  readonly directoryBytes: number
  /** Bytes of manifest.json. */
  readonly manifestBytes: number
  /** Uncompressed bytes of one segment. A transaction is never cut, so the largest must fit. */
  readonly segmentBytes: number
  /** Uncompressed bytes of the snapshot. */
  readonly snapshotBytes: number
  /** Uncompressed bytes of one asset. */
  readonly assetBytes: number
  /** Uncompressed bytes of all members together. */
  readonly totalBytes: number
  /** Uncompressed bytes to one compressed byte, for a member above 16 MiB. */
  readonly memberRatio: number
  /** The same for all members together, above 64 MiB. */
  readonly archiveRatio: number
  /** Entities of one type in the snapshot. */
  readonly items: number
  /** Entities of named types, where they differ from `items`. */
  readonly itemsByType: { readonly [type: string]: number }
  /** Signatures in a note. */
  readonly signatures: number
  /** Bytes of the header of an encrypted file. */
  readonly ageHeaderBytes: number
  /** Recipients of an encrypted file. */
  readonly ageRecipients: number
  /** Base-2 logarithm of the scrypt work that opening with a passphrase may cost. */
  readonly scryptWorkFactor: number
}

/** Below it a member's ratio says nothing: short texts may repeat themselves. */
export const memberRatioFloorBytes = 16 * mebibyte
export const archiveRatioFloorBytes = 64 * mebibyte

/** Used up to here, a limit is worth a warning. */
export const warningShare = 0.8

export type LimitsProfile = "conservative" | "balanced" | "aggressive"

const balanced: ArchiveLimits = {
  archiveBytes: 4 * gibibyte - 1,
  members: 10_000,
  directoryBytes: 8 * mebibyte,
  manifestBytes: 16 * mebibyte,
  segmentBytes: 320 * mebibyte,
  snapshotBytes: 2 * gibibyte,
  assetBytes: 2 * gibibyte,
  totalBytes: 8 * gibibyte,
  memberRatio: 200,
  archiveRatio: 100,
  items: 1_000_000,
  itemsByType: {},
  signatures: 16,
  ageHeaderBytes: 64 * kibibyte,
  ageRecipients: 32,
  scryptWorkFactor: 18,
}

export const limitsByProfile: { readonly [profile in LimitsProfile]: ArchiveLimits } = {
  /** For archives of strangers, and for machines with little room. */
  conservative: {
    ...balanced,
    archiveBytes: 256 * mebibyte,
    members: 2_000,
    directoryBytes: mebibyte,
    manifestBytes: 2 * mebibyte,
    segmentBytes: 32 * mebibyte,
    snapshotBytes: 256 * mebibyte,
    assetBytes: 64 * mebibyte,
    totalBytes: gibibyte,
    memberRatio: 100,
    archiveRatio: 50,
    items: 50_000,
    scryptWorkFactor: 16,
  },
  balanced,
  /** As far as the format goes, for one's own archives. */
  aggressive: {
    ...balanced,
    members: 65_534,
    directoryBytes: 32 * mebibyte,
    manifestBytes: 64 * mebibyte,
    snapshotBytes: 16 * gibibyte,
    assetBytes: 4 * gibibyte - 2,
    totalBytes: 64 * gibibyte,
    memberRatio: 1_032,
    archiveRatio: 1_032,
    items: 10_000_000,
    scryptWorkFactor: 20,
  },
}

export const limitsDefault: ArchiveLimits = balanced

/** What reads and writes archives is told of limits that are nearly used up. */
export interface LimitWarning {
  readonly limit: string
  readonly value: number
  readonly most: number
}

export const nearLimit = ({ limit, most, value }: LimitWarning): string =>
  `The limit ${limit} is nearly used up: ${value} of ${most}.`

/** Refuses a value above its limit; notes one that is near. */
export class LimitCheck {
  readonly limits: ArchiveLimits
  readonly #warnings = new Map<string, LimitWarning>()

  constructor(limits: ArchiveLimits) {
    this.limits = limits
  }

  /** Limits nearly used up, each once, at its highest value. */
  get warnings(): ReadonlyArray<LimitWarning> {
    return [...this.#warnings.values()]
  }

  /** `value` may be `most`; `limit` is the limit's name, `where` the place in the archive. */
  check(limit: string, value: number, most: number, where: string): void {
    if (value > most) {
      throw refuse(
        "archive",
        "limit-exceeded",
        `Too large: the limit ${limit} is ${most}, and ${where} has ${value}.`,
        where,
        `If you trust where it comes from, raise the limit: --limits ${limit}=${value}.`,
      )
    }
    if (value < most * warningShare) return
    const before = this.#warnings.get(limit)
    if (before === undefined || before.value < value)
      this.#warnings.set(limit, { limit, value, most })
  }
}
