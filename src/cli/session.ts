/**
 * Opening the project that a call is about, for as long as the call runs.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import { Project } from "../project/project.ts"
import { layerProject } from "../project/service.ts"
import type { Call } from "./command.ts"
import { findProject } from "./folder.ts"
import { foreignFormats } from "./formats.ts"
import { readSettings, settingValue } from "./settings.ts"

export type ProjectService = (typeof Project)["Service"]

/** Where the fence keeps its record, when the user says so; the engine knows the default. */
export const stateDirectory = (call: Call): { readonly stateDirectory?: string } => {
  const named = call.terminal.environment.LAMPLOG_STATE_DIR
  return named === undefined || named === "" ? {} : { stateDirectory: named }
}

/**
 * Runs a program on the call's project. `files` loads the foreign formats too, for commands that
 * read or write files of them.
 */
export const withProject = <A>(
  call: Call,
  program: (project: ProjectService) => Effect.Effect<A, LamplogError>,
  files = false,
): Effect.Effect<A, LamplogError> =>
  Effect.gen(function* () {
    const directory = findProject(call)
    const busyTimeout = settingValue("busyTimeoutMillis", call, readSettings(directory))
    const formats = files ? yield* Effect.promise(foreignFormats) : []
    const layer = layerProject({
      directory,
      formats,
      busyTimeoutMillis: Number(busyTimeout.value),
      ...stateDirectory(call),
    })
    return yield* Effect.provide(Effect.flatMap(Project, program), layer)
  })
