/**
 * Forgetting a remote: where reading it would go on, and what it said that it holds.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import { busyTimeoutMillisDefault } from "../store/create.ts"
import { forgetMeeting } from "../store/meetings.ts"
import type { EngineOptions } from "./engine.ts"
import { openReplica } from "./service.ts"
import { openHandle } from "./transaction.ts"

/** Forgets a remote by its name. Events that came from it stay; a remote never met is no failure. */
export const forgetRemote = (
  options: EngineOptions & { readonly directory: string },
  remote: string,
): Effect.Effect<void, LamplogError> =>
  Effect.scoped(
    Effect.flatMap(openReplica(options), (replica) =>
      openHandle(replica, options.busyTimeoutMillis ?? busyTimeoutMillisDefault).run(() =>
        forgetMeeting(replica, remote),
      ),
    ),
  )
