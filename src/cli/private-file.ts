/**
 * Files of one user's own: written whole or not at all.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { basename, dirname, join } from "node:path"
import { LamplogError } from "../event/failure.ts"
import { fileFailure } from "../project/file-failure.ts"
import { stagingName, sweepStaging } from "../store/staging.ts"

/**
 * Puts text at a path, whole and durable, for this user alone. Without `replace`, what is there
 * stays, and this is refused.
 */
export const writePrivate = (path: string, text: string, replace: boolean): void => {
  const prefix = `${basename(path)}.`
  const draft = join(dirname(path), stagingName(prefix))
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    sweepStaging(dirname(path), prefix)
    const file = openSync(draft, "wx", 0o600)
    try {
      // All of it, where one write on a nearly full disk may be a short one.
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    if (replace) renameSync(draft, path)
    else linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw fileFailure(error, path)
    const remedy = "Another process made it just now; run the command again."
    const message = `There is a file at ${path} already.`
    throw new LamplogError({ code: "file-exists", message, remedy, where: path })
  } finally {
    rmSync(draft, { force: true })
  }
}
