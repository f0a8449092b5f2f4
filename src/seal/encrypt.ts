/**
 * Encrypting a whole archive while it is written, into a file that `age` reads (c2sp.org/age).
 *
 * age keeps what is written from others; it says nothing of who wrote it. Anybody can encrypt to a
 * public key, so an archive that decrypts is not thereby vouched for: only a signature inside does
 * that.
 *
 * Its library is loaded when it is needed: most archives are not encrypted.
 *
 * Invariant: no plain byte is kept on disk, and memory does not grow with the archive.
 */
import { shown } from "../event/failure.ts"
import { headerFromStart } from "./age-header.ts"
import type { AgeLimits } from "./age-header.ts"
import { passphraseRecipient } from "./passphrase.ts"
import { badKey, beyondLimit } from "./refuse.ts"
import { sealedPayload } from "./stream.ts"

/** Who shall be able to open: whoever has one of these keys, or whoever knows the passphrase. */
export interface SealFor {
  /** age recipients, `age1…`. */
  readonly recipients?: ReadonlyArray<string> | undefined
  readonly passphrase?: string | undefined
}

/** Turns the bytes of a file into those of an encrypted one. */
export type Encrypt = (plain: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

const checkSealFor = (recipients: ReadonlyArray<string>, passphrase: string | undefined): void => {
  if (recipients.length > 0 && passphrase !== undefined) {
    throw badKey(
      "recipients-mixed",
      "A file that opens with a passphrase cannot open with keys too.",
      "Encrypt to keys or with a passphrase, not both.",
    )
  }
  if (recipients.length > 0 || (passphrase !== undefined && passphrase !== "")) return
  throw badKey(
    "recipients-missing",
    "There is nobody to encrypt for.",
    "Name a recipient (age1…, as `lamplog key` shows it) or a passphrase.",
  )
}

/** Only what looks like a recipient is repeated: it might be a secret key. */
const notRecipient = (text: string) => {
  const name = text.startsWith("age1") ? shown(text) : "What was given to encrypt to"
  return badKey(
    "recipient-invalid",
    `${name} is no age recipient.`,
    "Give the line age1… that `lamplog key` or age-keygen shows its owner, in one piece.",
  )
}

/** An encrypter for these; refuses recipients that are none. */
const encrypterFor = async (to: SealFor, limits: AgeLimits) => {
  const { Encrypter, Stanza } = await import("age-encryption")
  const encrypter = new Encrypter()
  for (const recipient of to.recipients ?? []) {
    try {
      encrypter.addRecipient(recipient)
    } catch {
      throw notRecipient(recipient)
    }
  }
  if (to.passphrase !== undefined) {
    const newStanza = (args: Array<string>, body: Uint8Array) => new Stanza(args, body)
    const most = limits.scryptWorkFactor
    encrypter.addRecipient(passphraseRecipient(to.passphrase, most, newStanza))
  }
  return encrypter
}

/** Makes ready to encrypt. What is wrong with `to` shows at once, not when the first byte comes. */
export const encryptTo = async (to: SealFor, limits: AgeLimits): Promise<Encrypt> => {
  const recipients = to.recipients ?? []
  checkSealFor(recipients, to.passphrase)
  if (recipients.length > limits.ageRecipients) {
    throw beyondLimit("ageRecipients", recipients.length, limits.ageRecipients, "the file")
  }
  await encrypterFor(to, limits)
  return async function* (plain) {
    const encrypter = await encrypterFor(to, limits)
    let fileKey = new Uint8Array()
    encrypter.addRecipient({
      wrapFileKey: (key) => {
        fileKey = Uint8Array.from(key)
        return []
      },
    })
    // Of an empty file only the header is taken; its payload is written here, under its key.
    const empty = Buffer.from(await encrypter.encrypt(new Uint8Array()))
    const { bytes } = headerFromStart(empty, limits, "the encrypted file")
    yield bytes
    yield* sealedPayload(fileKey, plain)
  }
}
