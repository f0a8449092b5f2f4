/** Signed notes and keys as text, against the examples that others publish and against openssl. */
import { execFileSync } from "node:child_process"
import { createPrivateKey } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { makeSigningKey, pemFromSigningKey, signingKeyFromPem } from "../../src/seal/keys.ts"
import { NoteError, noteFromBytes, noteFromText, verifyNote } from "../../src/seal/note.ts"
import {
  isKeyName,
  keyObjectOf,
  textFromVerifier,
  verifierFromText,
  verifierOf,
} from "../../src/seal/verifier.ts"
import { Random } from "../adapters/tokens/random.ts"
import { folder, refusalOf } from "./files.ts"

/** From the C2SP specification. */
const specified = {
  verifier: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
  note:
    "This is an example message.\n\n— example.com/foo " +
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
}

/** From Go's own tests of the format, secret key and all. */
const published = {
  verifier: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  secret: "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
  text:
    "If you think cryptography is the answer to your problem,\n" +
    "then you don't know what your problem is.\n",
  signature:
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
}
const publishedNote = `${published.text}\n${published.signature}`

const peter = () => {
  const seed = Buffer.from(published.secret, "base64").subarray(1)
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed])
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  const pem = key.export({ format: "pem", type: "pkcs8" }) as string
  return signingKeyFromPem(pem, "peter.pem", "PeterNeumann")
}

const holding = (note: string | Buffer, ...verifiers: ReadonlyArray<string>) =>
  verifyNote(noteFromBytes(Buffer.from(note)), verifiers.map(verifierFromText)).map(
    textFromVerifier,
  )

describe("a signed note", () => {
  it("of the specification holds", () => {
    expect(holding(specified.note, specified.verifier)).toEqual([specified.verifier])
  })

  it("of Go's tests holds, and comes out the same from the same key", () => {
    expect(holding(publishedNote, published.verifier)).toEqual([published.verifier])
    expect(peter().verifier).toBe(published.verifier)
    expect(noteFromText(published.text, [peter()])).toBe(publishedNote)
  })

  it("does not hold when any of its bytes is another", () => {
    const bytes = Buffer.from(specified.note)
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      let held: ReadonlyArray<string> = []
      try {
        held = holding(changed, specified.verifier)
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(NoteError)
      }
      expect(held, `byte ${at}`).toEqual([])
    }
  })

  it("is refused for a bad signature of a known key, though another holds", () => {
    const others = makeSigningKey("ann@example.com")
    const note = noteFromText(published.text, [peter(), others])
    const forged = note.replace("— PeterNeumann x08go/ZJ", "— PeterNeumann x08go/ZK")
    expect(holding(note, published.verifier, others.verifier)).toHaveLength(2)
    expect(() => holding(forged, published.verifier, others.verifier)).toThrow(/PeterNeumann/)
    expect(holding(forged, others.verifier)).toEqual([others.verifier])
  })

  it("proves nothing about keys that are not known", () => {
    expect(holding(publishedNote, specified.verifier)).toEqual([])
    expect(holding(publishedNote)).toEqual([])
  })

  it("may hold empty lines; its text ends at the last of them", () => {
    const text = "one\n\n\ntwo\n"
    const note = noteFromText(text, [peter()])
    expect(noteFromBytes(Buffer.from(note)).text).toBe(text)
    expect(holding(note, published.verifier)).toEqual([published.verifier])
  })

  const { text, signature } = published
  it.each([
    ["has no signature", `${text}\n`],
    ["has no blank line", `${text}${signature}`],
    ["does not end with a line feed", publishedNote.slice(0, -1)],
    ["has something below its signatures", `${publishedNote}more\n`],
    ["has a hyphen for the dash", publishedNote.replace("\u2014", "-")],
    ["has two blanks in a signature line", publishedNote.replace("— P", "—  P")],
    ["has more behind a signature", `${publishedNote.slice(0, -1)} more\n`],
    ["has a signature that is not base64", publishedNote.replace("x08go/", "x08go*")],
    ["has a signature without its padding", publishedNote.replace("nAM=", "nAM")],
    ["has a signature of the key id alone", `${text}\n— PeterNeumann x08gow==\n`],
    ["has a plus in a name", publishedNote.replace("Peter", "Peter+")],
    ["has an invisible sign in a name", publishedNote.replace("Peter", "Peter\u200b")],
    ["has a carriage return", publishedNote.replace("\n", "\r\n")],
    ["has a NUL", publishedNote.replace("you", "\0ou")],
    ["is empty", ""],
    ["is not UTF-8", Buffer.concat([Buffer.of(0xff), Buffer.from(publishedNote)])],
    ["is longer than 64 KiB", "a".repeat(64 * 1024) + publishedNote],
  ])("that %s is none", (_, note) => {
    expect(() => noteFromBytes(Buffer.from(note as Buffer))).toThrow(NoteError)
  })

  it("with a signature that is too short or too long does not hold", () => {
    const bytes = Buffer.from(signature.split(" ")[2]!, "base64")
    for (const other of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])]) {
      const note = `${text}\n— PeterNeumann ${other.toString("base64")}\n`
      expect(() => holding(note, published.verifier)).toThrow(NoteError)
    }
  })
})

