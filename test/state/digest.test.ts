/**
 * The digest: fixed answers, the same by hand, and the same however a replica came by its state.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openSchema } from "../../src/domain/open.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import {
  bucketCount,
  bucketHash,
  bucketOf,
  leafHash,
  nameHash,
  stateDigest,
} from "../../src/state/digest.ts"
import { conflictId, entityLine } from "../../src/state/entity.ts"
import { Author } from "../../src/store/author.ts"
import { snapshotLines } from "../../src/store/query.ts"
import { Replica } from "../../src/store/replica.ts"
import { Random } from "../simulation/random.ts"
import { digestOfSnapshot } from "./snapshot-digest.ts"

describe("the parts of the digest", () => {
  it("give the answers they have always given", () => {
    const name = nameHash("token", "a/b")
    expect(name).toBe("089cc780e69c4b27b0908d8c6b839b97fa6d65a399a7b2c8eba59507b57bef0e")
    expect(bucketOf(name)).toBe(0x089)
    expect(leafHash("{}")).toBe("56996b69dcb53cdef42e4783679fd5b80266fefa3e27bbdea100efcbf8fca0bd")
    const leaves = [
      { name: "b", hash: "2" },
      { name: "a", hash: "1" },
    ]
    expect(bucketHash(leaves)).toBe(
      "0c7c2a476a0eae2ad5014d77a23fe7c4e518ee39a264dcf15e182170c2aba71e",
    )
    expect(bucketHash(leaves.toReversed())).toBe(bucketHash(leaves))
    expect(bucketHash([])).toBe("")
    const empty = new Array<string>(bucketCount).fill("")
    expect(stateDigest({ name: "open", version: 1 }, empty)).toBe(
      "58a039ba39dc3f67b74fc927208fd58107d26ad2d8cf2b7d07b1b4f468511a0b",
    )
    expect(conflictId("token", "a/b", "modes/d~0", ["b".repeat(64), "a".repeat(64)])).toBe(
      "0dc77d574d3041c5419941decc56029b",
    )
  })

  it("tell readers of another schema or version apart", () => {
    const empty = new Array<string>(bucketCount).fill("")
    const digests = [
      stateDigest({ name: "open", version: 1 }, empty),
      stateDigest({ name: "open", version: 2 }, empty),
      stateDigest({ name: "opener", version: 1 }, empty),
    ]
    expect(new Set(digests).size).toBe(3)
  })

  it("put every fact of an entity into its line, escaped", () => {
    expect(entityLine('t"', "é\n", true, '{"a":1}', "[]")).toBe(
      '{"conflicts":[],"deleted":true,"fields":{"a":1},"id":"é\\n","type":"t\\""}',
    )
  })
})

describe("the digest of a replica", () => {
  let folder: string
  let replica: Replica
  const options = () => ({
    schemas: new SchemaRegistry().register(openSchema),
    stateDirectory: join(folder, "state"),
  })
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lamplog-digest-"))
    replica = Replica.create(join(folder, ".lamplog"), {
      ...options(),
      name: "digest",
      schema: "open",
    })
  })
  afterEach(() => {
    replica.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it("is the one recomputed from its snapshot, after every change and after reopening", () => {
    const random = new Random(11)
    let author = new Author(replica)
    const names = Array.from({ length: 300 }, (_, index) => `e${index}`)
    for (let round = 0; round < 30; round++) {
      const many = round % 7 === 0
      const changes = random.some(names, many ? 0.6 : 0.02).map((id) =>
        random.chance(0.2)
          ? { op: "delete" as const, type: "thing", id }
          : {
              op: "patch" as const,
              type: "thing",
              id,
              fields: { x: random.below(5), "2": 1, "10": {} },
            },
      )
      author.write(changes, { actor: "ana" })
      if (round % 3 === 0) {
        expect(replica.digest(), `round ${round}`).toBe(
          digestOfSnapshot("open 1", snapshotLines(replica)),
        )
      }
      if (round % 10 !== 9) continue
      replica.close()
      replica = Replica.open(join(folder, ".lamplog"), options())
      author = new Author(replica)
      expect(replica.digest(), `round ${round}`).toBe(
        digestOfSnapshot("open 1", snapshotLines(replica)),
      )
    }
  })

  it("sees what another connection to the same file wrote", () => {
    const other = Replica.open(join(folder, ".lamplog"), options())
    try {
      const changes = Array.from({ length: 200 }, (_, index) => ({
        op: "put" as const,
        type: "thing",
        id: `e${index}`,
        fields: { x: index },
      }))
      new Author(replica).write(changes, { actor: "ana" })
      expect(other.digest()).toBe(replica.digest())
      new Author(other).write([{ op: "delete", type: "thing", id: "e7" }], { actor: "bo" })
      expect(replica.digest()).toBe(digestOfSnapshot("open 1", snapshotLines(other)))
      new Author(replica).write([{ op: "put", type: "thing", id: "e7", fields: { y: 1 } }], {
        actor: "ana",
      })
      expect(other.digest()).toBe(digestOfSnapshot("open 1", snapshotLines(replica)))
    } finally {
      other.close()
    }
  })
})
