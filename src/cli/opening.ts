/**
 * How a call opens archives: the keys it may use, the limits it sets, the signers it trusts.
 *
 * The user's own age key is tried without being asked for, but read only when a file is encrypted.
 */
import { closeSync, constants, openSync, readSync } from "node:fs"
import { limitsByProfile } from "../archive/limits.ts"
import type { ArchiveLimits, LimitsProfile } from "../archive/limits.ts"
import type { Signature } from "../archive/read.ts"
import type { JsonObject } from "../event/canonical.ts"
import type { KeyOptions, OpeningKeys, OpeningPolicy } from "../project/opening.ts"
import { ageMarkBytes, isEncrypted } from "../seal/age-header.ts"
import type { Call } from "./command.ts"
import { identitiesFromFile, passphraseFromFile } from "./key-files.ts"
import { limitsFromText } from "./limits-text.ts"
import { printable } from "./paint.ts"
import { settingValue } from "./settings.ts"
import { userKeys } from "./user-keys.ts"

/** The limits that the call's flags and settings set. */
export const limitsOf = (call: Call, file: JsonObject): ArchiveLimits => {
  const profile = settingValue("profile", call, file).value as LimitsProfile
  const limits = settingValue("limits", call, file).value as string
  return { ...limitsByProfile[profile], ...limitsFromText(limits) }
}

/** What holds for every archive that the call opens; `file` has the settings of its project. */
export const policyOf = (call: Call, file: JsonObject): OpeningPolicy => ({
  limits: limitsOf(call, file),
  trusted: userKeys(call).trusted,
  requireSignature: settingValue("requireSignature", call, file).value === true,
})

/** What is not there, or no file, is told by whoever opens it. */
const looksEncrypted = (path: string): boolean => {
  let file: number | undefined
  try {
    // A pipe would make whoever opens it wait for somebody to write.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const start = Buffer.alloc(ageMarkBytes)
    readSync(file, start, 0, ageMarkBytes, 0)
    return isEncrypted(start)
  } catch {
    return false
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** The keys for archives at these paths. */
export const keysOf = (call: Call, paths: ReadonlyArray<string>): KeyOptions => {
  const named = call.flags("identity").flatMap((name) => identitiesFromFile(call, name))
  const passphraseFile = call.flag("passphrase-file")
  const own = paths.some(looksEncrypted) ? userKeys(call).identities : []
  const keys: OpeningKeys = {
    identities: [...named, ...own],
    ...(passphraseFile === undefined
      ? {}
      : { passphrase: passphraseFromFile(call, passphraseFile) }),
  }
  return { keys }
}

/** What a signature is worth, in one line; none for files that cannot be signed. */
export const signatureText = (signature: Signature | undefined): string => {
  if (signature === undefined) return ""
  const name = printable(signature.name ?? "without a name")
  if (signature.status === "trusted") return `signed by a trusted key ${name}\n`
  if (signature.status === "unknown") return `signed by an unknown key ${name} (not proof of who)\n`
  return "unsigned (its hash stops accidents, not forgers)\n"
}
