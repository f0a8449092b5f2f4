/**
 * Opening an archive: nothing in it is believed before the layout of the zip, the manifest's very
 * bytes and the signature over them have been checked, in that order.
 */
import { constants } from "node:fs"
import { open } from "node:fs/promises"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ZipFile } from "yauzl"
import type { LamplogError } from "../event/failure.ts"
import { sha256 } from "../event/hash.ts"
import { ageMarkBytes, isEncrypted } from "../seal/age-header.ts"
import { checkNote } from "../seal/archive-note.ts"
import { decryptFile } from "../seal/decrypt.ts"
import type { AgeKeys } from "../seal/decrypt.ts"
import { noteBytesMax } from "../seal/note.ts"
import { manifestPath, notePath } from "./archive.ts"
import type { Manifest, ProgressOption } from "./archive.ts"
import { LimitCheck, limitsDefault } from "./limits.ts"
import type { ArchiveLimits } from "./limits.ts"
import { manifestFromBytes } from "./manifest.ts"
import { OpenArchive } from "./read.ts"
import type { Archive, Signature } from "./read.ts"
import { refuse } from "./refuse.ts"
import { requireSpace } from "./space.ts"
import { stagingFolder } from "./staging.ts"
import { work } from "./work.ts"
import { contentOf, openZip } from "./zip.ts"
import type { ZipMember } from "./zip.ts"

export interface OpenArchiveOptions extends ProgressOption {
  readonly limits?: ArchiveLimits | undefined
  /** What opens an encrypted one. */
  readonly keys?: AgeKeys | undefined
  /** Keys of signers that this reader trusts, as text (`name+id+key`). */
  readonly trusted?: ReadonlyArray<string> | undefined
  /** Refuse what nobody trusted has signed. */
  readonly requireSignature?: boolean | undefined
}

const notAnArchive = (path: string, message: string): LamplogError =>
  refuse("archive", "not-an-archive", `${path} ${message}.`, path, "Name a .lamplog file.")

const bytesOf = async (zip: ZipFile, member: ZipMember): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of contentOf(zip, member)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const wanted = "Ask for an archive signed with a key that `lamplog trust list` names."

/** Who signed the manifest, checked over its very bytes before any of them is parsed. */
const signatureOf = async (
  zip: ZipFile,
  note: ZipMember | undefined,
  manifestBytes: Buffer,
  { limits }: LimitCheck,
  { requireSignature = false, trusted = [] }: OpenArchiveOptions,
): Promise<Signature> => {
  if (note === undefined) {
    if (!requireSignature) return { status: "unsigned" }
    const message = "The archive is not signed, and only signed ones are taken here."
    throw refuse("manifest", "signature-missing", message, notePath, wanted)
  }
  if (note.size > noteBytesMax) {
    const message = `The signature has ${note.size} bytes; ${noteBytesMax} is the most that one has.`
    throw refuse("manifest", "signature-invalid", message, notePath)
  }
  const bytes = await bytesOf(zip, note)
  const found = checkNote(bytes, manifestBytes, trusted, limits.signatures)
  if (found.status === "unknown" && requireSignature) {
    const message = `The archive is signed with the key ${found.verifier}, which is not trusted here.`
    throw refuse("manifest", "signature-untrusted", message, notePath, wanted)
  }
  return found
}

/** A note is for one project; taken from another archive it proves nothing. */
const checkSigned = ({ project }: Signature, manifest: Manifest): void => {
  if (project === undefined || project === manifest.project) return
  const message = `The signature is for another project (${project}), not for ${manifest.project}.`
  throw refuse("manifest", "signature-invalid", message, notePath)
}

export const checkItems = ({ itemCounts }: Manifest, check: LimitCheck): void => {
  const { items, itemsByType } = check.limits
  for (const [type, count] of Object.entries(itemCounts)) {
    const own = Object.hasOwn(itemsByType, type)
    const limit = own ? `items.${type}` : "items"
    check.check(limit, count, own ? itemsByType[type]! : items, `itemCounts.${type}`)
  }
}

/** The zip of an archive: the file that was named, or what was decrypted from it. */
interface Source {
  readonly file: FileHandle
  readonly path: string
  /** Bytes of the file that was named. */
  readonly fileSize: number
  readonly encrypted: boolean
  readonly check: LimitCheck
}

const openMembers = async (source: Source, options: OpenArchiveOptions): Promise<Archive> => {
  const { check, encrypted, file, fileSize, path } = source
  const stat = await file.stat()
  const { zip, members } = await openZip(file.fd, stat.size, check)
  const [first, second] = members
  if (first?.name !== manifestPath) {
    throw notAnArchive(path, `is a zip, but does not begin with ${manifestPath}`)
  }
  const manifestBytes = await bytesOf(zip, first)
  const note = second?.name === notePath ? second : undefined
  const signature = await signatureOf(zip, note, manifestBytes, check, options)
  const manifest = manifestFromBytes(manifestBytes)
  checkSigned(signature, manifest)
  checkItems(manifest, check)
  const opened = {
    path,
    fileSize,
    encrypted,
    manifest,
    exportHash: sha256(manifestBytes),
    signature,
    warnings: check.warnings,
  }
  return new OpenArchive(opened, zip, members.slice(note === undefined ? 1 : 2))
}

const openFile = (path: string): Effect.Effect<FileHandle, LamplogError, Scope.Scope> =>
  Effect.acquireRelease(
    // A pipe, which is no archive, would make whoever opens it wait for somebody to write.
    work(path, () => open(path, constants.O_RDONLY | constants.O_NONBLOCK)),
    (file) => Effect.promise(() => file.close()),
  )

/** Looks at the file itself; nothing that it says of what is in it. */
const lookAt = async (
  file: FileHandle,
  path: string,
  options: OpenArchiveOptions,
): Promise<Source> => {
  const stat = await file.stat()
  if (!stat.isFile()) throw notAnArchive(path, "is not a file")
  const check = new LimitCheck(options.limits ?? limitsDefault)
  check.check("archiveBytes", stat.size, check.limits.archiveBytes, "the file")
  const start = Buffer.alloc(ageMarkBytes)
  await file.read(start, 0, ageMarkBytes, 0)
  return { file, path, fileSize: stat.size, encrypted: isEncrypted(start), check }
}

/** Decrypts into a private file that goes when the scope ends. */
const decrypted = (
  source: Source,
  { keys = {}, onProgress }: OpenArchiveOptions,
): Effect.Effect<Source, LamplogError, Scope.Scope> =>
  Effect.gen(function* () {
    const { check, path } = source
    const folder = yield* stagingFolder("decrypt")
    const spool = join(folder, "archive")
    yield* work(path, async (signal) => {
      requireSpace(folder, source.fileSize, "Decrypting the archive")
      await decryptFile(source.file, path, spool, {
        keys,
        limits: check.limits,
        signal,
        onBytes: (done, total) => onProgress?.({ stage: "decrypting", done, total, unit: "bytes" }),
      })
    })
    return { ...source, file: yield* openFile(spool) }
  })

/** Opens an archive and checks its layout, manifest and signature; closed when the scope ends. */
export const openArchive = (
  path: string,
  options: OpenArchiveOptions = {},
): Effect.Effect<Archive, LamplogError, Scope.Scope> =>
  Effect.gen(function* () {
    const file = yield* openFile(path)
    const named = yield* work(path, () => lookAt(file, path, options))
    const source = named.encrypted ? yield* decrypted(named, options) : named
    return yield* work(path, () => openMembers(source, options))
  })
