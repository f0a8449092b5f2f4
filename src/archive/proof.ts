/**
 * `snapshot/proofs.jsonl`: that the entities of an extract stand in the state of its digest.
 *
 * The digest is a hash over buckets, a bucket's hash one over leaves, and a leaf the hash of an
 * entity's name beside the hash of its line (`state/digest.ts`). A bucket without any entity of the
 * extract is given by its hash alone; of all others every leaf is given, so that a stranger computes
 * the digest anew. Each line is canonical JSON of one of three shapes:
 *
 *     {"bucket":"0a3","hash":…}                       a bucket, nothing of which is in the extract
 *     {"hash":…,"name":…}                             a leaf that is not in the extract
 *     {"hash":…,"heads":[{"hash","node","seq"}, …],"name":…}   one that is, and where it comes from
 *
 * Lines are sorted by bucket or name, which begins with its bucket; empty buckets have none.
 */
import { canonicalFromJson, jsonFromCanonical } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { isHash, isIdentifier } from "../event/hash.ts"
import type { Reference } from "../event/stamp.ts"
import { bucketCount } from "../state/digest.ts"
import type { Sqlite } from "../store/database.ts"
import { leafOfRow } from "../store/digest.ts"
import type { BucketRow, ComputedDigest } from "../store/digest.ts"
import { stateFromRow } from "../store/projection.ts"
import type { EntityRow } from "../store/projection.ts"
import { refuse } from "./refuse.ts"

export interface BucketProof {
  readonly kind: "bucket"
  /** Three hexadecimal characters. */
  readonly key: string
  readonly hash: string
}

export interface LeafProof {
  readonly kind: "leaf"
  /** The hash of the entity's name. */
  readonly key: string
  readonly hash: string
  /** Set for entities of the extract: the events that its state comes from. */
  readonly heads: ReadonlyArray<Reference> | undefined
}

export type Proof = BucketProof | LeafProof

export const bucketKey = (bucket: number): string => bucket.toString(16).padStart(3, "0")

const bucketPattern = /^[0-9a-f]{3}$/

const lineOf = (proof: Proof): string => {
  const { hash, key } = proof
  if (proof.kind === "bucket") return canonicalFromJson({ bucket: key, hash })
  if (proof.heads === undefined) return canonicalFromJson({ hash, name: key })
  const heads = proof.heads.map((head) => ({ hash: head.hash, node: head.node, seq: head.seq }))
  return canonicalFromJson({ hash, heads, name: key })
}

const headFrom = (value: Json): Reference | undefined => {
  if (value === null || typeof value !== "object") return undefined
  const { hash, node, seq } = value as JsonObject
  const fits =
    Object.keys(value).join() === "hash,node,seq" &&
    isHash(hash) &&
    isIdentifier(node) &&
    Number.isSafeInteger(seq) &&
    (seq as number) >= 1
  return fits ? (value as unknown as Reference) : undefined
}

const proofFrom = (value: Json): Proof | undefined => {
  if (value === null || typeof value !== "object") return undefined
  const { bucket, hash, heads, name } = value as JsonObject
  if (!isHash(hash)) return undefined
  const keys = Object.keys(value).join()
  if (keys === "bucket,hash") {
    const fits = typeof bucket === "string" && bucketPattern.test(bucket)
    return fits ? { kind: "bucket", key: bucket, hash } : undefined
  }
  if (!isHash(name)) return undefined
  if (keys === "hash,name") return { kind: "leaf", key: name, hash, heads: undefined }
  if (keys !== "hash,heads,name" || !Array.isArray(heads) || heads.length === 0) return undefined
  const read = heads.map((head) => headFrom(head as Json))
  if (read.includes(undefined)) return undefined
  return { kind: "leaf", key: name, hash, heads: read as ReadonlyArray<Reference> }
}

/** Reads a line. Throws `CanonicalError`, or refuses it. */
export const proofFromText = (text: string, place: string): Proof => {
  const proof = proofFrom(jsonFromCanonical(text))
  if (proof !== undefined) return proof
  throw refuse("schema", "proof-line", `${place}: the line is not a proof.`, place)
}

/** The buckets as the digest was computed from them, one after another. */
function* bucketRows(sqlite: Sqlite, { changed }: ComputedDigest): Generator<BucketRow> {
  const stored = sqlite.prepare<[number], BucketRow>("SELECT * FROM buckets WHERE bucket = ?")
  const newer = new Map(changed.map((row) => [row.bucket, row]))
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const row = newer.get(bucket) ?? stored.get(bucket)
    if (row !== undefined && row.hash !== "") yield row
  }
}

/** The lines of the proofs for entities in these rows, without their line feeds. */
export function* proofLines(
  sqlite: Sqlite,
  computed: ComputedDigest,
  has: (entity: number) => boolean,
): Generator<string> {
  const rowAt = sqlite.prepare<[number], EntityRow>("SELECT * FROM entities WHERE entity = ?")
  for (const { bucket, hash, members } of bucketRows(sqlite, computed)) {
    const entities = JSON.parse(members) as ReadonlyArray<number>
    if (!entities.some(has)) {
      yield lineOf({ kind: "bucket", key: bucketKey(bucket), hash })
      continue
    }
    const leaves: Array<LeafProof> = []
    for (const entity of entities) {
      const row = rowAt.get(entity)!
      const state = stateFromRow(row)
      if (state === undefined) continue
      const { name, hash: leaf } = leafOfRow(row)
      const heads = has(entity) ? state.heads : undefined
      leaves.push({ kind: "leaf", key: name, hash: leaf, heads })
    }
    yield* leaves.sort((left, right) => (left.key < right.key ? -1 : 1)).map(lineOf)
  }
}
