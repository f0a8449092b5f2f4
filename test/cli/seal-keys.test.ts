/** `lamplog key` and `lamplog trust`: a person's own keys, and the keys of those they trust. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { describe, expect, it } from "vitest"
import { Call } from "../../src/cli/command.ts"
import { wordsFromArguments } from "../../src/cli/arguments.ts"
import { identitiesFromFile, passphraseFromFile } from "../../src/cli/key-files.ts"
import { main } from "../../src/cli/main.ts"
import { paintFor } from "../../src/cli/paint.ts"
import { userKeys } from "../../src/cli/user-keys.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { makeSigningKey } from "../../src/seal/keys.ts"
import { textFromVerifier, verifierOf } from "../../src/seal/verifier.ts"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"

const { run, json, path, environment } = stage()
const state = environment.LAMPLOG_STATE_DIR!

interface KeyDocument {
  readonly signing: {
    readonly name: string
    readonly keyId: string
    readonly verifier: string
    readonly file: string
  } | null
  readonly encryption: { readonly recipient: string; readonly file: string } | null
}

const fresh = (): void => rmSync(state, { recursive: true, force: true })

/** Every secret that is kept, in pieces that could be recognised. */
const secrets = (): ReadonlyArray<string> =>
  readdirSync(`${state}/keys`)
    .flatMap((name) => readFileSync(`${state}/keys/${name}`, "utf8").split("\n"))
    .filter((line) => line.startsWith("AGE-SECRET-KEY") || /^M[A-Za-z0-9+/=]{40,}$/.test(line))

const expectSilent = (...outputs: ReadonlyArray<string>): void => {
  const kept = secrets()
  expect(kept.length).toBeGreaterThan(0)
  for (const secret of kept) {
    for (const output of outputs) expect(output).not.toContain(secret.slice(16, 40))
  }
}

