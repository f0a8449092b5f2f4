/**
 * The members as they lie in the file: local headers, data, descriptors, back to back.
 *
 * Only headers and descriptors are read. Those that lie close together are read at once, those far
 * apart one by one, so that a file of any size costs at most one small read a member.
 */
import { layoutRefused, localSignature, wideAt } from "./gate-end.ts"
import type { ReadRange } from "./gate-end.ts"
import { localBytes } from "./gate-directory.ts"
import type { DirectoryEntry } from "./gate-directory.ts"
import {
  entryRefused,
  localExtraBytesMax,
  readExtra,
  sharedFieldsAt,
  streamedFlag,
} from "./gate-entry.ts"

const descriptorSignature = 0x0807_4b50
const descriptorBytes = 16
const wideDescriptorBytes = 24

const windowBytes = 64 * 1024
/** Headers closer than this are read together. */
const nearBytes = 16 * 1024

/** A stretch of the file in memory, which moves forward. */
class Window {
  readonly #read: ReadRange
  readonly #end: number
  readonly #buffer = Buffer.allocUnsafe(windowBytes)
  #start = 0
  #length = 0

  /** Nothing at or after `end` is read. */
  constructor(read: ReadRange, end: number) {
    this.#read = read
    this.#end = end
  }

  holds(position: number, length: number): boolean {
    const until = Math.min(position + length, this.#end)
    return position >= this.#start && until <= this.#start + this.#length
  }

  /** Brings in what begins at `position`, and more if the header after it is near. */
  async move(position: number, length: number, following: number | undefined): Promise<void> {
    const near = following !== undefined && following - position < nearBytes
    const wanted = near ? windowBytes : Math.min(length, windowBytes)
    this.#start = position
    this.#length = 0
    const available = Math.max(0, Math.min(wanted, this.#end - position))
    if (available > 0) await this.#read(this.#buffer.subarray(0, available), position)
    this.#length = available
  }

  /** What is held from `position` on, at most `length` bytes; less before the end. */
  at(position: number, length: number): Buffer {
    const from = position - this.#start
    return this.#buffer.subarray(from, Math.min(from + length, this.#length))
  }
}

const headerBytesMax = ({ name }: DirectoryEntry): number =>
  localBytes + name.length + localExtraBytesMax

const isStreamed = (entry: DirectoryEntry): boolean => (entry.flags & streamedFlag) !== 0

const descriptorBytesOf = (entry: DirectoryEntry): number => {
  if (!isStreamed(entry)) return 0
  return entry.wide ? wideDescriptorBytes : descriptorBytes
}

/** A 64-bit member has the version of plain ones in its local header, as streams are written. */
const versionAgrees = (local: number, { version, wide }: DirectoryEntry): boolean =>
  local === version || (wide && local === 20)

const overrun = (name: string) => layoutRefused(`${name} runs into the directory.`, name)

/** The length of a local header, which must say what the directory says. */
const checkHeader = (header: Buffer, entry: DirectoryEntry): number => {
  const { name } = entry
  if (header.length < localBytes + name.length) throw overrun(name)
  if (header.readUInt32LE(0) !== localSignature) {
    throw layoutRefused(`${name} is not where the directory says.`, name)
  }
  const local = sharedFieldsAt(header, 4)
  const streamed = isStreamed(entry)
  const agrees =
    versionAgrees(local.version, entry) &&
    local.flags === entry.flags &&
    local.method === entry.method &&
    local.time === entry.time &&
    local.crc === (streamed ? 0 : entry.crc) &&
    local.compressedSize === (streamed ? 0 : entry.compressedSize) &&
    local.size === (streamed ? 0 : entry.size) &&
    header.readUInt16LE(26) === name.length &&
    header.toString("latin1", localBytes, localBytes + name.length) === name
  if (!agrees) throw entryRefused(name, "is not the same in its own header and in the directory")
  const extraStart = localBytes + name.length
  const end = extraStart + header.readUInt16LE(28)
  if (end - extraStart > localExtraBytesMax) {
    throw entryRefused(name, "has extra fields that archives do not use")
  }
  if (end > header.length) throw overrun(name)
  readExtra(name, header.subarray(extraStart, end), false)
  return end
}

const checkDescriptor = (bytes: Buffer, entry: DirectoryEntry): void => {
  const { name, crc, compressedSize, size, wide } = entry
  if (bytes.length < descriptorBytesOf(entry)) {
    throw overrun(name)
  }
  const sizes = wide
    ? [wideAt(bytes, 8), wideAt(bytes, 16)]
    : [bytes.readUInt32LE(8), bytes.readUInt32LE(12)]
  const agrees =
    bytes.readUInt32LE(0) === descriptorSignature &&
    bytes.readUInt32LE(4) === crc &&
    sizes[0] === compressedSize &&
    sizes[1] === size
  if (!agrees) throw entryRefused(name, "is not the same in its descriptor and in the directory")
}

/** Checks that the members fill the file up to the directory; returns where the data of each begins. */
export const checkMembers = async (
  read: ReadRange,
  entries: ReadonlyArray<DirectoryEntry>,
  directoryOffset: number,
): Promise<ReadonlyArray<number>> => {
  const window = new Window(read, directoryOffset)
  const starts: Array<number> = []
  let position = 0
  for (const [index, entry] of entries.entries()) {
    if (entry.offset !== position) {
      throw layoutRefused(`Bytes that belong to no member lie before ${entry.name}.`, entry.name)
    }
    const next = entries[index + 1]
    const length = headerBytesMax(entry)
    if (!window.holds(position, length)) await window.move(position, length, next?.offset)
    const start = position + checkHeader(window.at(position, length), entry)
    starts.push(start)
    position = start + entry.compressedSize
    const descriptor = descriptorBytesOf(entry)
    if (descriptor === 0) continue
    if (!window.holds(position, descriptor)) {
      // The next header follows at once: it is read along.
      const wanted = descriptor + (next === undefined ? 0 : headerBytesMax(next))
      await window.move(position, wanted, entries[index + 2]?.offset)
    }
    checkDescriptor(window.at(position, descriptor), entry)
    position += descriptor
  }
  if (position !== directoryOffset) {
    throw layoutRefused("Bytes that belong to no member lie before the directory.")
  }
  return starts
}
