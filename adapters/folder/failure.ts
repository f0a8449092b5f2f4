/**
 * How a folder refuses: what the system says, in the words of a remote.
 */
import { LamplogError } from "../../src/remote.ts"

type Refusal = readonly [code: string, message: string, remedy: string]

const denied: Refusal = [
  "remote-denied",
  "This user may not do that in the folder",
  "Give this user access to the folder; somebody who may only read can still sync what others wrote.",
]
const full: Refusal = [
  "remote-full",
  "There is no room left in the folder",
  "Free some space there and sync again; nothing was changed here.",
]
const gone: Refusal = [
  "remote-unreachable",
  "The folder does not answer",
  "Check that the drive or share is mounted, then sync again.",
]
const invalid: Refusal = [
  "remote-invalid",
  "The folder cannot be used",
  "Name a folder that exists.",
]

const refusals: { readonly [code: string]: Refusal } = {
  EACCES: denied,
  EPERM: denied,
  EROFS: denied,
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: full,
  ENOTDIR: invalid,
  EISDIR: invalid,
  ENOTEMPTY: invalid,
  ELOOP: invalid,
  ENAMETOOLONG: invalid,
  EBUSY: ["remote-busy", "The folder is busy", "Sync again in a moment."],
  EMFILE: ["remote-busy", "Too many files are open", "Sync again in a moment."],
}

/** What the system threw, as a refusal; a fault of ours or an abort comes back as it is. */
export const folderFailure = (error: unknown, where: string): unknown => {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof LamplogError || typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) {
    return error
  }
  const [refused, said, remedy] = refusals[code] ?? gone
  return new LamplogError({
    code: refused,
    message: `${where}: ${said} (${message}).`,
    where,
    remedy,
    cause: error,
  })
}

/** Runs a call of the file system; what it throws is told as a refusal. */
export const guarded = async <A>(where: string, call: () => Promise<A>): Promise<A> => {
  try {
    return await call()
  } catch (error) {
    throw folderFailure(error, where)
  }
}

/** Whether the system says that there is nothing of that name. */
export const isAbsent = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | undefined)?.code === "ENOENT"
