/**
 * What signing and encrypting add to the export and the import of 10,000 tokens, beside what bounds
 * the plain ones: packing, hashing and inserting the bytes of the events.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openProject, verifyArchive } from "../src/promise.ts"
import type { ExportOptions } from "../src/project/export-options.ts"
import {
  makeIdentity,
  makeSigningKey,
  pemFromSigningKey,
  recipientOfIdentity,
  signingKeyFromPem,
} from "../src/seal/keys.ts"
import type { Place, Question, Subject } from "./measure.ts"
import { replicaIn } from "./rows.ts"
import { archiveIn, expect, open, prepareTokens, timed, tokens, tokensLimits } from "./transfer.ts"

const identityIn = (folder: string): string => join(folder, "age.txt")
const signingKeyIn = (folder: string): string => join(folder, "signing.pem")
const sealedIn = (folder: string): string => join(folder, "sealed.lamplog")

const identityOf = (folder: string): string => readFileSync(identityIn(folder), "utf8")

const signingKeyOf = (folder: string) => {
  const path = signingKeyIn(folder)
  return signingKeyFromPem(readFileSync(path, "utf8"), path)
}

const signed = (folder: string): Promise<ExportOptions> =>
  Promise.resolve({ sign: signingKeyOf(folder) })

const signedAndEncrypted = async (folder: string): Promise<ExportOptions> => ({
  ...(await signed(folder)),
  encryptTo: [await recipientOfIdentity(identityOf(folder), identityIn(folder))],
})

/** The tokens and their archive, keys to sign and encrypt with, and the same archive sealed. */
const prepare = async (place: Omit<Place, "scratch">): Promise<void> => {
  const { prepared } = place
  await prepareTokens(place)
  writeFileSync(identityIn(prepared), await makeIdentity())
  writeFileSync(signingKeyIn(prepared), pemFromSigningKey(makeSigningKey("ana@example.com")))
  const project = await open(prepared)
  await project.exportProject(sealedIn(prepared), await signedAndEncrypted(prepared))
  await project.close()
}

const exporting =
  (optionsFrom: (folder: string) => Promise<ExportOptions>): Subject =>
  async ({ prepared, scratch, size }, watch) => {
    const options = await optionsFrom(prepared)
    const project = await open(prepared)
    const summary = await timed(watch, () => project.exportProject(archiveIn(scratch), options))
    await project.close()
    expect(summary.itemCounts.token === size, "every token is in the archive")
    expect(summary.signedBy !== undefined, "the archive is signed")
    expect(summary.encrypted === (options.encryptTo !== undefined), "encrypted as wished")
    return size
  }

const opening = (folder: string) => ({
  keys: { identities: [identityOf(folder)] },
  trusted: [signingKeyOf(folder).verifier],
  requireSignature: true,
})

const sealed = { ...tokens, prepare, preparation: "sealed-tokens", limits: tokensLimits }

export const sealedTransfers: ReadonlyArray<Question> = [
  {
    ...sealed,
    name: "export-signed",
    asks: "write a signed archive of 10,000 tokens",
    ours: exporting(signed),
  },
  {
    ...sealed,
    name: "export-sealed",
    asks: "write a signed archive of them, encrypted to a key",
    ours: exporting(signedAndEncrypted),
  },
  {
    ...sealed,
    name: "import-sealed",
    asks: "take its tokens over into another project, which asks for that signature",
    ours: async ({ prepared, scratch, size }, watch) => {
      replicaIn(scratch).close()
      const { keys, ...policy } = opening(prepared)
      const stateDirectory = join(scratch, "state")
      const project = await openProject({ directory: scratch, stateDirectory, ...policy })
      const summary = await timed(watch, () =>
        project.importProject([sealedIn(prepared)], { actor: "ana@example.com", keys }),
      )
      await project.close()
      expect(summary.itemCounts.token === size, "every token was imported")
      return size
    },
  },
  {
    ...sealed,
    name: "verify-sealed",
    asks: "check it from its bytes up",
    ours: async ({ prepared, size }, watch) => {
      const { ok, signature } = await timed(watch, () =>
        verifyArchive(sealedIn(prepared), opening(prepared)),
      )
      expect(ok && signature?.status === "trusted", "the archive is sound, and its signer trusted")
      return size
    },
  },
]
