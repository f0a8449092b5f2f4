/**
 * How the folder of assets refuses: what the system says, and what is wrong with the bytes.
 */
import { LamplogError } from "../event/failure.ts"

type Refusal = readonly [code: string, message: string, remedy: string]

const full: Refusal = [
  "disk-full",
  "The disk is full",
  "Free some space and try again; nothing was changed.",
]
const denied: Refusal = [
  "not-writable",
  "This user may not write to the project's assets",
  "Give this user access to the folder, or copy the project to one where it has.",
]

const refusals: { readonly [code: string]: Refusal } = {
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: full,
  EACCES: denied,
  EPERM: denied,
  EROFS: denied,
}

/** What the system threw; anything else comes back as it is. */
const assetFailure = (error: unknown, where: string): unknown => {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof LamplogError || typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) {
    return error
  }
  const other: Refusal = ["disk-error", message, "Check the disk and its space."]
  const [name, reason, remedy] = (Object.hasOwn(refusals, code) && refusals[code]) || other
  return new LamplogError({
    code: name,
    message: `${reason}: ${where}.`,
    remedy,
    where,
    cause: error,
  })
}

/** Runs something on the file system; what the system refuses comes out as `LamplogError`. */
export const guardedSync = <A>(where: string, run: () => A): A => {
  try {
    return run()
  } catch (error) {
    throw assetFailure(error, where)
  }
}

export const guardedAsync = async <A>(where: string, run: () => Promise<A>): Promise<A> => {
  try {
    return await run()
  } catch (error) {
    throw assetFailure(error, where)
  }
}

export const assetAbsent = (sha256: string): LamplogError =>
  new LamplogError({
    code: "asset-absent",
    message: `The bytes of the asset ${sha256.slice(0, 12)}… are not held here.`,
    remedy: `Take them from an archive that has them (\`lamplog asset get ${sha256} --from ARCHIVE\`), or add the file again.`,
    where: sha256,
  })

/** Of a source that was asked. */
export const assetNotThere = (sha256: string, where: string): LamplogError =>
  new LamplogError({
    code: "asset-absent",
    message: `The bytes of the asset ${sha256.slice(0, 12)}… are not held there.`,
    remedy: "Let somebody who has them sync with that place, or ask another one.",
    where,
  })

/** To whoever hands over bytes that nobody asked for. */
export const assetUnnamed = (sha256: string): LamplogError =>
  new LamplogError({
    code: "asset-unnamed",
    message: `No event held here names the asset ${sha256.slice(0, 12)}…; its bytes are not kept.`,
    remedy: "Hand over the events that name it first: sync again.",
    where: sha256,
  })

export const assetDamaged = (sha256: string): LamplogError =>
  new LamplogError({
    code: "asset-damaged",
    message: `The bytes held of the asset ${sha256.slice(0, 12)}… are damaged: their SHA-256 differs.`,
    remedy: `Take them from an archive that has them (\`lamplog asset get ${sha256} --from ARCHIVE\`), or add the file again.`,
    where: sha256,
  })

export const assetTooLarge = (bytesMax: number): LamplogError =>
  new LamplogError({
    code: "asset-too-large",
    message: `The asset is larger than ${bytesMax} bytes.`,
    remedy: "Keep it elsewhere: an archive could not carry it.",
  })

export const assetMismatch = (expected: string, found: string): LamplogError =>
  new LamplogError({
    code: "asset-mismatch",
    message: `The bytes of the asset ${expected.slice(0, 12)}… have the SHA-256 ${found}; they are not what was asked for.`,
    remedy: "Take the asset from another source; nothing of this one was kept.",
    where: expected,
  })
