/**
 * The public half of a signing key as one line of text, as C2SP signed-note writes it (a "vkey"):
 *
 *     name+key id+base64(0x01, the 32 bytes of the Ed25519 public key)
 *
 * The key id is the first four bytes of SHA-256(name, LF, 0x01, public key), in hexadecimal. It is
 * short, so it only tells keys apart; what is trusted is always the whole line.
 *
 * Invariant: a text that is read is the only spelling of its key.
 */
import { createPublicKey, hash } from "node:crypto"
import type { KeyObject } from "node:crypto"
import type { LamplogError } from "../event/failure.ts"
import { bytesFromBase64 } from "./base64.ts"
import { badKey } from "./refuse.ts"

/** The signature type of Ed25519. */
const ed25519Type = 0x01
const publicKeyBytes = 32
const nameLengthMax = 200

export interface Verifier {
  readonly name: string
  /** 8 lower-case hexadecimal characters. */
  readonly keyId: string
  readonly publicKey: Buffer
}

/**
 * Whether a key may be called that. The format forbids blanks and plus signs; characters that do not
 * show, or that turn the text around them, are of no use in a name that people compare.
 */
export const isKeyName = (name: string): boolean =>
  name !== "" &&
  name.length <= nameLengthMax &&
  name.isWellFormed() &&
  !/[+\p{Z}\p{Cc}\p{Cf}]/u.test(name)

const typedKey = (publicKey: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(ed25519Type), publicKey])

export const verifierOf = (name: string, publicKey: Buffer): Verifier => {
  const content = Buffer.concat([Buffer.from(`${name}\n`), typedKey(publicKey)])
  return { name, keyId: hash("sha256", content).slice(0, 8), publicKey }
}

export const textFromVerifier = ({ name, keyId, publicKey }: Verifier): string =>
  `${name}+${keyId}+${typedKey(publicKey).toString("base64")}`

const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex")

export const keyObjectOf = ({ publicKey }: Verifier): KeyObject =>
  createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: "der", type: "spki" })

/** The text is not repeated: somebody may have given a secret key for a public one. */
const invalid = (problem: string): LamplogError =>
  badKey(
    "verifier-invalid",
    `This is no key that signatures can be checked with: ${problem}.`,
    "Give the line that `lamplog key` shows the signer: NAME+ID+KEY, in one piece.",
  )

/** Reads a key; base64 may hold plus signs too, so only the first two of them part the text. */
export const verifierFromText = (text: string): Verifier => {
  const [, name, keyId, encoded] = /^([^+]*)\+([^+]*)\+(.*)$/su.exec(text) ?? []
  if (name === undefined || keyId === undefined || encoded === undefined) {
    throw invalid("it has not the form NAME+ID+KEY")
  }
  if (!isKeyName(name)) throw invalid("its name is empty, too long or not plain text")
  const bytes = bytesFromBase64(encoded)
  if (bytes === undefined || bytes.length === 0) throw invalid("its key is not base64")
  if (bytes[0] !== ed25519Type || bytes.length !== 1 + publicKeyBytes) {
    throw invalid("it is not an Ed25519 key")
  }
  const verifier = verifierOf(name, bytes.subarray(1))
  if (verifier.keyId === keyId) return verifier
  throw invalid("its id does not fit its name and key, so something in it was changed")
}
