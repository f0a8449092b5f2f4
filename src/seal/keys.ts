/**
 * The secret halves: keys that sign archives, and age identities that open encrypted ones.
 *
 * A signing key is kept as a PKCS#8 PEM, which openssl reads, under a line that gives its name. An
 * age identity is kept as age keeps it, one line of text among comments.
 *
 * Invariant: no error here repeats any part of a key.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto"
import type { KeyObject } from "node:crypto"
import { badKey } from "./refuse.ts"
import { isKeyName, textFromVerifier, verifierOf } from "./verifier.ts"

export interface SigningKey {
  readonly name: string
  /** 8 lower-case hexadecimal characters. */
  readonly keyId: string
  /** The public half as one line, for those who are to trust it. */
  readonly verifier: string
  readonly privateKey: KeyObject
}

const spkiPrefixBytes = 12

const signingKeyOf = (name: string, privateKey: KeyObject): SigningKey => {
  if (!isKeyName(name)) {
    throw badKey(
      "key-name-invalid",
      "A key cannot be called that.",
      "Give a name of 1 to 200 characters without blanks and plus signs, such as ann@example.com.",
    )
  }
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" })
  const verifier = verifierOf(name, spki.subarray(spkiPrefixBytes))
  return { name, keyId: verifier.keyId, verifier: textFromVerifier(verifier), privateKey }
}

/** A new key. Whoever holds it signs in this name. */
export const makeSigningKey = (name: string): SigningKey =>
  signingKeyOf(name, generateKeyPairSync("ed25519").privateKey)

const nameLine = /^lamplog signing key (.*)$/m

/** The key as the text of its file. Secret. */
export const pemFromSigningKey = ({ name, privateKey }: SigningKey): string =>
  `lamplog signing key ${name}\n${privateKey.export({ format: "pem", type: "pkcs8" }) as string}`

/**
 * Reads a key file. `name` is for files that other programs made, which name nobody; a name in the
 * file goes before it.
 */
export const signingKeyFromPem = (pem: string, where: string, name?: string): SigningKey => {
  const remedy = "Name a file that `lamplog key make` or `openssl genpkey -algorithm ed25519` made."
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey({ key: pem, format: "pem" })
  } catch {
    // What was thrown is about the text of a secret, so it is not passed on.
    throw badKey("key-unreadable", `${where} holds no private key in PEM form.`, remedy, where)
  }
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw badKey("key-unreadable", `${where} holds a key, but no Ed25519 key.`, remedy, where)
  }
  return signingKeyOf(nameLine.exec(pem)?.[1] ?? name ?? "", privateKey)
}

/** A new age identity (X25519). Secret. */
export const makeIdentity = async (): Promise<string> =>
  (await import("age-encryption")).generateX25519Identity()

const identityInvalid = (problem: string, where: string) =>
  badKey(
    "identity-invalid",
    `${where} ${problem}.`,
    "Name a file that `lamplog key make` or age-keygen made: comments, and AGE-SECRET-KEY-1….",
    where,
  )

/** What others encrypt to so that this identity opens it. */
export const recipientOfIdentity = async (identity: string, where: string): Promise<string> => {
  const { identityToRecipient } = await import("age-encryption")
  try {
    return await identityToRecipient(identity)
  } catch {
    throw identityInvalid("holds a line that is no age identity", where)
  }
}

const identityPattern = /^AGE-SECRET-KEY-(PQ-)?1[02-9AC-HJ-NP-Z]+$/

/** The identities of an age identity file. Whether each is spelled right shows when it is used. */
export const identitiesFromText = (text: string, where: string): ReadonlyArray<string> => {
  const identities = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
  if (identities.length === 0) throw identityInvalid("holds no age identity", where)
  if (identities.every((identity) => identityPattern.test(identity))) return identities
  throw identityInvalid("holds a line that is no age identity", where)
}
