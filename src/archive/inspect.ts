/**
 * What an archive says of itself, read without a project. Nothing but its layout is checked here;
 * `verify.ts` checks the rest.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import type { Manifest } from "./archive.ts"
import { openArchive } from "./open.ts"

export interface Inspection {
  readonly path: string
  /** Bytes of the file. */
  readonly fileSize: number
  readonly exportHash: string
  readonly manifest: Manifest
}

export const inspectArchive = (path: string): Effect.Effect<Inspection, LamplogError> =>
  Effect.scoped(
    Effect.map(openArchive(path), ({ fileSize, exportHash, manifest }) => ({
      path,
      fileSize,
      exportHash,
      manifest,
    })),
  )
