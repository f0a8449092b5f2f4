/**
 * Checking an extract: its proofs give the digest that its manifest names, and prove each of its
 * entities; its entities are what the manifest says of them.
 *
 * Proofs are sorted by hashes of names and entities by names, so a run of proofs waits in memory
 * while the snapshot is read for the entities that they prove; as often as it takes. Memory holds
 * the hashes of all buckets, one run and one line, however large the extract.
 */
import { createHash } from "node:crypto"
import type { Hash } from "node:crypto"
import { shown } from "../event/failure.ts"
import { CanonicalError } from "../event/canonical.ts"
import {
  beforeLeaf,
  bucketCount,
  bucketOf,
  leafHash,
  leafLine,
  nameHash,
  stateDigest,
} from "../state/digest.ts"
import { proofsPath, snapshotPath } from "./archive.ts"
import type { Manifest } from "./archive.ts"
import { EntityCheck } from "./extract-entities.ts"
import { nodeLength } from "../store/travelling.ts"
import { proofFromText } from "./proof.ts"
import type { LeafProof, Proof } from "./proof.ts"
import { snapshotEntityFrom, snapshotLineBytesMax } from "./read.ts"
import type { Archive, SnapshotEntity } from "./read.ts"
import { refuse } from "./refuse.ts"
import { breathe } from "./work.ts"

/** Proofs of entities that wait for the snapshot at once, at most. */
const runProofsMax = 50_000
/** After every hash. */
const beyondNames = "g"

const mismatch = (message: string, where: string) =>
  refuse("referential", "proof-mismatch", message, where)

/** Computes the digest from the lines of the proofs, as they go by. */
class DigestCheck {
  readonly #manifest: Manifest
  readonly #hashes = new Array<string>(bucketCount).fill("")
  readonly #heights = new Map<string, number>()
  #last = ""
  #bucket = -1
  #leaves: Hash | undefined
  #count = 0
  /** Whether a leaf of the open bucket is in the extract. */
  #wanted = false

  constructor(manifest: Manifest) {
    this.#manifest = manifest
    for (const [log, { seq }] of Object.entries(manifest.frontier)) {
      const node = log.slice(0, nodeLength)
      this.#heights.set(node, Math.max(seq, this.#heights.get(node) ?? 0))
    }
  }

  line(proof: Proof, where: string): void {
    if (proof.key <= this.#last) {
      throw refuse("structure", "proof-order", `${where}: the proofs are not sorted.`, where)
    }
    this.#last = proof.key
    const bucket = bucketOf(proof.key)
    if (bucket !== this.#bucket) {
      this.#close(where)
      this.#bucket = bucket
    } else if (this.#leaves === undefined) {
      const message = `${where}: the bucket ${proof.key.slice(0, 3)} has a hash and leaves.`
      throw refuse("structure", "proof-order", message, where)
    }
    if (proof.kind === "bucket") this.#hashes[bucket] = proof.hash
    else this.#leaf(proof, where)
  }

