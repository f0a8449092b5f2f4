/**
 * Forgeries of an extract: its entities, its proofs, and what it claims to have been asked for.
 */
import { proofsPath, snapshotPath } from "../../src/archive/archive.ts"
import { zeros } from "./forger.ts"
import type { Forgeries } from "./forger.ts"
import { linesOf, rehash, setLines } from "./pieces.ts"
import type { Pieces } from "./pieces.ts"

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

export const onExtract: Forgeries = [
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
