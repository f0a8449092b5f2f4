/**
 * One `.lamplog` file: logs, a snapshot, and a manifest that names every member by hash.
 *
 * A zip that ordinary tools open. The same replica state gives the same bytes: fixed member order,
 * times and attributes, canonical JSON, nothing of the exporter. The identity of an archive is the
 * SHA-256 of its manifest's bytes, `exportHash`. A hash alone stops accidents, not forgers.
 */
import type { Frontier } from "../log/frontier.ts"

export const archiveFormat = "lamplog-archive"
export const archiveVersion = 1

export const manifestPath = "manifest.json"
export const snapshotPath = "snapshot/entities.jsonl"

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
  readonly frontier: Frontier
  readonly logs: ReadonlyArray<ManifestLog>
  readonly members: ReadonlyArray<ManifestMember>
  /** Living entities by type. */
  readonly itemCounts: { readonly [type: string]: number }
  readonly events: number
  readonly conflicts: number
  /** State digest of the snapshot. */
  readonly digest: string
}