describe("lamplog key", () => {
  it("says that there is none, and how to make some", async () => {
    fresh()
    expect(await json(["key"])).toEqual({ signing: null, encryption: null })
    const { stdout } = await run(["key"])
    expect(stdout).toMatch(/signing +none[^]*encryption +none[^]*lamplog key make/)
    expect(existsSync(state)).toBe(false)
  })

  it("makes both, for this user alone, and never shows a secret", async () => {
    fresh()
    const made = await run(["key", "make", "--name", "ann@example.com"])
    expect(made.status).toBe(0)
    const shown = await json<KeyDocument>(["key"])
    expect(shown.signing).toMatchObject({
      name: "ann@example.com",
      file: `${state}/keys/signing.pem`,
    })
    expect(shown.encryption!.recipient).toMatch(/^age1[a-z0-9]{58}$/)
    for (const file of ["signing.pem", "age.txt"]) {
      expect(statSync(`${state}/keys/${file}`).mode & 0o777).toBe(0o600)
    }
    expect(statSync(`${state}/keys`).mode & 0o777).toBe(0o700)
    const { stdout, stderr } = await run(["key"])
    expectSilent(made.stdout, made.stderr, stdout, stderr, JSON.stringify(shown))
  })

  it("makes what is missing and leaves what is there", async () => {
    fresh()
    const first = await json<KeyDocument>(["key", "make"])
    rmSync(`${state}/keys/age.txt`)
    const second = await json<KeyDocument & { readonly made: unknown }>(["key", "make"])
    expect(second.signing).toEqual(first.signing)
    expect(second.encryption!.recipient).not.toBe(first.encryption!.recipient)
    expect(second.made).toEqual(["encryption"])
    rmSync(`${state}/keys/age.txt`)
    const named = await run(["key", "make", "--name", "another", "--json"])
    expectRefusal(named, "key-exists", 1)
  })

  it("refuses to make another, and changes nothing", async () => {
    fresh()
    const first = await json<KeyDocument>(["key", "make"])
    const { remedy } = expectRefusal(await run(["key", "make", "--json"]), "key-exists", 1)
    expect(remedy).toMatch(/--force/)
    expectRefusal(await run(["key", "make", "--name", "x", "--json"]), "key-exists", 1)
    expect(await json(["key"])).toEqual({ signing: first.signing, encryption: first.encryption })
  })

  it("makes new ones with --force, and keeps the old", async () => {
    fresh()
    const first = await json<KeyDocument>(["key", "make", "--name", "one"])
    const oldPem = readFileSync(first.signing!.file, "utf8")
    const oldIdentity = readFileSync(first.encryption!.file, "utf8")
    const second = await json<KeyDocument>(["key", "make", "--name", "two", "--force"])
    expect(second.signing!.name).toBe("two")
    expect(second.encryption!.recipient).not.toBe(first.encryption!.recipient)
    const aside = `${state}/keys/signing-${first.signing!.keyId}.pem`
    expect(readFileSync(aside, "utf8")).toBe(oldPem)
    expect(readFileSync(second.encryption!.file, "utf8").endsWith(oldIdentity)).toBe(true)
    expect(await json(["key"])).toMatchObject({ signing: { name: "two" } })
  })

  it("refuses a name that no key can have, and leaves the old key in use", async () => {
    fresh()
    const first = await json<KeyDocument>(["key", "make", "--name", "one"])
    const refused = await run(["key", "make", "--name", "a b", "--force", "--json"])
    expectRefusal(refused, "key-name-invalid", 1)
    expect((await json<KeyDocument>(["key"])).signing).toEqual(first.signing)
  })

  it("refuses key files that are none, without a word of them", async () => {
    fresh()
    await json(["key", "make"])
    writeFileSync(`${state}/keys/age.txt`, "AGE-SECRET-KEY-1SOMETHINGELSE\n")
    const identity = expectRefusal(await run(["key", "--json"]), "identity-invalid", 1)
    expect(identity.message).not.toMatch(/SOMETHING/)
    writeFileSync(`${state}/keys/signing.pem`, "something else\n")
    const signing = expectRefusal(await run(["key", "--json"]), "key-unreadable", 1)
    expect(signing.message).not.toMatch(/something else/)
  })

  it("warns when others can read a secret key", async () => {
    fresh()
    await json(["key", "make"])
    chmodSync(`${state}/keys/signing.pem`, 0o644)
    const { stderr, status } = await run(["key"])
    expect(status).toBe(0)
    expect(stderr).toMatch(/can read .*signing\.pem.*chmod 600/)
  })
})

const ann = makeSigningKey("ann@example.com").verifier
const bob = makeSigningKey("bob@example.com").verifier
const trustedKeys = `${state}/trusted-keys`

/** Two keys of one name whose ids are the same: four bytes are soon found twice. */
const twins = (): readonly [string, string] => {
  const found = new Map<string, string>()
  for (let count = 0; ; count += 1) {
    const publicKey = Buffer.alloc(32)
    publicKey.writeUInt32BE(count)
    const verifier = verifierOf("ann@example.com", publicKey)
    const other = found.get(verifier.keyId)
    if (other !== undefined) return [other, textFromVerifier(verifier)]
    found.set(verifier.keyId, textFromVerifier(verifier))
  }
}

