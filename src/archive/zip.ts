/**
 * Reading a zip through one open file: its members, and the bytes of one after another.
 *
 * The gate judges the file first. Behind it yauzl finds the members by code of its own, through a
 * reader that refuses any range outside of the file; where the two differ in anything, the file is
 * refused. What a member holds is inflated here, no further than its declared size, and must give
 * that size and CRC from exactly the bytes that are its own.
 */
import { read } from "node:fs"
import { Readable } from "node:stream"
import { crc32, createInflateRaw, InflateRaw } from "node:zlib"
import { fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl"
import type { Entry, ZipFile } from "yauzl"
import { LamplogError } from "../event/failure.ts"
import { gateZip } from "./gate.ts"
import type { Gated, GatedMember } from "./gate.ts"
import type { LimitCheck } from "./limits.ts"
import { refuse } from "./refuse.ts"

const chunkBytes = 64 * 1024

/** Reads ranges of a file that stays open, whoever ends a stream over it. */
class FileReader extends RandomAccessReader {
  readonly #file: number
  readonly #size: number
  /** The end of the file, from `tailOffset` on, which yauzl reads in small pieces. */
  #tail: Buffer | undefined
  #tailOffset = Infinity

  constructor(file: number, size: number) {
    super()
    this.#file = file
    this.#size = size
  }

  keep({ tail, tailOffset }: Gated): void {
    this.#tail = tail
    this.#tailOffset = tailOffset
  }

  /** What was kept is needed for the directory only. */
  forget(): void {
    this.#tail = undefined
    this.#tailOffset = Infinity
  }

  /** Fills a buffer from a position of the file. */
  fill(buffer: Buffer, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.read(buffer, 0, buffer.length, position, (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#chunks(start, end), { objectMode: false })
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Buffer> {
    for (let position = start; position < end;) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - position))
      await this.fill(chunk, position)
      yield chunk
      position += chunk.length
    }
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const inside =
      Number.isSafeInteger(position) && position >= 0 && position + length <= this.#size
    if (!inside) {
      const error = new Error("points outside of the file")
      setImmediate(() => callback(error))
      return
    }
    if (position >= this.#tailOffset) {
      const from = position - this.#tailOffset
      this.#tail!.copy(buffer, offset, from, from + length)
      return callback(null)
    }
    const step = (done: number): void => {
      if (done === length) return callback(null)
      read(this.#file, buffer, offset + done, length - done, position + done, (error, bytes) => {
        if (error !== null) callback(error)
        else if (bytes === 0) callback(shrunk())
        else step(done + bytes)
      })
    }
    step(0)
  }
}

const shrunk = () =>
  refuse(
    "archive",
    "archive-truncated",
    "The file became shorter while it was read.",
    "end of the file",
  )

/** A refusal, or what the system says of the file: neither is the fault of a member. */
const isOwnReason = (error: unknown): boolean =>
  error instanceof LamplogError ||
  /^E[A-Z0-9]+$/.test(String((error as NodeJS.ErrnoException).code))

const damaged = (name: string, message: string, cause?: unknown) =>
  refuse("archive", "member-damaged", `${name}: ${message}.`, name, undefined, cause)

export interface ZipMember {
  /** Plain ASCII, as the gate lets through: compared, never used as a path. */
  readonly name: string
  /** Uncompressed, as the directory claims. */
  readonly size: number
  readonly compressedSize: number
  readonly entry: Entry
}

const agrees = (entry: Entry, member: GatedMember): boolean =>
  entry.fileNameRaw.toString("latin1") === member.name &&
  entry.uncompressedSize === member.size &&
  entry.compressedSize === member.compressedSize &&
  entry.compressionMethod === member.method &&
  entry.crc32 === member.crc &&
  entry.relativeOffsetOfLocalHeader === member.offset

const disagreement = (where: string, cause?: unknown) =>
  refuse(
    "archive",
    "zip-entry",
    `Two ways of reading the zip differ at ${where}.`,
    where,
    undefined,
    cause,
  )

/** Lists the members by yauzl, each beside what the gate found. */
const listed = async (
  zip: ZipFile,
  members: ReadonlyArray<GatedMember>,
): Promise<ReadonlyArray<ZipMember>> => {
  const found: Array<ZipMember> = []
  for await (const entry of zip.eachEntry()) {
    const member = members[found.length]
    if (member === undefined || !agrees(entry, member)) {
      throw disagreement(member?.name ?? "directory")
    }
    const { name, size, compressedSize } = member
    found.push({ name, size, compressedSize, entry })
  }
  if (found.length !== members.length) throw disagreement("directory")
  return found
}

/** Reads the directory of a file of `size` bytes; refuses whatever the gate or a limit refuses. */
export const openZip = async (
  file: number,
  size: number,
  check: LimitCheck,
): Promise<{ readonly zip: ZipFile; readonly members: ReadonlyArray<ZipMember> }> => {
  const reader = new FileReader(file, size)
  const gated = await gateZip((buffer, position) => reader.fill(buffer, position), size, check)
  reader.keep(gated)
  try {
    const zip = await fromRandomAccessReaderPromise(reader, size, {
      autoClose: false,
      lazyEntries: true,
      decodeStrings: false,
    })
    return { zip, members: await listed(zip, gated.members) }
  } catch (error) {
    throw isOwnReason(error) ? error : disagreement("directory", error)
  } finally {
    reader.forget()
  }
}

/** The content of a member, chunk by chunk; the last step fails if size or CRC do not fit. */
export async function* contentOf(
  zip: ZipFile,
  { entry, name, size, compressedSize }: ZipMember,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  let crc = 0
  let bytes = 0
  let content: Readable | undefined
  try {
    const raw = await zip.openReadStreamPromise(entry, { decodeFileData: false })
    content = entry.compressionMethod === 0 ? raw : inflated(raw)
    for await (const chunk of content as AsyncIterable<Buffer>) {
      signal?.throwIfAborted()
      bytes += chunk.length
      if (bytes > size) throw new Error("is longer than the directory says")
      crc = crc32(chunk, crc)
      yield chunk
    }
    if (content instanceof InflateRaw && content.bytesWritten !== compressedSize) {
      throw new Error("holds more than what it was compressed from")
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (isOwnReason(error)) throw error
    throw damaged(name, `cannot be unpacked (${(error as Error).message})`, error)
  } finally {
    content?.destroy()
  }
  if (bytes !== size) throw damaged(name, `has ${bytes} bytes where the directory says ${size}`)
  if (crc !== entry.crc32) throw damaged(name, "does not fit its checksum")
}

const inflated = (raw: Readable): Readable => {
  const inflate = createInflateRaw({ chunkSize: chunkBytes })
  raw.on("error", (error) => inflate.destroy(error))
  inflate.on("close", () => raw.destroy())
  return raw.pipe(inflate)
}
