/**
 * A private folder for as long as a scope lives.
 */
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LamplogError } from "../event/failure.ts"
import { makeStagingFolder } from "../store/staging.ts"
import { work } from "./work.ts"

export const stagingFolder = (purpose: string): Effect.Effect<string, LamplogError, Scope.Scope> =>
  Effect.acquireRelease(
    work(tmpdir(), async () => makeStagingFolder(purpose)),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true })),
  )