describe("lamplog trust", () => {
  it("adds, lists and removes keys", async () => {
    fresh()
    expect(await json(["trust", "list"])).toEqual([])
    const added = await json<{ added: ReadonlyArray<unknown> }>(["trust", "add", ann])
    expect(added).toMatchObject({ added: [{ verifier: ann }], trusted: 1 })
    await json(["trust", "add", bob])
    const [, id] = bob.split("+")
    expect(await json(["trust", "list"])).toEqual([
      { name: "ann@example.com", keyId: ann.split("+")[1], verifier: ann },
      { name: "bob@example.com", keyId: id, verifier: bob },
    ])
    await json(["trust", "remove", "ann@example.com"])
    expect(await json(["trust", "remove", id!])).toMatchObject({ trusted: 0 })
    expect(await json(["trust", "list"])).toEqual([])
  })

  it("adds a key once", async () => {
    fresh()
    await json(["trust", "add", ann])
    expect(await json(["trust", "add", ann])).toEqual({ added: [], trusted: 1 })
    expect(readFileSync(trustedKeys, "utf8")).toBe(`${ann}\n`)
  })

  it("adds all keys of a file, with its comments", async () => {
    fresh()
    writeFileSync(path("keys.txt"), `# the team\n${ann}  # Ann, by phone\n\n${bob}\n`)
    expect(await json(["trust", "add", "keys.txt"])).toMatchObject({ trusted: 2 })
    expect(await json(["trust", "list"])).toMatchObject([
      { verifier: ann, comment: "Ann, by phone" },
      { verifier: bob },
    ])
  })

  it("keeps comments and blank lines that people wrote", async () => {
    fresh()
    mkdirSync(state)
    writeFileSync(trustedKeys, `# my list\n\n${ann} # Ann\n# Bob is new\n${bob}`)
    const carl = makeSigningKey("carl").verifier
    await json(["trust", "add", carl])
    await json(["trust", "remove", "ann@example.com"])
    expect(readFileSync(trustedKeys, "utf8")).toBe(`# my list\n\n# Bob is new\n${bob}\n${carl}\n`)
    expect(statSync(trustedKeys).mode & 0o777).toBe(0o600)
  })

  it("refuses what is no key, and changes nothing", async () => {
    fresh()
    await json(["trust", "add", ann])
    for (const wrong of ["", "x", "a+b+c", `${bob}x`, bob.slice(1), "absent.txt", "."]) {
      const { status, stdout } = await run(["trust", "add", "--json", "--", wrong])
      expect([wrong, status]).toEqual([wrong, 1])
      expect(JSON.parse(stdout).error.code).toMatch(/^(verifier-invalid|file-is-folder)$/)
    }
    writeFileSync(path("half.txt"), `${bob}\nnonsense\n`)
    const half = expectRefusal(
      await run(["trust", "add", "half.txt", "--json"]),
      "trusted-keys-invalid",
      1,
    )
    expect(half.where).toBe("half.txt:2")
    writeFileSync(path("empty.txt"), "# nobody\n")
    expectRefusal(await run(["trust", "add", "empty.txt", "--json"]), "verifier-invalid", 1)
    expect(readFileSync(trustedKeys, "utf8")).toBe(`${ann}\n`)
  })

  it("never repeats a secret key that was given for a public one", async () => {
    fresh()
    await json(["key", "make"])
    const [line] = secrets()
    const { stdout, stderr, status } = await run(["trust", "add", line!])
    expect(status).toBe(1)
    expectSilent(stdout, stderr)
  })

  it("refuses a list with a line that is no key, and names the line", async () => {
    fresh()
    mkdirSync(state)
    writeFileSync(trustedKeys, `${ann}\n${bob.replace("bob", "rob")}\n`)
    for (const words of [["list"], ["add", bob], ["remove", "ann@example.com"]]) {
      const refused = await run(["trust", ...words, "--json"])
      const { where } = expectRefusal(refused, "trusted-keys-invalid", 1)
      expect(where).toBe(`${trustedKeys}:2`)
    }
  })

  it("refuses a key that could be taken for a trusted one", async () => {
    fresh()
    const [one, other] = twins()
    await json(["trust", "add", one])
    expectRefusal(await run(["trust", "add", other, "--json"]), "trust-clash", 1)
    expect(await json(["trust", "list"])).toMatchObject([{ verifier: one }])
  })

  it("refuses to remove what is not there, or what the name does not tell apart", async () => {
    fresh()
    const other = makeSigningKey("ann@example.com").verifier
    await json(["trust", "add", ann])
    expectRefusal(await run(["trust", "remove", "bob", "--json"]), "trust-unknown", 1)
    await json(["trust", "add", other])
    const refused = await run(["trust", "remove", "ann@example.com", "--json"])
    const { remedy } = expectRefusal(refused, "trust-ambiguous", 1)
    expect(remedy).toContain(other.split("+")[1])
    expect(await json(["trust", "remove", other])).toMatchObject({ trusted: 1 })
    expect(await json(["trust", "list"])).toMatchObject([{ verifier: ann }])
  })
})

