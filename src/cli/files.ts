/**
 * Files that the user names: where they are, and how their absence reads.
 */
import { resolve } from "node:path"
import { LamplogError } from "../event/failure.ts"
import type { Terminal } from "./terminal.ts"

/** A path as the user gave it, from where the user stands. */
export const pathFrom = (terminal: Terminal, path: string): string =>
  resolve(terminal.directory, path)

const refusals: {
  readonly [code: string]: { readonly code: string; readonly says: string; readonly remedy: string }
} = {
  ENOENT: {
    code: "file-missing",
    says: "There is no file",
    remedy: "Check the path.",
  },
  ENOTDIR: {
    code: "file-missing",
    says: "There is no file",
    remedy: "Check the path: a part of it is a file, not a folder.",
  },
  EISDIR: {
    code: "file-is-folder",
    says: "A folder, not a file, is at",
    remedy: "Name a file.",
  },
  EACCES: {
    code: "not-permitted",
    says: "This user may not use",
    remedy: "Give this user access, or choose another place.",
  },
  EPERM: {
    code: "not-permitted",
    says: "This user may not use",
    remedy: "Give this user access, or choose another place.",
  },
  EROFS: {
    code: "not-writable",
    says: "The disk is read-only at",
    remedy: "Choose a place that can be written to.",
  },
  ENOSPC: {
    code: "disk-full",
    says: "The disk is full at",
    remedy: "Free some space and try again.",
  },
}

/** What the file system refused, in the user's words. */
export const fileFailure = (error: unknown, path: string, verb: "read" | "write"): LamplogError => {
  const system = (error as NodeJS.ErrnoException).code ?? ""
  const refusal = Object.hasOwn(refusals, system) ? refusals[system] : undefined
  return new LamplogError({
    code: refusal?.code ?? `file-${verb}`,
    message:
      refusal === undefined
        ? `${path} could not be ${verb === "read" ? "read" : "written"}: ${(error as Error).message}.`
        : `${refusal.says} ${path}.`,
    remedy: refusal?.remedy ?? "Check the path and the disk.",
    where: path,
    cause: error,
  })
}
