/**
 * Small zips for the gate, the gate over bytes in memory, and over files that are mostly holes.
 */
import { Readable } from "node:stream"
import { crc32 } from "node:zlib"
import { ZipFile } from "yazl"
import { gateZip } from "../../src/archive/gate.ts"
import type { GatedMember } from "../../src/archive/gate.ts"
import type { ReadRange } from "../../src/archive/gate-end.ts"
import { LimitCheck, limitsDefault } from "../../src/archive/limits.ts"
import type { ArchiveLimits, LimitWarning } from "../../src/archive/limits.ts"
import { LamplogError } from "../../src/event/failure.ts"

export interface Judgement {
  readonly members: ReadonlyArray<GatedMember>
  readonly warnings: ReadonlyArray<LimitWarning>
}

/** What the gate says of a file that `read` reads. */
export const judgedBy = async (
  read: ReadRange,
  size: number,
  limits: Partial<ArchiveLimits> = {},
): Promise<Judgement> => {
  const check = new LimitCheck({ ...limitsDefault, ...limits })
  const { members } = await gateZip(read, size, check)
  return { members, warnings: check.warnings }
}

/** Files that are mostly zeros: pieces by where they begin. Reading outside of the file throws. */
export const readerOf =
  (size: number, pieces: ReadonlyArray<readonly [offset: number, bytes: Buffer]>): ReadRange =>
  (buffer, position) => {
    if (position < 0 || position + buffer.length > size) throw new Error("read outside of the file")
    buffer.fill(0)
    for (const [offset, bytes] of pieces) {
      const from = Math.max(position, offset)
      const until = Math.min(position + buffer.length, offset + bytes.length)
      if (from < until) bytes.copy(buffer, from - position, from - offset, until - offset)
    }
    return Promise.resolve()
  }

export const judged = (bytes: Buffer, limits?: Partial<ArchiveLimits>): Promise<Judgement> =>
  judgedBy(readerOf(bytes.length, [[0, bytes]]), bytes.length, limits)

/** The stage and code with which the gate refuses, or "taken". */
export const verdictOn = async (
  bytes: Buffer,
  limits?: Partial<ArchiveLimits>,
): Promise<string> => {
  try {
    await judged(bytes, limits)
    return "taken"
  } catch (error) {
    if (!(error instanceof LamplogError)) throw error
    if (!error.where || !error.remedy) throw new Error(`incomplete: ${error.message}`)
    return `${error.stage} ${error.code}`
  }
}

/** A zip as the writer of archives makes it: the first member whole, the others as streams. */
export const writtenZip = async (
  members: ReadonlyArray<readonly [name: string, content: Buffer]>,
  store = false,
): Promise<Buffer> => {
  const zip = new ZipFile()
  const options = { mtime: new Date(0), forceDosTimestamp: true, mode: 0o100644 }
  for (const [index, [name, content]] of members.entries()) {
    if (index === 0 || store) {
      zip.addBuffer(content, name, { ...options, compressionLevel: store ? 0 : 6 })
      continue
    }
    zip.addReadStreamLazy(name, { ...options, compressionLevel: 6 }, (give) => {
      give(null, streamOf(content))
    })
  }
  zip.end()
  const chunks: Array<Buffer> = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const streamOf = (content: Buffer): Readable => Readable.from([content], { objectMode: false })

/** The members as the gate should see them. */
export const namesAndSizes = ({ members }: Judgement): ReadonlyArray<readonly [string, number]> =>
  members.map(({ name, size }) => [name, size])

/** That what lies at a member's place, stored, is its content. */
export const holds = (bytes: Buffer, { dataOffset, size, crc }: GatedMember): boolean =>
  crc32(bytes.subarray(dataOffset, dataOffset + size)) === crc
