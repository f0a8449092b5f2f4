/**
 * What a foreign file format has to do, so that its files can be imported, compared and exported.
 *
 * Adapters implement this; the engine knows none of them. Both functions are pure: text in, entities
 * out, and back. Fields are whole values (a map as an object, a set as an array); the engine turns
 * them into the smallest set of events.
 */
import type { JsonObject } from "../event/canonical.ts"
import type { Stage } from "../event/failure.ts"

export interface ForeignFile {
  /** As the user gave it, with "/" between folders. */
  readonly path: string
  readonly text: string
}

export interface ForeignEntity {
  readonly type: string
  readonly id: string
  readonly fields: JsonObject
}

export interface ForeignProblem {
  readonly severity: "error" | "warning"
  readonly stage: Stage
  readonly code: string
  readonly message: string
  readonly where: string
}

export interface ForeignDocument {
  readonly format: string
  readonly entities: ReadonlyArray<ForeignEntity>
  /** A report beside the data, never a reason to refuse it. */
  readonly problems: ReadonlyArray<ForeignProblem>
  /** Entity types that a pruning import may delete from. */
  readonly scope: ReadonlyArray<string>
  /**
   * Whether the order of the entities means something: each becomes a change of its own, in this
   * order, with a lamport above the one before. Otherwise all of them are one atomic change.
   */
  readonly sequential?: boolean
  /** Version of their own schema that the files name. */
  readonly schemaVersion?: number
  /** Whether the files come from another program's model, and were brought into this one. */
  readonly migrated?: boolean
}

export interface ForeignFormat {
  /** The word for `--format`. */
  readonly name: string
  /** Whether files of this format travel together in a zip; its members are then the files. */
  readonly zipped?: boolean
  /** Whether this file looks like one of this format. */
  readonly detect: (file: ForeignFile) => boolean
  /**
   * Throws for files that are not of this format: a `LamplogError`, or any error with the same
   * `code`, `message`, `where`, `remedy` and `stage`.
   */
  readonly read: (files: ReadonlyArray<ForeignFile>) => ForeignDocument
  /** Absent for formats that are only read. */
  readonly write?: (entities: Iterable<ForeignEntity>) => string
}
