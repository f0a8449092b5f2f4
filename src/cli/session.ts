/**
 * Opening the project that a call is about, for as long as the call runs.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import * as Layer from "effect/Layer"
import { loggersFor } from "../project/conflict-log.ts"
import type { AssetSource } from "../project/asset.ts"
import type { EngineOptions } from "../project/engine.ts"
import type { ForeignFormat } from "../project/format.ts"
import { Project } from "../project/project.ts"
import { layerProject } from "../project/service.ts"
import type { Call } from "./command.ts"
import { findProject } from "./folder.ts"
import { foreignFormats } from "./formats.ts"
import { policyOf } from "./opening.ts"
import { readSettings, settingValue } from "./settings.ts"

export type ProjectService = (typeof Project)["Service"]

/** Where the fence keeps its record, when the user says so; the engine knows the default. */
export const stateDirectory = (call: Call): { readonly stateDirectory?: string } => {
  const named = call.terminal.environment.LAMPLOG_STATE_DIR
  return named === undefined || named === "" ? {} : { stateDirectory: named }
}

/** How the engine is to work on the project in a folder, by what the call and its settings say. */
export const engineOptions = (call: Call, directory: string): EngineOptions => ({
  busyTimeoutMillis: Number(settingValue("busyTimeoutMillis", call, readSettings(directory)).value),
  ...stateDirectory(call),
})

/** What a command needs of the engine beside the project. */
interface Needs {
  readonly formats?: ReadonlyArray<ForeignFormat>
  /** Archives are opened: limits and trusted keys are read. */
  readonly archives?: boolean
  /** Where the bytes of assets are asked for when they are not held. */
  readonly assetSources?: ReadonlyArray<AssetSource>
}

/** Runs a program on the project in a folder, opened with what the call and its settings say. */
export const withProjectIn = <A>(
  directory: string,
  call: Call,
  program: (project: ProjectService) => Effect.Effect<A, LamplogError>,
  { archives = false, assetSources = [], formats = [] }: Needs = {},
): Effect.Effect<A, LamplogError> =>
  Effect.suspend(() => {
    const file = readSettings(directory)
    const layer = layerProject({
      directory,
      formats,
      assetSources,
      ...engineOptions(call, directory),
      ...(archives ? policyOf(call, file) : {}),
    })
    // The answer tells what a person needs to know; the engine's log is for programs.
    return Effect.provide(
      Effect.flatMap(Project, program),
      Layer.merge(layer, loggersFor(undefined)),
    )
  })

/** Runs a program on the call's project. */
export const withProject = <A>(
  call: Call,
  program: (project: ProjectService) => Effect.Effect<A, LamplogError>,
): Effect.Effect<A, LamplogError> =>
  Effect.suspend(() => withProjectIn(findProject(call), call, program))

/** The same for commands that open archives. */
export const withProjectAndArchives = <A>(
  call: Call,
  program: (project: ProjectService) => Effect.Effect<A, LamplogError>,
): Effect.Effect<A, LamplogError> =>
  Effect.suspend(() => withProjectIn(findProject(call), call, program, { archives: true }))

/** The same for commands that read or write files of foreign formats, too. */
export const withProjectAndFiles = <A>(
  call: Call,
  program: (project: ProjectService) => Effect.Effect<A, LamplogError>,
): Effect.Effect<A, LamplogError> =>
  Effect.flatMap(Effect.promise(foreignFormats), (formats) =>
    withProjectIn(findProject(call), call, program, { archives: true, formats }),
  )
