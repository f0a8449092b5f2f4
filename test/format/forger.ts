/**
 * What forgers of archives have in common: whose keys they hold, and how a log is rewritten with one.
 */
import type { ManifestLog } from "../../src/archive/archive.ts"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import { bodyHash, keyPairFromSeed, nodeFromPublicKey } from "../../src/event/hash.ts"
import { linesOf, rewriteLog, segmentOf } from "./pieces.ts"
import type { Pieces } from "./pieces.ts"
import { seeds } from "./vectors.ts"

/** What is done, the code that both verifiers refuse it with, and how. */
export type Forgeries = ReadonlyArray<
  readonly [what: string, code: string, forge: (pieces: Pieces) => void]
>

export const zeros = "0".repeat(64)
export const stranger = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
/** Of a log that nobody holds. */
export const end = { seq: 1, hash: zeros }

export const nodeOf = (seed: string): string => nodeFromPublicKey(keyPairFromSeed(seed).publicKey)
export const logIndex = (pieces: Pieces, node: string): number =>
  pieces.manifest.logs.findIndex((log) => log.node === node)

/** The text of one event of Bo's, with other claims in its header or another body. */
export const remade = (
  line: string,
  change: { readonly header?: { readonly [key: string]: Json }; readonly body?: string },
): string => {
  const [header = "", salt = "", before = ""] = line.split("\t")
  const body = change.body ?? before
  const claims = JSON.parse(header) as { readonly [key: string]: Json }
  const text = canonicalFromJson({ ...claims, body: bodyHash(salt, body), ...change.header })
  return `${text}\t${salt}\t${body}`
}

export const bo = nodeOf(seeds.bo)
export const ana = nodeOf(seeds.ana)

/** Bo writes the last event of his log anew; his key signs it. */
export const rewriteLast = (pieces: Pieces, change: Parameters<typeof remade>[1]): void =>
  rewriteLog(pieces, logIndex(pieces, bo), seeds.bo, (lines) =>
    lines.with(-1, remade(lines.at(-1)!, change)),
  )

export const headerOf = (
  pieces: Pieces,
  node: string,
  seq: number,
): { readonly [key: string]: Json } => {
  const log = pieces.manifest.logs[logIndex(pieces, node)]!
  const line = linesOf(pieces, segmentOf(log))[seq - 1]!
  return JSON.parse(line.slice(0, line.indexOf("\t"))) as { readonly [key: string]: Json }
}

export const changeLog = (pieces: Pieces, node: string, change: Partial<ManifestLog>): void => {
  const index = logIndex(pieces, node)
  const log = pieces.manifest.logs[index]!
  pieces.manifest.logs = pieces.manifest.logs.with(index, { ...log, ...change })
}
