/**
 * The checked-in vectors of docs/FORMAT.md: the engine still computes every one of them, and each
 * follows from its own parts by the formulas on the page.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { manifestFromBytes } from "../../src/archive/manifest.ts"
import { proofFromText } from "../../src/archive/proof.ts"
import type { Proof } from "../../src/archive/proof.ts"
import { canonicalFromJson, CanonicalError, jsonFromCanonical } from "../../src/event/canonical.ts"
import { bodyFromText, headerFromText, headerText } from "../../src/event/event.ts"
import {
  bodyHash,
  chainHash,
  genesisHash,
  saltsOf,
  sha256,
  verifyHead,
} from "../../src/event/hash.ts"
import { signManifest } from "../../src/seal/archive-note.ts"
import { signingKeyFromPem } from "../../src/seal/keys.ts"
import { conflictId } from "../../src/state/entity.ts"
import { bucketCount, bucketHash, bucketOf, stateDigest } from "../../src/state/digest.ts"
import { makeVectors, pemOf, vectorsPath } from "./vectors.ts"
import type { Vectors } from "./vectors.ts"

const isHeld = (proof: Proof): boolean => proof.kind === "leaf" && proof.heads !== undefined

const vectors = JSON.parse(readFileSync(vectorsPath, "utf8")) as Vectors

describe("the vectors of docs/FORMAT.md", () => {
  it("are what the engine writes today", async () => {
    expect(JSON.parse(JSON.stringify(await makeVectors()))).toEqual(vectors)
  })

  it("tell canonical text from other text", () => {
    for (const sample of vectors.canonical) {
      if ("refused" in sample) {
        expect(() => jsonFromCanonical(sample.json), sample.json).toThrow(CanonicalError)
        continue
      }
      const value = jsonFromCanonical(sample.canonical)
      expect(canonicalFromJson(value)).toBe(sample.canonical)
      if (sample.json !== sample.canonical) {
        expect(() => jsonFromCanonical(sample.json), sample.json).toThrow("canonical form")
      }
    }
  })

  it("chain from the genesis hash to the signed head", () => {
    const { project } = vectors
    for (const [index, { node, publicKey, genesis, events, signature }] of vectors.logs.entries()) {
      const salts = saltsOf(vectors.keys[index]!.seed, project, node)
      let hash = genesisHash(project, publicKey)
      expect(hash).toBe(genesis)
      for (const event of events) {
        expect(bodyHash(event.salt, event.body)).toBe(event.bodyHash)
        expect(salts(event.seq)).toBe(event.salt)
        expect(headerFromText(event.header).body).toBe(event.bodyHash)
        expect(headerText(headerFromText(event.header))).toBe(event.header)
        expect(bodyFromText(event.body).kind).toBe(1)
        hash = chainHash(hash, event.header)
        expect(hash).toBe(event.chainHash)
      }
      expect(verifyHead(publicKey, signature, project, node, events.length, hash)).toBe(true)
      expect(vectors.frontier[node]).toEqual({ seq: events.length, hash })
    }
  })

  it("hold every part of a header", () => {
    const headers = vectors.logs.flatMap(({ events }) => events.map(({ header }) => header))
    const found = new Set(headers.flatMap((text) => Object.keys(JSON.parse(text) as object)))
    expect([...found].sort()).toEqual([
      "anchor",
      "body",
      "id",
      "lamport",
      "node",
      "op",
      "parents",
      "seq",
      "transaction",
      "type",
    ])
  })

  it("name conflicts by their candidates", () => {
    expect(vectors.conflicts.map(({ kind }) => kind).sort()).toEqual(["delete-edit", "field"])
    for (const { type, entity, field, candidates, id } of vectors.conflicts) {
      const hashes = candidates.map(({ hash }) => hash)
      expect(conflictId(type, entity, field, hashes)).toBe(id)
    }
  })

  it("sum up to the digest", () => {
    const buckets = Array.from({ length: bucketCount }, (_, bucket) =>
      bucketHash(
        vectors.entities
          .filter(({ name }) => bucketOf(name) === bucket)
          .map(({ name, leaf }) => ({ name, hash: leaf })),
      ),
    )
    expect(stateDigest(vectors.schema, buckets)).toBe(vectors.digest)
  })

  it("name and sign archives by the bytes of their manifests", () => {
    const { archives, signer } = vectors
    const [complete, incremental, extract] = archives.map(({ manifest }) =>
      manifestFromBytes(Buffer.from(manifest)),
    )
    expect(complete).toMatchObject({ prerequisites: {}, logs: [] })
    expect(Object.keys(incremental!.prerequisites)).toHaveLength(1)
    expect(extract!.extract!.selection).toEqual({ closed: true, entities: ["token/color/blue"] })
    expect(extract!.digest).toBe(vectors.digest)
    for (const { exportHash, manifest } of archives) expect(sha256(manifest)).toBe(exportHash)
    const key = signingKeyFromPem(pemOf(signer.seed), "test", signer.name)
    expect(key.verifier).toBe(signer.key)
    const { manifest, note } = archives[2]!
    expect(signManifest(Buffer.from(manifest), vectors.project, key).toString()).toBe(note)
  })

  it("prove the entities of an extract", () => {
    const { proofs } = vectors.archives[2]!
    const { bucket, leaf, name } = vectors.entities[1]!
    const [proof] = proofs!.map((line, index) => proofFromText(line, `${index}`)).filter(isHeld)
    expect(proof).toMatchObject({ key: name, hash: leaf })
    expect(bucketOf(name)).toBe(bucket)
  })

  it("name an asset by its bytes", () => {
    const { path, sha256: hash, text } = vectors.asset
    expect(sha256(text)).toBe(hash)
    expect(path).toBe(`assets/${hash.slice(0, 2)}/${hash}`)
  })
})
