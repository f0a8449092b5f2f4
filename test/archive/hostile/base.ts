/**
 * Two replicas of one project, and the archive of one that the other can take: what attacks are
 * grafted on, and who they are tried on.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { inflateRawSync } from "node:zlib"
import { Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption"
import { cloneProject, initProject } from "../../../src/promise.ts"
import type { OpenProject } from "../../../src/promise.ts"
import { makeSigningKey } from "../../../src/seal/keys.ts"
import type { SigningKey } from "../../../src/seal/keys.ts"
import type { Base, ManifestText } from "./attack.ts"

/** The members of a well-formed zip, in the order of its directory. */
export const membersOf = (
  file: Buffer,
): ReadonlyArray<readonly [name: string, content: Buffer]> => {
  const count = file.readUInt16LE(file.length - 12)
  let at = file.readUInt32LE(file.length - 6)
  return Array.from({ length: count }, () => {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      file.readUInt16LE(at + field),
    ) as [number, number, number]
    const method = file.readUInt16LE(at + 10)
    const packedSize = file.readUInt32LE(at + 20)
    const header = file.readUInt32LE(at + 42)
    const name = file.toString("utf8", at + 46, at + 46 + nameLength)
    const start = header + 30 + file.readUInt16LE(header + 26) + file.readUInt16LE(header + 28)
    const packed = file.subarray(start, start + packedSize)
    at += 46 + nameLength + extraLength + commentLength
    return [name, method === 0 ? Buffer.from(packed) : inflateRawSync(packed)] as const
  })
}

/** Takes the pair's archives apart. */
export const baseOf = async ({ complete, incremental, signed, signer }: Pair): Promise<Base> => {
  const file = readFileSync(complete)
  const members = membersOf(file)
  const manifest = JSON.parse(members[0]![1].toString()) as ManifestText
  const identity = await generateX25519Identity()
  const encrypter = new Encrypter()
  encrypter.addRecipient(await identityToRecipient(identity))
  const sealed = Buffer.from(await encrypter.encrypt(file))
  // The author wrote more than the reader did.
  const log = manifest.logs.toSorted((left, right) => right.to - left.to)[0]!
  return {
    file,
    sealed,
    identity,
    members,
    manifest,
    log,
    signed: membersOf(readFileSync(signed)),
    signer,
    incremental: membersOf(readFileSync(incremental)),
  }
}

const token = (id: string, value: string) =>
  ({ op: "put", type: "token", id, fields: { value } }) as const

export interface Pair {
  /** Wrote more than the victim knows. */
  readonly author: OpenProject
  readonly victim: OpenProject
  readonly victimDirectory: string
  readonly stateDirectory: string
  /** Everything the author knows. */
  readonly complete: string
  /** The same, signed. */
  readonly signed: string
  readonly signer: SigningKey
  /** The author's last change alone. */
  readonly incremental: string
  close(): Promise<void>
}

/** Makes both in a folder; the archive holds two logs, a transaction, a deletion and a conflict. */
export const pairIn = async (folder: string): Promise<Pair> => {
  const stateDirectory = join(folder, "state")
  const open = { stateDirectory }
  const author = await initProject({ ...open, directory: join(folder, "author") })
  const ana = { actor: "ana" }
  await author.change(
    Array.from({ length: 12 }, (_, index) => token(`color/${index}`, `#0000${index}0`)),
    ana,
  )
  const victimDirectory = join(folder, "victim")
  const first = join(folder, "first.lamplog")
  await author.exportProject(first)
  const victim = await cloneProject(first, { ...open, directory: victimDirectory })
  await victim.change([token("color/1", "#111111"), token("size/ü", "4px")], { actor: "bo" })
  const second = join(folder, "second.lamplog")
  await victim.exportProject(second)
  await author.change([token("color/1", "#222222")], ana)
  await author.mergeProject(second)
  await author.change([{ op: "delete", type: "token", id: "color/2" }], ana)
  for (let round = 0; round < 4; round++) {
    await author.change([token("color/3", `#33333${round}`)], { actor: "ana", reason: "again" })
  }
  const { frontier: since } = await author.status()
  await author.change([token("color/3", "#333334")], ana)
  const incremental = join(folder, "incremental.lamplog")
  await author.exportProject(incremental, { since })
  const signer = makeSigningKey("ana@example.com")
  const signed = join(folder, "signed.lamplog")
  await author.exportProject(signed, { sign: signer })
  const complete = join(folder, "complete.lamplog")
  await author.exportProject(complete)
  const close = async (): Promise<void> => {
    await author.close()
    await victim.close()
  }
  return {
    author,
    victim,
    victimDirectory,
    stateDirectory,
    complete,
    signed,
    signer,
    incremental,
    close,
  }
}
