/**
 * Reading a zip through one open file: its directory, and the bytes of one member after another.
 *
 * yauzl finds its way through the file; it is given a reader that refuses any range outside of it,
 * because sizes and offsets in a zip are only claims. What a member holds is inflated here, no
 * further than its declared size, and its CRC is checked, which yauzl does not do.
 */
import { read } from "node:fs"
import { Readable } from "node:stream"
import { crc32, createInflateRaw, InflateRaw } from "node:zlib"
import { fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl"
import type { Entry, ZipFile } from "yauzl"
import { refuse, shown } from "./refuse.ts"

const chunkBytes = 64 * 1024
/** What the directory may hold of one member, in bytes: its name, and extra fields with a comment. */
const nameBytesMax = 240
const extraBytesMax = 64

/** Reads ranges of a file that stays open, whoever ends a stream over it. */
class FileReader extends RandomAccessReader {
  readonly #file: number
  readonly #size: number

  constructor(file: number, size: number) {
    super()
    this.#file = file
    this.#size = size
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#chunks(start, end), { objectMode: false })
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Buffer> {
    for (let position = start; position < end;) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - position))
      await new Promise<void>((resolve, reject) => {
        this.read(chunk, 0, chunk.length, position, (error) => {
          if (error === null) resolve()
          else reject(error)
        })
      })
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
    const step = (done: number): void => {
      if (done === length) return callback(null)
      read(this.#file, buffer, offset + done, length - done, position + done, (error, bytes) => {
        if (error !== null) callback(error)
        else if (bytes === 0) callback(new Error("ends before its declared end"))
        else step(done + bytes)
      })
    }
    step(0)
  }
}

const damaged = (name: string, message: string, cause?: unknown) =>
  refuse("archive", "member-damaged", `${name}: ${message}.`, name, undefined, cause)

export interface ZipMember {
  /** As it stands in the directory, bytes read as Latin-1: compared, never used as a path. */
  readonly name: string
  /** Uncompressed, as the directory claims. */
  readonly size: number
  readonly entry: Entry
}

/** Reads the directory; refuses more members than `membersMax` and what cannot be read at all. */
export const openZip = async (
  file: number,
  size: number,
  membersMax: number,
): Promise<{ readonly zip: ZipFile; readonly members: ReadonlyArray<ZipMember> }> => {
  const zip = await fromRandomAccessReaderPromise(new FileReader(file, size), size, {
    autoClose: false,
    lazyEntries: true,
    decodeStrings: false,
  })
  if (zip.entryCount > membersMax) {
    throw refuse(
      "archive",
      "too-many-members",
      `The archive has ${zip.entryCount} members; the limit is ${membersMax}.`,
      "directory",
    )
  }
  const members: Array<ZipMember> = []
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileNameRaw.toString("latin1")
    const { fileNameLength, extraFieldLength, fileCommentLength } = entry
    if (fileNameLength > nameBytesMax || extraFieldLength + fileCommentLength > extraBytesMax) {
      throw refuse(
        "archive",
        "directory-damaged",
        "The directory says more about a member than archives do.",
        shown(name),
      )
    }
    members.push({ name, size: entry.uncompressedSize, entry })
  }
  return { zip, members }
}

const supported = (entry: Entry): boolean =>
  !entry.isEncrypted() && (entry.compressionMethod === 0 || entry.compressionMethod === 8)

/** The content of a member, chunk by chunk; the last step fails if size or CRC do not fit. */
export async function* contentOf(zip: ZipFile, member: ZipMember): AsyncGenerator<Buffer> {
  const { entry, size } = member
  const name = shown(member.name)
  if (!supported(entry)) throw damaged(name, "is packed in a way that archives do not use")
  let crc = 0
  let bytes = 0
  let content: Readable | undefined
  try {
    const raw = await zip.openReadStreamPromise(entry, { decodeFileData: false })
    content = entry.compressionMethod === 0 ? raw : inflated(raw)
    for await (const chunk of content as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > size) throw new Error("is longer than the directory says")
      crc = crc32(chunk, crc)
      yield chunk
    }
    if (content instanceof InflateRaw && content.bytesWritten !== entry.compressedSize) {
      throw new Error("holds more than what it was compressed from")
    }
  } catch (error) {
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
