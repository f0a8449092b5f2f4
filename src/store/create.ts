/**
 * Making the file of a new replica: key first, then the tables and who writes here, in one commit.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { LamplogError } from "../event/failure.ts"
import { nodeFromPublicKey, randomProjectId } from "../event/hash.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { createTables, databaseFile, guarded, openDatabase, projectionVersion } from "./database.ts"
import { createKey, fileMark } from "./identity.ts"
import { Meta } from "./meta.ts"

export interface ReplicaOptions {
  readonly schemas: SchemaRegistry
  /** How long to wait for another process's write, in milliseconds. */
  readonly busyTimeoutMillis?: number
  /** Where the fence's record is kept; the user's state folder unless given. */
  readonly stateDirectory?: string
}

export interface CreateOptions extends ReplicaOptions {
  readonly name: string
  readonly schema: string
  /** The project to join; a new random one unless given. */
  readonly project?: string
  /** The secret of this node's key, 64 hexadecimal characters; random unless given. */
  readonly seed?: string
}

export const busyTimeoutMillisDefault = 5000

const makeFolder = (directory: string): void => {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new LamplogError({
      code: "not-writable",
      message: `The folder ${directory} cannot be made: ${(error as Error).message}.`,
      remedy: "Choose a folder that this user may write to.",
      where: directory,
      cause: error,
    })
  }
}

/** Writes the database of a replica in a folder that holds none; leaves nothing when it fails. */
export const createProjectFile = (directory: string, options: CreateOptions): void => {
  const path = join(directory, databaseFile)
  if (existsSync(path)) {
    throw new LamplogError({
      code: "project-exists",
      message: `There is a Lamplog project at ${directory} already.`,
      remedy: "Use it as it is, or choose another folder.",
      where: path,
    })
  }
  const schema = options.schemas.get(options.schema)
  makeFolder(directory)
  const busyTimeoutMillis = options.busyTimeoutMillis ?? busyTimeoutMillisDefault
  const sqlite = openDatabase(path, { busyTimeoutMillis, create: true })
  try {
    const key = createKey(directory, options.seed)
    const fill = sqlite.transaction(() => {
      createTables(sqlite)
      new Meta(sqlite).set({
        project: options.project ?? randomProjectId(),
        name: options.name,
        schema: schema.name,
        schemaVersion: String(schema.version),
        node: nodeFromPublicKey(key.publicKey),
        publicKey: key.publicKey,
        file: fileMark(path),
        projection: `${projectionVersion}:${schema.version}`,
      })
    })
    guarded(path, () => fill.immediate())
  } catch (error) {
    sqlite.close()
    for (const name of readdirSync(directory)) {
      if (name.startsWith(databaseFile)) rmSync(join(directory, name))
    }
    throw error
  }
  sqlite.close()
}
