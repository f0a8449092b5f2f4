/**
 * Opening an encrypted archive: into a private file first, whole, and only then read.
 *
 * Each chunk of an age file is authentic by itself, but whether the file is whole shows at its end
 * only. So nothing looks at what was decrypted before the end is reached.
 *
 * Invariants
 *  1. A decrypted file is there whole and authentic, or not at all.
 *  2. A header is checked against the limits before any key is tried.
 *  3. Memory does not grow with the file.
 */
import { open, rm } from "node:fs/promises"
import type { FileHandle } from "node:fs/promises"
import type { Decrypter } from "age-encryption"
import { LamplogError } from "../event/failure.ts"
import { headerFromStart } from "./age-header.ts"
import type { AgeHeader, AgeLimits } from "./age-header.ts"
import { passphraseIdentity } from "./passphrase.ts"
import { badKey, beyondLimit, refuse } from "./refuse.ts"
import { damaged, unsealedPayload } from "./stream.ts"

/** What a reader has to open with. */
export interface AgeKeys {
  /** age identities, `AGE-SECRET-KEY-1…`. */
  readonly identities?: ReadonlyArray<string> | undefined
  readonly passphrase?: string | undefined
}

const needsKey = (opensWith: AgeHeader["opensWith"], where: string) =>
  opensWith === "passphrase"
    ? refuse(
        "archive",
        "archive-encrypted",
        `${where} is encrypted with a passphrase.`,
        where,
        "Give the passphrase: --passphrase-file FILE.",
      )
    : refuse(
        "archive",
        "archive-encrypted",
        `${where} is encrypted: it needs a key.`,
        where,
        "Give an age identity: --identity FILE. To get one of your own: lamplog key make.",
      )

const keyWrong = (header: AgeHeader, where: string) =>
  header.opensWith === "passphrase"
    ? refuse(
        "archive",
        "key-wrong",
        `The passphrase does not open ${where}.`,
        where,
        "Check the passphrase; blanks at its end count.",
      )
    : refuse(
        "archive",
        "key-wrong",
        `${where} is encrypted for others: no key given here opens it.`,
        where,
        "Give the right age identity, or ask for a copy encrypted to what `lamplog key` shows.",
      )

/** Without any key, that one is needed says more than what else is wrong with the header. */
const headerOf = (start: Buffer, { keys, limits }: DecryptOptions, where: string): AgeHeader => {
  try {
    return headerFromStart(start, limits, where)
  } catch (error) {
    const hasKey = keys.passphrase !== undefined || (keys.identities ?? []).length > 0
    const isDamage = error instanceof LamplogError && error.code !== "limit-exceeded"
    throw hasKey || !isDamage ? error : needsKey("identity", where)
  }
}

const addIdentity = (decrypter: Decrypter, identity: string): void => {
  try {
    decrypter.addIdentity(identity)
  } catch {
    throw badKey(
      "identity-invalid",
      "One of the keys to decrypt with is no age identity.",
      "Give identities as `lamplog key make` or age-keygen made them: AGE-SECRET-KEY-1….",
    )
  }
}

/** The key of the payload, from the header alone. */
const fileKeyFrom = async (
  header: AgeHeader,
  keys: AgeKeys,
  where: string,
): Promise<Uint8Array> => {
  const { Decrypter } = await import("age-encryption")
  const decrypter = new Decrypter()
  if (header.opensWith === "passphrase") {
    if (keys.passphrase === undefined) throw needsKey("passphrase", where)
    decrypter.addIdentity(passphraseIdentity(keys.passphrase))
  } else {
    const identities = keys.identities ?? []
    if (identities.length === 0) throw needsKey("identity", where)
    for (const identity of identities) addIdentity(decrypter, identity)
  }
  const none = keyWrong(header, where)
  // Keys are tried in order, so whoever comes to this one has tried them all.
  decrypter.addIdentity({ unwrapFileKey: () => Promise.reject(none) })
  try {
    return await decrypter.decryptHeader(header.bytes)
  } catch (error) {
    if (error === none) throw error
    throw damaged(where, "the header of the encrypted file was changed")
  }
}

/** Fills buffers from a file, from a place on. */
const reader = (file: FileHandle, start: number, signal: AbortSignal | undefined) => {
  let position = start
  return async (buffer: Buffer): Promise<number> => {
    let filled = 0
    while (filled < buffer.length) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position)
      if (bytesRead === 0) break
      filled += bytesRead
      position += bytesRead
    }
    return filled
  }
}

const decryptInto = async (
  spool: FileHandle,
  from: FileHandle,
  where: string,
  options: DecryptOptions,
): Promise<void> => {
  const { keys, limits, signal, onBytes } = options
  const { size } = await from.stat()
  const start = Buffer.alloc(limits.ageHeaderBytes + 1)
  const length = await reader(from, 0, signal)(start)
  const header = headerOf(start.subarray(0, length), options, where)
  const fileKey = await fileKeyFrom(header, keys, where)
  let written = 0
  const fill = reader(from, header.bytes.length, signal)
  for await (const plain of unsealedPayload(fileKey, fill, where)) {
    written += plain.length
    if (written > limits.archiveBytes) {
      throw beyondLimit("archiveBytes", written, limits.archiveBytes, "the decrypted file")
    }
    await spool.writeFile(plain)
    onBytes?.(written, size)
  }
}

export interface DecryptOptions {
  readonly keys: AgeKeys
  readonly limits: AgeLimits
  readonly signal?: AbortSignal | undefined
  /** Hears of bytes decrypted so far, and of about how many there are. */
  readonly onBytes?: ((done: number, total: number) => void) | undefined
}

/**
 * Decrypts an open file, whose name is `where`, into a new one that only this user can read. When it
 * returns, all of it is there and authentic; when it throws, nothing is left at `to`.
 */
export const decryptFile = async (
  from: FileHandle,
  where: string,
  to: string,
  options: DecryptOptions,
): Promise<void> => {
  const spool = await open(to, "wx", 0o600)
  try {
    try {
      await decryptInto(spool, from, where, options)
    } finally {
      await spool.close()
    }
  } catch (error) {
    await rm(to, { force: true })
    throw error
  }
}
