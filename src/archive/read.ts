/**
 * Opening an archive: nothing in it is believed before the manifest is read and fits the directory.
 *
 * Members are then read one after another as streams. Whoever reads one to its end knows that its
 * size, CRC and SHA-256 are those promised; what came before that is not proven yet, so nothing may
 * be kept until then.
 */
import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { open } from "node:fs/promises"
import type { FileHandle } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ZipFile } from "yauzl"
import { jsonFromCanonical, CanonicalError } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import { sha256 } from "../event/hash.ts"
import { lineBytesMax } from "../log/segment.ts"
import { entityDepthMax } from "../state/entity.ts"
import type { Conflict } from "../state/entity.ts"
import { manifestBytesMax, manifestPath, membersMax, snapshotPath } from "./archive.ts"
import type { Manifest, ManifestMember } from "./archive.ts"
import { manifestFromBytes } from "./manifest.ts"
import { askAgain, refuse, shown } from "./refuse.ts"
import { LineSplitter } from "./splitter.ts"
import { work } from "./work.ts"
import { contentOf, openZip } from "./zip.ts"
import type { ZipMember } from "./zip.ts"

/** Longest line of a snapshot, in bytes: the whole state of one entity. */
export const snapshotLineBytesMax = 128 * 1024 * 1024

/** One entity as a snapshot shows it. */
export interface SnapshotEntity {
  readonly type: string
  readonly id: string
  readonly fields: JsonObject
  readonly deleted: boolean
  readonly conflicts: ReadonlyArray<Conflict>
}

export interface Archive {
  readonly path: string
  readonly fileSize: number
  readonly manifest: Manifest
  /** SHA-256 of manifest.json: the identity of the archive. */
  readonly exportHash: string
  /** Checks a member from end to end, chunk by chunk, without looking into it. */
  chunks(member: string): AsyncGenerator<Buffer, void>
  /** Whole lines of a member, without their line feeds, in batches. Ends by checking the member. */
  lines(member: string, lineBytes?: number): AsyncGenerator<ReadonlyArray<string>, void>
  /** Every entity of the snapshot, by type and id. */
  snapshot(): AsyncGenerator<SnapshotEntity, void>
}

const notAnArchive = (path: string, message: string): LamplogError =>
  refuse("archive", "not-an-archive", `${path} ${message}.`, path, "Name a .lamplog file.")

const zipStart = Buffer.from("PK\u0003\u0004", "latin1")
const ageStart = Buffer.from("age-encryption.org/", "latin1")
const ageArmorStart = Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----", "latin1")
const peekBytes = 64

/** Tells apart what is no archive at all and what has to be decrypted first. */
const checkStart = async (file: FileHandle, path: string): Promise<void> => {
  const start = Buffer.alloc(peekBytes)
  await file.read(start, 0, peekBytes, 0)
  const begins = (bytes: Buffer): boolean => start.subarray(0, bytes.length).equals(bytes)
  if (begins(zipStart)) return
  if (begins(ageStart) || begins(ageArmorStart)) {
    throw refuse(
      "archive",
      "archive-encrypted",
      `${path} is encrypted.`,
      path,
      "Decrypt it with `age --decrypt` and the key it was encrypted to, then name the result.",
    )
  }
  throw notAnArchive(path, "is not an archive")
}

const openDirectory = async (file: FileHandle, path: string, fileSize: number) => {
  try {
    return await openZip(file.fd, fileSize, membersMax + 1)
  } catch (error) {
    if (error instanceof LamplogError) throw error
    const { message } = error as Error
    const cut = /end of central directory record signature not found/i.test(message)
    throw cut
      ? refuse("archive", "archive-truncated", `${path} is cut off: its end is missing.`, path)
      : refuse(
          "archive",
          "directory-damaged",
          `The directory of ${path} cannot be read (${message}).`,
          path,
          askAgain,
          error,
        )
  }
}

