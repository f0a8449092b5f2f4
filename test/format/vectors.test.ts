/**
 * The checked-in vectors of docs/FORMAT.md: the engine still computes every one of them, and each
 * follows from its own parts by the formulas on the page.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { canonicalFromJson, CanonicalError, jsonFromCanonical } from "../../src/event/canonical.ts"
import { bodyFromText, headerFromText, headerText } from "../../src/event/event.ts"
import { bodyHash, chainHash, genesisHash, saltsOf, verifyHead } from "../../src/event/hash.ts"
import { conflictId } from "../../src/state/entity.ts"
import { bucketCount, bucketHash, bucketOf, stateDigest } from "../../src/state/digest.ts"
import { makeVectors, vectorsPath } from "./vectors.ts"
import type { Vectors } from "./vectors.ts"

const vectors = JSON.parse(readFileSync(vectorsPath, "utf8")) as Vectors

describe("the vectors of docs/FORMAT.md", () => {
  it("are what the engine writes today", () => {
    expect(JSON.parse(JSON.stringify(makeVectors()))).toEqual(vectors)
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
})
