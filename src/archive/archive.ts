/**
 * One `.lamplog` file: logs, a snapshot, assets, and a manifest that names every member by hash.
 *
 * A zip that ordinary tools open. The same replica state gives the same bytes: fixed member order,
 * times and attributes, canonical JSON, nothing of the exporter. The identity of an archive is the
 * SHA-256 of its manifest's bytes, `exportHash`. A hash alone stops accidents, not forgers: only a
 * signature does, and `manifest.note` carries one if the exporter signed.
 *
 * A complete archive holds whole logs and the snapshot that they give. An incremental one holds what
 * a reader of its prerequisites lacks, and no snapshot. An extract holds chosen entities only, with
 * proofs that they stand in the state that its digest names, and no logs.
 *
 * Invariants
 *  1. `manifest.json` is the first member, `manifest.note` the second if there is one; all others
 *     follow by the byte order of their paths.
 *  2. The members are exactly those that the manifest lists, the manifest and its note.
 *  3. A log stands after the log it parts from, so a reader can take them in order.
 *  4. Segments begin and end where transactions do; only a branch may begin inside one.
 */
import type { Json } from "../event/canonical.ts"
import type { Frontier } from "../log/frontier.ts"

export const archiveFormat = "lamplog-archive"
export const archiveVersion = 1

export const manifestPath = "manifest.json"
export const notePath = "manifest.note"
export const snapshotPath = "snapshot/entities.jsonl"
/** Where an extract proves that its entities stand in the state of the digest. */
export const proofsPath = "snapshot/proofs.jsonl"

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

/**
 * What was asked for when entities were chosen. Parts that are there must all hold; what a part
 * lists are alternatives, sorted, each once.
 */
export interface Selection {
  readonly types?: ReadonlyArray<string>
  /** Names of entities, `type/id`. */
  readonly entities?: ReadonlyArray<string>
  /** Groups by their paths: they themselves, and the tokens and groups below them. */
  readonly groups?: ReadonlyArray<string>
  /** Elements of the field `tags`. */
  readonly tags?: ReadonlyArray<string>
  /** Values of fields: alternatives for the same field, while several fields must all hold. */
  readonly where?: ReadonlyArray<FieldCondition>
  /** Whether what the chosen entities refer to was taken along, however far. */
  readonly closed: boolean
}

export interface FieldCondition {
  readonly field: string
  readonly value: Json
}

/** A reference out of an extract: what it names was not taken along, or is not there. */
export interface OpenReference {
  /** `type/id` of the entity that refers. */
  readonly from: string
  /** The field that holds the reference (`map/key` for a map). */
  readonly field: string
  /** `type/id` of what it refers to. */
  readonly to: string
}

/** What an extract says of itself beside what every archive says. */
export interface ManifestExtract {
  readonly selection: Selection
  /** By `from`, `field` and `to`, each once. */
  readonly open: ReadonlyArray<OpenReference>
}

export interface Manifest {
  readonly format: typeof archiveFormat
  readonly version: number
  readonly project: string
  readonly name: string
  readonly schema: { readonly name: string; readonly version: number }
  /** What whoever takes this archive holds afterwards, at least; in an extract, where it is from. */
  readonly frontier: Frontier
  /** What whoever takes this archive must hold before; nothing in a complete archive. */
  readonly prerequisites: Frontier
  /** Set in an extract only. */
  readonly extract?: ManifestExtract
  /** In reading order: a branch after what it parts from. */
  readonly logs: ReadonlyArray<ManifestLog>
  readonly members: ReadonlyArray<ManifestMember>
  /** Living entities by type; in an extract, those chosen. */
  readonly itemCounts: { readonly [type: string]: number }
  /** Lines in the members of logs. */
  readonly events: number
  /** Entities of the state, tombstones too; in an extract, lines in its snapshot. */
  readonly entities: number
  /** Open conflicts; in an extract, those of its entities. */
  readonly conflicts: number
  /** Events of the frontier that a reader with this schema does not understand. */
  readonly setAside: number
  /** State digest at the frontier. */
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

/** The path of an asset's bytes. */
export const assetPath = (sha256: string): string => `assets/${sha256.slice(0, 2)}/${sha256}`

/** Whether an archive holds later events only, for a reader of its prerequisites. */
export const isIncremental = (manifest: Manifest): boolean =>
  Object.keys(manifest.prerequisites).length > 0
