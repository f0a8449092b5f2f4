/**
 * Whether an archive fits the limits of those who are to read it, told by whoever writes it.
 *
 * What can be known beforehand is checked before anything is written; what only the packed file
 * shows, by the reader's own judge, over the directory of the zip as it went by, so that it works for
 * a file that is encrypted on its way to the disk, too.
 */
import { LamplogError } from "../event/failure.ts"
import { manifestPath, notePath } from "./archive.ts"
import { readDirectory, sizeLimit } from "./gate-directory.ts"
import { findEnd } from "./gate-end.ts"
import type { LimitCheck } from "./limits.ts"
import { checkItems } from "./open.ts"
import type { Plan } from "./plan.ts"

/** Bytes of a directory entry and of a zip's end beside names, with 64-bit records, at most. */
const entryBytesMax = 46 + 28
const endBytesMax = 22 + 20 + 56

/** Says what an exporter can do about a limit, where the reader's remedy would be to trust. */
export const exportRefusal = (error: unknown): unknown => {
  if (!(error instanceof LamplogError) || error.code !== "limit-exceeded") return error
  const { code, message, stage, where } = error
  return new LamplogError({
    ...(stage === undefined ? {} : { stage }),
    code,
    message: `The archive would be refused by a reader with the limits set here. ${message}`,
    ...(where === undefined ? {} : { where }),
    remedy:
      "Export less (--type, --group, --since), or raise the limit with --limits, here and where it is read.",
    cause: error,
  })
}

/** Checks what the plan tells already. */
export const checkPlan = (plan: Plan, note: Buffer | undefined, check: LimitCheck): void => {
  const { limits } = check
  const { bytes, manifest, members } = plan
  const sizes: ReadonlyArray<readonly [path: string, size: number]> = [
    [manifestPath, bytes.length],
    ...(note === undefined ? [] : [[notePath, note.length] as const]),
    ...members.map(({ path, size }) => [path, size] as const),
  ]
  check.check("members", sizes.length, limits.members, "the directory")
  checkItems(manifest, check)
  for (const [path, size] of sizes) {
    const limit = sizeLimit(path)
    check.check(limit, size, limits[limit], path)
  }
  const total = sizes.reduce((sum, [, size]) => sum + size, 0)
  check.check("totalBytes", total, limits.totalBytes, "the archive")
}

/** Keeps the end of a zip while it goes by, as much as its directory can take. */
export class ZipTail {
  readonly #bytesMax: number
  #chunks: Array<Buffer> = []
  #kept = 0
  #size = 0

  constructor(plan: Plan) {
    const names = plan.members.reduce((sum, { path }) => sum + path.length + entryBytesMax, 0)
    this.#bytesMax = names + 2 * (entryBytesMax + notePath.length) + endBytesMax
  }

  /** Bytes that went by. */
  get size(): number {
    return this.#size
  }

  async *watch(zip: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of zip) {
      this.#chunks.push(chunk)
      this.#kept += chunk.length
      this.#size += chunk.length
      while (this.#kept - this.#chunks[0]!.length >= this.#bytesMax) {
        this.#kept -= this.#chunks.shift()!.length
      }
      yield chunk
    }
  }

  /** Judges the zip that went by. */
  async check(check: LimitCheck): Promise<void> {
    const tail = Buffer.concat(this.#chunks)
    const start = this.#size - tail.length
    const read = (buffer: Buffer, position: number): Promise<void> => {
      tail.copy(buffer, 0, position - start)
      return Promise.resolve()
    }
    const { directoryBytes, directoryOffset, entries } = await findEnd(read, this.#size)
    const { limits } = check
    check.check("archiveBytes", this.#size, limits.archiveBytes, "the file")
    check.check("directoryBytes", directoryBytes, limits.directoryBytes, "the directory")
    const from = directoryOffset - start
    readDirectory(tail.subarray(from, from + directoryBytes), entries, check)
  }
}
