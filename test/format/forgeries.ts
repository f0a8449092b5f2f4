/**
 * What forgers do to archives, and the code that the page knows each fault by.
 */
import { assetPath, proofsPath, segmentPath, snapshotPath } from "../../src/archive/archive.ts"
import type { ManifestLog } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import {
  bodyHash,
  chainHash,
  genesisHash,
  keyPairFromSeed,
  nodeFromPublicKey,
  sha256,
  signHead,
} from "../../src/event/hash.ts"
import { signManifest } from "../../src/seal/archive-note.ts"
import type { SigningKey } from "../../src/seal/keys.ts"
import { noteFromText } from "../../src/seal/note.ts"
import { signer, signingKeyOf } from "./kinds.ts"
import { linesOf, rehash, rewriteLog, rewriteSnapshot, segmentOf, setLines } from "./pieces.ts"
import type { Pieces } from "./pieces.ts"
import { seeds } from "./vectors.ts"

const zeros = "0".repeat(64)
const stranger = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
/** Of a log that nobody holds. */
const end = { seq: 1, hash: zeros }

const assetOf = ({ members }: Pieces): string =>
  [...members.keys()].find((path) => path.startsWith("assets/"))!

const nodeOf = (seed: string): string => nodeFromPublicKey(keyPairFromSeed(seed).publicKey)
const logIndex = (pieces: Pieces, node: string): number =>
  pieces.manifest.logs.findIndex((log) => log.node === node)

/** The text of one event of Bo's, with other claims in its header or another body. */
const remade = (
  line: string,
  change: { readonly header?: { readonly [key: string]: Json }; readonly body?: string },
): string => {
  const [header = "", salt = "", before = ""] = line.split("\t")
  const body = change.body ?? before
  const claims = JSON.parse(header) as { readonly [key: string]: Json }
  const text = canonicalFromJson({ ...claims, body: bodyHash(salt, body), ...change.header })
  return `${text}\t${salt}\t${body}`
}

const bo = nodeOf(seeds.bo)
const ana = nodeOf(seeds.ana)

/** Bo writes the last event of his log anew; his key signs it. */
const rewriteLast = (pieces: Pieces, change: Parameters<typeof remade>[1]): void =>
  rewriteLog(pieces, logIndex(pieces, bo), seeds.bo, (lines) =>
    lines.with(-1, remade(lines.at(-1)!, change)),
  )

const headerOf = (pieces: Pieces, node: string, seq: number): { readonly [key: string]: Json } => {
  const log = pieces.manifest.logs[logIndex(pieces, node)]!
  const line = linesOf(pieces, segmentOf(log))[seq - 1]!
  return JSON.parse(line.slice(0, line.indexOf("\t"))) as { readonly [key: string]: Json }
}

const changeLog = (pieces: Pieces, node: string, change: Partial<ManifestLog>): void => {
  const index = logIndex(pieces, node)
  const log = pieces.manifest.logs[index]!
  pieces.manifest.logs = pieces.manifest.logs.with(index, { ...log, ...change })
}

type Forgeries = ReadonlyArray<
  readonly [what: string, code: string, forge: (pieces: Pieces) => void]
>

