/**
 * Signed archives that somebody changed and packed again as honestly as can be: right checksums,
 * right layout, and where possible right hashes. Each is refused, and the refusal names the place.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { manifestPath, notePath, snapshotPath } from "../../src/archive/archive.ts"
import type { Manifest } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { sha256 } from "../../src/event/hash.ts"
import { signManifest } from "../../src/seal/archive-note.ts"
import { makeSigningKey } from "../../src/seal/keys.ts"
import type { SigningKey } from "../../src/seal/keys.ts"
import type { Replica } from "../../src/store/replica.ts"
import { setToken, Stage, storedMembers, taken, refusal, verified } from "./stage.ts"

let stage: Stage
let ana: Replica
let bo: Replica
let key: SigningKey
let manifest: Manifest
/** All members but the manifest, as an honest zip of them has them. */
let contents: ReadonlyArray<readonly [name: string, bytes: Buffer]>

beforeEach(async () => {
  stage = new Stage()
  ana = stage.replica("ana")
  bo = stage.replica("bo")
  for (const id of ["a", "b", "c"]) setToken(ana, id, `#${id}`)
  key = makeSigningKey("ana@example.com")
  const exported = await stage.exported(ana, { store: true })
  manifest = exported.manifest
  contents = storedMembers(exported).filter(([name]) => name !== manifestPath)
})
afterEach(() => stage.clear())

const note = (by: SigningKey = key): Buffer =>
  signManifest(Buffer.from(manifestText(manifest)), manifest.project, by)

const packed = async (
  members: ReadonlyArray<readonly [name: string, bytes: Buffer]>,
  text = manifestText(manifest),
  signature: Buffer = note(),
): Promise<string> =>
  await stage.zipped([[manifestPath, Buffer.from(text)], [notePath, signature], ...members])

const expectRefused = async (path: string, code: string, where: string): Promise<void> => {
  expect(await refusal(taken(path, bo))).toMatchObject({ stage: "manifest", code, where })
  const { ok, findings } = await verified(path)
  expect(ok).toBe(false)
  expect(findings[0]).toMatchObject({ stage: "manifest", code, where })
}

const changedAt = (bytes: Buffer, index: number): Buffer => {
  const changed = Buffer.from(bytes)
  changed[index]! ^= 1
  return changed
}

const withMember = (name: string, bytes: Buffer) =>
  contents.map(([member, before]) => [member, member === name ? bytes : before] as const)

/** The manifest that fits other members, as a forger computes it. */
const manifestFor = (members: ReadonlyArray<readonly [name: string, bytes: Buffer]>): string =>
  manifestText({
    ...manifest,
    members: members.map(([path, bytes]) => ({ path, sha256: sha256(bytes), size: bytes.length })),
  })

describe("a signed archive that was changed and packed again", () => {
  it("is taken as long as nothing was changed", async () => {
    const path = await packed(contents)
    expect((await taken(path, bo)).events).toBe(3)
    expect((await verified(path)).ok).toBe(true)
  })

  it("is refused by the name of the member that was changed", async () => {
    expect(contents.map(([name]) => name)).toContain(snapshotPath)
    const places = contents.flatMap(([name, bytes]) =>
      [0, bytes.length >> 1, bytes.length - 1].map((at) => ({ name, bytes, at })),
    )
    for (const { name, bytes, at } of places) {
      const path = await packed(withMember(name, changedAt(bytes, at)))
      // A line may show that it is wrong before its member has been read to the end.
      expect((await refusal(taken(path, bo))).where?.startsWith(name)).toBe(true)
      const { findings } = await verified(path)
      expect(findings).toMatchObject([{ stage: "manifest", code: "member-hash", where: name }])
    }
  })

  it("is refused when the hashes were made to fit, for the note signs others", async () => {
    for (const [name, bytes] of contents) {
      const changed = withMember(name, changedAt(bytes, 5))
      const path = await packed(changed, manifestFor(changed))
      await expectRefused(path, "signature-invalid", notePath)
    }
  })

  it("is refused when any byte of the manifest or of the note is another", async () => {
    const text = Buffer.from(manifestText(manifest))
    for (let index = 0; index < text.length; index += 97) {
      const path = await packed(contents, changedAt(text, index).toString("latin1"))
      await expectRefused(path, "signature-invalid", notePath)
    }
    const signature = note()
    for (let index = 0; index < signature.length; index += 11) {
      const path = await packed(contents, undefined, changedAt(signature, index))
      await expectRefused(path, "signature-invalid", notePath)
    }
  })

  it("is known as another's when a forger signs it with a key of their own", async () => {
    const forger = makeSigningKey(key.name)
    const path = await packed(contents, undefined, note(forger))
    const { ok, signature } = await verified(path)
    expect(ok).toBe(true)
    expect(signature).toMatchObject({
      status: "unknown",
      name: key.name,
      verifier: forger.verifier,
    })
    expect(forger.verifier).not.toBe(key.verifier)
  })

  it("is known as unsigned when the note is left out", async () => {
    const path = await stage.zipped([
      [manifestPath, Buffer.from(manifestText(manifest))],
      ...contents,
    ])
    expect((await verified(path)).signature).toEqual({ status: "unsigned" })
  })
})
