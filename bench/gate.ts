/**
 * What it costs to judge a zip before anything of it is believed, and what bounds that: reading the
 * same bytes once, and listing the members without judging them.
 */
import { closeSync, createWriteStream, fstatSync, openSync, read, readSync } from "node:fs"
import { join } from "node:path"
import { finished } from "node:stream/promises"
import { fromFdPromise } from "yauzl"
import { ZipFile } from "yazl"
import { gateZip } from "../src/archive/gate.ts"
import { LimitCheck, limitsDefault } from "../src/archive/limits.ts"
import type { Place, Question, Stopwatch, Subject } from "./measure.ts"
import { tokenFields, randomFrom } from "./tokens.ts"
import { archiveIn, prepareTokens } from "./transfer.ts"

/** Most of it is the program itself, as in every question; the gate adds about 10 MB. */
const memoryBytesMax = 150e6

/** Runs so often over an open file of a prepared archive; the file's name differs by question. */
const overFile =
  (
    rounds: number,
    name: (folder: string) => string,
    run: (file: number, size: number) => Promise<number> | number,
    membersOf: (size: number) => number,
  ): Subject =>
  async ({ prepared, size }: Place, watch: Stopwatch) => {
    const file = openSync(name(prepared), "r")
    const { size: bytes } = fstatSync(file)
    for (let round = 0; round < rounds; round += 1) {
      watch.start()
      const members = await run(file, bytes)
      watch.stop()
      if (members < membersOf(size)) throw new Error(`only ${members} members were seen`)
    }
    closeSync(file)
    return size * rounds
  }

const gate = async (file: number, size: number): Promise<number> => {
  const fill = (buffer: Buffer, position: number): Promise<void> =>
    new Promise((resolve, reject) => {
      read(file, buffer, 0, buffer.length, position, (error, count) => {
        if (error === null && count === buffer.length) resolve()
        else reject(error ?? new Error("the file ends too early"))
      })
    })
  const { members } = await gateZip(fill, size, new LimitCheck(limitsDefault))
  return members.length
}

const list = async (file: number): Promise<number> => {
  const zip = await fromFdPromise(file, { autoClose: false, decodeStrings: false })
  let members = 0
  for await (const entry of zip.eachEntry()) members += entry.fileNameLength > 0 ? 1 : 0
  return members
}

const chunk = Buffer.alloc(64 * 1024)
const readWhole = (file: number, size: number): number => {
  for (let position = 0; position < size;) {
    position += readSync(file, chunk, 0, chunk.length, position)
  }
  return Infinity
}

const manyIn = (folder: string): string => join(folder, "many.zip")

/** As many small members, written as an archive's are. */
const prepareMany = async ({ prepared, size, seed }: Omit<Place, "scratch">): Promise<void> => {
  const random = randomFrom(seed)
  const zip = new ZipFile()
  const written = finished(zip.outputStream.pipe(createWriteStream(manyIn(prepared))))
  for (let number = 0; number < size; number += 1) {
    const name = Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0")
      .repeat(8)
    zip.addBuffer(
      Buffer.from(JSON.stringify(tokenFields(random))),
      `assets/${String(number).padStart(5, "0")}/${name}`,
      { mtime: new Date(0), forceDosTimestamp: true, mode: 0o100644, compressionLevel: 0 },
    )
  }
  zip.end()
  await written
}

const tokenRounds = 100
const everyMember = (size: number): number => size
const manifestAndMore = (): number => 2

export const gating: ReadonlyArray<Question> = [
  {
    name: "gate-members",
    asks: "judge a zip of 10,000 small members",
    unit: "members",
    size: 10_000,
    quickSize: 2000,
    prepare: prepareMany,
    memoryBytesMax,
    ours: overFile(1, manyIn, gate, everyMember),
    limits: {
      "reading the file": overFile(1, manyIn, readWhole, everyMember),
      "listing by yauzl alone": overFile(1, manyIn, list, everyMember),
    },
  },
  {
    name: "gate-tokens",
    asks: `judge an archive of 10,000 tokens, ${tokenRounds} times`,
    unit: "tokens",
    size: 10_000,
    quickSize: 2000,
    prepare: prepareTokens,
    memoryBytesMax,
    ours: overFile(tokenRounds, archiveIn, gate, manifestAndMore),
    limits: {
      "reading the file": overFile(tokenRounds, archiveIn, readWhole, manifestAndMore),
      "listing by yauzl alone": overFile(tokenRounds, archiveIn, list, manifestAndMore),
    },
  },
]
