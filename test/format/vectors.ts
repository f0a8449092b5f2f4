/**
 * The worked example of docs/FORMAT.md: two people, one token, one conflict.
 *
 * `node test/format/vectors.ts` writes docs/vectors.json, which is checked in; it is written anew only
 * when the page gains a vector. What stands there already may never change.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { assetPath, manifestPath, notePath, proofsPath } from "../../src/archive/archive.ts"
import { writeArchive } from "../../src/archive/write.ts"
import type { WriteArchiveOptions } from "../../src/archive/write.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { CanonicalError, canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import { genesisHash, keyPairFromSeed, nodeFromPublicKey, sha256 } from "../../src/event/hash.ts"
import { namesOfLines } from "../../src/log/branch.ts"
import { lineText } from "../../src/log/segment.ts"
import type { LineParts } from "../../src/log/segment.ts"
import { signingKeyFromPem } from "../../src/seal/keys.ts"
import { Author } from "../../src/store/author.ts"
import { openConflicts, snapshotLines } from "../../src/store/query.ts"
import { Receiver } from "../../src/store/receive.ts"
import { Replica } from "../../src/store/replica.ts"
import { bucketOf, leafHash, nameHash } from "../../src/state/digest.ts"
import { membersOf } from "../archive/hostile/base.ts"

export const vectorsPath = join(import.meta.dirname, "..", "..", "docs", "vectors.json")

export const project = "aaaqeayeaudaocajbifqydiob4"
export const seeds = {
  ana: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  bo: "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
}

/** A seed as the private key that other programs read. */
export const pemOf = (seed: string): string => {
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, "hex").toString("base64")
  return `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`
}

/** Texts of JSON values, and the canonical text of each; none for those that are refused. */
const canonicalSamples: ReadonlyArray<string> = [
  '{"b":1,"a":[true,false,null],"":""}',
  '{"10":"ten","9":"nine","a":{"2":2,"1":1}}',
  '{"\u20ac":1,"\\ud83d\\ude00":2,"\ufb33":3,"\\r":4,"\\u0080":5}',
  '"\\u0041\\u000f\\u0008\\t\\n\\f\\r\\"\\\\\\/\\u007f\\u2028"',
  "[0,-0,1.0,1e2,0.1,1e-6,1e-7,123456789012345680e-10,5e-324,9007199254740991,-1.5E+3]",
  "[0.000001234,1.7976931348623157e-300,4503599627370495.5]",
  "9007199254740992",
  "1e21",
  '{"__proto__":1}',
  '{"a":{"constructor":1}}',
  '"\\u0000"',
  '"\\ud800"',
  `${"[".repeat(32)}${"]".repeat(32)}`,
  `${"[".repeat(33)}${"]".repeat(33)}`,
]

const canonicalOf = (
  text: string,
): { readonly canonical: string } | { readonly refused: string } => {
  try {
    return { canonical: canonicalFromJson(JSON.parse(text) as Json) }
  } catch (error) {
    if (error instanceof CanonicalError) return { refused: error.code }
    throw error
  }
}

export interface Person {
  readonly replica: Replica
  readonly author: Author
}

const at = (minute: number): string => `2026-01-02T03:0${minute}:00Z`

/** Gives everything one replica holds to another. */
const give = (from: Replica, to: Replica): void => {
  to.transaction(() => {
    const receiver = new Receiver(to)
    for (const log of logsOf(from)) {
      const { node, publicKey, genesis: previous } = log
      receiver.begin({ node, publicKey, from: 1, previous })
      for (const { header, salt, body } of log.events) {
        receiver.line(lineText(header, salt, body).slice(0, -1), node)
      }
      receiver.end(log.signature)
    }
    receiver.finish()
  })
}

interface LogVector {
  readonly node: string
  readonly publicKey: string
  readonly genesis: string
  readonly events: ReadonlyArray<{
    readonly seq: number
    readonly header: string
    readonly salt: string
    readonly body: string
    readonly bodyHash: string
    readonly chainHash: string
  }>
  readonly signature: string
}

