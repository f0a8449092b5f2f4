/**
 * Peak memory of a process that exports, verifies or takes in archives of 10, 100 and 1000 MB. The
 * bar is flatness: what is a tenth of the size may take hardly less.
 *
 * Half of the bytes of such an archive are assets of 1 to 20 MB. Four tenths are values of 4 to 200
 * KB, each once in the log and once in the snapshot. One tenth are small tokens, 300,000 of them in
 * 1000 MB. Assets and values are random, so that nothing in the archive is smaller than it looks.
 */
import { createCipheriv } from "node:crypto"
import { createReadStream, createWriteStream, statSync } from "node:fs"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { cloneProject, openProject, verifyArchive } from "../src/promise.ts"
import type { Change } from "../src/state/change.ts"
import { Author } from "../src/store/author.ts"
import type { Place, Question, Stopwatch, Subject } from "./measure.ts"
import { perTransaction, replicaIn } from "./rows.ts"
import { newTokens } from "./tokens.ts"
import { archiveIn } from "./transfer.ts"

const megabyte = 1e6
const writing = { actor: "ana@example.com" }

const assetsShare = 0.5
const valuesShare = 0.4
const tokensShare = 0.1

const assetBytesMin = 1e6
const assetBytesMax = 20e6
const valueBytesMin = 4e3
const valueBytesMax = 200e3
const valuesPerTransaction = 25
/** What 6 bits in a byte are deflated to, once in a segment and once in the snapshot. */
const valuePacked = 2 * 0.76
/** What one token takes up in an archive. */
const tokenPackedBytes = 333

/** Random bytes, the same for the same seed, faster than a disk writes them. */
class RandomBytes {
  readonly #cipher: ReturnType<typeof createCipheriv>

  constructor(seed: number) {
    const key = Buffer.alloc(16)
    key.writeDoubleBE(seed)
    this.#cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16))
  }

  take(count: number): Buffer {
    return this.#cipher.update(Buffer.alloc(count))
  }

  between(least: number, most: number): number {
    return least + (this.take(4).readUInt32BE() % (most - least + 1))
  }

  async *chunks(count: number): AsyncGenerator<Buffer> {
    const chunkBytes = 256 * 1024
    for (let rest = count; rest > 0; rest -= chunkBytes) yield this.take(Math.min(rest, chunkBytes))
  }
}

/** Lengths from a range that add up to a total; the last is what is left. */
function* lengths(
  random: RandomBytes,
  total: number,
  least: number,
  most: number,
): Generator<number> {
  for (let rest = total; rest > 0;) {
    const drawn = random.between(least, most)
    const length = rest - drawn < least ? Math.min(rest, most) : drawn
    yield length
    rest -= length
  }
}

/** Transactions of components whose descriptions nothing can shorten. */
function* largeValues(random: RandomBytes, total: number): Generator<ReadonlyArray<Change>> {
  let waiting: Array<Change> = []
  let number = 0
  for (const length of lengths(random, total, valueBytesMin, valueBytesMax)) {
    const description = random.take(Math.ceil((length * 3) / 4)).toString("base64")
    number += 1
    waiting.push({
      op: "put",
      type: "component",
      id: `component-${number}`,
      fields: { description },
    })
    if (waiting.length < valuesPerTransaction) continue
    yield waiting
    waiting = []
  }
  if (waiting.length > 0) yield waiting
}

const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`the benchmark did not do what it says: ${what}`)
}

const open = (folder: string) =>
  openProject({ directory: folder, stateDirectory: join(folder, "state") })

/** A project of so many megabytes, and its archive. Takes no more memory for a larger one. */
const prepare = async ({ prepared, seed, size }: Omit<Place, "scratch">): Promise<void> => {
  const random = new RandomBytes(seed)
  const total = size * megabyte
  const replica = replicaIn(prepared)
  const author = new Author(replica)
  const tokensCount = Math.round((total * tokensShare) / tokenPackedBytes)
  for (const changes of newTokens(tokensCount, perTransaction, seed)) author.write(changes, writing)
  for (const changes of largeValues(random, (total * valuesShare) / valuePacked)) {
    author.write(changes, writing)
  }
  replica.close()
  const project = await open(prepared)
  let number = 0
  for (const length of lengths(random, total * assetsShare, assetBytesMin, assetBytesMax)) {
    number += 1
    await project.addAsset({ content: random.chunks(length), id: `asset-${number}` }, writing)
  }
  const { fileSize } = await project.exportProject(archiveIn(prepared))
  await project.close()
  expect(Math.abs(fileSize / total - 1) < 0.1, `${fileSize} bytes are about ${size} MB`)
}

const timed = async <A>(watch: Stopwatch, run: () => Promise<A>): Promise<A> => {
  watch.start()
  const result = await run()
  watch.stop()
  return result
}

const copy: Subject = async ({ prepared, scratch, size }, watch) => {
  const to = createWriteStream(join(scratch, "copy"))
  await timed(watch, () => pipeline(createReadStream(archiveIn(prepared)), to))
  return size
}

const works: ReadonlyArray<Pick<Question, "asks" | "name" | "ours">> = [
  {
    name: "memory-export",
    asks: "write an archive",
    ours: async ({ prepared, scratch, size }, watch) => {
      const project = await open(prepared)
      await timed(watch, () => project.exportProject(archiveIn(scratch)))
      await project.close()
      const same = statSync(archiveIn(scratch)).size === statSync(archiveIn(prepared)).size
      expect(same, "the same state gives the same archive")
      return size
    },
  },
  {
    name: "memory-import",
    asks: "take an archive into a new replica",
    ours: async ({ prepared, scratch, size }, watch) => {
      const directory = join(scratch, "clone")
      const options = { directory, stateDirectory: join(scratch, "state") }
      const project = await timed(watch, () => cloneProject(archiveIn(prepared), options))
      const assets = await Array.fromAsync(project.listAssets())
      await project.close()
      expect(assets.length > 0 && assets.every(({ present }) => present), "every asset is held")
      return size
    },
  },
  {
    name: "memory-verify",
    asks: "check an archive from its bytes up",
    ours: async ({ prepared, size }, watch) => {
      const { ok } = await timed(watch, () => verifyArchive(archiveIn(prepared)))
      expect(ok, "the archive is sound")
      return size
    },
  },
]

const smallest = { size: 10, quickSize: 2 }
const sizes = [
  smallest,
  { size: 100, quickSize: 20, runsMax: 3 },
  { size: 1000, quickSize: 200, runsMax: 1, full: true },
]

/** What is ten or a hundred times larger may take so much more memory. */
const flatRatio = 1.3

export const memory: ReadonlyArray<Question> = sizes.flatMap((sized) =>
  works.map((work) => ({
    ...work,
    ...sized,
    name: `${work.name}-${sized.size}`,
    asks: `${work.asks} of ${sized.size} MB`,
    group: "memory",
    unit: "MB",
    prepare,
    preparation: `memory-${sized.size}`,
    limits: { "copying the archive": copy },
    ...(sized === smallest
      ? {}
      : { flat: { with: `${work.name}-${smallest.size}`, ratio: flatRatio } }),
  })),
)
