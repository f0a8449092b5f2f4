/** Who signed an archive, as far as its note proves. */
import { describe, expect, it } from "vitest"
import { checkNote, signManifest } from "../../src/seal/archive-note.ts"
import { makeSigningKey } from "../../src/seal/keys.ts"
import type { SigningKey } from "../../src/seal/keys.ts"
import { noteFromText } from "../../src/seal/note.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { refusalOf } from "./files.ts"

const project = "a".repeat(26)
const manifest = Buffer.from('{"format":"lamplog-archive"}\n')
const ann = makeSigningKey("ann@example.com")
const bob = makeSigningKey("bob@example.com")
const note = signManifest(manifest, project, ann)

/** The note with another text, signed by whoever is asked. */
const resigned = (change: (text: string) => string, ...keys: ReadonlyArray<SigningKey>): Buffer => {
  const text = note.toString().split("\n\n")[0]!
  return Buffer.from(noteFromText(change(`${text}\n`), keys))
}

const refusal = (bytes: Buffer, trusted: ReadonlyArray<string> = [], of = manifest) =>
  refusalOf(() => checkNote(bytes, of, trusted, 16))

describe("the note of an archive", () => {
  it("is the same for the same key and manifest", () => {
    expect(signManifest(manifest, project, ann)).toEqual(note)
    expect(note.toString().split("\n").slice(0, 5)).toEqual([
      "lamplog.dev/archive/v1",
      project,
      "UzruVELgYULs68BjzEYmZ0VJFveg7KA8sWvtUTYuqSE=",
      ann.verifier,
      "",
    ])
  })

  it("is by a trusted key when that key is on the reader's list", () => {
    const { name, keyId, verifier } = ann
    const finding = { status: "trusted", name, keyId, verifier, project }
    expect(checkNote(note, manifest, [bob.verifier, verifier], 16)).toEqual(finding)
  })

  it("is by an unknown key when it holds for the key that it names itself", () => {
    const { name, keyId, verifier } = ann
    const finding = { status: "unknown", name, keyId, verifier, project }
    expect(checkNote(note, manifest, [], 16)).toEqual(finding)
    expect(checkNote(note, manifest, [bob.verifier], 16)).toEqual(finding)
  })

  it("is refused when any of its bytes is another, whether its key is trusted or not", () => {
    for (const trusted of [[], [ann.verifier]]) {
      for (const at of note.keys()) {
        const changed = Buffer.from(note)
        changed[at]! ^= 1
        let code: string | undefined
        try {
          checkNote(changed, manifest, trusted, 16)
        } catch (error) {
          if (!(error instanceof LamplogError)) throw error
          code = error.code
        }
        expect(code, `byte ${at}`).toBe("signature-invalid")
      }
    }
  })

  it("says that the archive was changed when the manifest is another", async () => {
    const other = Buffer.from('{"format":"lamplog-archivE"}\n')
    const { code, stage, message } = await refusal(note, [ann.verifier], other)
    expect([code, stage]).toEqual(["signature-invalid", "manifest"])
    expect(message).toMatch(/archive was changed after it was signed/)
  })

  it("by a key under a trusted one's name is by an unknown key", () => {
    const impostor = makeSigningKey(ann.name)
    const forged = signManifest(manifest, project, impostor)
    const { status, verifier } = checkNote(forged, manifest, [ann.verifier], 16)
    expect([status, verifier]).toEqual(["unknown", impostor.verifier])
  })

  it("under a trusted key's name and id, signed by another key, is refused", async () => {
    const impostor = { ...bob, name: ann.name, keyId: ann.keyId }
    const { code, message } = await refusal(
      resigned((text) => text, impostor),
      [ann.verifier],
    )
    expect(code).toBe("signature-invalid")
    expect(message).toMatch(/signature by ann@example.com does not hold/)
    expect((await refusal(resigned((text) => text, impostor))).code).toBe("signature-invalid")
  })

  it("that names one key and carries only another's signature is refused", async () => {
    const { message } = await refusal(
      resigned((text) => text, bob),
      [bob.verifier],
    )
    expect(message).toMatch(/signer's signature is missing/)
  })

  it("counts a second signature when its key is trusted, and not when it is not", () => {
    const both = resigned((text) => text, ann, bob)
    expect(checkNote(both, manifest, [bob.verifier], 16)).toMatchObject({
      status: "trusted",
      verifier: bob.verifier,
    })
    expect(checkNote(both, manifest, [], 16)).toMatchObject({
      status: "unknown",
      verifier: ann.verifier,
    })
  })

  it("is refused for a bad second signature of a trusted key", async () => {
    const forged = resigned((text) => text, ann, { ...ann, name: bob.name, keyId: bob.keyId })
    expect((await refusal(forged, [bob.verifier])).code).toBe("signature-invalid")
    expect(checkNote(forged, manifest, [ann.verifier], 16).status).toBe("trusted")
  })

  it.each<[string, (text: string) => string]>([
    ["of another domain", (text) => text.replace("lamplog.dev/archive/v1", "lamplog.dev/log/v1")],
    ["with a line too many", (text) => `${text}more\n`],
    ["with a line too few", (text) => text.split("\n").slice(0, 3).join("\n") + "\n"],
    ["without a project id", (text) => text.replace(project, "project")],
    ["with a key that is none", (text) => text.replace("+A", "+B")],
  ])("over a text %s is refused, though the signature holds", async (_, change) => {
    const { code, message } = await refusal(resigned(change, ann), [ann.verifier])
    expect(code).toBe("signature-invalid")
    expect(message).toMatch(/^The signature of the archive is damaged/)
  })

  it("may carry as many signatures as the limit says", async () => {
    const many = resigned((text) => text, ...Array.from({ length: 16 }, () => ann))
    expect(checkNote(many, manifest, [], 16).status).toBe("unknown")
    const { code, message } = await refusalOf(() => checkNote(many, manifest, [], 15))
    expect(code).toBe("limit-exceeded")
    expect(message).toMatch(/signatures is 15, .* has 16/)
  })
})