const logsOf = (replica: Replica): ReadonlyArray<LogVector> => {
  replica.signOwnHead()
  const page = replica.sqlite.prepare<[number, number], LineParts & { readonly hash: string }>(
    "SELECT header, salt, body, hash FROM events WHERE event BETWEEN ? AND ? ORDER BY event",
  )
  return replica.lines.all.map(({ line, node, publicKey, signature }) => ({
    node,
    publicKey,
    genesis: genesisHash(replica.project, publicKey),
    events: page.all(line * 2 ** 32, (line + 1) * 2 ** 32 - 1).map((row, index) => ({
      seq: index + 1,
      header: row.header,
      salt: row.salt,
      body: row.body,
      bodyHash: (JSON.parse(row.header) as { readonly body: string }).body,
      chainHash: row.hash,
    })),
    signature: signature!,
  }))
}

/** Ana makes two tokens in one transaction; she and Bo change one apart; Bo deletes and she edits. */
export const story = (ana: Person, bo: Person): void => {
  const anaWrites = { actor: "ana@example.org", at: at(1), reason: "first colours" }
  ana.author.write(
    [
      {
        op: "put",
        type: "token",
        id: "color/blue",
        fields: { type: "color", value: "#0000ff", tags: ["brand", "accent"] },
      },
      {
        op: "put",
        type: "token",
        id: "color/link",
        fields: { modes: { dark: { value: "{color/blue}" }, "a/b~c": { value: 1.5 } } },
      },
    ],
    anaWrites,
  )
  give(ana.replica, bo.replica)
  const anaEdits = { actor: "ana@example.org", at: at(2) }
  ana.author.write(
    [{ op: "patch", type: "token", id: "color/blue", fields: { value: "#1122ff" } }],
    anaEdits,
  )
  const edit = { "modes/a~1b~0c": { value: 2 } }
  ana.author.write([{ op: "patch", type: "token", id: "color/link", fields: edit }], anaEdits)
  const boEdits = { actor: "bo@example.org" }
  bo.author.write(
    [
      {
        op: "patch",
        type: "token",
        id: "color/blue",
        fields: { value: "#3344ff" },
        unset: ["type"],
      },
    ],
    boEdits,
  )
  bo.author.write([{ op: "delete", type: "token", id: "color/link" }], boEdits)
  ana.author.write(
    [{ op: "patch", type: "token", id: "color/blue", fields: { tags: ["accent", "2"] } }],
    anaEdits,
  )
  give(ana.replica, bo.replica)
  // Bo has now seen something higher than his own log and this entity: the event names an anchor.
  bo.author.write(
    [{ op: "put", type: "group", id: "Überschrift", fields: { description: "naïve\t\u{1f58c}" } }],
    boEdits,
  )
}

const hashOf = (digit: string): string => digit.repeat(64)

/**
 * A log that forks three times: at seq 3, and on both sides again. The two branches that lose later
 * begin with the same eight characters.
 */
const forkVector = () => {
  const node = nodeFromPublicKey(keyPairFromSeed(seeds.ana).publicKey)
  const lines = [
    { line: 1, node, from: 1, firstHash: hashOf("1") },
    { line: 2, node, from: 3, firstHash: hashOf("2"), parent: 1 },
    { line: 3, node, from: 5, firstHash: hashOf("4"), parent: 1 },
    { line: 4, node, from: 7, firstHash: `bbbbbbbb${hashOf("c").slice(8)}`, parent: 2 },
  ]
  /** Of the line that another parts from, at that seq. */
  const hashes: { readonly [seq: number]: string } = {
    3: hashOf("a"),
    5: hashOf("b"),
    7: hashOf("9"),
  }
  const names = namesOfLines(lines, (_line, seq) => hashes[seq]!)
  return lines.map((line) => ({
    ...line,
    ...(line.parent === undefined ? {} : { besides: hashes[line.from]! }),
    name: names.get(line.line)!,
  }))
}

