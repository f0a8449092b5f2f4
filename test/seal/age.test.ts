/** Encryption by itself: what comes back, what is refused, and in which words. */
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs"
import { hkdfSync } from "node:crypto"
import { open } from "node:fs/promises"
import { Decrypter, Encrypter } from "age-encryption"
import { describe, expect, it } from "vitest"
import { headerFromStart, isEncrypted } from "../../src/seal/age-header.ts"
import { decryptFile } from "../../src/seal/decrypt.ts"
import type { AgeKeys } from "../../src/seal/decrypt.ts"
import { encryptTo } from "../../src/seal/encrypt.ts"
import { identitiesFromText, makeIdentity, recipientOfIdentity } from "../../src/seal/keys.ts"
import { sealed, unsealedPayload } from "../../src/seal/stream.ts"
import { Random } from "../adapters/tokens/random.ts"
import { encrypted, folder, limits, refusalOf } from "./files.ts"

const chunk = 64 * 1024
const sealedChunk = chunk + 16

const content = (bytes: number): Buffer => {
  const random = new Random(bytes)
  return Buffer.from(Array.from({ length: bytes }, () => random.below(256)))
}

const identity = await makeIdentity()
const recipient = await recipientOfIdentity(identity, "the test")
const other = await makeIdentity()
const stranger = await recipientOfIdentity(other, "the test")
const { decrypted, path } = folder()

const headerBytes = (file: Buffer): number => headerFromStart(file, limits, "it").bytes.length

const refusal = (file: Buffer, keys: AgeKeys = { identities: [identity] }, within = limits) =>
  refusalOf(() => decrypted(file, keys, within))

