/**
 * Making the file of a new replica: key first, then the tables and who writes here, in one commit.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs"
import { basename, join } from "node:path"
import { LamplogError } from "../event/failure.ts"
import {
  nodeFromPublicKey,
  projectIdOf,
  randomKeyPair,
  randomNonce,
  randomProjectId,
} from "../event/hash.ts"
import type { KeyPair } from "../event/hash.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { createTables, databaseFile, guarded, openDatabase, projectionVersion } from "./database.ts"
import type { Sqlite } from "./database.ts"
import { createKey, fileMark } from "./identity.ts"
import { Meta } from "./meta.ts"
import { stagingName, sweepStaging } from "./staging.ts"

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

/** What a new project of members is made of; its founder's first event has to hold the nonce. */
export interface Founding {
  readonly project: string
  readonly seed: string
  readonly nonce: string
}

export const newFounding = (): Founding => {
  const { publicKey, seed } = randomKeyPair()
  const nonce = randomNonce()
  return { project: projectIdOf(publicKey, nonce), seed, nonce }
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

/** Gives the file its name, durably, unless another process was faster. */
const publish = (directory: string, made: string, path: string): void => {
  try {
    linkSync(made, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "EEXIST") throw projectExists(directory, path)
    // A file system without hard links.
    renameSync(made, path)
  }
  syncFolder(directory)
}

/** Makes what was named in a folder durable. */
export const syncFolder = (directory: string): void => {
  let folder: number | undefined
  try {
    folder = openSync(directory, "r")
    fsyncSync(folder)
  } catch {
    // Not every system syncs folders; the file itself is synced.
  } finally {
    if (folder !== undefined) closeSync(folder)
  }
}

const projectExists = (directory: string, path: string): LamplogError =>
  new LamplogError({
    code: "project-exists",
    message: `There is a Lamplog project at ${directory} already.`,
    remedy: "Use it as it is, or choose another folder.",
    where: path,
  })

const fill = (sqlite: Sqlite, path: string, key: KeyPair, options: CreateOptions): void => {
  const schema = options.schemas.get(options.schema)
  const filling = sqlite.transaction(() => {
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
  guarded(path, () => filling.immediate())
}

/**
 * Writes the database of a replica in a folder that holds none; leaves nothing when it fails. The
 * file gets its name when it is whole, so that nobody ever finds half a project.
 */
export const createProjectFile = (directory: string, options: CreateOptions): void => {
  const path = join(directory, databaseFile)
  if (existsSync(path)) throw projectExists(directory, path)
  // Refuses an unknown schema before anything is made.
  options.schemas.get(options.schema)
  makeFolder(directory)
  const prefix = `${databaseFile}.new-`
  sweepStaging(directory, prefix)
  const making = join(directory, stagingName(prefix))
  const busyTimeoutMillis = options.busyTimeoutMillis ?? busyTimeoutMillisDefault
  try {
    const sqlite = openDatabase(making, { busyTimeoutMillis, create: true })
    try {
      fill(sqlite, making, createKey(directory, options.seed), options)
    } finally {
      sqlite.close()
    }
    publish(directory, making, path)
  } finally {
    for (const name of readdirSync(directory)) {
      if (name.startsWith(basename(making))) rmSync(join(directory, name))
    }
  }
}
