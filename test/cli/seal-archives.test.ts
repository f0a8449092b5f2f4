/** Signed and encrypted archives from the command line, from one person's machine to another's. */
import { execFileSync } from "node:child_process"
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { notePath } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { signManifest } from "../../src/seal/archive-note.ts"
import { makeSigningKey, signingKeyFromPem } from "../../src/seal/keys.ts"
import { takeApart, zipUp } from "../format/pieces.ts"
import { agePrograms } from "../seal/age-program.ts"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"
import type { RunOptions } from "./stage.ts"

const ann = stage()
const bob = stage()
const atAnn = { in: "project" }

interface Keys {
  readonly signing: { readonly verifier: string; readonly file: string; readonly name: string }
  readonly encryption: { readonly recipient: string; readonly file: string }
}

interface Inspection {
  readonly signature: { readonly status: string; readonly verifier?: string }
  readonly encrypted: boolean
  readonly exportHash: string
}

let annKeys: Keys
let bobKeys: Keys

/** An archive of Ann's project. */
const exported = async (name: string, ...flags: ReadonlyArray<string>): Promise<string> => {
  await ann.json(["export", ann.path(name), "--force", ...flags], atAnn)
  return ann.path(name)
}

const inspected = (path: string, options?: RunOptions): Promise<Inspection> =>
  bob.json<Inspection>(["inspect", path], options)

const refused = async (argv: ReadonlyArray<string>, code: string, options?: RunOptions) =>
  expectRefusal(await bob.run([...argv, "--json"], options), code, 1)

beforeAll(async () => {
  for (const { folder, json } of [ann, bob]) {
    folder("project")
    folder("other")
    await json(["key", "make"])
  }
  annKeys = await ann.json<Keys>(["key"])
  bobKeys = await bob.json<Keys>(["key"])
  await ann.json(["init", "--schema", "open"], atAnn)
  await bob.json(["init", "--schema", "open"], { in: "other" })
  await ann.json(["set", "token/red", "value=#f00"], atAnn)
})

describe("a signed archive", () => {
  it("is by an unknown key until the reader trusts that key", async () => {
    const path = await exported("signed.lamplog", "--sign")
    const { verifier } = annKeys.signing
    expect((await inspected(path)).signature).toMatchObject({ status: "unknown", verifier })
    await bob.json(["trust", "add", verifier])
    expect((await inspected(path)).signature).toMatchObject({ status: "trusted", verifier })
    await bob.json(["trust", "remove", annKeys.signing.name])
    expect((await inspected(path)).signature.status).toBe("unknown")
  })

  it("is the same each time, and the same archive as an unsigned one", async () => {
    const [one, two, plain] = [
      await exported("one.lamplog", "--sign"),
      await exported("two.lamplog", "--sign"),
      await exported("plain.lamplog"),
    ]
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true)
    const { exportHash, signature } = await inspected(plain)
    expect(exportHash).toBe((await inspected(one)).exportHash)
    expect(signature).toEqual({ status: "unsigned" })
  })

  it("makes a key for whoever has none, and says so", async () => {
    const state = { environment: { LAMPLOG_STATE_DIR: ann.path("new-state") }, ...atAnn }
    const { status, stderr } = await ann.run(["export", ann.path("new.lamplog"), "--sign"], state)
    expect(status).toBe(0)
    const { signing } = await ann.json<Keys>(["key"], state)
    expect(stderr).toContain(`lamplog trust add '${signing.verifier}'`)
  })
})

describe("a forged archive is refused", () => {
  /** Ann's archive with another manifest or note than hers. */
  const forge = async (
    change: (manifest: string) => string,
    note: (manifest: Buffer, project: string) => Buffer,
  ): Promise<string> => {
    const { manifest, members } = await takeApart(await exported("plain.lamplog"))
    const text = manifestText(manifest)
    const withNote = new Map([[notePath, note(Buffer.from(text), manifest.project)], ...members])
    await zipUp(bob.path("forged.lamplog"), change(text), withNote)
    return bob.path("forged.lamplog")
  }

  const annsKey = () =>
    signingKeyFromPem(readFileSync(annKeys.signing.file, "utf8"), annKeys.signing.file)
  const renamed = (manifest: string): string => manifest.replace('"name":"', '"name":"not ')

  it("when its manifest was changed after it was signed", async () => {
    const path = await forge(renamed, (manifest, project) =>
      signManifest(manifest, project, annsKey()),
    )
    for (const command of ["inspect", "import"]) {
      const { message, stage: at } = await refused([command, path], "signature-invalid", {
        in: "other",
      })
      expect(at).toBe("manifest")
      expect(message).toMatch(/changed after it was signed/)
    }
  })

  it("when the signature was made for another project", async () => {
    const path = await forge(
      (manifest) => manifest,
      (manifest) => signManifest(manifest, "a".repeat(26), annsKey()),
    )
    expect((await refused(["inspect", path], "signature-invalid")).message).toMatch(/project/)
  })

  it("when somebody signed in the name of a trusted key", async () => {
    const { name, verifier } = annsKey()
    const impostor = { ...makeSigningKey(name), verifier, keyId: verifier.split("+")[1]! }
    const path = await forge(
      (manifest) => manifest,
      (manifest, project) => signManifest(manifest, project, impostor),
    )
    expect((await refused(["inspect", path], "signature-invalid")).message).toMatch(/is wrong/)
  })

  it("when its note is damaged, and never taken for unsigned", async () => {
    const path = await forge(
      (manifest) => manifest,
      (manifest, project) => signManifest(manifest, project, annsKey()).subarray(0, -1),
    )
    expect((await refused(["inspect", path], "signature-invalid")).message).toMatch(/damaged/)
  })
})

