/**
 * How Lamplog refuses: one error for every reason, so that each carries what a person needs.
 *
 * `code` is stable and for programs; `message` says what was found, `where` the place, `remedy` the
 * one thing to do. `stage` is set for input that failed a check (DESIGN: archive, manifest, schema,
 * structure, referential). A refusal changes nothing; anything else that is thrown is a bug.
 */

export type Stage = "archive" | "manifest" | "schema" | "structure" | "referential"

export interface FailureDetails {
  readonly code: string
  readonly message: string
  readonly remedy: string
  readonly stage?: Stage
  readonly where?: string
  readonly cause?: unknown
}

export class LamplogError extends Error {
  readonly _tag = "LamplogError"
  readonly code: string
  readonly remedy: string
  readonly stage?: Stage
  readonly where?: string

  constructor(details: FailureDetails) {
    super(details.message, details.cause === undefined ? {} : { cause: details.cause })
    this.name = "LamplogError"
    this.code = details.code
    this.remedy = details.remedy
    if (details.stage !== undefined) this.stage = details.stage
    if (details.where !== undefined) this.where = details.where
  }

  /** The error document of the command line. */
  toJSON(): { readonly [key: string]: string } {
    return {
      code: this.code,
      message: this.message,
      remedy: this.remedy,
      ...(this.stage === undefined ? {} : { stage: this.stage }),
      ...(this.where === undefined ? {} : { where: this.where }),
    }
  }
}

/** Longest piece of an untrusted text that a message repeats, in characters. */
const shownLengthMax = 200

/** A piece of an untrusted text, safe to show: printable ASCII, bounded. */
export const shown = (text: string): string =>
  text
    .slice(0, shownLengthMax)
    .replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
