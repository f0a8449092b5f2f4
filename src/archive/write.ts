/**
 * Writing an archive: the same state gives the same bytes, and a file appears under its name only
 * when it is whole, durable, and no larger than a reader with the same limits takes.
 *
 * Two passes over one consistent state: the first measures and hashes every member, so that the
 * manifest can stand first; the second compresses. Memory holds one chunk at a time. Stored members
 * (`store`) carry their size in front, which a zip can only do for what it has whole: that form is
 * for archives that fit into memory.
 *
 * What is signed is the manifest, which names everything else by hash. What is encrypted is the
 * finished zip, on its way to the file: no plain byte of it touches the disk. Only the plain archive
 * is the same each time; encryption is random by design.
 */
import { createWriteStream, existsSync } from "node:fs"
import { rm, stat } from "node:fs/promises"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type * as Effect from "effect/Effect"
import { ZipFile } from "yazl"
import type { LamplogError } from "../event/failure.ts"
import { sha256 } from "../event/hash.ts"
import type { Frontier } from "../log/frontier.ts"
import { signManifest } from "../seal/archive-note.ts"
import { encryptTo } from "../seal/encrypt.ts"
import type { Encrypt } from "../seal/encrypt.ts"
import type { SigningKey } from "../seal/keys.ts"
import type { Replica } from "../store/replica.ts"
import { manifestPath, notePath } from "./archive.ts"
import type { Manifest, Selection } from "./archive.ts"
import type { AssetPlanOptions } from "./asset-plan.ts"
import type { TakenAlong } from "./choose.ts"
import { Content } from "./content.ts"
import type { PlannedMember } from "./content.ts"
import { checkPlan, exportRefusal, ZipTail } from "./fit.ts"
import { LimitCheck, limitsDefault } from "./limits.ts"
import type { ArchiveLimits, LimitWarning } from "./limits.ts"
import { existing, publish, temporaryBeside } from "./place.ts"
import { planOf } from "./plan.ts"
import type { Plan } from "./plan.ts"
import { requireSpaceToWrite } from "./space.ts"
import { work } from "./work.ts"

export interface WriteArchiveOptions extends AssetPlanOptions {
  /** Replace a file of that name. */
  readonly force?: boolean
  /** Do not compress: bytes that do not depend on the version of zlib. */
  readonly store?: boolean
  /** Only what a reader with this frontier lacks; without a snapshot. Not beside `select`. */
  readonly since?: Frontier | undefined
  /** Only these entities, as an extract. */
  readonly select?: Selection | undefined
  /** Sign the manifest with this key. */
  readonly sign?: SigningKey | undefined
  /** Encrypt for whoever holds one of these keys (`age1…`). */
  readonly encryptTo?: ReadonlyArray<string> | undefined
  /** Encrypt for whoever knows this; not beside `encryptTo`. */
  readonly passphrase?: string | undefined
  /** What a reader will take; the default limits unless given. */
  readonly limits?: ArchiveLimits | undefined
  /** Called when the file is about to get its name; keeps it from that by throwing. */
  readonly lastChance?: (() => void) | undefined
}

export interface WrittenArchive {
  readonly path: string
  /** Bytes of the file. */
  readonly fileSize: number
  /** SHA-256 of manifest.json: the identity of the archive. */
  readonly exportHash: string
  readonly manifest: Manifest
  readonly encrypted: boolean
  /** What an extract holds beside what was asked for. */
  readonly takenAlong: ReadonlyArray<TakenAlong>
  /** Contents of assets that should have travelled and are not held here. */
  readonly assetsMissing: number
  /** Limits that a reader will find nearly used up. */
  readonly warnings: ReadonlyArray<LimitWarning>
}

/** Time and attributes say nothing about who exported, when or where. */
const attributes = { mtime: new Date(0), forceDosTimestamp: true, mode: 0o100644 }
const compressionLevelDefault = 6
/** An encrypted file is a secret that its owner hands on. */
const secretMode = 0o600
const openMode = 0o666

const bytesWhole = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Array<Buffer> = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

