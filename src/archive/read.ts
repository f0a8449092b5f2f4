/**
 * An open archive: its members, read one after another as streams.
 *
 * Whoever reads one to its end knows that its size, CRC and SHA-256 are those promised; what came
 * before that is not proven yet, so nothing may be kept until then.
 */
import { createHash } from "node:crypto"
import type { ZipFile } from "yauzl"
import { shown } from "../event/failure.ts"
import { CanonicalError, jsonFromCanonical } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { lineBytesMax } from "../log/segment.ts"
import type { Conflict } from "../state/entity.ts"
import { entityDepthMax } from "../state/entity.ts"
import { manifestPath, snapshotPath } from "./archive.ts"
import type { Manifest, ManifestMember } from "./archive.ts"
import type { LimitWarning } from "./limits.ts"
import { refuse } from "./refuse.ts"
import { LineSplitter } from "./splitter.ts"
import { contentOf } from "./zip.ts"
import type { ZipMember } from "./zip.ts"

/** Longest line of a snapshot, in bytes: the whole state of one entity. */
export const snapshotLineBytesMax = 32 * 1024 * 1024

/** One entity as a snapshot shows it. */
export interface SnapshotEntity {
  readonly type: string
  readonly id: string
  readonly fields: JsonObject
  readonly deleted: boolean
  readonly conflicts: ReadonlyArray<Conflict>
}

/** Who vouches for an archive. A signature that does not hold refuses the archive instead. */
export interface Signature {
  readonly status: "trusted" | "unknown" | "unsigned"
  /** The name that the signer chose; only as good as the key. */
  readonly name?: string
  /** The signer's key as text, to be compared and trusted. */
  readonly verifier?: string
  /** First four bytes of its hash, in hexadecimal. */
  readonly keyId?: string
  /** The project that was signed for, which is the manifest's. */
  readonly project?: string
}

/** What opening an archive has found out about it. */
export interface Opened {
  readonly path: string
  /** Bytes of the file. */
  readonly fileSize: number
  readonly encrypted: boolean
  readonly manifest: Manifest
  /** SHA-256 of manifest.json: the identity of the archive. */
  readonly exportHash: string
  readonly signature: Signature
  /** Limits that are nearly used up. */
  readonly warnings: ReadonlyArray<LimitWarning>
}

export interface Archive extends Opened {
  /** Checks a member from end to end, chunk by chunk, without looking into it. */
  chunks(member: string): AsyncGenerator<Buffer, void>
  /** Whole lines of a member, without their line feeds, in batches. Ends by checking the member. */
  lines(member: string, lineBytes?: number): AsyncGenerator<ReadonlyArray<string>, void>
  /** Every entity of the snapshot, by type and id. Refused when the archive holds none. */
  snapshot(): AsyncGenerator<SnapshotEntity, void>
}

/** What every hash and size that does not fit may mean. */
const altered = "it was changed after it was exported, by accident or on purpose"

/** The members, whose names differ, are exactly those listed, in that order, as long as listed. */
const membersByPath = (
  manifest: Manifest,
  members: ReadonlyArray<ZipMember>,
): ReadonlyMap<string, ZipMember> => {
  const found = new Map<string, ZipMember>()
  const listed = new Map(manifest.members.map((member) => [member.path, member]))
  for (const member of members) {
    const name = shown(member.name)
    const promised = listed.get(member.name)
    if (promised === undefined) {
      throw refuse(
        "manifest",
        "member-unlisted",
        `${name} is not in the manifest: ${altered}.`,
        name,
      )
    }
    if (promised.size !== member.size) {
      throw refuse(
        "manifest",
        "member-size",
        `${name} has ${member.size} bytes; the manifest says ${promised.size}: ${altered}.`,
        name,
      )
    }
    found.set(member.name, member)
  }
  for (const { path } of manifest.members) {
    if (!found.has(path)) {
      throw refuse(
        "manifest",
        "member-missing",
        `${path} is missing from the archive: ${altered}.`,
        path,
      )
    }
  }
  const misplaced = members.find(({ name }, index) => name !== manifest.members[index]!.path)
  if (misplaced !== undefined) {
    const { name } = misplaced
    throw refuse("archive", "zip-layout", `${name} is not where members of its name belong.`, name)
  }
  return found
}

const snapshotKeys = "conflicts,deleted,fields,id,type"

/** What readers look at; the rest of a conflict is shown as it is. */
const isConflict = (value: unknown): boolean => {
  if (value === null || typeof value !== "object") return false
  const { candidates, field } = value as { readonly candidates?: unknown; readonly field?: unknown }
  return (
    typeof field === "string" &&
    Array.isArray(candidates) &&
    candidates.every((one) => one !== null && typeof one === "object" && !Array.isArray(one))
  )
}

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
    entity.conflicts.every(isConflict) &&
    entity.fields !== null &&
    typeof entity.fields === "object" &&
    !Array.isArray(entity.fields)
  if (fits) return entity
  throw refuse("schema", "snapshot-line", `${place}: the line is not an entity.`, place)
}

/** Reads a line of a snapshot. */
export const snapshotEntityFrom = (text: string, place: string): SnapshotEntity => {
  try {
    return snapshotEntity(jsonFromCanonical(text, entityDepthMax), place)
  } catch (error) {
    if (!(error instanceof CanonicalError)) throw error
    throw refuse("schema", error.code, `${place}: ${error.message}.`, place)
  }
}

const withoutSnapshot = (path: string) =>
  refuse(
    "manifest",
    "archive-incremental",
    `${path} is incremental: it holds later events, but no snapshot of the state.`,
    manifestPath,
    "Merge it, or ask for a complete archive.",
  )

export class OpenArchive implements Archive {
  readonly path: string
  readonly fileSize: number
  readonly encrypted: boolean
  readonly manifest: Manifest
  readonly exportHash: string
  readonly signature: Signature
  readonly warnings: ReadonlyArray<LimitWarning>
  readonly #zip: ZipFile
  readonly #members: ReadonlyMap<string, ZipMember>
  readonly #listed: ReadonlyMap<string, ManifestMember>

  /** `members` are those of the directory that the manifest has to list. */
  constructor(opened: Opened, zip: ZipFile, members: ReadonlyArray<ZipMember>) {
    this.path = opened.path
    this.fileSize = opened.fileSize
    this.encrypted = opened.encrypted
    this.manifest = opened.manifest
    this.exportHash = opened.exportHash
    this.signature = opened.signature
    this.warnings = opened.warnings
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
      `${member} is not what the manifest names (its SHA-256 differs): ${altered}.`,
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
    if (!this.#members.has(snapshotPath)) throw withoutSnapshot(this.path)
    let line = 0
    for await (const batch of this.lines(snapshotPath, snapshotLineBytesMax)) {
      for (const text of batch)
        yield snapshotEntityFrom(text, `${snapshotPath} line ${(line += 1)}`)
    }
  }
}
