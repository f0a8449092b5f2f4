/**
 * What token files become, and how this adapter refuses.
 *
 * Entities
 *  - `token`: id is its path joined with ".". Either `value`, or `modes`: a map from mode name to
 *    `{ value, … }`, with the base value, if any, under `$default`. Further fields are `type`,
 *    `description`, `deprecated`, `extensions`, and every other authored property under its own name.
 *  - `group`: only where a group holds properties of its own; the file itself is the group `$root`.
 *  - `theme`: a context of a resolver's modifier, `theme/dark`; `$resolver` for the resolver itself.
 *
 * Values are authored JSON and never converted. A doubtful value is a `Problem` beside the data; a
 * `TokenFileError` is for what cannot be read, or what the engine could not hold.
 */

import { LamplogError } from "../../src/index.ts"
import type {
  ForeignDocument,
  ForeignEntity,
  ForeignFile,
  ForeignProblem,
  Json,
  JsonObject,
  Stage,
} from "../../src/index.ts"

export type { ForeignEntity, Json, JsonObject, Stage }

export type TokenFile = ForeignFile
export type Problem = ForeignProblem

export type TokenFormat = "dtcg" | "style-dictionary" | "spectrum" | "resolver"

/** `format` is the formats found, joined by "+". */
export type TokenDocument = ForeignDocument

/** Refuses the whole import; nothing of it may be applied. */
export class TokenFileError extends LamplogError {
  declare readonly stage: Stage
  declare readonly where: string

  constructor(details: {
    readonly code: string
    readonly message: string
    readonly where: string
    readonly remedy: string
    readonly stage?: Stage
  }) {
    super({ stage: "structure", ...details })
    this.name = "TokenFileError"
  }
}

/** The `$extensions` key under which Lamplog keeps what DTCG has no place for. */
export const vendorKey = "dev.lamplog"
/** Version of what stands under that key. */
export const vendorVersion = 1
/** Mode of the value that holds when no other mode is chosen. */
export const defaultMode = "$default"
/** Id of the group that is the file itself, and name of the token that is its group's own. */
export const rootName = "$root"
/** Id of the theme that stands for the resolver document. */
export const resolverName = "$resolver"

/** One file, in UTF-16 code units. */
export const fileCharactersMax = 64 * 1024 * 1024
/** Nesting of a file, in levels. */
export const fileDepthMax = 32
/** Nesting of one field, in levels: the engine puts up to three around it and stops at 32. */
export const fieldDepthMax = 29
/** Entities of one import: as many as the engine applies in one transaction. */
export const entitiesMax = 100_000
/** Type and id, in UTF-16 code units, as in the engine. */
export const typeLengthMax = 128
export const idLengthMax = 1024
/** Problems reported before the rest is only counted. */
export const problemsMax = 1_000

/** Keys that no object of the engine may have. */
export const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"])

export const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

/** UTF-16 code unit order: the same on every machine. */
export const compareText = (left: string, right: string): number =>
  left < right ? -1 : left > right ? 1 : 0
