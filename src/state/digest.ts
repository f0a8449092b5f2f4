/**
 * One hash for the whole state, cheap to keep up to date.
 *
 * Each entity's line (`entityLine`) is a leaf; leaves live in 4,096 buckets by the hash of the
 * entity's name; the root hashes the buckets. A change touches one bucket. The schema's name and
 * version are part of the root: digests say something only between equal readers.
 */
import { sha256 } from "../event/hash.ts"

export const bucketCount = 4096

/** The hash of an entity's name; a type holds no "/", so the pair is unambiguous. */
export const nameHash = (type: string, id: string): string =>
  sha256(`lamplog:entity:1\n${type}/${id}`)

/** The bucket is the first 12 bits of the name's hash. */
export const bucketOf = (name: string): number => Number.parseInt(name.slice(0, 3), 16)

export const leafHash = (line: string): string => sha256(`lamplog:leaf:1\n${line}`)

export interface Leaf {
  readonly name: string
  readonly hash: string
}

/** What is hashed before each leaf of a bucket: its domain before the first, then line feeds. */
export const beforeLeaf = (index: number): string => (index === 0 ? "lamplog:bucket:1\n" : "\n")

export const leafLine = ({ name, hash }: Leaf): string => `${name} ${hash}`

/** The hash of a bucket, over its leaves by name; "" for an empty bucket. */
export const bucketHash = (leaves: ReadonlyArray<Leaf>): string => {
  if (leaves.length === 0) return ""
  const sorted = leaves.toSorted((left, right) => (left.name < right.name ? -1 : 1))
  return sha256(sorted.map((leaf, index) => beforeLeaf(index) + leafLine(leaf)).join(""))
}

export const stateDigest = (
  schema: { readonly name: string; readonly version: number },
  buckets: ReadonlyArray<string>,
): string => sha256(`lamplog:state:1\n${schema.name} ${schema.version}\n${buckets.join("\n")}`)