const onComplete: Forgeries = [
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

const onAssets: Forgeries = [
  [
    "alters an asset",
    "member-hash",
    (pieces) => {
      const path = assetOf(pieces)
      const bytes = Buffer.from(pieces.members.get(path)!)
      bytes[0]! ^= 1
      pieces.members.set(path, bytes)
    },
  ],
  [
    "alters an asset and the manifest",
    "manifest-invalid",
    (pieces) => {
      pieces.members.set(assetOf(pieces), Buffer.from("another logo"))
      rehash(pieces)
    },
  ],
  ["takes an asset out", "member-missing", (pieces) => pieces.members.delete(assetOf(pieces))],
  [
    "hides an asset where the manifest does not look",
    "member-unlisted",
    (pieces) => {
      const bytes = Buffer.from("hidden")
      pieces.members.set(assetPath(sha256(bytes)), bytes)
    },
  ],
  [
    "puts an asset into the folder of another",
    "manifest-invalid",
    (pieces) => {
      const bytes = Buffer.from("misplaced")
      pieces.members.set(`assets/zz/${sha256(bytes)}`, bytes)
      rehash(pieces)
    },
  ],
]

const onIncremental: Forgeries = [
  [
    "alters a body",
    "body-hash",
    (pieces) => {
      const path = segmentOf(pieces.manifest.logs[0]!)
      const lines = linesOf(pieces, path)
      setLines(
        pieces,
        path,
        lines.map((line) => line.replace("bo@example.org", "ana@example.org")),
      )
      rehash(pieces)
    },
  ],
  [
    "says that it needs nothing",
    "manifest-invalid",
    ({ manifest }) => (manifest.prerequisites = {}),
  ],
  ["counts an event too many", "event-count", ({ manifest }) => (manifest.events += 1)],
  [
    "goes on after another event",
    "log-end",
    (pieces) => changeLog(pieces, bo, { previous: zeros }),
  ],
  [
    "takes a signature over another end",
    "signature-invalid",
    (pieces) => {
      const { project } = pieces.manifest
      changeLog(pieces, bo, { signature: signHead(seeds.bo, project, bo, 1, zeros) })
    },
  ],
  [
    "adds the beginning of a log of another project",
    "other-project",
    (pieces) => {
      const { publicKey } = keyPairFromSeed(seeds.ana)
      const path = segmentPath(ana, 1)
      pieces.members.set(path, Buffer.from(""))
      const log = { log: ana, node: ana, publicKey, from: 1, to: 1, members: [path] }
      const ends = { previous: zeros, head: zeros }
      pieces.manifest.logs = [{ ...log, ...ends }, ...pieces.manifest.logs]
      pieces.manifest.frontier = { ...pieces.manifest.frontier, [ana]: { seq: 1, hash: zeros } }
      rehash(pieces)
    },
  ],
  [
    "names a log as none is named",
    "manifest-invalid",
    ({ manifest }) => (manifest.prerequisites = { [`${bo}-123456789`]: end }),
  ],
  [
    "adds a snapshot",
    "manifest-invalid",
    (pieces) => {
      pieces.members.set(snapshotPath, Buffer.from(""))
      rehash(pieces)
    },
  ],
]

const noteOf = (pieces: Pieces, project: string, key: SigningKey): Buffer =>
  signManifest(Buffer.from(manifestText(pieces.manifest)), project, key)

const changeNote = (pieces: Pieces, change: (text: string) => string): void => {
  pieces.note = Buffer.from(change(pieces.note!.toString()))
}

const onSigned: Forgeries = [
  [
    "alters the manifest under a signature",
    "signature-invalid",
    ({ manifest }) => (manifest.name = "Tokens of mine"),
  ],
  [
    "signs for another project",
    "signature-invalid",
    (pieces) => (pieces.note = noteOf(pieces, stranger, signer)),
  ],
  [
    "signs with another key in the name of the signer",
    "signature-invalid",
    (pieces) => {
      const other = signingKeyOf("mallory")
      changeNote(pieces, (text) => {
        const body = text.slice(0, text.lastIndexOf("\n\n") + 1)
        const forged = noteFromText(body, [{ ...other, name: signer.name, keyId: signer.keyId }])
        return forged
      })
    },
  ],
  [
    "cuts the signature off a note",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.slice(0, text.lastIndexOf("\n\n") + 2)),
  ],
  [
    "adds a line to what was signed",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.replace("\n\n", "\nand more\n\n")),
  ],
  [
    "writes a note with line ends of Windows",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.replaceAll("\n", "\r\n")),
  ],
  [
    "writes base64 in another way",
    "signature-invalid",
    (pieces) => changeNote(pieces, (text) => text.replace(/=*\n$/, "\n")),
  ],
  [
    "signs seventeen times",
    "limit-exceeded",
    (pieces) => {
      const keys = Array.from({ length: 16 }, (_, index) => signingKeyOf(`key-${index}`))
      changeNote(pieces, (text) => {
        const body = text.slice(0, text.lastIndexOf("\n\n") + 1)
        return noteFromText(body, [signer, ...keys])
      })
    },
  ],
]

/** The number of the proof of an entity of the extract. */
const provenAt = (lines: ReadonlyArray<string>): number =>
  lines.findIndex((line) => line.includes('"heads"'))

const changeProofs = (pieces: Pieces, change: (lines: Array<string>) => Array<string>): void => {
  setLines(pieces, proofsPath, change(linesOf(pieces, proofsPath)))
  rehash(pieces)
}

const changeEntities = (
  pieces: Pieces,
  change: (lines: Array<string>) => ReadonlyArray<string>,
): void => {
  setLines(pieces, snapshotPath, change(linesOf(pieces, snapshotPath)))
  rehash(pieces)
}

