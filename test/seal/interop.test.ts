/** Our files are age's files: Debian's `age` opens what is encrypted here, and the other way round. */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { identitiesFromText, makeIdentity, recipientOfIdentity } from "../../src/seal/keys.ts"
import { Random } from "../adapters/tokens/random.ts"
import { agePrograms } from "./age-program.ts"
import { encrypted, folder, limits } from "./files.ts"

const { age, keygen } = agePrograms()
const { decrypted, path } = folder()

const run = (program: string, ...words: ReadonlyArray<string>): string =>
  execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

const atTerminal = join(import.meta.dirname, "at-terminal.py")
const typing = (line: string, ...words: ReadonlyArray<string>): string =>
  run("python3", atTerminal, line, age, ...words)

const random = new Random(1)
const content = Buffer.from(Array.from({ length: 5 * 64 * 1024 + 99 }, () => random.below(256)))
const sizes = [0, 1, 64 * 1024, 64 * 1024 + 1, 128 * 1024, content.length]

/** What `age` makes of an encrypted file. */
const opened = (file: Buffer, open: (from: string, to: string) => void): Buffer => {
  writeFileSync(path("in"), file)
  // For an empty file, age writes none.
  writeFileSync(path("out"), "")
  open(path("in"), path("out"))
  return readFileSync(path("out"))
}

/** Debian's age knows 18 as the work of a passphrase, and nothing else. */
const asAge = { ...limits, scryptWorkFactor: 18 }
const passphrase = "correct horse ä battery"

describe("age opens what is encrypted here", async () => {
  const identity = await makeIdentity()
  const recipient = await recipientOfIdentity(identity, "the test")
  writeFileSync(path("age.txt"), `# ours\n${identity}\n`)

  it.each(sizes)("to a key, %i bytes of it", async (size) => {
    const plain = content.subarray(0, size)
    const file = await encrypted(plain, { recipients: [recipient] })
    const again = opened(file, (from, to) => run(age, "-d", "-i", path("age.txt"), "-o", to, from))
    expect(again.equals(plain)).toBe(true)
  })

  it("to several keys, with each of them", async () => {
    run(keygen, "-o", path("theirs.txt"))
    const theirs = run(keygen, "-y", path("theirs.txt")).trim()
    const file = await encrypted(content, { recipients: [recipient, theirs] })
    for (const key of ["age.txt", "theirs.txt"]) {
      const again = opened(file, (from, to) => run(age, "-d", "-i", path(key), "-o", to, from))
      expect(again.equals(content)).toBe(true)
    }
  })

  it("with a passphrase", async () => {
    const file = await encrypted(content, { passphrase }, 10_000, asAge)
    const again = opened(file, (from, to) => typing(passphrase, "-d", "-o", to, from))
    expect(again.equals(content)).toBe(true)
    expect(() => opened(file, (from, to) => typing("wrong", "-d", "-o", to, from))).toThrow(
      /incorrect passphrase/,
    )
  })
})

describe("here is opened what age encrypts", () => {
  run(keygen, "-o", path("key.txt"))
  const identities = identitiesFromText(readFileSync(path("key.txt"), "utf8"), "key.txt")
  const recipient = run(keygen, "-y", path("key.txt")).trim()

  const sealed = (plain: Buffer, seal: (from: string, to: string) => void): Buffer =>
    opened(plain, seal)

  it("with a key that names the recipient age names", async () => {
    expect(await recipientOfIdentity(identities[0]!, "key.txt")).toBe(recipient)
  })

  it.each(sizes)("to a key, %i bytes of it", async (size) => {
    const plain = content.subarray(0, size)
    const file = sealed(plain, (from, to) => run(age, "-r", recipient, "-o", to, from))
    expect((await decrypted(file, { identities })).equals(plain)).toBe(true)
  })

  it("to several keys", async () => {
    const others = await Promise.all(
      [1, 2, 3].map(async () => recipientOfIdentity(await makeIdentity(), "the test")),
    )
    const words = [...others, recipient].flatMap((one) => ["-r", one])
    const file = sealed(content, (from, to) => run(age, ...words, "-o", to, from))
    expect((await decrypted(file, { identities })).equals(content)).toBe(true)
  })

  it("with a passphrase", async () => {
    const file = sealed(content, (from, to) => typing(passphrase, "-p", "-o", to, from))
    expect((await decrypted(file, { passphrase }, asAge)).equals(content)).toBe(true)
  })

  it("but not as text, and it says so", async () => {
    const file = sealed(content, (from, to) => run(age, "-a", "-r", recipient, "-o", to, from))
    await expect(decrypted(file, { identities })).rejects.toThrow(/age armor/)
  })
})