describe("an encrypted file", () => {
  it("gives back its bytes, whatever pieces they came in", async () => {
    const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7]
    for (const size of sizes) {
      for (const piece of [1000, chunk, size + 1]) {
        const plain = content(size)
        const file = await encrypted(plain, { recipients: [recipient] }, piece)
        const again = await decrypted(file, { identities: [identity] })
        expect(again.equals(plain), `${size} bytes in pieces of ${piece}`).toBe(true)
      }
    }
  })

  it("opens for every recipient, and for nobody else", async () => {
    const file = await encrypted(content(100), { recipients: [recipient, stranger] })
    expect(await decrypted(file, { identities: [other] })).toEqual(content(100))
    expect(await decrypted(file, { identities: [identity] })).toEqual(content(100))
    const third = await makeIdentity()
    const { code, stage } = await refusal(file, { identities: [third] })
    expect([code, stage]).toEqual(["key-wrong", "archive"])
    expect(await decrypted(file, { identities: [third, other] })).toEqual(content(100))
  })

  it("opens with its passphrase, and with no other", async () => {
    const file = await encrypted(content(100), { passphrase: "correct horse" })
    expect(await decrypted(file, { passphrase: "correct horse" })).toEqual(content(100))
    const wrong = await refusalOf(() => decrypted(file, { passphrase: "correct horse " }))
    expect(wrong.code).toBe("key-wrong")
    expect(wrong.message).not.toMatch(/horse/)
  })

  it("says that it needs a key to whoever gives none, whatever else is wrong with it", async () => {
    for (const text of ["age-encryption.org/v1\n-> X", "-----BEGIN AGE ENCRYPTED FILE-----\n"]) {
      expect((await refusal(Buffer.from(text), {})).code).toBe("archive-encrypted")
    }
  })

  it("says that it needs a key, or a passphrase, when none is given", async () => {
    const toKey = await encrypted(content(1), { recipients: [recipient] })
    const toWord = await encrypted(content(1), { passphrase: "x" })
    const asksKey = await refusalOf(() => decrypted(toKey, { passphrase: "x" }))
    const asksWord = await refusalOf(() => decrypted(toWord, { identities: [identity] }))
    expect([asksKey.code, asksWord.code]).toEqual(["archive-encrypted", "archive-encrypted"])
    expect(asksKey.remedy).toMatch(/--identity/)
    expect(asksWord.remedy).toMatch(/--passphrase-file/)
  })

  it("is what age's own library writes and reads", async () => {
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    const theirs = Buffer.from(await encrypter.encrypt(content(2 * chunk)))
    expect((await decrypted(theirs, { identities: [identity] })).equals(content(2 * chunk))).toBe(
      true,
    )
    const decrypter = new Decrypter()
    decrypter.addPassphrase("word")
    const ours = await encrypted(content(2 * chunk), { passphrase: "word" })
    expect(Buffer.from(await decrypter.decrypt(ours)).equals(content(2 * chunk))).toBe(true)
  })

  it("is another one each time", async () => {
    const [one, two] = [1, 2].map(() => encrypted(content(9), { recipients: [recipient] }))
    expect((await one!).equals(await two!)).toBe(false)
  })

  it("is known by its beginning, in either form", () => {
    expect(isEncrypted(Buffer.from("age-encryption.org/v1\n->"))).toBe(true)
    expect(isEncrypted(Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----\nYWd"))).toBe(true)
    expect(isEncrypted(Buffer.from("PK\u0003\u0004"))).toBe(false)
    expect(isEncrypted(Buffer.alloc(0))).toBe(false)
  })
})

describe("a decrypted file", () => {
  it("can be read by this user alone", async () => {
    await decrypted(await encrypted(content(1), { recipients: [recipient] }), {
      identities: [identity],
    })
    expect(statSync(path("opened")).mode & 0o777).toBe(0o600)
  })

  it("is not there when anything was wrong", async () => {
    const file = await encrypted(content(3 * chunk), { recipients: [recipient] })
    await refusal(file.subarray(0, -1))
    expect(existsSync(path("opened"))).toBe(false)
  })

  it("is not there when it would be larger than the limit", async () => {
    const file = await encrypted(content(3 * chunk), { recipients: [recipient] })
    const within = { ...limits, archiveBytes: 3 * chunk - 1 }
    const { code, message } = await refusal(file, { identities: [identity] }, within)
    expect(code).toBe("limit-exceeded")
    expect(message).toMatch(/archiveBytes/)
    expect(existsSync(path("opened"))).toBe(false)
  })

  it("never takes the place of another", async () => {
    writeFileSync(path("taken"), "mine")
    writeFileSync(path("file"), await encrypted(content(1), { recipients: [recipient] }))
    const file = await open(path("file"))
    const options = { keys: { identities: [identity] }, limits }
    await expect(decryptFile(file, "it", path("taken"), options)).rejects.toThrow(/EEXIST/)
    await file.close()
    expect(statSync(path("taken")).size).toBe(4)
  })

  it("is given up when the call is aborted", async () => {
    writeFileSync(path("file"), await encrypted(content(9 * chunk), { recipients: [recipient] }))
    const abort = new AbortController()
    const file = await open(path("file"))
    const told: Array<number> = []
    const run = decryptFile(file, "it", path("aborted"), {
      keys: { identities: [identity] },
      limits,
      signal: abort.signal,
      onBytes: (done) => {
        told.push(done)
        if (done >= 2 * chunk) abort.abort(new Error("enough"))
      },
    })
    await expect(run).rejects.toThrow("enough")
    await file.close()
    expect(told).toEqual([chunk, 2 * chunk])
    expect(existsSync(path("aborted"))).toBe(false)
  })
})

describe("a damaged file is refused", async () => {
  const plain = content(2 * chunk + 100)
  const file = await encrypted(plain, { recipients: [recipient] })
  const start = headerBytes(file)

  it("cut short anywhere, and says so where that is certain", async () => {
    const payload = start + 16
    const ends = [0, 1, 30, start - 1, start, start + 15, payload, payload + 16]
    const boundaries = [payload + sealedChunk, payload + 2 * sealedChunk]
    for (const end of [...ends, ...boundaries]) {
      const { code, stage } = await refusal(file.subarray(0, end))
      expect([end, code, stage]).toEqual([end, "archive-truncated", "archive"])
    }
    for (const end of [payload + 500, payload + sealedChunk + 17, file.length - 1]) {
      const { code, message } = await refusal(file.subarray(0, end))
      expect([end, code]).toEqual([end, "archive-damaged"])
      expect(message).toMatch(/changed or cut short/)
    }
  })

  it("with a byte more, even after a full last chunk", async () => {
    const full = await encrypted(content(2 * chunk), { recipients: [recipient] })
    const { code, message } = await refusal(Buffer.concat([full, Buffer.of(0)]))
    expect(code).toBe("archive-damaged")
    expect(message).toMatch(/something follows the end/)
    expect((await refusal(Buffer.concat([file, Buffer.of(0)]))).code).toBe("archive-damaged")
    expect((await refusal(Buffer.concat([file, file]))).code).toBe("archive-damaged")
  })

  it("with a bit flipped, wherever it is", async () => {
    for (let at = 0; at < file.length; at += at < start + 40 ? 1 : 9_973) {
      const changed = Buffer.from(file)
      changed[at]! ^= 1
      const { code } = await refusal(changed)
      expect(code, `byte ${at}`).toMatch(/^(archive-(damaged|newer|truncated)|key-wrong)$/)
    }
  })

  it("with two chunks in each other's place", async () => {
    const [first, second] = [start + 16, start + 16 + sealedChunk]
    const swapped = Buffer.from(file)
    file.copy(swapped, first, second, second + sealedChunk)
    file.copy(swapped, second, first, first + sealedChunk)
    const { code, message } = await refusal(swapped)
    expect(code).toBe("archive-damaged")
    expect(message).toMatch(/1\. part/)
  })
})

describe("a payload", () => {
  const fileKey = Buffer.alloc(16, 1)

  /** Chunks sealed in a row, the last one marked, as somebody else's program might do it. */
  const payload = (...chunks: ReadonlyArray<Buffer>): Buffer => {
    const key = Buffer.from(hkdfSync("sha256", fileKey, Buffer.alloc(16), "payload", 32))
    const parts = chunks.map((plain, index) => {
      const nonce = Buffer.alloc(12)
      nonce[10] = index
      nonce[11] = index === chunks.length - 1 ? 1 : 0
      return sealed(key, nonce, plain)
    })
    return Buffer.concat([Buffer.alloc(16), ...parts])
  }

  const read = async (content: Buffer): Promise<Buffer> => {
    let at = 0
    const fill = async (buffer: Buffer): Promise<number> => {
      const copied = content.copy(buffer, 0, at)
      at += copied
      return copied
    }
    return Buffer.concat(await Array.fromAsync(unsealedPayload(fileKey, fill, "it")))
  }

  it("is read chunk by chunk, the last of which may be full", async () => {
    const full = Buffer.alloc(chunk, 7)
    expect((await read(payload(full, full))).length).toBe(2 * chunk)
    expect((await read(payload(Buffer.alloc(0)))).length).toBe(0)
  })

  it("does not end with an empty chunk after others, nor with a chunk before it is full", async () => {
    const full = Buffer.alloc(chunk, 7)
    const empty = await refusalOf(() => read(payload(full, Buffer.alloc(0))))
    expect(empty.message).toMatch(/ends with an empty part/)
    const short = await refusalOf(() => read(payload(Buffer.alloc(9), full)))
    expect(short.code).toBe("archive-damaged")
  })
})

describe("encrypting", () => {
  const sealing = (to: Parameters<typeof encryptTo>[0], within = limits) =>
    refusalOf(() => encryptTo(to, within))

  it("wants recipients that are some", async () => {
    for (const wrong of ["", "age1", "ssh-ed25519 AAAA", recipient.slice(0, -1), `${recipient}q`]) {
      expect([wrong, (await sealing({ recipients: [wrong] })).code]).toEqual([
        wrong,
        "recipient-invalid",
      ])
    }
  })

  it("never repeats a secret key that was given for a public one", async () => {
    const { message, where, remedy } = await sealing({ recipients: [identity] })
    expect(`${message}${where}${remedy}`).not.toContain(identity)
  })

  it("wants somebody to encrypt for, by key or by passphrase", async () => {
    expect((await sealing({})).code).toBe("recipients-missing")
    expect((await sealing({ passphrase: "" })).code).toBe("recipients-missing")
    const both = await sealing({ recipients: [recipient], passphrase: "x" })
    expect(both.code).toBe("recipients-mixed")
  })

  it("keeps to the limits that reading has", async () => {
    const { code } = await sealing({ recipients: Array.from({ length: 33 }, () => recipient) })
    expect(code).toBe("limit-exceeded")
    const within = { ...limits, ageHeaderBytes: 150 }
    const long = await refusalOf(() =>
      encrypted(content(1), { recipients: [recipient] }, 1, within),
    )
    expect(long.message).toMatch(/ageHeaderBytes is 150/)
    const file = await encrypted(content(1), { passphrase: "x" })
    expect(file.toString("latin1")).toMatch(/\n-> scrypt \S+ 10\n/)
  })

  it("passes on what breaks the source, and lets it go when nobody reads on", async () => {
    const encrypt = await encryptTo({ recipients: [recipient] }, limits)
    const broken = async function* () {
      yield content(10)
      throw new Error("the source broke")
    }
    await expect(Array.fromAsync(encrypt(broken()))).rejects.toThrow("the source broke")
    let released = false
    const endless = async function* () {
      try {
        for (;;) yield content(chunk)
      } finally {
        released = true
      }
    }
    let pieces = 0
    for await (const piece of encrypt(endless())) {
      pieces += 1
      if (piece.length === sealedChunk) break
    }
    expect([pieces, released]).toEqual([3, true])
  })
})

describe("an age identity file", () => {
  it("holds identities among comments", () => {
    const text = `# created: today\n\n${identity}\r\n  ${other}\n`
    expect(identitiesFromText(text, "age.txt")).toEqual([identity, other])
  })

  it.each([
    ["nothing", ""],
    ["comments alone", "# a\n# b\n"],
    ["a recipient", `${recipient}\n`],
    ["an identity of a plugin", "AGE-PLUGIN-YUBIKEY-1QQ\n"],
    ["an identity in small letters", `${identity.toLowerCase()}\n`],
  ])("that holds %s is refused", async (_, text) => {
    const refused = await refusalOf(() => identitiesFromText(text, "age.txt"))
    expect(refused.code).toBe("identity-invalid")
  })

  it("with a slip in a key is refused, and the key not repeated", async () => {
    const slip = `${identity.slice(0, -1)}${identity.endsWith("Q") ? "P" : "Q"}`
    expect((await refusalOf(() => recipientOfIdentity(slip, "age.txt"))).code).toBe(
      "identity-invalid",
    )
    const file = await encrypted(content(1), { recipients: [recipient] })
    const { code, message } = await refusal(file, { identities: [slip] })
    expect(code).toBe("identity-invalid")
    expect(message).not.toContain(slip.slice(15, 30))
    rmSync(path("opened"), { force: true })
  })
})
