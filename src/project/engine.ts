/**
 * Where a project lies and how it is opened: what holds for one that is there, and for a new one.
 */
import { basename, join } from "node:path"
import { builtInSchemas } from "../domain/schemas.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { busyTimeoutMillisDefault } from "../store/create.ts"
import type { ReplicaOptions } from "../store/create.ts"
import type { OpeningPolicy } from "./opening.ts"

/** The folder inside a project's folder that holds everything of Lamplog's. */
export const projectFolder = ".lamplog"

export interface EngineOptions extends OpeningPolicy {
  /** Schemas known beside those that come with Lamplog; the built-in ones unless given. */
  readonly schemas?: SchemaRegistry
  /** How long to wait for another process's write, in milliseconds. */
  readonly busyTimeoutMillis?: number
  /** Where the record against copies is kept; the user's state folder unless given. */
  readonly stateDirectory?: string
}

/** Where the files of a project lie. */
export const filesOf = (directory: string): string =>
  basename(directory) === projectFolder ? directory : join(directory, projectFolder)

export const replicaOptions = (options: EngineOptions): ReplicaOptions => ({
  schemas: options.schemas ?? builtInSchemas(),
  busyTimeoutMillis: options.busyTimeoutMillis ?? busyTimeoutMillisDefault,
  ...(options.stateDirectory === undefined ? {} : { stateDirectory: options.stateDirectory }),
})