const assetText = "bytes of an asset\n"

/** Archives byte for byte: not compressed, so that no version of zlib matters. */
const archiveVectors = async (folder: string, full: Replica, empty: Replica) => {
  const key = signingKeyFromPem(pemOf(seeds.bo), "test", "bo@example.org")
  const since = { [nodeOf(seeds.ana)]: full.lines.frontier()[nodeOf(seeds.ana)]! }
  const select = { entities: ["token/color/blue"], closed: true }
  const kinds: ReadonlyArray<readonly [kind: string, of: Replica, how: WriteArchiveOptions]> = [
    ["complete", empty, {}],
    ["incremental", full, { since }],
    ["extract", full, { select, sign: key }],
  ]
  const archives = []
  for (const [kind, replica, how] of kinds) {
    const path = join(folder, `${kind}.lamplog`)
    const written = writeArchive(replica, path, { ...how, store: true })
    const { exportHash } = await Effect.runPromise(written)
    const zip = readFileSync(path)
    const texts = new Map(membersOf(zip).map(([name, bytes]) => [name, bytes.toString()]))
    const proofs = texts.get(proofsPath)?.split("\n").slice(0, -1)
    const note = texts.get(notePath)
    archives.push({
      kind,
      manifest: texts.get(manifestPath)!,
      exportHash,
      ...(note === undefined ? {} : { note }),
      ...(proofs === undefined ? {} : { proofs }),
      zip: zip.toString("hex"),
    })
  }
  return { key, archives }
}

const nodeOf = (seed: string): string => nodeFromPublicKey(keyPairFromSeed(seed).publicKey)

/** Everything in docs/vectors.json, computed by this engine. */
export const makeVectors = async () => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-vectors-"))
  const open: Array<Replica> = []
  const person = (seed: string, name: string): Person => {
    const replica = Replica.create(join(folder, name), {
      schemas: builtInSchemas(),
      name: "Vectors",
      schema: "design-system",
      project,
      seed,
      stateDirectory: join(folder, "state"),
    })
    open.push(replica)
    return { replica, author: new Author(replica) }
  }
  try {
    const ana = person(seeds.ana, "ana")
    const bo = person(seeds.bo, "bo")
    story(ana, bo)
    const { replica } = bo
    const { archives, key } = await archiveVectors(
      folder,
      replica,
      person(seeds.ana, "empty").replica,
    )
    const entities = [...snapshotLines(replica)].map((line) => {
      const { type, id } = JSON.parse(line) as { readonly type: string; readonly id: string }
      const name = nameHash(type, id)
      return { line, name, bucket: bucketOf(name), leaf: leafHash(line) }
    })
    return {
      canonical: canonicalSamples.map((json) => ({ json, ...canonicalOf(json) })),
      keys: Object.values(seeds).map((seed) => {
        const { publicKey } = keyPairFromSeed(seed)
        return { seed, publicKey, node: nodeFromPublicKey(publicKey) }
      }),
      project,
      schema: { name: replica.schema.name, version: replica.schema.version },
      logs: logsOf(replica),
      frontier: replica.lines.frontier(),
      forks: forkVector(),
      conflicts: openConflicts(replica),
      entities,
      digest: replica.digest(),
      signer: { seed: seeds.bo, name: key.name, keyId: key.keyId, key: key.verifier },
      asset: { text: assetText, sha256: sha256(assetText), path: assetPath(sha256(assetText)) },
      archives,
    }
  } finally {
    for (const replica of open) replica.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export type Vectors = Awaited<ReturnType<typeof makeVectors>>

if (import.meta.main) {
  writeFileSync(vectorsPath, `${JSON.stringify(await makeVectors(), null, 2)}\n`)
}
