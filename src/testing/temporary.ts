/**
 * Projects in a temporary folder of their own, identity record included, that vanish when closed.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LamplogError } from "../event/failure.ts"
import { initProject } from "../project/begin.ts"
import type { InitOptions } from "../project/begin.ts"
import type { Project } from "../project/project.ts"
import { layerProject } from "../project/service.ts"
import type { ProjectOptions } from "../project/service.ts"
import * as promise from "../promise.ts"

export type TemporaryOptions = Omit<InitOptions & ProjectOptions, "directory" | "stateDirectory">

const makeFolder = (): string => mkdtempSync(join(tmpdir(), "lamplog-"))
const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true })

const optionsIn = (folder: string, options: TemporaryOptions) => ({
  name: "temporary",
  ...options,
  directory: join(folder, "project"),
  stateDirectory: join(folder, "state"),
})

/** A new project for as long as the layer lives. */
export const layerTemporary = (
  options: TemporaryOptions = {},
): Layer.Layer<Project, LamplogError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(Effect.sync(makeFolder), (made) =>
        Effect.sync(() => removeFolder(made)),
      )
      const all = optionsIn(folder, options)
      yield* initProject(all)
      return layerProject(all)
    }),
  )

export interface TemporaryProject {
  readonly project: promise.OpenProject
  /** Room for files that vanish with the project. */
  readonly folder: string
  /** Closes the project and takes everything away. */
  readonly remove: () => Promise<void>
}

/** A new project until `remove` is called. */
export const temporaryProject = async (
  options: TemporaryOptions = {},
): Promise<TemporaryProject> => {
  const folder = makeFolder()
  try {
    const project = await promise.initProject(optionsIn(folder, options))
    const remove = async (): Promise<void> => {
      await project.close()
      removeFolder(folder)
    }
    return { project, folder, remove }
  } catch (error) {
    removeFolder(folder)
    throw error
  }
}
