/**
 * Files outside the project, as the system refuses them, in words that say what to do.
 */
import { LamplogError } from "../event/failure.ts"

const refusals: { readonly [code: string]: readonly [code: string, what: string, remedy: string] } =
  {
    ENOENT: ["file-missing", "There is no file at", "Check the path."],
    ENOTDIR: ["file-missing", "There is no file at", "Check the path."],
    EISDIR: ["file-is-folder", "A folder, not a file, is at", "Name a file."],
    EACCES: ["not-permitted", "This user may not use", "Give this user access to it."],
    EPERM: ["not-permitted", "This user may not use", "Give this user access to it."],
    EROFS: ["not-writable", "The disk is read-only at", "Choose another place."],
    ENOSPC: ["disk-full", "The disk is full at", "Free some space and try again."],
  }

/** What a file operation threw; what is no refusal of the system comes back as it is. */
export const fileFailure = (error: unknown, path: string): unknown => {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof LamplogError || typeof code !== "string") return error
  const refusal = Object.hasOwn(refusals, code) ? refusals[code] : undefined
  return new LamplogError({
    code: refusal?.[0] ?? "file-unusable",
    message: refusal === undefined ? `${path}: ${message}.` : `${refusal[1]} ${path}.`,
    remedy: refusal?.[2] ?? "Check the path and the disk.",
    where: path,
    cause: error,
  })
}
