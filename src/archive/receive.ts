/**
 * Taking an archive's logs into a replica, inside the caller's transaction.
 *
 * Everything is checked while it is applied: bytes by `Receiver`, members by their hashes, ends of
 * logs and the frontier by the manifest. When the replica then holds exactly what the exporter held
 * and reads it alike, its state must be the archive's, byte for byte. Anything else is thrown, and
 * the caller rolls back.
 */
import { createHash } from "node:crypto"
import type * as Effect from "effect/Effect"
import { shown } from "../event/failure.ts"
import { equalJson } from "../event/canonical.ts"
import type { LamplogError } from "../event/failure.ts"
import { equalFrontiers } from "../log/frontier.ts"
import type { Frontier } from "../log/frontier.ts"
import { snapshotLines } from "../store/query.ts"
import { Receiver } from "../store/receive.ts"
import type { Received } from "../store/receive.ts"
import type { Replica } from "../store/replica.ts"
import { isIncremental, snapshotPath } from "./archive.ts"
import type { Manifest, ManifestLog, ProgressOption } from "./archive.ts"
import { countState } from "./counts.ts"
import type { StateCounts } from "./counts.ts"
import { nodeLength } from "../store/travelling.ts"
import { snapshotLineBytesMax } from "./read.ts"
import type { Archive } from "./read.ts"
import { refuse } from "./refuse.ts"
import { breathe, work } from "./work.ts"

export interface ReceivedArchive extends Received {
  /** Whether the state could be compared with the snapshot: both hold the same and read it alike. */
  readonly compared: boolean
}

/**
 * Refuses an archive whose events mean something else here, or belong elsewhere. A newer version of
 * the schema is no reason: what this reader does not understand is set aside, alone.
 */
const checkBelongs = (manifest: Manifest, replica: Replica): void => {
  const { extract, project, schema } = manifest
  if (extract !== undefined) {
    throw refuse(
      "manifest",
      "archive-extract",
      "The archive is an extract: it holds values, not history, and cannot be merged.",
      "manifest.json extract",
      "Use `lamplog import` to take over its values as changes of your own.",
    )
  }
  if (project !== replica.project) {
    throw refuse(
      "manifest",
      "other-project",
      `The archive is of project ${shown(manifest.name)} (${project}); this is ${replica.name} (${replica.project}).`,
      "manifest.json project",
      "Use `lamplog import` to take over the values of another project.",
    )
  }
  if (schema.name !== replica.schema.name) {
    throw refuse(
      "manifest",
      "schema-mismatch",
      `The archive follows the schema ${shown(schema.name)}; this project follows ${replica.schema.name}.`,
      "manifest.json schema",
      "Merge archives of the same project and schema only.",
    )
  }
}

const checkEnd = (log: ManifestLog, receiver: Receiver): void => {
  const { seq, hash } = receiver.head()
  if (seq === log.to && hash === log.head) return
  throw refuse(
    "structure",
    "log-end",
    `The log ${log.log} ends with event ${seq} (${hash.slice(0, 8)}…); the manifest says ${log.to} (${log.head.slice(0, 8)}…).`,
    log.members.at(-1)!,
  )
}

/** Refuses an archive that needs, or promises, events that are not here. */
const checkHeld = (replica: Replica, frontier: Frontier, part: keyof Manifest): void => {
  for (const [log, { seq, hash }] of Object.entries(frontier)) {
    if (replica.lines.holding(log.slice(0, nodeLength), seq, hash) !== undefined) continue
    throw refuse(
      "structure",
      "history-missing",
      `The archive builds on event ${seq} of ${log} (${hash.slice(0, 8)}…), which is neither held here nor in it.`,
      `manifest.json ${part} ${log}`,
      "Ask for an archive that reaches further back, or a complete one.",
    )
  }
}

/** Names the first line of the snapshot that is not this replica's. */
const firstDifference = async (archive: Archive, replica: Replica): Promise<number> => {
  const own = snapshotLines(replica)
  let line = 0
  for await (const batch of archive.lines(snapshotPath, snapshotLineBytesMax)) {
    for (const text of batch) {
      line += 1
      if (own.next().value !== text) return line
    }
  }
  return line + 1
}

const snapshotHash = async (replica: Replica, signal: AbortSignal): Promise<string> => {
  const hash = createHash("sha256")
  let lines = 0
  for (const line of snapshotLines(replica)) {
    hash.update(`${line}\n`)
    lines += 1
    if (lines % turnLines === 0) await breathe(signal)
  }
  return hash.digest("hex")
}