/** Adds the members to a zip, each read only when its turn has come. */
const addMembers = async (
  zip: ZipFile,
  { members }: Plan,
  { onProgress, store }: WriteArchiveOptions,
  fail: (error: Error) => void,
): Promise<void> => {
  const total = members.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  async function* counted(member: PlannedMember): AsyncGenerator<Buffer> {
    for await (const chunk of member.bytes()) {
      yield chunk
      done += chunk.length
      onProgress?.({ stage: "writing", done, total, unit: "bytes" })
    }
  }
  for (const member of members) {
    if (store === true) {
      const bytes = await bytesWhole(counted(member))
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

/** What an archive consists of, beside where it goes. */
interface Parts {
  readonly plan: Plan
  readonly note: Buffer | undefined
  readonly encrypt: Encrypt | undefined
}

/** Writes the zip, encrypted if so; gives the end of the plain one. */
const writeZip = async (
  path: string,
  { encrypt, note, plan }: Parts,
  signal: AbortSignal,
  options: WriteArchiveOptions,
): Promise<ZipTail> => {
  const mode = encrypt === undefined ? openMode : secretMode
  const file = createWriteStream(path, { flags: "wx", flush: true, mode })
  const zip = new ZipFile()
  const output = zip.outputStream as Readable
  const fail = (error: Error): void => void output.destroy(error)
  zip.on("error", fail)
  const abort = (): void => fail(signal.reason as Error)
  signal.addEventListener("abort", abort)
  const tail = new ZipTail(plan)
  const watch = (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> => tail.watch(chunks)
  const written =
    encrypt === undefined
      ? pipeline(output, watch, file)
      : pipeline(output, watch, (plain) => encrypt(plain), file)
  // Whoever waits for it comes later.
  written.catch(() => {})
  try {
    const compressionLevel = options.store === true ? 0 : compressionLevelDefault
    zip.addBuffer(plan.bytes, manifestPath, { ...attributes, compressionLevel })
    if (note !== undefined) zip.addBuffer(note, notePath, { ...attributes, compressionLevel })
    await addMembers(zip, plan, options, fail)
    zip.end()
  } catch (error) {
    fail(error as Error)
  }
  try {
    await written
    return tail
  } finally {
    signal.removeEventListener("abort", abort)
  }
}

/** Makes ready to encrypt, before any work is done for it. */
const encryption = (
  { encryptTo: recipients = [], passphrase }: WriteArchiveOptions,
  { limits }: LimitCheck,
): Promise<Encrypt | undefined> =>
  recipients.length === 0 && passphrase === undefined
    ? Promise.resolve(undefined)
    : encryptTo({ recipients, passphrase }, limits)

const write = async (
  replica: Replica,
  path: string,
  options: WriteArchiveOptions,
  signal: AbortSignal,
): Promise<WrittenArchive> => {
  const force = options.force === true
  if (!force && existsSync(path)) throw existing(path)
  const check = new LimitCheck(options.limits ?? limitsDefault)
  const encrypt = await encryption(options, check)
  replica.signOwnHead()
  // Kept by the replica, so that the connection below finds it done.
  replica.digest()
  const temporary = temporaryBeside(path)
  const content = new Content(replica, options.since ?? {})
  try {
    const plan = await planOf(replica, content, options, signal)
    const { sign } = options
    const note = sign === undefined ? undefined : signManifest(plan.bytes, replica.project, sign)
    checkPlan(plan, note, check)
    await requireSpaceToWrite(path, plan, options.store === true)
    const tail = await writeZip(temporary, { plan, note, encrypt }, signal, options)
    await tail.check(check)
    const { size: fileSize } = await stat(temporary)
    check.check("archiveBytes", fileSize, check.limits.archiveBytes, "the file")
    signal.throwIfAborted()
    await publish(temporary, path, force, options.lastChance)
    return {
      path,
      fileSize,
      exportHash: sha256(plan.bytes),
      manifest: plan.manifest,
      encrypted: encrypt !== undefined,
      takenAlong: plan.takenAlong,
      assetsMissing: plan.assetsMissing,
      warnings: check.warnings,
    }
  } catch (error) {
    throw exportRefusal(error)
  } finally {
    content.close()
    await rm(temporary, { force: true })
  }
}

/**
 * Writes a replica, or a part of it, to a file. Signs the replica's own log first. When it fails or
 * is interrupted, nothing is left behind and a file of that name is as it was.
 */
export const writeArchive = (
  replica: Replica,
  path: string,
  options: WriteArchiveOptions = {},
): Effect.Effect<WrittenArchive, LamplogError> =>
  work(path, (signal) => write(replica, path, options, signal))
