/**
 * `manifest.note`: the signature of an archive, a signed note over this text:
 *
 *     lamplog.dev/archive/v1
 *     project id
 *     base64 of the SHA-256 of the bytes of manifest.json
 *     the signer's key as text (verifier.ts)
 *
 * The first line keeps apart what is signed: a signature over anything else that signs notes can
 * never pass for one over an archive. The last line makes the note complete in itself. A signature
 * line names its key by name and four bytes only, so without it a reader who does not know the
 * signer could not tell whether the signature holds. With it, "signed by an unknown key" means that
 * whoever holds that key did sign this very manifest, and a person can compare the key and trust it.
 * The key in the note is never a reason to trust anything: that comes from the reader's own list.
 *
 * Others may add signature lines below the signer's. Those of trusted keys are checked and count;
 * those of unknown keys are not looked at.
 *
 * Invariants
 *  1. The hash is over the bytes of manifest.json as they were read, before they are parsed.
 *  2. The same key and manifest give the same note.
 *  3. A note that names a key holds for that key, or the archive is refused.
 */
import { hash } from "node:crypto"
import { isIdentifier } from "../event/hash.ts"
import type { SigningKey } from "./keys.ts"
import { NoteError, noteFromBytes, noteFromText, verifyNote } from "./note.ts"
import type { Note } from "./note.ts"
import { beyondLimit, refuse } from "./refuse.ts"
import { textFromVerifier, verifierFromText } from "./verifier.ts"
import type { Verifier } from "./verifier.ts"

const domain = "lamplog.dev/archive/v1"
const where = "manifest.note"

/** Who signed an archive, as far as its note proves. */
export interface NoteFinding {
  /** Whether a key of the reader's list signed it, or one that is not on it. */
  readonly status: "trusted" | "unknown"
  /** What the signer calls the key; only as good as the key. */
  readonly name: string
  readonly keyId: string
  /** The key that signed, as text. */
  readonly verifier: string
  /** The project that was signed for. The manifest has to name the same one. */
  readonly project: string
}

const hashOf = (manifest: Uint8Array): string => hash("sha256", manifest, "base64")

/** The note of an archive whose manifest has these bytes. */
export const signManifest = (manifest: Uint8Array, project: string, key: SigningKey): Buffer =>
  Buffer.from(noteFromText(`${domain}\n${project}\n${hashOf(manifest)}\n${key.verifier}\n`, [key]))

const invalid = (message: string) =>
  refuse(
    "manifest",
    "signature-invalid",
    message,
    where,
    "Do not use this archive; ask its signer for a new copy.",
  )

const damaged = (problem: string) => invalid(`The signature of the archive is damaged: ${problem}.`)

/** The key that the note names as its signer's. */
const signerFrom = (text: string): Verifier => {
  try {
    return verifierFromText(text)
  } catch {
    throw damaged("it does not name its signer's key")
  }
}

const signedBy = (note: Note, verifiers: ReadonlyArray<Verifier>): ReadonlyArray<Verifier> => {
  try {
    return verifyNote(note, verifiers)
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw invalid(
      `The signature of the archive is wrong: ${error.message}. The note was changed, or somebody ` +
        "without the key made it.",
    )
  }
}

const noteFrom = (bytes: Buffer): Note => {
  try {
    return noteFromBytes(bytes)
  } catch (error) {
    if (error instanceof NoteError) throw damaged(error.message)
    throw error
  }
}

/**
 * Checks a note over the bytes of a manifest, before those are parsed. Once they are, the finding's
 * project is to be compared with the manifest's. `trusted` are keys as text.
 */
export const checkNote = (
  noteBytes: Buffer,
  manifest: Uint8Array,
  trusted: ReadonlyArray<string>,
  signaturesMax: number,
): NoteFinding => {
  const note = noteFrom(noteBytes)
  const count = note.signatures.length
  if (count > signaturesMax) throw beyondLimit("signatures", count, signaturesMax, where)
  const [first, named, manifestHash, key, ...rest] = note.text.split("\n")
  if (first !== domain) throw damaged("it is not one over an archive of this format")
  if (!isIdentifier(named) || manifestHash === undefined || rest.length !== 1) {
    throw damaged("its text has not the lines it should have")
  }
  const signer = signerFrom(key ?? "")
  const known = trusted.map(verifierFromText)
  const isSigner = ({ name, keyId }: Verifier) => name === signer.name && keyId === signer.keyId
  const holding = signedBy(note, [...known, signer])
  if (!holding.some(isSigner)) throw damaged("its signer's signature is missing")
  if (manifestHash !== hashOf(manifest)) {
    throw invalid("The archive was changed after it was signed: its manifest is another one.")
  }
  const friend = holding.find((verifier) => known.includes(verifier))
  const found = friend ?? signer
  return {
    status: friend === undefined ? "unknown" : "trusted",
    name: found.name,
    keyId: found.keyId,
    verifier: textFromVerifier(found),
    project: named,
  }
}
