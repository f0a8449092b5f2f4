/**
 * What an archive says of itself, read without a project. Nothing but its layout is checked here;
 * `verify.ts` checks the rest.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import { openArchive } from "./open.ts"
import type { OpenArchiveOptions } from "./open.ts"
import type { Opened } from "./read.ts"

export type Inspection = Opened

export const inspectArchive = (
  path: string,
  options: OpenArchiveOptions = {},
): Effect.Effect<Inspection, LamplogError> =>
  Effect.scoped(
    Effect.map(openArchive(path, options), (archive) => ({
      path,
      fileSize: archive.fileSize,
      encrypted: archive.encrypted,
      exportHash: archive.exportHash,
      manifest: archive.manifest,
      signature: archive.signature,
      warnings: archive.warnings,
    })),
  )
