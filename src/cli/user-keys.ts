/**
 * The keys of the person at this machine, in their state folder, the same for all projects:
 *
 *     keys/signing.pem   what they sign archives with
 *     keys/age.txt       what opens archives that are encrypted to them
 *     trusted-keys       the public keys of signers they trust, one a line
 *
 * Each is read when it is asked for. A line of `trusted-keys` is a key as text; after a blank, or at
 * the beginning of a line, `#` starts a comment.
 *
 * Invariant: a line of `trusted-keys` that cannot be read refuses the file; nothing is passed over.
 */
import { dirname, join } from "node:path"
import { LamplogError } from "../event/failure.ts"
import {
  identitiesFromText,
  makeSigningKey,
  pemFromSigningKey,
  signingKeyFromPem,
} from "../seal/keys.ts"
import type { SigningKey } from "../seal/keys.ts"
import { verifierFromText } from "../seal/verifier.ts"
import type { Verifier } from "../seal/verifier.ts"
import { defaultStateDirectory } from "../store/identity.ts"
import type { Call } from "./command.ts"
import { readKeys, readSecret } from "./key-files.ts"
import { printable } from "./paint.ts"
import { writePrivate } from "./private-file.ts"
import { actorOfUser } from "./settings.ts"

export interface TrustedLine {
  readonly verifier: Verifier
  /** The key as it stands there. */
  readonly text: string
  readonly comment: string
}

const commentPattern = /(?:^|\s)#(.*)$/

/** A line taken apart; undefined when it holds no key. */
export const trustedFromLine = (line: string): TrustedLine | undefined => {
  const comment = commentPattern.exec(line)
  const text = line.slice(0, comment?.index).trim()
  if (text === "") return undefined
  return { verifier: verifierFromText(text), text, comment: comment?.[1]?.trim() ?? "" }
}

/** The keys in a text, line by line; `name` says where it is from. */
export const trustedFromText = (text: string, name: string): ReadonlyArray<TrustedLine> =>
  text.split("\n").flatMap((line, index) => {
    try {
      return trustedFromLine(line) ?? []
    } catch (error) {
      if (!(error instanceof LamplogError)) throw error
      throw new LamplogError({
        code: "trusted-keys-invalid",
        message: `${name}:${index + 1}: ${error.message}`,
        remedy: "Correct that line, or take it out.",
        where: `${name}:${index + 1}`,
      })
    }
  })

/** A name for a key of this user, without what the format forbids. */
const nameOfUser = (): string => actorOfUser().replaceAll(/[+\p{Z}\p{C}]/gu, "-")

export class UserKeys {
  readonly signingPath: string
  readonly identityPath: string
  readonly trustedPath: string
  readonly #call: Call

  constructor(call: Call) {
    const named = call.terminal.environment.LAMPLOG_STATE_DIR
    const directory = named === undefined || named === "" ? defaultStateDirectory() : named
    this.#call = call
    this.signingPath = join(directory, "keys", "signing.pem")
    this.identityPath = join(directory, "keys", "age.txt")
    this.trustedPath = join(directory, "trusted-keys")
  }

  /** The key to sign with; undefined when there is none yet. */
  get signingKey(): SigningKey | undefined {
    const pem = readSecret(this.#call, this.signingPath)
    return pem === undefined ? undefined : signingKeyFromPem(pem, this.signingPath)
  }

  /** The same; one is made, and the user told, when there is none. */
  signingKeyOrNew(): SigningKey {
    const held = this.signingKey
    if (held !== undefined) return held
    const key = this.newSigningKey()
    this.#call.terminal.writeError(
      `Made a signing key, ${printable(key.name)}, and keep it in ${printable(this.signingPath)}.\n` +
        `Whoever shall trust it runs: lamplog trust add '${printable(key.verifier)}'\n`,
    )
    return key
  }

  /** Makes the key to sign with from now on; one that was there is kept aside under its id. */
  newSigningKey(name: string = nameOfUser()): SigningKey {
    const key = makeSigningKey(name)
    const held = this.signingKey
    if (held !== undefined) {
      const aside = join(dirname(this.signingPath), `signing-${held.keyId}.pem`)
      writePrivate(aside, pemFromSigningKey(held), true)
    }
    writePrivate(this.signingPath, pemFromSigningKey(key), held !== undefined)
    return key
  }

  /** What opens archives encrypted to this user; none when there is no such file. */
  get identities(): ReadonlyArray<string> {
    const text = readSecret(this.#call, this.identityPath)
    return text === undefined ? [] : identitiesFromText(text, this.identityPath)
  }

  get trustedLines(): ReadonlyArray<TrustedLine> {
    return trustedFromText(readKeys(this.trustedPath) ?? "", this.trustedPath)
  }

  /** Keys as text, as opening an archive takes them. */
  get trusted(): ReadonlyArray<string> {
    return this.trustedLines.map(({ text }) => text)
  }
}

export const userKeys = (call: Call): UserKeys => new UserKeys(call)
