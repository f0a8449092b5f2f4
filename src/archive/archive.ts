/**
 * One `.lamplog` file: logs, a snapshot, and a manifest that names every member by hash.
 *
 * A zip that ordinary tools open. The same replica state gives the same bytes: fixed member order,
 * times and attributes, canonical JSON, nothing of the exporter. The identity of an archive is the
 * SHA-256 of its manifest's bytes, `exportHash`. A hash alone stops accidents, not forgers.
 *
 * Invariants
 *  1. `manifest.json` is the first member; all others follow by the byte order of their paths.
 *  2. The members are exactly those that the manifest lists, and the manifest.
 *  3. A log stands after the log it parts from, so a reader can take them in order.
 *  4. Segments begin and end where transactions do; only a branch may begin inside one.
 */
import type { Frontier } from "../log/frontier.ts"

export const archiveFormat = "lamplog-archive"
export const archiveVersion = 1

export const manifestPath = "manifest.json"
export const snapshotPath = "snapshot/entities.jsonl"

/** Bytes of manifest.json. */
export const manifestBytesMax = 16 * 1024 * 1024
/** Members beside the manifest; a zip counts up to 65,535 without its 64-bit records. */
export const membersMax = 60_000

/** A run of one log's events in this archive. */
export interface ManifestLog {
  /** The log's name in the frontier: the node, or a branch of it. */
  readonly log: string
  readonly node: string
  /** 64 hexadecimal characters. */
  readonly publicKey: string
  /** First and last seq held in the members. */
  readonly from: number
  readonly to: number
  /** Chain hash before `from`, and at `to`. */
  readonly previous: string
  readonly head: string
  /** The node's own signature over the log up to `to`, when the exporter has it. */
  readonly signature?: string
  /** Segments in order, each a member's path. */
  readonly members: ReadonlyArray<string>
}

export interface ManifestMember {
  readonly path: string
  readonly sha256: string
  /** Uncompressed bytes. */
  readonly size: number
}

export interface Manifest {
  readonly format: typeof archiveFormat
  readonly version: number
  readonly project: string
  readonly name: string
  readonly schema: { readonly name: string; readonly version: number }
  /** What whoever takes this archive holds afterwards, at least. */
  readonly frontier: Frontier
  /** In reading order: a branch after what it parts from. */
  readonly logs: ReadonlyArray<ManifestLog>
  readonly members: ReadonlyArray<ManifestMember>
  /** Living entities by type. */
  readonly itemCounts: { readonly [type: string]: number }
  /** Lines in the members of logs. */
  readonly events: number
  /** Lines in the snapshot: living entities and tombstones. */
  readonly entities: number
  readonly conflicts: number
  /** Events of the frontier that a reader with this schema does not understand. */
  readonly setAside: number
  /** State digest of the snapshot. */
  readonly digest: string
}

/** How far a long call has come; what `ProgressReporter` takes. */
export interface ArchiveProgress {
  readonly stage: string
  readonly done: number
  readonly total: number | undefined
  readonly unit: "events" | "bytes"
}

export interface ProgressOption {
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined
}

/** The path of the segment of a log that begins at a seq. */
export const segmentPath = (log: string, from: number): string =>
  `logs/${log}/${String(from).padStart(10, "0")}.events`