const onExtract: Forgeries = [
  [
    "alters a value",
    "proof-mismatch",
    (p) => changeEntities(p, (lines) => lines.map((line) => line.replace("#3344ff", "#3344fe"))),
  ],
  [
    "hides a conflict",
    "proof-mismatch",
    (pieces) => {
      pieces.manifest.conflicts = 0
      changeEntities(pieces, (lines) =>
        lines.map((line) =>
          line.replace(/"conflicts":\[.*\],"deleted"/, '"conflicts":[],"deleted"'),
        ),
      )
    },
  ],
  [
    "adds an entity without a proof",
    "proof-mismatch",
    (pieces) => {
      const { itemCounts } = pieces.manifest
      pieces.manifest.entities += 1
      pieces.manifest.itemCounts = { ...itemCounts, token: itemCounts.token! + 1 }
      changeEntities(pieces, (lines) => [
        ...lines,
        '{"conflicts":[],"deleted":false,"fields":{"value":1},"id":"zzz","type":"token"}',
      ])
    },
  ],
  [
    "proves what it does not show",
    "proof-mismatch",
    (pieces) => {
      pieces.manifest.entities = 1
      pieces.manifest.conflicts = 1
      pieces.manifest.itemCounts = { token: 1 }
      changeEntities(pieces, (lines) => lines.slice(0, 1))
    },
  ],
  [
    "orders the entities otherwise",
    "snapshot-order",
    (pieces) => changeEntities(pieces, (lines) => lines.toReversed()),
  ],
  [
    "shows a deleted entity",
    "extract-deleted",
    (pieces) =>
      changeEntities(pieces, (lines) =>
        lines.map((line) => line.replace('"deleted":false', '"deleted":true')),
      ),
  ],
  [
    "shows a line that is no entity",
    "snapshot-line",
    (pieces) => changeEntities(pieces, ([, ...rest]) => ["{}", ...rest]),
  ],
  [
    "shows a conflict that is none",
    "snapshot-line",
    (pieces) =>
      changeEntities(pieces, (lines) =>
        lines.map((line) =>
          line.replace(/"conflicts":\[.*\],"deleted"/, '"conflicts":[null],"deleted"'),
        ),
      ),
  ],
  ["claims another digest", "proof-mismatch", ({ manifest }) => (manifest.digest = zeros)],
  [
    "claims another schema",
    "proof-mismatch",
    ({ manifest }) => (manifest.schema = { name: "open", version: 1 }),
  ],
  ["counts other entities", "snapshot-mismatch", ({ manifest }) => (manifest.entities = 9)],
  [
    "claims to have been asked for something else",
    "selection-mismatch",
    ({ manifest }) => (manifest.extract = { open: [], selection: { types: ["x"], closed: false } }),
  ],
  [
    "claims to hold more by name than it does",
    "selection-mismatch",
    ({ manifest }) => {
      const entities = ["token/color/blue", "token/color/link", "token/zzz"]
      manifest.extract = { open: [], selection: { entities, closed: false } }
    },
  ],
  [
    "claims to refer to what it holds",
    "selection-mismatch",
    ({ manifest }) => {
      const { selection } = manifest.extract!
      const open = [{ from: "token/color/link", field: "value", to: "token/color/blue" }]
      manifest.extract = { open, selection }
    },
  ],
  [
    "lists references without order",
    "manifest-invalid",
    ({ manifest }) => {
      const { selection } = manifest.extract!
      const reference = { from: "token/color/link", field: "value", to: "token/x" }
      manifest.extract = { open: [reference, reference], selection }
    },
  ],
  [
    "asks for nothing",
    "manifest-invalid",
    ({ manifest }) => (manifest.extract = { open: [], selection: { closed: true } }),
  ],
  [
    "asks for a type twice",
    "manifest-invalid",
    ({ manifest }) => {
      const selection = { types: ["token", "token"], closed: false }
      manifest.extract = { open: [], selection }
    },
  ],
  ["counts events", "manifest-invalid", ({ manifest }) => (manifest.events = 1)],
  [
    "leaves the proofs out",
    "manifest-invalid",
    (pieces) => {
      pieces.members.delete(proofsPath)
      rehash(pieces)
    },
  ],
  [
    "orders the proofs otherwise",
    "proof-order",
    (pieces) => changeProofs(pieces, (lines) => lines.toReversed()),
  ],
  [
    "proves one entity twice",
    "proof-order",
    (pieces) => changeProofs(pieces, (lines) => [lines[0]!, ...lines]),
  ],
  [
    "leaves a proof out",
    "proof-mismatch",
    (pieces) => changeProofs(pieces, (lines) => lines.toSpliced(provenAt(lines), 1)),
  ],
  [
    "gives the hash of a bucket beside its leaves",
    "proof-order",
    (pieces) =>
      changeProofs(pieces, (lines) => {
        const at = provenAt(lines)
        const name = /"name":"(...)/.exec(lines[at]!)![1]!
        return lines.toSpliced(at, 0, `{"bucket":"${name}","hash":"${zeros}"}`)
      }),
  ],
  [
    "opens a bucket for nothing",
    "proof-needless",
    (pieces) =>
      changeProofs(pieces, (lines) => lines.map((line) => line.replace(/"heads":\[.*\],/, ""))),
  ],
  [
    "alters the hash of a bucket that it does not open",
    "proof-mismatch",
    (pieces) =>
      changeProofs(pieces, (lines) =>
        lines.map((line) => line.replace(/"hash":"....(?=.*"}$)/, '"hash":"0000')),
      ),
  ],
  [
    "names a head beyond the frontier",
    "proof-mismatch",
    (pieces) =>
      changeProofs(pieces, (lines) => lines.map((line) => line.replace(/"seq":\d+/, '"seq":99'))),
  ],
  [
    "names no head",
    "proof-line",
    (pieces) =>
      changeProofs(pieces, (lines) =>
        lines.map((line) => line.replace(/"heads":\[.*\],/, '"heads":[],')),
      ),
  ],
  [
    "writes a proof another way",
    "not-canonical",
    (pieces) => changeProofs(pieces, ([first, ...rest]) => [first!.replace(":", ": "), ...rest]),
  ],
]

