/**
 * Writing an archive: the same state gives the same bytes, and a file appears under its name only
 * when it is whole and durable.
 *
 * Two passes over one consistent state: the first measures and hashes every member, so that the
 * manifest can stand first; the second compresses. Memory holds one chunk at a time. Stored members
 * (`store`) carry their size in front, which a zip can only do for what it has whole: that form is
 * for archives that fit into memory.
 */
import { createWriteStream, existsSync } from "node:fs"
import { rm, stat } from "node:fs/promises"
import { Readable } from "node:stream"
import { finished } from "node:stream/promises"
import type * as Effect from "effect/Effect"
import { ZipFile } from "yazl"
import type { LamplogError } from "../event/failure.ts"
import { sha256 } from "../event/hash.ts"
import type { Frontier } from "../log/frontier.ts"
import type { Replica } from "../store/replica.ts"
import { archiveFormat, archiveVersion, manifestPath } from "./archive.ts"
import type { Manifest, ManifestLog, ProgressOption } from "./archive.ts"
import { Content } from "./content.ts"
import type { PlannedLog, PlannedMember } from "./content.ts"
import { manifestText } from "./manifest.ts"
import { existing, publish, temporaryBeside } from "./place.ts"
import { breathe, work } from "./work.ts"

export interface WriteArchiveOptions extends ProgressOption {
  /** Replace a file of that name. */
  readonly force?: boolean
  /** Do not compress: bytes that do not depend on the version of zlib. */
  readonly store?: boolean
  /** Only what a reader with this frontier lacks; without a snapshot. */
  readonly since?: Frontier
}

export interface WrittenArchive {
  readonly path: string
  /** Bytes of the file. */
  readonly fileSize: number
  /** SHA-256 of manifest.json: the identity of the archive. */
  readonly exportHash: string
  readonly manifest: Manifest
}

/** Bytes of work between two looks at the clock of others. */
const turnBytes = 1024 * 1024

/** Time and attributes say nothing about who exported, when or where. */
const attributes = { mtime: new Date(0), forceDosTimestamp: true, mode: 0o100644 }
const compressionLevelDefault = 6

/** Runs a measuring pass to its end, a turn at a time. */
const inTurns = async <A>(
  steps: Generator<number, A>,
  signal: AbortSignal,
  report: (count: number) => void,
): Promise<A> => {
  let bytes = 0
  let count = 0
  for (;;) {
    const step = steps.next()
    if (step.done === true) {
      report(count)
      return step.value
    }
    bytes += step.value
    count += 1
    if (bytes < turnBytes) continue
    report(count)
    bytes = 0
    count = 0
    await breathe(signal)
  }
}

const manifestLog = (log: PlannedLog): ManifestLog => ({
  log: log.name,
  node: log.node,
  publicKey: log.publicKey,
  from: log.from,
  to: log.to,
  previous: log.previous,
  head: log.head,
  ...(log.signature === undefined ? {} : { signature: log.signature }),
  members: log.members.map((member) => member.path),
})

interface Plan {
  readonly manifest: Manifest
  /** The very bytes of manifest.json. */
  readonly bytes: Buffer
  readonly members: ReadonlyArray<PlannedMember>
}

const planOf = async (
  replica: Replica,
  content: Content,
  signal: AbortSignal,
  { onProgress, since = {} }: WriteArchiveOptions,
): Promise<Plan> => {
  const total = content.logs.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  let done = 0
  const report = (count: number): void => {
    done += count
    onProgress?.({ stage: "measuring", done, total, unit: "events" })
  }
  const logs: Array<PlannedLog> = []
  for (const log of content.logs) logs.push(await inTurns(content.planLog(log), signal, report))
  const partial = Object.keys(since).length > 0
  const snapshot = partial ? [] : [await inTurns(content.planSnapshot(), signal, () => {})]
  const members = [...logs.flatMap((log) => log.members), ...snapshot].sort((left, right) =>
    left.path < right.path ? -1 : 1,
  )
  const manifest: Manifest = {
    format: archiveFormat,
    version: archiveVersion,
    project: replica.project,
    name: replica.name,
    schema: { name: replica.schema.name, version: replica.schema.version },
    frontier: content.lines.frontier(),
    prerequisites: since,
    logs: logs.map(manifestLog),
    members: members.map(({ path, sha256: hash, size }) => ({ path, sha256: hash, size })),
    events: total,
    ...content.counts(),
    digest: content.digest,
  }
  return { manifest, bytes: Buffer.from(manifestText(manifest)), members }
}

/** Adds the members to a zip, each read only when its turn has come; returns the first failure. */
const addMembers = (
  zip: ZipFile,
  content: Content,
  plan: Plan,
  { onProgress, store }: WriteArchiveOptions,
  fail: (error: Error) => void,
): void => {
  const total = plan.members.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  function* counted(member: PlannedMember): Generator<Buffer> {
    for (const chunk of content.bytesOf(member)) {
      yield chunk
      done += chunk.length
      onProgress?.({ stage: "writing", done, total, unit: "bytes" })
    }
  }
  for (const member of plan.members) {
    if (store === true) {
      const bytes = Buffer.concat([...counted(member)])
      zip.addBuffer(bytes, member.path, { ...attributes, compressionLevel: 0 })
      continue
    }
    const options = { ...attributes, compressionLevel: compressionLevelDefault, size: member.size }
    zip.addReadStreamLazy(member.path, options, (give) => {
      const source = Readable.from(counted(member), { objectMode: false })
      source.on("error", fail)
      give(null, source)
    })
  }
}

const writeZip = async (
  path: string,
  content: Content,
  plan: Plan,
  signal: AbortSignal,
  options: WriteArchiveOptions,
): Promise<void> => {
  const file = createWriteStream(path, { flags: "wx", flush: true })
  const zip = new ZipFile()
  const fail = (error: Error): void => void file.destroy(error)
  zip.on("error", fail)
  const abort = (): void => fail(signal.reason as Error)
  signal.addEventListener("abort", abort)
  try {
    const compressionLevel = options.store === true ? 0 : compressionLevelDefault
    zip.addBuffer(plan.bytes, manifestPath, { ...attributes, compressionLevel })
    addMembers(zip, content, plan, options, fail)
    zip.end()
    zip.outputStream.pipe(file)
    await finished(file)
  } finally {
    signal.removeEventListener("abort", abort)
  }
}

const write = async (
  replica: Replica,
  path: string,
  options: WriteArchiveOptions,
  signal: AbortSignal,
): Promise<WrittenArchive> => {
  const force = options.force === true
  if (!force && existsSync(path)) throw existing(path)
  replica.signOwnHead()
  // Kept by the replica, so that the connection below finds it done.
  replica.digest()
  const temporary = temporaryBeside(path)
  const content = new Content(replica, options.since ?? {})
  try {
    const plan = await planOf(replica, content, signal, options)
    await writeZip(temporary, content, plan, signal, options)
    const { size: fileSize } = await stat(temporary)
    signal.throwIfAborted()
    await publish(temporary, path, force)
    return { path, fileSize, exportHash: sha256(plan.bytes), manifest: plan.manifest }
  } finally {
    content.close()
    await rm(temporary, { force: true })
  }
}

/**
 * Writes the whole of a replica to a file. Signs the replica's own log first. When it fails or is
 * interrupted, nothing is left behind and a file of that name is as it was.
 */
export const writeArchive = (
  replica: Replica,
  path: string,
  options: WriteArchiveOptions = {},
): Effect.Effect<WrittenArchive, LamplogError> =>
  work(path, (signal) => write(replica, path, options, signal))