/** A call of some command, with what it prints on stderr. */
const call = () => {
  const warnings: Array<string> = []
  const terminal = {
    directory: path("."),
    environment,
    input: (async function* () {})(),
    write: async () => {},
    writeBytes: async () => {},
    writeError: (text: string) => void warnings.push(text),
    outputIsTerminal: false,
    errorIsTerminal: false,
    columns: 80,
    signal: new AbortController().signal,
  }
  const words = wordsFromArguments(["status"])
  return { call: new Call(words, terminal, paintFor(false, {}), main), warnings }
}

const codeOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    if (error instanceof LamplogError) return error.code
    throw error
  }
  return "none"
}

describe("a passphrase file", () => {
  const kept = (content: string | Buffer): string => {
    writeFileSync(path("pass"), content, { mode: 0o600 })
    chmodSync(path("pass"), 0o600)
    return "pass"
  }

  it.each([
    ["correct horse\n", "correct horse"],
    ["correct horse", "correct horse"],
    ["correct horse\r\n", "correct horse"],
    [" two blanks \n", " two blanks "],
    ["first\nsecond\n", "first"],
    [`${"a".repeat(1024)}\n`, "a".repeat(1024)],
  ])("holds it on its first line: %j", (content, passphrase) => {
    const { call: made, warnings } = call()
    expect(passphraseFromFile(made, kept(content))).toBe(passphrase)
    expect(warnings).toEqual([])
  })

  it.each<[string, string | Buffer]>([
    ["is empty", ""],
    ["begins with an empty line", "\nsecond\n"],
    ["holds more than 1 KiB", "a".repeat(1025)],
    ["holds far more", "a".repeat(100_000)],
    ["is not UTF-8", Buffer.of(0x61, 0xff, 0x0a)],
  ])("is refused when it %s", (_, content) => {
    expect(codeOf(() => passphraseFromFile(call().call, kept(content)))).toBe("passphrase-invalid")
  })

  it("that others can read is warned of; one that is missing is refused", () => {
    const { call: made, warnings } = call()
    chmodSync(path(kept("secret\n")), 0o644)
    expect(passphraseFromFile(made, "pass")).toBe("secret")
    expect(warnings.join()).toMatch(/can read .*pass/)
    expect(warnings.join()).not.toMatch(/secret/)
    expect(codeOf(() => passphraseFromFile(made, "absent"))).toBe("file-missing")
  })
})

describe("a user's keys", () => {
  it("are made when signing first needs one, and the user is told", () => {
    fresh()
    const { call: made, warnings } = call()
    const keys = userKeys(made)
    expect(keys.signingKey).toBeUndefined()
    const key = keys.signingKeyOrNew()
    expect(warnings.join()).toContain(`lamplog trust add '${key.verifier}'`)
    expect(userKeys(call().call).signingKeyOrNew().verifier).toBe(key.verifier)
    expectSilent(warnings.join())
  })

  it("hold identities and trusted keys, none when there are no files", async () => {
    fresh()
    const keys = userKeys(call().call)
    expect([keys.identities, keys.trusted]).toEqual([[], []])
    await json(["key", "make"])
    await json(["key", "make", "--force"])
    await json(["trust", "add", ann])
    expect(keys.identities).toHaveLength(2)
    expect(keys.trusted).toEqual([ann])
    expect(identitiesFromFile(call().call, keys.identityPath)).toEqual(keys.identities)
  })
})
