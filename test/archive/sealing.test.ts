/**
 * Signed and encrypted archives, as they are written: who signed is proven, who may not read cannot,
 * and no plain byte touches the disk.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { basename, join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { manifestPath, notePath } from "../../src/archive/archive.ts"
import { inspectArchive } from "../../src/archive/inspect.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import type { OpenArchiveOptions } from "../../src/archive/open.ts"
import { makeIdentity, makeSigningKey, recipientOfIdentity } from "../../src/seal/keys.ts"
import { Random } from "../simulation/random.ts"
import { fileHash, refusal, setToken, Stage } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

const inspected = (path: string, options: OpenArchiveOptions = {}) =>
  Effect.runPromise(inspectArchive(path, options))

describe("a signed archive", () => {
  it("has its note right after the manifest, and the manifest of the unsigned one", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const key = makeSigningKey("ana@example.com")
    const plain = await stage.exported(ana, { store: true })
    const signed = await stage.exported(ana, { store: true, sign: key })
    expect(signed.exportHash).toBe(plain.exportHash)
    const bytes = readFileSync(signed.path).toString("latin1")
    const manifestEnd = 30 + manifestPath.length + manifestText(signed.manifest).length
    expect(bytes.indexOf(notePath)).toBe(manifestEnd + 30)
    const trusted = [key.verifier]
    expect((await inspected(signed.path, { trusted })).signature.status).toBe("trusted")
    expect((await inspected(signed.path)).signature).toMatchObject({ status: "unknown" })
    expect((await inspected(plain.path)).signature.status).toBe("unsigned")
  })

  it("is the same each time", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const sign = makeSigningKey("ana@example.com")
    const [one, two] = [await stage.exported(ana, { sign }), await stage.exported(ana, { sign })]
    expect(fileHash(two.path)).toBe(fileHash(one.path))
  })

  it("can be an extract or incremental", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const sign = makeSigningKey("ana@example.com")
    const select = { types: ["token"], closed: true }
    for (const options of [{ select }, { since: ana.lines.frontier() }]) {
      const { path } = await stage.exported(ana, { ...options, sign })
      const { signature } = await inspected(path, { trusted: [sign.verifier] })
      expect(signature.status).toBe("trusted")
    }
  })
})

describe("an encrypted archive", () => {
  it("opens with the key or the passphrase it was made for, and no other", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "secret-value")
    const [mine, other] = [await makeIdentity(), await makeIdentity()]
    const plain = await stage.exported(ana)
    const encryptTo = [await recipientOfIdentity(mine, "here")]
    const { encrypted, exportHash, path } = await stage.exported(ana, { encryptTo })
    expect([encrypted, exportHash]).toEqual([true, plain.exportHash])
    expect(await inspected(path, { keys: { identities: [mine] } })).toMatchObject({ exportHash })
    const wrong = refusal(inspected(path, { keys: { identities: [other] } }))
    expect(await wrong).toMatchObject({ code: "key-wrong" })
    expect(await refusal(inspected(path))).toMatchObject({ code: "archive-encrypted" })
    const passphrase = "correct horse"
    const worded = await stage.exported(ana, { passphrase })
    expect(await inspected(worded.path, { keys: { passphrase } })).toMatchObject({ exportHash })
  }, 60_000)

  it("is written for its owner alone, and never plain, not even in part", async () => {
    const ana = stage.replica("ana")
    const random = new Random(7)
    for (let index = 0; index < 60; index++) {
      const noise = Array.from({ length: 4000 }, () => random.between(0, 1e9).toString(36))
      setToken(ana, `t${index}`, `zzzz${noise.join("")}`)
    }
    const encryptTo = [await recipientOfIdentity(await makeIdentity(), "here")]
    const seen: Array<{ readonly mode: number; readonly start: string }> = []
    const { path } = await stage.exported(ana, {
      encryptTo,
      onProgress: () => {
        for (const name of readdirSync(stage.folder)) {
          if (!name.includes(".part")) continue
          const file = join(stage.folder, name)
          const { mode, size } = statSync(file)
          if (size === 0) continue
          seen.push({ mode: mode & 0o777, start: readFileSync(file).toString("latin1", 0, 3) })
        }
      },
    })
    const { mode } = statSync(path)
    expect(mode & 0o777).toBe(0o600)
    expect(seen).not.toHaveLength(0)
    for (const one of seen) expect(one).toEqual({ mode: 0o600, start: "age" })
    const bytes = readFileSync(path)
    expect(bytes.includes("zzzz")).toBe(false)
    expect(bytes.includes(manifestPath)).toBe(false)
  })

  it("is refused for nobody, for a key that is none, and for both a key and words", async () => {
    const ana = stage.replica("ana")
    const codeOf = async (options: Parameters<Stage["exported"]>[1]) =>
      (await refusal(stage.exported(ana, options))).code
    expect(await codeOf({ encryptTo: ["age1nonsense"] })).toBe("recipient-invalid")
    const recipient = await recipientOfIdentity(await makeIdentity(), "here")
    const both = { encryptTo: [recipient], passphrase: "words" }
    expect(await codeOf(both)).toBe("recipients-mixed")
    expect(await codeOf({ passphrase: "" })).toBe("recipients-missing")
    const left = readdirSync(stage.folder).filter((name) => name.includes(".part"))
    expect(left.map((name) => basename(name))).toEqual([])
  })
})
