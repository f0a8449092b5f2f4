/**
 * Forgeries of archives with assets, of incremental ones, and of logs that have branches.
 */
import { assetPath, segmentPath, snapshotPath } from "../../src/archive/archive.ts"
import { genesisHash, keyPairFromSeed, sha256, signHead } from "../../src/event/hash.ts"
import { ana, bo, changeLog, end, zeros } from "./forger.ts"
import type { Forgeries } from "./forger.ts"
import { linesOf, rehash, segmentOf, setLines } from "./pieces.ts"
import type { Pieces } from "./pieces.ts"
import { seeds } from "./vectors.ts"

const assetOf = ({ members }: Pieces): string =>
  [...members.keys()].find((path) => path.startsWith("assets/"))!

export const onAssets: Forgeries = [
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

export const onIncremental: Forgeries = [
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

export const onBranches: Forgeries = [
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
