/**
 * The members of one file as three programs list them, so that they can be compared.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fromBufferPromise } from "yauzl"
import { gateZip } from "../../../src/archive/gate.ts"
import { LimitCheck, limitsDefault } from "../../../src/archive/limits.ts"

/** name, size, packed size, method, CRC, offset */
export type Listing = ReadonlyArray<readonly [string, number, number, number, number, number]>

export const gateListing = async (bytes: Buffer): Promise<Listing> => {
  const read = async (buffer: Buffer, position: number): Promise<void> => {
    bytes.copy(buffer, 0, position, position + buffer.length)
  }
  const { members } = await gateZip(read, bytes.length, new LimitCheck(limitsDefault))
  return members.map(({ name, size, compressedSize, method, crc, offset }) => [
    name,
    size,
    compressedSize,
    method,
    crc,
    offset,
  ])
}

export const yauzlListing = async (bytes: Buffer): Promise<Listing> => {
  const zip = await fromBufferPromise(bytes, { lazyEntries: true, strictFileNames: true })
  const found: Array<Listing[number]> = []
  for await (const entry of zip.eachEntry()) {
    found.push([
      entry.fileName,
      entry.uncompressedSize,
      entry.compressedSize,
      entry.compressionMethod,
      entry.crc32,
      entry.relativeOffsetOfLocalHeader,
    ])
  }
  return found
}

const program = `
import json, os, sys, zipfile
found = []
for index in range(int(sys.argv[2])):
    with zipfile.ZipFile(os.path.join(sys.argv[1], str(index))) as archive:
        assert archive.testzip() is None
        found.append([[i.filename, i.file_size, i.compress_size, i.compress_type, i.CRC,
                       i.header_offset] for i in archive.infolist()])
json.dump(found, sys.stdout)
`

/** Of all files by one Python, which also reads every member and checks its CRC. */
export const pythonListings = (files: ReadonlyArray<Buffer>): ReadonlyArray<Listing> => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-listings-"))
  try {
    files.forEach((bytes, index) => writeFileSync(join(folder, String(index)), bytes))
    const words = ["-c", program, folder, String(files.length)]
    const printed = execFileSync("python3", words, { encoding: "utf8", maxBuffer: 2 ** 28 })
    return JSON.parse(printed) as ReadonlyArray<Listing>
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
