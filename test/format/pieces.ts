/**
 * An archive taken apart and put together again, honestly or not: what someone with a zip program,
 * a text editor and SHA-256 could send.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { buffer } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import { ZipFile } from "yazl"
import { manifestPath, notePath, snapshotPath } from "../../src/archive/archive.ts"
import type { Manifest, ManifestLog } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { openArchive } from "../../src/archive/open.ts"
import { chainHash, genesisHash, keyPairFromSeed, sha256, signHead } from "../../src/event/hash.ts"
import {
  bucketCount,
  bucketHash,
  bucketOf,
  leafHash,
  nameHash,
  stateDigest,
} from "../../src/state/digest.ts"
import { membersOf } from "../archive/hostile/base.ts"

type Open<A> = { -readonly [key in keyof A]: A[key] }

export interface Pieces {
  manifest: Open<Manifest>
  /** `manifest.note`, if the archive is signed. */
  note?: Buffer | undefined
  readonly members: Map<string, Buffer>
}

const bytesOf = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Array<Buffer> = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

export const takeApart = (path: string): Promise<Pieces> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(openArchive(path), (archive) =>
        Effect.promise(async () => {
          const members = new Map<string, Buffer>()
          for (const { path: member } of archive.manifest.members) {
            members.set(member, await bytesOf(archive.chunks(member)))
          }
          const note = membersOf(readFileSync(path)).find(([name]) => name === notePath)?.[1]
          return { manifest: archive.manifest, note, members }
        }),
      ),
    ),
  )

export const copyOf = ({ manifest, members, note }: Pieces): Pieces => ({
  manifest: structuredClone(manifest),
  note,
  members: new Map(members),
})

/** Writes a zip of these members, the manifest first, whatever they say of each other. */
export const zipUp = async (
  path: string,
  manifest: string,
  members: ReadonlyMap<string, Buffer>,
  note?: Buffer,
): Promise<void> => {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from(manifest), manifestPath)
  if (note !== undefined) zip.addBuffer(note, notePath)
  for (const [name, content] of members) zip.addBuffer(content, name)
  zip.end()
  writeFileSync(path, await buffer(zip.outputStream))
}

/** Makes the manifest name the members as they are. */
export const rehash = (pieces: Pieces): void => {
  const members = [...pieces.members].sort((left, right) => (left[0] < right[0] ? -1 : 1))
  pieces.members.clear()
  for (const [path, content] of members) pieces.members.set(path, content)
  pieces.manifest.members = members.map(([path, content]) => ({
    path,
    sha256: sha256(content),
    size: content.length,
  }))
}

export const putTogether = (path: string, pieces: Pieces): Promise<void> =>
  zipUp(path, manifestText(pieces.manifest), pieces.members, pieces.note)

export const linesOf = (pieces: Pieces, member: string): Array<string> =>
  pieces.members.get(member)!.toString().split("\n").slice(0, -1)

export const setLines = (pieces: Pieces, member: string, lines: ReadonlyArray<string>): void => {
  pieces.members.set(member, Buffer.from(lines.map((line) => `${line}\n`).join("")))
}

/** The only segment of a log. */
export const segmentOf = (log: ManifestLog): string => {
  if (log.members.length !== 1) throw new Error("the log has several segments")
  return log.members[0]!
}

/**
 * Changes the lines of a log as its key holder could: the manifest and frontier follow, and the
 * log is signed again.
 */
export const rewriteLog = (
  pieces: Pieces,
  index: number,
  seed: string,
  change: (lines: Array<string>) => ReadonlyArray<string>,
): void => {
  const { manifest } = pieces
  const before = manifest.logs[index]!
  const path = segmentOf(before)
  const lines = change(linesOf(pieces, path))
  setLines(pieces, path, lines)
  const { publicKey } = keyPairFromSeed(seed)
  let head = genesisHash(manifest.project, publicKey)
  for (const line of lines) head = chainHash(head, line.slice(0, line.indexOf("\t")))
  const to = lines.length
  const signature = signHead(seed, manifest.project, before.node, to, head)
  manifest.logs = manifest.logs.with(index, { ...before, to, head, signature })
  manifest.frontier = { ...manifest.frontier, [before.log]: { seq: to, hash: head } }
  manifest.events += to - before.to
  rehash(pieces)
}

/** Replaces the snapshot and everything that follows from it alone. */
export const rewriteSnapshot = (
  pieces: Pieces,
  change: (lines: Array<string>) => ReadonlyArray<string>,
): void => {
  const lines = change(linesOf(pieces, snapshotPath))
  setLines(pieces, snapshotPath, lines)
  const leaves = lines.map((line) => {
    const { type, id } = JSON.parse(line) as { readonly type: string; readonly id: string }
    return { name: nameHash(type, id), hash: leafHash(line) }
  })
  const buckets = Array.from({ length: bucketCount }, (_, bucket) =>
    bucketHash(leaves.filter(({ name }) => bucketOf(name) === bucket)),
  )
  pieces.manifest.digest = stateDigest(pieces.manifest.schema, buckets)
  rehash(pieces)
}
