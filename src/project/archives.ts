/**
 * What can be asked of an archive without a project.
 */
import * as Effect from "effect/Effect"
import { inspectArchive as inspect } from "../archive/inspect.ts"
import type { Inspection } from "../archive/inspect.ts"
import { verifyArchive as verify } from "../archive/verify.ts"
import type { ArchiveVerification } from "../archive/verify.ts"
import { builtInSchemas } from "../domain/schemas.ts"
import type { LamplogError } from "../event/failure.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { openingOptions } from "./opening.ts"
import type { KeyOptions, OpeningPolicy } from "./opening.ts"

export interface InspectOptions extends OpeningPolicy, KeyOptions {}

export interface ArchiveOptions extends InspectOptions {
  /** Schemas to replay its events with; the built-in ones unless given. */
  readonly schemas?: SchemaRegistry
}

/** What an archive says of itself; only its layout and signature are checked. */
export const inspectArchive = (
  path: string,
  options: InspectOptions = {},
): Effect.Effect<Inspection, LamplogError> =>
  Effect.flatMap(openingOptions(options, options), (how) => inspect(path, how))

/** Checks an archive from its bytes up, by replaying it; whatever is wrong with it is a finding. */
export const verifyArchive = (
  path: string,
  options: ArchiveOptions = {},
): Effect.Effect<ArchiveVerification, LamplogError> =>
  Effect.flatMap(openingOptions(options, options), (how) =>
    verify(path, { ...how, schemas: options.schemas ?? builtInSchemas() }),
  )