  #leaf({ heads, hash, key: name }: LeafProof, where: string): void {
    this.#leaves ??= createHash("sha256")
    this.#leaves.update(beforeLeaf(this.#count) + leafLine({ name, hash }))
    this.#count += 1
    if (heads === undefined) return
    this.#wanted = true
    for (const { node, seq } of heads) {
      if (seq <= (this.#heights.get(node) ?? 0)) continue
      throw mismatch(`${where}: event ${seq} of ${node} is beyond the frontier.`, where)
    }
  }

  #close(where: string): void {
    if (this.#leaves === undefined) return
    if (!this.#wanted) {
      const message = `The leaves before ${where} prove no entity of the extract.`
      throw refuse("structure", "proof-needless", message, where)
    }
    this.#hashes[this.#bucket] = this.#leaves.digest("hex")
    this.#leaves = undefined
    this.#count = 0
    this.#wanted = false
  }

  end(): void {
    this.#close(`the end of ${proofsPath}`)
    const { digest, schema } = this.#manifest
    const proven = stateDigest(schema, this.#hashes)
    if (proven === digest) return
    throw mismatch(
      `The proofs give the digest ${proven.slice(0, 8)}…; the manifest says ${digest.slice(0, 8)}….`,
      "manifest.json digest",
    )
  }
}

/** An entity of a line that was found to be one before. */
const entityAgain = (text: string, where: string): SnapshotEntity => {
  try {
    return JSON.parse(text) as SnapshotEntity
  } catch {
    throw refuse("manifest", "member-hash", `${where}: the file was changed while read.`, where)
  }
}

/** Proofs that wait for the entities that they prove: leaf hashes by the hash of the name. */
class Run {
  readonly waiting: Map<string, { readonly hash: string; readonly line: number }>
  /** Names up to here belong to earlier runs. */
  readonly #after: string
  readonly #upTo: string

  constructor(after: string, waiting: Run["waiting"], upTo: string) {
    this.#after = after
    this.waiting = waiting
    this.#upTo = upTo
  }

  entity(text: string, where: string): void {
    const { type, id } = entityAgain(text, where)
    const name = nameHash(type, id)
    if (name <= this.#after || name > this.#upTo) return
    const proof = this.waiting.get(name)
    this.waiting.delete(name)
    if (proof?.hash === leafHash(text)) return
    const fault = proof === undefined ? "has no proof" : "is not what its proof says"
    throw mismatch(`${where}: ${shown(`${type}/${id}`)} ${fault}.`, where)
  }

  end(): void {
    for (const { line } of this.waiting.values()) {
      const where = `${proofsPath} line ${line}`
      throw mismatch(`${where}: the entity that is proven here is not in the extract.`, where)
    }
  }
}

const readSnapshot = async (
  archive: Archive,
  visit: (text: string, where: string) => void,
  signal: AbortSignal,
): Promise<void> => {
  let line = 0
  for await (const batch of archive.lines(snapshotPath, snapshotLineBytesMax)) {
    for (const text of batch) visit(text, `${snapshotPath} line ${(line += 1)}`)
    await breathe(signal)
  }
}

const proofAt = (text: string, where: string): Proof => {
  try {
    return proofFromText(text, where)
  } catch (error) {
    if (!(error instanceof CanonicalError)) throw error
    throw refuse("schema", error.code, `${where}: ${error.message}.`, where)
  }
}

/**
 * Checks an extract from end to end; throws for its first fault. Of its proofs, `runProofs` wait in
 * memory at once.
 */
export const checkProofs = async (
  archive: Archive,
  signal: AbortSignal,
  runProofs = runProofsMax,
): Promise<void> => {
  const entities = new EntityCheck(archive.manifest)
  const visit = (text: string, where: string): void =>
    entities.entity(snapshotEntityFrom(text, where), where)
  await readSnapshot(archive, visit, signal)
  entities.end()
  const digest = new DigestCheck(archive.manifest)
  let waiting: Run["waiting"] = new Map()
  let after = ""
  const settle = async (upTo: string): Promise<void> => {
    const run = new Run(after, waiting, upTo)
    await readSnapshot(archive, (text, where) => run.entity(text, where), signal)
    run.end()
    waiting = new Map()
    after = upTo
  }
  let line = 0
  for await (const batch of archive.lines(proofsPath, snapshotLineBytesMax)) {
    for (const text of batch) {
      const where = `${proofsPath} line ${(line += 1)}`
      const proof = proofAt(text, where)
      digest.line(proof, where)
      if (proof.kind === "bucket" || proof.heads === undefined) continue
      waiting.set(proof.key, { hash: proof.hash, line })
      if (waiting.size === runProofs) await settle(proof.key)
    }
    await breathe(signal)
  }
  digest.end()
  await settle(beyondNames)
}