const onBranches: Forgeries = [
  [
    "lets a branch repeat what it shares with the others",
    "event-twice",
    (pieces) => {
      const { logs, project } = pieces.manifest
      const trunk = logs.find(({ from }) => from === 1)!
      const index = logs.findIndex(({ from }) => from === 2)
      const branch = logs[index]!
      const [first] = linesOf(pieces, segmentOf(trunk))
      const lines = [first!, ...linesOf(pieces, segmentOf(branch))]
      const path = segmentPath(branch.log, 1)
      pieces.members.delete(segmentOf(branch))
      setLines(pieces, path, lines)
      const previous = genesisHash(project, branch.publicKey)
      const longer = { ...branch, from: 1, previous, members: [path] }
      pieces.manifest.logs = logs.with(index, longer)
      pieces.manifest.events += 1
      rehash(pieces)
    },
  ],
  [
    "puts a branch before what it parts from",
    "history-missing",
    ({ manifest }) => (manifest.logs = manifest.logs.toReversed()),
  ],
  [
    "names a branch after another event",
    "frontier",
    (pieces) => {
      const index = pieces.manifest.logs.findIndex(({ log, node }) => log !== node)
      const log = pieces.manifest.logs[index]!
      const name = `${log.node}-${"0".repeat(8)}`
      const path = segmentPath(name, log.from)
      pieces.members.set(path, pieces.members.get(segmentOf(log))!)
      pieces.members.delete(segmentOf(log))
      pieces.manifest.logs = pieces.manifest.logs.with(index, {
        ...log,
        log: name,
        members: [path],
      })
      const { [log.log]: head, ...others } = pieces.manifest.frontier
      pieces.manifest.frontier = { ...others, [name]: head! }
      rehash(pieces)
    },
  ],
  [
    "hides a branch",
    "snapshot-mismatch",
    (pieces) => {
      const hidden = pieces.manifest.logs.find(({ log, node, from }) => log !== node && from === 3)!
      const { [hidden.log]: _, ...frontier } = pieces.manifest.frontier
      pieces.members.delete(segmentOf(hidden))
      pieces.manifest.logs = pieces.manifest.logs.filter((log) => log !== hidden)
      pieces.manifest.events -= hidden.to - hidden.from + 1
      pieces.manifest.frontier = frontier
      rehash(pieces)
    },
  ],
]

const byKind: { readonly [kind: string]: Forgeries } = {
  "a complete archive": onComplete,
  "one with assets": onAssets,
  "an incremental archive": onIncremental,
  "a signed archive": onSigned,
  "an extract of tokens": onExtract,
  "an archive of branches": onBranches,
}

/** What is forged, how, and the code that both verifiers refuse it with. */
export const forgeries = Object.entries(byKind).flatMap(([kind, list]) =>
  list.map(([what, code, forge]) => ({ kind, what, code, forge })),
)
