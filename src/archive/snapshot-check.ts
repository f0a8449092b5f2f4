/**
 * What a snapshot says by itself: its entities in order, and as many as the manifest counts; their
 * digest, where nothing else gives it.
 *
 * Where the logs cannot be folded as the exporter folded them, the snapshot is at least held to be the
 * state that the manifest names. Memory holds 64 bytes an entity for that.
 */
import { createHash } from "node:crypto"
import { shown } from "../event/failure.ts"
import { compareBytes, equalJson } from "../event/canonical.ts"
import {
  beforeLeaf,
  bucketCount,
  bucketOf,
  leafHash,
  leafLine,
  nameHash,
  stateDigest,
} from "../state/digest.ts"
import { snapshotPath } from "./archive.ts"
import type { Manifest } from "./archive.ts"
import { snapshotEntityFrom, snapshotLineBytesMax } from "./read.ts"
import type { Archive, SnapshotEntity } from "./read.ts"
import { refuse } from "./refuse.ts"
import { breathe } from "./work.ts"

/** Longest piece of what is counted that a message repeats, in characters. */
const countsLengthMax = 200

const mismatch = (message: string, where: string) =>
  refuse("referential", "snapshot-mismatch", message, where)

/** Counts entities in the order of the snapshot, which must be theirs. */
export class SnapshotTally {
  readonly #itemCounts = new Map<string, number>()
  #entities = 0
  #conflicts = 0
  #before: SnapshotEntity | undefined

  entity(entity: SnapshotEntity, where: string): void {
    const { conflicts, deleted, id, type } = entity
    const before = this.#before
    const ascends =
      before === undefined || (compareBytes(before.type, type) || compareBytes(before.id, id)) < 0
    if (!ascends) {
      const message = `${where}: ${shown(`${type}/${id}`)} is not in order.`
      throw refuse("structure", "snapshot-order", message, where)
    }
    this.#before = entity
    this.#entities += 1
    this.#conflicts += conflicts.length
    if (!deleted) this.#itemCounts.set(type, (this.#itemCounts.get(type) ?? 0) + 1)
  }

  /** Refuses what the manifest counts otherwise. */
  compare(manifest: Manifest): void {
    const found = {
      itemCounts: Object.fromEntries(this.#itemCounts),
      entities: this.#entities,
      conflicts: this.#conflicts,
    }
    for (const name of ["itemCounts", "entities", "conflicts"] as const) {
      if (equalJson(manifest[name], found[name])) continue
      const said = JSON.stringify(manifest[name]).slice(0, countsLengthMax)
      const has = JSON.stringify(found[name]).slice(0, countsLengthMax)
      const message = `The manifest's ${name} are ${said}; the snapshot has ${has}.`
      throw mismatch(shown(message), `manifest.json ${name}`)
    }
  }
}

const hashBytes = 32
const leafBytes = 2 * hashBytes
const leavesAtFirst = 1024

/** Leaves of the digest in any order: the hash of the name and that of the line, in bytes. */
class Leaves {
  #bytes = Buffer.alloc(leavesAtFirst * leafBytes)
  #count = 0

  add(name: string, leaf: string): void {
    const at = this.#count * leafBytes
    if (at === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, this.#bytes])
    this.#bytes.write(name, at, "hex")
    this.#bytes.write(leaf, at + hashBytes, "hex")
    this.#count += 1
  }

  #compare(left: number, right: number): number {
    const start = left * leafBytes
    const other = right * leafBytes
    return this.#bytes.compare(this.#bytes, other, other + hashBytes, start, start + hashBytes)
  }

  digest(schema: Manifest["schema"]): string {
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index)
    order.sort((left, right) => this.#compare(left, right))
    const buckets = new Array<string>(bucketCount).fill("")
    for (let at = 0; at < order.length;) {
      const bucket = this.#bucket(order[at]!)
      const hash = createHash("sha256")
      for (let index = 0; at < order.length && this.#bucket(order[at]!) === bucket; index++, at++) {
        const [name, leaf] = this.#leaf(order[at]!)
        hash.update(beforeLeaf(index) + leafLine({ name, hash: leaf }))
      }
      buckets[bucket] = hash.digest("hex")
    }
    return stateDigest(schema, buckets)
  }

  #leaf(index: number): readonly [name: string, leaf: string] {
    const at = index * leafBytes
    return [
      this.#bytes.toString("hex", at, at + hashBytes),
      this.#bytes.toString("hex", at + hashBytes, at + leafBytes),
    ]
  }

  #bucket(index: number): number {
    return bucketOf(this.#leaf(index)[0])
  }
}

/** Refuses a snapshot that is not the state of which the manifest gives digest and counts. */
export const checkSnapshot = async (archive: Archive, signal: AbortSignal): Promise<void> => {
  const { manifest } = archive
  const tally = new SnapshotTally()
  const leaves = new Leaves()
  let line = 0
  for await (const batch of archive.lines(snapshotPath, snapshotLineBytesMax)) {
    for (const text of batch) {
      const where = `${snapshotPath} line ${(line += 1)}`
      const entity = snapshotEntityFrom(text, where)
      tally.entity(entity, where)
      leaves.add(nameHash(entity.type, entity.id), leafHash(text))
    }
    await breathe(signal)
  }
  tally.compare(manifest)
  const digest = leaves.digest(manifest.schema)
  if (digest === manifest.digest) return
  const message = `The snapshot has the digest ${digest.slice(0, 8)}…; the manifest says ${manifest.digest.slice(0, 8)}….`
  throw mismatch(message, "manifest.json digest")
}
