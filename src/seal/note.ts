/**
 * A signed note, as C2SP signed-note defines it: a text, a blank line, lines of signatures.
 *
 *     text, ending with LF
 *     LF
 *     — name base64(key id, Ed25519 signature over the text with its last LF)
 *
 * Go's `x/mod/sumdb/note` and others read and write the same bytes, and `openssl pkeyutl` can check
 * them.
 *
 * Invariants
 *  1. A signature that names a known key (same name, same id) holds, or the note is refused; it is
 *     never treated as if it were not there.
 *  2. Signatures of unknown keys prove nothing, and are not looked at.
 *  3. What is signed is the very bytes that were read.
 */
import { isUtf8 } from "node:buffer"
import { sign, verify } from "node:crypto"
import { bytesFromBase64 } from "./base64.ts"
import type { SigningKey } from "./keys.ts"
import { isKeyName, keyObjectOf } from "./verifier.ts"
import type { Verifier } from "./verifier.ts"

export const noteBytesMax = 64 * 1024

const keyIdBytes = 4
const mark = "\u2014"

/** Why a text is no note, or one that must not be believed. */
export class NoteError extends Error {
  readonly kind: "malformed" | "signature"

  constructor(kind: "malformed" | "signature", message: string) {
    super(message)
    this.name = "NoteError"
    this.kind = kind
  }
}

const malformed = (message: string): NoteError => new NoteError("malformed", message)

export interface NoteSignature {
  readonly name: string
  readonly keyId: string
  readonly signature: Buffer
}

export interface Note {
  /** With its last line feed. */
  readonly text: string
  readonly signatures: ReadonlyArray<NoteSignature>
}

/** The text and its signatures by these keys; the same keys give the same bytes. */
export const noteFromText = (text: string, keys: ReadonlyArray<SigningKey>): string => {
  const lines = keys.map(({ name, keyId, privateKey }) => {
    const signature = sign(null, Buffer.from(text), privateKey)
    const signed = Buffer.concat([Buffer.from(keyId, "hex"), signature])
    return `${mark} ${name} ${signed.toString("base64")}\n`
  })
  return `${text}\n${lines.join("")}`
}

const signatureFromLine = (line: string): NoteSignature => {
  const [first, name, encoded, ...rest] = line.split(" ")
  if (first !== mark || name === undefined || encoded === undefined || rest.length > 0) {
    throw malformed("a line below the blank one is not a signature")
  }
  if (!isKeyName(name)) throw malformed("the name of a key is empty, too long or not plain text")
  const bytes = bytesFromBase64(encoded)
  if (bytes === undefined || bytes.length <= keyIdBytes) {
    throw malformed("a signature is not base64")
  }
  const keyId = bytes.subarray(0, keyIdBytes).toString("hex")
  return { name, keyId, signature: bytes.subarray(keyIdBytes) }
}

/** Takes a note apart; nothing in it is believed yet. */
export const noteFromBytes = (bytes: Buffer): Note => {
  if (bytes.length > noteBytesMax) throw malformed(`it is longer than ${noteBytesMax} bytes`)
  if (!isUtf8(bytes)) throw malformed("it is not UTF-8 text")
  const whole = bytes.toString("utf8")
  if (/[^\n\P{Cc}]/u.test(whole)) throw malformed("it holds a control character")
  const end = whole.lastIndexOf("\n\n")
  if (end < 0 || !whole.endsWith("\n")) throw malformed("it has no signatures below a blank line")
  const lines = whole.slice(end + 2, -1).split("\n")
  return { text: whole.slice(0, end + 1), signatures: lines.map(signatureFromLine) }
}

/**
 * The keys, of those given, whose signatures the note carries, in the note's order. Throws for a
 * signature in the name of one of them that does not hold.
 */
export const verifyNote = (
  note: Note,
  verifiers: ReadonlyArray<Verifier>,
): ReadonlyArray<Verifier> => {
  const text = Buffer.from(note.text)
  const held = note.signatures.flatMap(({ name, keyId, signature }) => {
    const known = verifiers.filter((one) => one.name === name && one.keyId === keyId)
    for (const verifier of known) {
      const holds = verify(null, text, keyObjectOf(verifier), signature)
      if (!holds) throw new NoteError("signature", `the signature by ${name} does not hold`)
    }
    return known
  })
  return [...new Set(held)]
}
