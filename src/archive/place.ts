/**
 * Putting a finished file under its name: whole, durable, or not at all.
 */
import { existsSync, renameSync } from "node:fs"
import { open } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { LamplogError } from "../event/failure.ts"
import { stagingName, sweepStaging } from "../store/staging.ts"

const suffix = ".part"
const prefixes = /^\..+\.$/s
/** Says what is being made, and leaves room for who makes it in names that may have 255 bytes. */
const shownLengthMax = 40

/**
 * A name in the same folder, so that a rename never copies. Removes what killed processes left
 * there of any file: the next one may be another, as backups are.
 */
export const temporaryBeside = (path: string): string => {
  const folder = dirname(path)
  sweepStaging(folder, prefixes, suffix)
  return join(folder, stagingName(`.${basename(path).slice(0, shownLengthMax)}.`, suffix))
}

export const existing = (path: string): LamplogError =>
  new LamplogError({
    code: "file-exists",
    message: `There is a file at ${path} already.`,
    remedy: "Choose another name, or say --force to replace it.",
    where: path,
  })

/** Makes a rename durable. Some systems cannot sync a folder; there the rename stands by itself. */
const syncFolder = async (folder: string): Promise<void> => {
  try {
    const handle = await open(folder, "r")
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "EPERM" && code !== "EISDIR" && code !== "EINVAL" && code !== "EACCES") throw error
  }
}

/**
 * Gives a synced file its name. `lastChance` is called right before, with nothing in between, and
 * keeps the file from its name by throwing.
 */
export const publish = async (
  temporary: string,
  path: string,
  force: boolean,
  lastChance: () => void = () => {},
): Promise<void> => {
  if (!force && existsSync(path)) throw existing(path)
  lastChance()
  renameSync(temporary, path)
  await syncFolder(dirname(path))
}