const readManifest = async (zip: ZipFile, first: ZipMember | undefined, path: string) => {
  if (first?.name !== manifestPath) {
    throw notAnArchive(path, `is a zip, but does not begin with ${manifestPath}`)
  }
  if (first.size > manifestBytesMax) {
    throw refuse(
      "manifest",
      "manifest-too-large",
      `The manifest has ${first.size} bytes; the limit is ${manifestBytesMax}.`,
      manifestPath,
    )
  }
  const chunks: Array<Buffer> = []
  for await (const chunk of contentOf(zip, first)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The members are exactly those listed, each once, each as long as listed. */
const membersByPath = (
  manifest: Manifest,
  members: ReadonlyArray<ZipMember>,
): ReadonlyMap<string, ZipMember> => {
  const found = new Map<string, ZipMember>()
  const listed = new Map(manifest.members.map((member) => [member.path, member]))
  for (const member of members.slice(1)) {
    const name = shown(member.name)
    if (found.has(member.name) || member.name === manifestPath) {
      throw refuse("manifest", "member-twice", `${name} is in the archive twice.`, name)
    }
    const promised = listed.get(member.name)
    if (promised === undefined) {
      throw refuse("manifest", "member-unlisted", `${name} is not in the manifest.`, name)
    }
    if (promised.size !== member.size) {
      throw refuse(
        "manifest",
        "member-size",
        `${name} has ${member.size} bytes; the manifest says ${promised.size}.`,
        name,
      )
    }
    found.set(member.name, member)
  }
  for (const { path } of manifest.members) {
    if (!found.has(path)) {
      throw refuse("manifest", "member-missing", `${path} is missing from the archive.`, path)
    }
  }
  return found
}

const snapshotKeys = "conflicts,deleted,fields,id,type"

const snapshotEntity = (value: Json, place: string): SnapshotEntity => {
  const entity = value as unknown as SnapshotEntity
  const fits =
    value !== null &&
    typeof value === "object" &&
    Object.keys(value).join() === snapshotKeys &&
    typeof entity.type === "string" &&
    typeof entity.id === "string" &&
    typeof entity.deleted === "boolean" &&
    Array.isArray(entity.conflicts) &&
    entity.fields !== null &&
    typeof entity.fields === "object" &&
    !Array.isArray(entity.fields)
  if (fits) return entity
  throw refuse("schema", "snapshot-line", `${place}: the line is not an entity.`, place)
}

class OpenArchive implements Archive {
  readonly path: string
  readonly fileSize: number
  readonly manifest: Manifest
  readonly exportHash: string
  readonly #zip: ZipFile
  readonly #members: ReadonlyMap<string, ZipMember>
  readonly #listed: ReadonlyMap<string, ManifestMember>

  constructor(
    path: string,
    fileSize: number,
    manifestBytes: Buffer,
    zip: ZipFile,
    members: ReadonlyArray<ZipMember>,
  ) {
    this.path = path
    this.fileSize = fileSize
    this.manifest = manifestFromBytes(manifestBytes)
    this.exportHash = sha256(manifestBytes)
    this.#zip = zip
    this.#members = membersByPath(this.manifest, members)
    this.#listed = new Map(this.manifest.members.map((member) => [member.path, member]))
  }

  async *chunks(member: string): AsyncGenerator<Buffer, void> {
    const hash = createHash("sha256")
    for await (const chunk of contentOf(this.#zip, this.#members.get(member)!)) {
      hash.update(chunk)
      yield chunk
    }
    if (hash.digest("hex") === this.#listed.get(member)!.sha256) return
    throw refuse(
      "manifest",
      "member-hash",
      `${member} is not the member that the manifest names: its SHA-256 differs.`,
      member,
    )
  }

  async *lines(
    member: string,
    lineBytes = lineBytesMax,
  ): AsyncGenerator<ReadonlyArray<string>, void> {
    const splitter = new LineSplitter(member, lineBytes)
    for await (const chunk of this.chunks(member)) yield splitter.push(chunk)
    splitter.end()
  }

  async *snapshot(): AsyncGenerator<SnapshotEntity, void> {
    let line = 0
    for await (const batch of this.lines(snapshotPath, snapshotLineBytesMax)) {
      for (const text of batch) {
        line += 1
        const place = `${snapshotPath} line ${line}`
        try {
          yield snapshotEntity(jsonFromCanonical(text, entityDepthMax), place)
        } catch (error) {
          if (!(error instanceof CanonicalError)) throw error
          throw refuse("schema", error.code, `${place}: ${error.message}.`, place)
        }
      }
    }
  }
}

const read = async (file: FileHandle, path: string): Promise<Archive> => {
  const stat = await file.stat()
  if (!stat.isFile()) throw notAnArchive(path, "is not a file")
  await checkStart(file, path)
  const { zip, members } = await openDirectory(file, path, stat.size)
  const manifestBytes = await readManifest(zip, members[0], path)
  return new OpenArchive(path, stat.size, manifestBytes, zip, members)
}

/** Opens an archive and checks its directory and manifest; closed when the scope ends. */
export const openArchive = (path: string): Effect.Effect<Archive, LamplogError, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(
      work(path, () => open(path, constants.O_RDONLY)),
      (file) => Effect.promise(() => file.close()),
    ),
    (file) => work(path, () => read(file, path)),
  )
