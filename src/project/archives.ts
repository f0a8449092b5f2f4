/**
 * What can be asked of an archive without a project.
 */
import * as Effect from "effect/Effect"
import { inspectArchive as inspect } from "../archive/inspect.ts"
import type { Inspection } from "../archive/inspect.ts"
import { verifyArchive as verify } from "../archive/verify.ts"
import type { Verification } from "../audit/verify.ts"
import { builtInSchemas } from "../domain/schemas.ts"
import type { LamplogError } from "../event/failure.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { ProgressReporter } from "./progress.ts"

export interface ArchiveOptions {
  /** Schemas to replay its events with; the built-in ones unless given. */
  readonly schemas?: SchemaRegistry
}

/** What an archive says of itself; only its layout is checked. */
export const inspectArchive = (path: string): Effect.Effect<Inspection, LamplogError> =>
  inspect(path)

/** Checks an archive from its bytes up, by replaying it; whatever is wrong with it is a finding. */
export const verifyArchive = (
  path: string,
  options: ArchiveOptions = {},
): Effect.Effect<Verification, LamplogError> =>
  Effect.flatMap(ProgressReporter, (onProgress) =>
    verify(path, { schemas: options.schemas ?? builtInSchemas(), onProgress }),
  )