describe("a key as text", () => {
  it("is read as it was written", () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const random = new Random(seed)
      const publicKey = Buffer.from(Array.from({ length: 32 }, () => random.below(256)))
      const name = Array.from({ length: 1 + random.below(20) }, () =>
        random.pick(["a", "Z", "/", ".", "#", "é", "名", "𝒳", "-", "@"]),
      ).join("")
      const verifier = verifierOf(name, publicKey)
      const text = textFromVerifier(verifier)
      expect(verifierFromText(text), `seed ${seed}`).toEqual(verifier)
    }
  })

  it("is refused in part, and with any sign changed", async () => {
    const text = published.verifier
    const wrong: Array<string> = []
    for (let from = 0; from <= text.length; from += 1) {
      for (let to = from; to <= text.length; to += 1) wrong.push(text.slice(from, to))
      const next = String.fromCharCode(text.charCodeAt(from) + 1)
      wrong.push(text.slice(0, from) + next + text.slice(from + 1))
    }
    for (const other of wrong.filter((one) => one !== text)) {
      const { code, remedy } = await refusalOf(() => verifierFromText(other))
      expect([other, code]).toEqual([other, "verifier-invalid"])
      expect(remedy).not.toBe("")
    }
  })

  it.each([
    [
      "too long a key",
      "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    ],
    ["another algorithm", "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
    ["an id in capitals", published.verifier.replace("c74f20a3", "C74F20A3")],
    ["a blank around it", ` ${published.verifier}`],
  ])("is refused with %s", async (_, text) => {
    expect((await refusalOf(() => verifierFromText(text))).code).toBe("verifier-invalid")
  })

  it.each([
    "",
    "a b",
    "a+b",
    "a\u00a0b",
    "a\u2028b",
    "a\tb",
    "a\u202eb",
    "\ud800",
    "a".repeat(201),
  ])("is not called %j", async (name) => {
    expect(isKeyName(name)).toBe(false)
    expect((await refusalOf(() => makeSigningKey(name))).code).toBe("key-name-invalid")
  })
})

describe("openssl", () => {
  const { path } = folder()
  const key = makeSigningKey("ann@example.com")
  const openssl = (...words: ReadonlyArray<string>): string =>
    execFileSync("openssl", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

  it("reads a key file, and finds the same public key", () => {
    writeFileSync(path("signing.pem"), pemFromSigningKey(key))
    openssl("pkey", "-in", path("signing.pem"), "-pubout", "-out", path("public.pem"))
    const expected = keyObjectOf(verifierFromText(key.verifier)).export({
      format: "pem",
      type: "spki",
    })
    expect(readFileSync(path("public.pem"), "utf8")).toBe(expected)
  })

  it("verifies a signature of a note, and not over another text", () => {
    const { text, signatures } = noteFromBytes(Buffer.from(noteFromText("one\ntwo\n", [key])))
    const pem = keyObjectOf(verifierFromText(key.verifier)).export({ format: "pem", type: "spki" })
    writeFileSync(path("public.pem"), pem)
    writeFileSync(path("signature"), signatures[0]!.signature)
    const verify = (signed: string): string => {
      writeFileSync(path("text"), signed)
      const files = ["-in", path("text"), "-sigfile", path("signature")]
      const keyFile = ["-pubin", "-inkey", path("public.pem")]
      return openssl("pkeyutl", "-verify", "-rawin", ...keyFile, ...files)
    }
    expect(verify(text)).toMatch(/Signature Verified Successfully/)
    expect(() => verify(text.replace("one", "One"))).toThrow()
  })

  it("makes keys that sign here, under a name that is given for them", () => {
    openssl("genpkey", "-algorithm", "ed25519", "-out", path("made.pem"))
    const made = signingKeyFromPem(readFileSync(path("made.pem"), "utf8"), "made.pem", "bob")
    expect(holding(noteFromText("x\n", [made]), made.verifier)).toEqual([made.verifier])
  })

  it("makes keys of other kinds, which are refused without a word of them", async () => {
    openssl("genpkey", "-algorithm", "x25519", "-out", path("other.pem"))
    const pem = readFileSync(path("other.pem"), "utf8")
    const { code, message } = await refusalOf(() => signingKeyFromPem(pem, "other.pem", "bob"))
    expect(code).toBe("key-unreadable")
    expect(message).not.toContain(pem.split("\n")[1]!)
    const torn = await refusalOf(() => signingKeyFromPem(pem.slice(0, 60), "other.pem", "bob"))
    expect(torn.code).toBe("key-unreadable")
    expect(torn.cause).toBeUndefined()
  })
})

describe("a signing key", () => {
  it("comes back from its file with its name", () => {
    const key = makeSigningKey("ann@example.com")
    const again = signingKeyFromPem(pemFromSigningKey(key), "signing.pem", "somebody")
    expect(again.verifier).toBe(key.verifier)
    expect(noteFromText("x\n", [again])).toBe(noteFromText("x\n", [key]))
  })

  it("shows nothing secret when it is printed", () => {
    const key = makeSigningKey("ann@example.com")
    const seed = Buffer.from(key.privateKey.export({ format: "jwk" }).d!, "base64url")
    for (const spelling of ["hex", "base64", "base64url"] as const) {
      expect(JSON.stringify(key)).not.toContain(seed.toString(spelling))
    }
  })
})
