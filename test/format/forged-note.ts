/**
 * Forgeries of the signature of an archive.
 */
import { manifestText } from "../../src/archive/manifest.ts"
import { signManifest } from "../../src/seal/archive-note.ts"
import type { SigningKey } from "../../src/seal/keys.ts"
import { noteFromText } from "../../src/seal/note.ts"
import { stranger } from "./forger.ts"
import type { Forgeries } from "./forger.ts"
import { signer, signingKeyOf } from "./kinds.ts"
import type { Pieces } from "./pieces.ts"

const noteOf = (pieces: Pieces, project: string, key: SigningKey): Buffer =>
  signManifest(Buffer.from(manifestText(pieces.manifest)), project, key)

const changeNote = (pieces: Pieces, change: (text: string) => string): void => {
  pieces.note = Buffer.from(change(pieces.note!.toString()))
}

export const onSigned: Forgeries = [
  [
    "alters the manifest under a signature",
    "signature-invalid",
    ({ manifest }) => (manifest.name = "Tokens of mine"),
  ],
  [
    "signs for another project",
    "signature-invalid",
    (pieces) => (pieces.note = noteOf(pieces, stranger, signer)),
  ],
  [
    "signs with another key in the name of the signer",
    "signature-invalid",
    (pieces) => {
      const other = signingKeyOf("mallory")
      changeNote(pieces, (text) => {
        const body = text.slice(0, text.lastIndexOf("\n\n") + 1)
        const forged = noteFromText(body, [{ ...other, name: signer.name, keyId: signer.keyId }])
        return forged
      })
    },
  ],
  [
    "cuts the signature off a note",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.slice(0, text.lastIndexOf("\n\n") + 2)),
  ],
  [
    "adds a line to what was signed",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.replace("\n\n", "\nand more\n\n")),
  ],
  [
    "writes a note with line ends of Windows",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.replaceAll("\n", "\r\n")),
  ],
  [
    "writes base64 in another way",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.replace(/=*\n$/, "\n")),
  ],
  [
    "signs seventeen times",
    "limit-exceeded",
    (pieces) => {
      const keys = Array.from({ length: 16 }, (_, index) => signingKeyOf(`key-${index}`))
      changeNote(pieces, (text) => {
        const body = text.slice(0, text.lastIndexOf("\n\n") + 1)
        return noteFromText(body, [signer, ...keys])
      })
    },
  ],
]
