/**
 * Forgeries of a complete archive, by strangers and by those who hold a key of its logs.
 */
import { snapshotPath } from "../../src/archive/archive.ts"
import type { Json } from "../../src/event/canonical.ts"
import { chainHash, keyPairFromSeed } from "../../src/event/hash.ts"
import {
  ana,
  bo,
  changeLog,
  end,
  headerOf,
  logIndex,
  remade,
  rewriteLast,
  stranger,
  zeros,
} from "./forger.ts"
import type { Forgeries } from "./forger.ts"
import { linesOf, rehash, rewriteLog, rewriteSnapshot, segmentOf, setLines } from "./pieces.ts"
import { seeds } from "./vectors.ts"

export const onComplete: Forgeries = [
  [
    "alters a member and not the manifest",
    "member-hash",
    (pieces) => {
      const path = segmentOf(pieces.manifest.logs[0]!)
      const bytes = Buffer.from(pieces.members.get(path)!)
      bytes[bytes.indexOf("ana")] = 0x41
      pieces.members.set(path, bytes)
    },
  ],
  ["leaves a member out", "member-missing", (pieces) => pieces.members.delete(snapshotPath)],
  [
    "adds a member",
    "member-unlisted",
    (pieces) => pieces.members.set("notes.txt", Buffer.from("hello")),
  ],
  [
    "claims a version to come",
    "archive-newer",
    ({ manifest }) => (manifest.version = 2 as typeof manifest.version),
  ],
  [
    "puts a part into the manifest that nobody knows",
    "manifest-invalid",
    ({ manifest }) => Object.assign(manifest, { exporter: "me" }),
  ],
  [
    "gives a log another key",
    "manifest-invalid",
    (pieces) => changeLog(pieces, ana, { publicKey: keyPairFromSeed("c".repeat(64)).publicKey }),
  ],
  [
    "says that the project is another one",
    "other-project",
    ({ manifest }) => (manifest.project = bo),
  ],
  [
    "alters a body",
    "body-hash",
    (pieces) => {
      const path = segmentOf(pieces.manifest.logs[0]!)
      setLines(
        pieces,
        path,
        linesOf(pieces, path).map((line) => line.replace("first colours", "other colours")),
      )
      rehash(pieces)
    },
  ],
  [
    "alters a header",
    "log-end",
    (pieces) => {
      const path = segmentOf(pieces.manifest.logs[logIndex(pieces, bo)]!)
      const lines = linesOf(pieces, path)
      setLines(pieces, path, lines.with(-1, remade(lines.at(-1)!, { header: { id: "Titel" } })))
      rehash(pieces)
    },
  ],
  [
    "swaps two events",
    "out-of-sequence",
    (pieces) =>
      rewriteLog(pieces, logIndex(pieces, bo), seeds.bo, ([first, second, ...rest]) => [
        second!,
        first!,
        ...rest,
      ]),
  ],
  [
    "takes a signature of somebody else",
    "signature-invalid",
    (pieces) =>
      changeLog(pieces, ana, {
        signature: pieces.manifest.logs[logIndex(pieces, bo)]!.signature!,
      }),
  ],
  [
    "cuts a transaction",
    "transaction-cut",
    (pieces) =>
      rewriteLog(pieces, logIndex(pieces, bo), seeds.bo, (lines) =>
        lines.with(-1, remade(lines.at(-1)!, { header: { transaction: [0, 2] } })),
      ),
  ],
  [
    "begins a transaction in its middle",
    "transaction-broken",
    (pieces) => rewriteLast(pieces, { header: { transaction: [1, 2] } }),
  ],
  ["sets the clock ahead", "clock-equation", (p) => rewriteLast(p, { header: { lamport: 9 } })],
  ["sets the clock back", "clock-equation", (p) => rewriteLast(p, { header: { lamport: 4 } })],
  [
    "names an anchor that proves nothing",
    "clock-equation",
    (pieces) => {
      const { parents } = headerOf(pieces, bo, 1)
      const [anchor] = parents as ReadonlyArray<Json>
      rewriteLast(pieces, { header: { anchor: anchor!, lamport: 4 } })
    },
  ],
  [
    "names a parent that nobody holds",
    "history-missing",
    (p) => rewriteLast(p, { header: { parents: [[ana, 9, "0".repeat(64)]] } }),
  ],
  [
    "names a parent of another entity",
    "parent-elsewhere",
    (p) => rewriteLast(p, { header: { parents: headerOf(p, bo, 1).parents! } }),
  ],
  [
    "names parents out of order",
    "header-invalid",
    (pieces) => {
      const [parent] = headerOf(pieces, bo, 1).parents as ReadonlyArray<Json>
      rewriteLast(pieces, { header: { parents: [parent!, parent!] } })
    },
  ],
  [
    "writes a control operation on an entity",
    "header-invalid",
    (pieces) => rewriteLast(pieces, { header: { op: "redact" } }),
  ],
  [
    "signs a body that is not canonical",
    "not-canonical",
    (pieces) => rewriteLast(pieces, { body: '{"kind":1,"actor":"bo"}' }),
  ],
  [
    "signs a body without an actor",
    "body-invalid",
    (pieces) => rewriteLast(pieces, { body: '{"kind":1}' }),
  ],
  [
    "signs an event that the snapshot does not know",
    "snapshot-mismatch",
    (p) => rewriteLast(p, { body: '{"actor":"bo","fields":{"description":"x"},"kind":1}' }),
  ],
  [
    "shows a state that nobody wrote",
    "snapshot-mismatch",
    (pieces) =>
      rewriteSnapshot(pieces, (lines) => lines.map((line) => line.replace("naïve", "clever"))),
  ],
  [
    "hides an entity",
    "snapshot-mismatch",
    (pieces) => {
      rewriteSnapshot(pieces, (lines) => lines.slice(1))
      pieces.manifest.entities -= 1
      pieces.manifest.itemCounts = { token: 2 }
    },
  ],
  [
    "orders the snapshot otherwise",
    "snapshot-mismatch",
    (pieces) => rewriteSnapshot(pieces, (lines) => lines.toReversed()),
  ],
  [
    "claims another digest",
    "snapshot-mismatch",
    ({ manifest }) => (manifest.digest = "0".repeat(64)),
  ],
  ["hides the conflicts", "snapshot-mismatch", ({ manifest }) => (manifest.conflicts = 0)],
  [
    "counts a type that is not there",
    "snapshot-mismatch",
    ({ manifest }) => (manifest.itemCounts = { ...manifest.itemCounts, style: 1 }),
  ],
  [
    "shows a state that nobody wrote, saying that some events are not understood",
    "snapshot-mismatch",
    ({ manifest }) => Object.assign(manifest, { setAside: 1, digest: zeros }),
  ],
  [
    "claims a frontier of an event within a log",
    "frontier",
    (pieces) => {
      const { log, node, previous } = pieces.manifest.logs[0]!
      const [first] = linesOf(pieces, segmentOf(pieces.manifest.logs[0]!))
      const hash = chainHash(previous, first!.slice(0, first!.indexOf("\t")))
      const inner = { [`${node}-${hash.slice(0, 8)}`]: { seq: 1, hash } }
      if (log !== node) throw new Error("the log is a branch")
      pieces.manifest.frontier = { ...pieces.manifest.frontier, ...inner }
    },
  ],
  [
    "claims a frontier that nobody holds",
    "history-missing",
    ({ manifest }) => (manifest.frontier = { ...manifest.frontier, [stranger]: end }),
  ],
  [
    "puts more into a frontier than it has",
    "manifest-invalid",
    ({ manifest }) => {
      const [log, head] = Object.entries(manifest.frontier)[0]!
      const more = { ...head, at: "noon" }
      manifest.frontier = { ...manifest.frontier, [log]: more }
    },
  ],
  [
    "names a schema that nobody knows and a state that is another",
    "snapshot-mismatch",
    ({ manifest }) => (manifest.schema = { name: "lamps", version: 1 }),
  ],
  [
    "names a schema that nobody knows and sets the clock ahead",
    "clock-equation",
    (pieces) => {
      rewriteLast(pieces, { header: { lamport: 9 } })
      pieces.manifest.schema = { name: "lamps", version: 1 }
    },
  ],
  [
    "names a schema that nobody knows and another project",
    "other-project",
    ({ manifest }) =>
      Object.assign(manifest, { schema: { name: "lamps", version: 1 }, project: bo }),
  ],
  ["counts an event too many", "event-count", ({ manifest }) => (manifest.events += 1)],
  [
    "needs nothing, and says that it does",
    "manifest-invalid",
    ({ manifest }) => (manifest.prerequisites = { [stranger]: end }),
  ],
  [
    "says of logs that they are an extract",
    "manifest-invalid",
    ({ manifest }) =>
      (manifest.extract = { open: [], selection: { types: ["token"], closed: false } }),
  ],
]
