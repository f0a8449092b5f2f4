/**
 * Where simulated replicas live: memory where the system offers it, since thousands are made.
 */
import {
  accessSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { databaseFile, openDatabase } from "../../src/store/database.ts"
import { fileMark } from "../../src/store/identity.ts"
import { Meta } from "../../src/store/meta.ts"

const memory = "/dev/shm"

const base = (): string => {
  try {
    accessSync(memory, constants.W_OK)
    return memory
  } catch {
    return tmpdir()
  }
}

export class Folder {
  readonly path: string
  #count = 0

  constructor() {
    this.path = mkdtempSync(join(base(), "lamplog-simulation-"))
  }

  /** A new place inside it. */
  next(name: string): string {
    return join(this.path, `${name}-${(this.#count += 1)}`)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Copies a closed or checkpointed replica: database and keys. */
export const copyReplica = (from: string, to: string): void => {
  mkdirSync(to, { recursive: true })
  cpSync(join(from, databaseFile), join(to, databaseFile))
  cpSync(join(from, "keys"), join(to, "keys"), { recursive: true })
}

/** Makes a copy believe that it is the original file: nothing tells it that it has a twin. */
export const hideCopy = (directory: string): void => {
  const path = join(directory, databaseFile)
  const sqlite = openDatabase(path, { busyTimeoutMillis: 0 })
  try {
    sqlite.transaction(() => new Meta(sqlite).set({ file: fileMark(path) })).immediate()
  } finally {
    sqlite.close()
  }
}

/** Puts other content into the database file of a closed replica; in place keeps its inode. */
export const replaceDatabase = (directory: string, content: string, inPlace: boolean): void => {
  const path = join(directory, databaseFile)
  if (!inPlace) rmSync(path)
  writeFileSync(path, readFileSync(content))
}
