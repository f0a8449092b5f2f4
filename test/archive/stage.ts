/**
 * A folder with replicas of one project, and short words for what travels between them.
 *
 * Keys come from names, so a replica called "ana" is the same node in every test and run.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { ZipFile } from "yazl"
import { manifestPath } from "../../src/archive/archive.ts"
import type { ArchiveProgress } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { openArchive } from "../../src/archive/open.ts"
import { receiveArchive } from "../../src/archive/receive.ts"
import { verifyArchive } from "../../src/archive/verify.ts"
import type { ArchiveVerification } from "../../src/archive/verify.ts"
import { writeArchive } from "../../src/archive/write.ts"
import type { WriteArchiveOptions, WrittenArchive } from "../../src/archive/write.ts"
import type { Finding } from "../../src/audit/finding.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { sha256 } from "../../src/event/hash.ts"
import type { SchemaRegistry } from "../../src/state/schema.ts"
import { Author } from "../../src/store/author.ts"
import { snapshotLines } from "../../src/store/query.ts"
import type { Received } from "../../src/store/receive.ts"
import { Replica } from "../../src/store/replica.ts"
import { projectId } from "../log/forge.ts"

export interface ReplicaChoices {
  readonly project?: string
  readonly schema?: string
  readonly schemas?: SchemaRegistry
}

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), "lamplog-archive-"))
  readonly #opened: Array<Replica> = []
  #files = 0

  replica(name: string, choices: ReplicaChoices = {}): Replica {
    const replica = Replica.create(join(this.folder, name, ".lamplog"), {
      schemas: choices.schemas ?? builtInSchemas(),
      name: "stage",
      schema: choices.schema ?? "design-system",
      project: choices.project ?? projectId,
      stateDirectory: join(this.folder, "state"),
      seed: sha256(name),
    })
    this.#opened.push(replica)
    return replica
  }

  /** A path that no file has yet. */
  path(): string {
    this.#files += 1
    return join(this.folder, `${this.#files}.lamplog`)
  }

  async exported(replica: Replica, options: WriteArchiveOptions = {}): Promise<WrittenArchive> {
    return await Effect.runPromise(writeArchive(replica, this.path(), options))
  }

  /** Writes a file of its own from these members, the manifest first. */
  async zipped(members: Members): Promise<string> {
    const path = this.path()
    writeFileSync(path, await zipOf(members))
    return path
  }

  clear(): void {
    for (const replica of this.#opened.splice(0)) replica.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Token `id` gets this value, in an event of its own. */
export const setToken = (replica: Replica, id: string, value: string): void =>
  void new Author(replica).write([{ op: "patch", type: "token", id, fields: { value } }], {
    actor: "tester",
  })

/** Takes an archive into a replica as the project service does: all of it, or nothing. */
export const taken = async (
  path: string,
  replica: Replica,
  onProgress?: (progress: ArchiveProgress) => void,
): Promise<Received> => {
  const take = Effect.scoped(
    Effect.flatMap(openArchive(path), (archive) =>
      receiveArchive(archive, replica, { onProgress }),
    ),
  )
  replica.begin()
  const result = await Effect.runPromise(Effect.result(take))
  if (Result.isFailure(result)) {
    replica.rollback()
    throw result.failure
  }
  replica.commit()
  return result.success
}

/** The refusal that a promise ends with. */
export const refusal = async (attempt: Promise<unknown>): Promise<LamplogError> => {
  try {
    await attempt
  } catch (error) {
    if (error instanceof LamplogError) return error
    throw error
  }
  throw new Error("it was taken")
}

export const verified = async (
  path: string,
  schemas = builtInSchemas(),
): Promise<ArchiveVerification> => await Effect.runPromise(verifyArchive(path, { schemas }))

export const codesOf = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  findings.map(({ severity, code }) => `${severity} ${code}`)

export const fileHash = (path: string): string => sha256(readFileSync(path))

/** Everything that a replica holds and shows, as text. */
export const contentOf = (replica: Replica): string =>
  [
    replica.digest(),
    JSON.stringify(replica.lines.frontier()),
    ...snapshotLines(replica),
    JSON.stringify(replica.sqlite.prepare("SELECT * FROM events ORDER BY event").all()),
    JSON.stringify(replica.sqlite.prepare("SELECT * FROM lines ORDER BY line").all()),
  ].join("\n")

export type Members = ReadonlyArray<readonly [name: string, bytes: Buffer]>

/** The members of a stored archive, the manifest first, cut out of its bytes. */
export const storedMembers = ({ path, manifest }: WrittenArchive): Members => {
  const bytes = readFileSync(path)
  const sizes: ReadonlyArray<readonly [name: string, size: number]> = [
    [manifestPath, Buffer.byteLength(manifestText(manifest))],
    ...manifest.members.map((member) => [member.path, member.size] as const),
  ]
  let offset = 0
  return sizes.map(([name, size]) => {
    offset += localHeaderBytes + name.length
    const content = bytes.subarray(offset, offset + size)
    offset += size
    return [name, Buffer.from(content)]
  })
}

/** What stands before the name in a zip's local header. */
const localHeaderBytes = 30

/** A stored zip of these members. */
export const zipOf = async (members: Members): Promise<Buffer> => {
  const zip = new ZipFile()
  for (const [name, bytes] of members) {
    zip.addBuffer(bytes, name, { mtime: new Date(0), forceDosTimestamp: true, compress: false })
  }
  zip.end()
  const chunks: Array<Buffer> = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