describe("a reader who requires signatures", () => {
  it("takes only what a trusted key signed", async () => {
    const required = { environment: { LAMPLOG_REQUIRE_SIGNATURE: "true" } }
    const signed = await exported("signed.lamplog", "--sign")
    const plain = await exported("plain.lamplog")
    const clone = (path: string, to: string) => ["clone", path, bob.path(to)]
    await refused(clone(plain, "refused"), "signature-missing", required)
    await refused(clone(signed, "refused"), "signature-untrusted", required)
    expect(readdirSync(bob.directory)).not.toContain("refused")
    await bob.json(["trust", "add", annKeys.signing.verifier])
    await bob.json(clone(signed, "taken"), required)
    await refused(clone(plain, "refused"), "signature-missing", required)
  })
})

describe("an encrypted archive", () => {
  const pass = (content: string): string => {
    writeFileSync(bob.path("pass"), content)
    chmodSync(bob.path("pass"), 0o600)
    return bob.path("pass")
  }

  it("opens for its recipient without being told, signature and all", async () => {
    const to = ["--encrypt-to", bobKeys.encryption.recipient]
    const path = await exported("sealed.lamplog", "--sign", ...to)
    const { encrypted, signature } = await inspected(path)
    expect([encrypted, signature.verifier]).toEqual([true, annKeys.signing.verifier])
    await bob.json(["clone", path, bob.path("cloned")])
    expect(await bob.json(["get", "token/red"], { in: "cloned" })).toMatchObject({
      fields: { value: "#f00" },
    })
  })

  it("says that it needs a key, or the right one, to everybody else", async () => {
    const path = await exported("sealed.lamplog", "--encrypt-to", bobKeys.encryption.recipient)
    const keyless = { environment: { LAMPLOG_STATE_DIR: bob.path("nobody") } }
    await refused(["inspect", path], "archive-encrypted", keyless)
    expectRefusal(await ann.run(["inspect", path, "--json"]), "key-wrong", 1)
    const { file } = bobKeys.encryption
    const named = await bob.json<Inspection>(["inspect", path, "--identity", file], keyless)
    expect(named.encrypted).toBe(true)
  })

  it("opens after its recipient made new keys", async () => {
    const carl = { environment: { LAMPLOG_STATE_DIR: bob.path("carl") } }
    const { encryption } = await bob.json<Keys>(["key", "make"], carl)
    const path = await exported("sealed.lamplog", "--encrypt-to", encryption.recipient)
    await bob.json(["key", "make", "--force"], carl)
    expect((await inspected(path, carl)).encrypted).toBe(true)
  })

  it("opens with its passphrase, and says when it was another", async () => {
    const path = await exported("sealed.lamplog", "--passphrase-file", pass("correct horse\n"))
    await refused(["inspect", path], "archive-encrypted")
    const flag = ["--passphrase-file", pass("correct horse")]
    expect((await bob.json<Inspection>(["inspect", path, ...flag])).encrypted).toBe(true)
    const { message } = await refused(
      ["inspect", path, "--passphrase-file", pass("battery staple")],
      "key-wrong",
    )
    expect(message).not.toMatch(/staple|horse/)
  })

  it("is refused when it is cut short, changed or not to be opened by anybody", async () => {
    const recipient = bobKeys.encryption.recipient
    const file = readFileSync(await exported("sealed.lamplog", "--encrypt-to", recipient))
    writeFileSync(bob.path("cut.lamplog"), file.subarray(0, 190))
    await refused(["inspect", bob.path("cut.lamplog")], "archive-truncated")
    file[file.length - 40]! ^= 1
    writeFileSync(bob.path("changed.lamplog"), file)
    await refused(["inspect", bob.path("changed.lamplog")], "archive-damaged")
    const wrong = ["export", ann.path("x.lamplog"), "--encrypt-to", "age1nobody", "--json"]
    expectRefusal(await ann.run(wrong, atAnn), "recipient-invalid", 1)
    expect(readdirSync(ann.directory)).not.toContain("x.lamplog")
  })

  it("is an age file around the very bytes of the plain one", async () => {
    const { age } = agePrograms()
    const plain = await exported("plain.lamplog")
    const sealed = await exported("sealed.lamplog", "--encrypt-to", bobKeys.encryption.recipient)
    const words = ["-d", "-i", bobKeys.encryption.file, "-o", bob.path("opened"), sealed]
    execFileSync(age, words, { stdio: "pipe" })
    expect(readFileSync(bob.path("opened")).equals(readFileSync(plain))).toBe(true)
    rmSync(bob.path("opened"))
  })

  it("written by age itself is taken too", async () => {
    const { age } = agePrograms()
    copyFileSync(await exported("plain.lamplog"), bob.path("in"))
    const words = ["-r", bobKeys.encryption.recipient, "-o", bob.path("theirs.lamplog")]
    execFileSync(age, [...words, bob.path("in")], { stdio: "pipe" })
    expect((await inspected(bob.path("theirs.lamplog"))).encrypted).toBe(true)
  })
})