/** Lines hashed between two looks at the clock of others. */
const turnLines = 2000

const mismatch = (message: string, where: string) =>
  refuse(
    "referential",
    "snapshot-mismatch",
    message,
    where,
    "Ask for a new copy; if it says the same, run `lamplog verify` where it was exported.",
  )

/** What the manifest says of the state, where it can be compared with this replica's. */
const checkCounts = (manifest: Manifest, own: StateCounts): void => {
  for (const name of ["itemCounts", "entities", "conflicts"] as const) {
    if (equalJson(manifest[name], own[name])) continue
    const said = JSON.stringify(manifest[name]).slice(0, 200)
    const found = JSON.stringify(own[name]).slice(0, 200)
    throw mismatch(
      `The manifest's ${name} are ${said}, but its logs give ${found}.`,
      `manifest.json ${name}`,
    )
  }
}

/** Compares the state with the archive's; false when both do not hold the same or read it alike. */
const checkState = async (
  archive: Archive,
  replica: Replica,
  signal: AbortSignal,
): Promise<boolean> => {
  const { manifest } = archive
  const comparable =
    manifest.schema.version === replica.schema.version &&
    equalFrontiers(manifest.frontier, replica.lines.frontier())
  if (!comparable) return false
  replica.projection.flush()
  const counts = countState(replica.sqlite)
  // Whoever understands more or fewer of the same events sees another state.
  if (counts.setAside !== manifest.setAside) return false
  const promised = manifest.members.find(({ path }) => path === snapshotPath)
  if (promised !== undefined && (await snapshotHash(replica, signal)) !== promised.sha256) {
    const place = `${snapshotPath} line ${await firstDifference(archive, replica)}`
    throw mismatch(`${place}: the archive's logs give another state than its snapshot.`, place)
  }
  if (replica.digest() !== manifest.digest) {
    throw mismatch(
      "The manifest's digest is not that of the state that its logs give.",
      "manifest.json digest",
    )
  }
  checkCounts(manifest, counts)
  return true
}

/** Reads the snapshot to its end, which proves its bytes. */
const checkSnapshot = async (archive: Archive, signal: AbortSignal): Promise<void> => {
  if (isIncremental(archive.manifest)) return
  for await (const chunk of archive.chunks(snapshotPath)) {
    if (chunk.length > 0) signal.throwIfAborted()
  }
}

/** Takes the events of an archive that is known to belong here, whatever they mean. */
export const takeLogs = async (
  archive: Archive,
  replica: Replica,
  { onProgress }: ProgressOption,
  signal: AbortSignal,
): Promise<Received> => {
  const { manifest } = archive
  checkHeld(replica, manifest.prerequisites, "prerequisites")
  const receiver = new Receiver(replica)
  let done = 0
  for (const log of manifest.logs) {
    receiver.begin(log)
    for (const member of log.members) {
      let line = 0
      for await (const batch of archive.lines(member)) {
        for (const text of batch) receiver.line(text, `${member} line ${(line += 1)}`)
        done += batch.length
        onProgress?.({ stage: "receiving", done, total: manifest.events, unit: "events" })
        await breathe(signal)
      }
    }
    checkEnd(log, receiver)
    receiver.end(log.signature)
  }
  if (done !== manifest.events) {
    throw refuse(
      "structure",
      "event-count",
      `The archive has ${done} events; its manifest says ${manifest.events}.`,
      "manifest.json events",
    )
  }
  await checkSnapshot(archive, signal)
  checkHeld(replica, manifest.frontier, "frontier")
  return receiver.finish()
}

/** `receiveArchive` for those who run inside asynchronous work already. */
export const takeArchive = async (
  archive: Archive,
  replica: Replica,
  options: ProgressOption,
  signal: AbortSignal,
): Promise<ReceivedArchive> => {
  checkBelongs(archive.manifest, replica)
  const received = await takeLogs(archive, replica, options, signal)
  return { ...received, compared: await checkState(archive, replica, signal) }
}

/**
 * Takes all of an archive's events. Call it inside a transaction of the replica; when it fails or is
 * interrupted the caller rolls back.
 */
export const receiveArchive = (
  archive: Archive,
  replica: Replica,
  options: ProgressOption = {},
): Effect.Effect<ReceivedArchive, LamplogError> =>
  work(archive.path, (signal) => takeArchive(archive, replica, options, signal))
