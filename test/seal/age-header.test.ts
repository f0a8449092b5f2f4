/** Headers that strangers could send: refused for what they would cost, or for what they are. */
import { describe, expect, it } from "vitest"
import type { AgeKeys } from "../../src/seal/decrypt.ts"
import { makeIdentity } from "../../src/seal/keys.ts"
import { folder, refusalOf } from "./files.ts"

const identity = await makeIdentity()
const { decrypted } = folder()

const refusal = (file: Buffer, keys: AgeKeys = { identities: [identity] }) =>
  refusalOf(() => decrypted(file, keys))

describe("a hostile header is refused", () => {
  const stanza = (type: string, argument: string): string =>
    `-> ${type} ${argument}\n${"A".repeat(43)}\n`
  const mac = `--- ${"A".repeat(43)}\n`
  const salt = "A".repeat(22)
  const share = "A".repeat(43)
  const header = (...lines: ReadonlyArray<string>): Buffer =>
    Buffer.from(`age-encryption.org/v1\n${lines.join("")}`)

  it.each([
    [
      "more recipients than the limit",
      header(stanza("X25519", share).repeat(33), mac),
      "Recipients",
    ],
    ["no end within the limit", header(`-> x ${"y".repeat(70_000)}`), "HeaderBytes"],
    ["a stanza without end", header("-> x y\n", `${"A".repeat(64)}\n`.repeat(2000)), "HeaderBytes"],
    ["scrypt that costs too much", header(stanza("scrypt", `${salt} 11`), mac), "scryptWork"],
    ["scrypt that costs absurdly much", header(stanza("scrypt", `${salt} 999`), mac), "scryptWork"],
  ])("for %s", async (_, file, limit) => {
    const { code, message } = await refusal(file)
    expect(code).toBe("limit-exceeded")
    expect(message).toContain(limit)
  })

  const scrypt = stanza("scrypt", `${salt} 10`)
  it.each([
    ["a passphrase beside a recipient", header(scrypt, stanza("X25519", share), mac)],
    ["a recipient beside a passphrase", header(stanza("X25519", share), scrypt, mac)],
    ["two passphrases", header(scrypt, scrypt, mac)],
    ["a work factor with a zero before it", header(stanza("scrypt", `${salt} 010`), mac)],
    ["a work factor that is no number", header(stanza("scrypt", `${salt} 1e1`), mac)],
    ["a negative work factor", header(stanza("scrypt", `${salt} -1`), mac)],
    [
      "a salt that can be spelled otherwise",
      header(stanza("scrypt", `${"A".repeat(21)}B 10`), mac),
    ],
    ["a short salt", header(stanza("scrypt", "AAAA 10"), mac)],
    ["an argument too many", header(stanza("scrypt", `${salt} 10 x`), mac)],
    ["no recipient", header(mac)],
    ["an empty argument", header(stanza("X25519", ` ${share}`), mac)],
    ["a stanza without arguments", header("->\n\n", mac)],
    ["a line that is too long", header(`-> x y\n${"A".repeat(65)}\n`, mac)],
    ["a body that is not base64", header("-> x y\n****\n", mac)],
    ["control characters", header("-> x \u0007\n\n", mac)],
    ["carriage returns", Buffer.from("age-encryption.org/v1\r\n-> x y\r\n\r\n")],
    ["something else than a header", Buffer.from("PK\u0003\u0004\n\n\n")],
  ])("for %s", async (_, file) => {
    const { code, stage, remedy } = await refusal(file)
    expect([code, stage]).toEqual(["archive-damaged", "archive"])
    expect(remedy).not.toBe("")
  })

  it("for a passphrase that wraps more than a key", async () => {
    const file = header(`-> scrypt ${salt} 10\n${"A".repeat(60)}\n`, mac)
    const { code } = await refusal(file, { passphrase: "x" })
    expect(code).toBe("archive-damaged")
  })

  it("for a newer form of age, and for one written as text", async () => {
    expect((await refusal(Buffer.from("age-encryption.org/v2\n"))).code).toBe("archive-newer")
    const armored = await refusal(Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n"))
    expect(armored.code).toBe("archive-armored")
    expect(armored.remedy).toMatch(/age --decrypt/)
  })
})
