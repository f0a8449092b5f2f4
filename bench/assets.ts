/**
 * One large asset added, exported, imported and read back, and what bounds them: hashing the bytes,
 * copying the file, packing it. The memory bar is the point: it stands below the asset's size.
 */
import { createHash } from "node:crypto"
import { createReadStream, createWriteStream, openSync, fsyncSync, closeSync } from "node:fs"
import { join } from "node:path"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createDeflateRaw } from "node:zlib"
import { openProject } from "../src/promise.ts"
import type { OpenProject } from "../src/promise.ts"
import type { Question, Stopwatch, Subject } from "./measure.ts"
import { replicaIn } from "./rows.ts"
import { archiveIn } from "./transfer.ts"
import { randomFrom } from "./tokens.ts"

const mebibyte = 1024 * 1024
const writing = { actor: "ana@example.com" }

const fileIn = (folder: string): string => join(folder, "photo.bin")

const open = (folder: string): Promise<OpenProject> =>
  openProject({ directory: folder, stateDirectory: join(folder, "state") })

const timed = async <A>(watch: Stopwatch, run: () => Promise<A>): Promise<A> => {
  watch.start()
  const result = await run()
  watch.stop()
  return result
}

const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`the benchmark did not do what it says: ${what}`)
}

/** So much of what cannot be compressed. */
async function* bytesOf(mebibytes: number, seed: number): AsyncGenerator<Buffer> {
  const random = randomFrom(seed)
  const block = Buffer.from(Uint8Array.from({ length: mebibyte }, () => random() * 256))
  for (let count = 0; count < mebibytes; count += 1) {
    block.writeUInt32BE(count)
    yield block
  }
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

const hash: Subject = async ({ prepared, size }, watch) => {
  const hasher = createHash("sha256")
  await timed(watch, async () => {
    for await (const chunk of createReadStream(fileIn(prepared))) hasher.update(chunk as Buffer)
  })
  expect(hasher.digest().length === 32, "hashed")
  return size
}

const copy: Subject = async ({ prepared, scratch, size }, watch) => {
  const path = join(scratch, "copy")
  await timed(watch, async () => {
    await pipeline(createReadStream(fileIn(prepared)), createWriteStream(path))
    const file = openSync(path, "r")
    fsyncSync(file)
    closeSync(file)
  })
  return size
}

const deflate: Subject = async ({ prepared, size }, watch) => {
  const packed = () =>
    pipeline(createReadStream(fileIn(prepared)), createDeflateRaw({ level: 6 }), nowhere())
  await timed(watch, packed)
  return size
}

/** A project with the asset, the archive of it, and the file itself. */
const prepare = async ({
  prepared,
  seed,
  size,
}: {
  readonly prepared: string
  readonly seed: number
  readonly size: number
}): Promise<void> => {
  await pipeline(bytesOf(size, seed), createWriteStream(fileIn(prepared)))
  replicaIn(prepared).close()
  const project = await open(prepared)
  await project.addAsset({ content: fileIn(prepared), id: "photo" }, writing)
  await project.exportProject(archiveIn(prepared))
  await project.close()
}

const asset = {
  unit: "MiB",
  size: 300,
  quickSize: 60,
  prepare,
  memoryBytesMax: 200e6,
}

const inEmptyProject = async <A>(
  scratch: string,
  run: (project: OpenProject) => Promise<A>,
): Promise<A> => {
  replicaIn(scratch).close()
  const project = await open(scratch)
  try {
    return await run(project)
  } finally {
    await project.close()
  }
}

export const assets: ReadonlyArray<Question> = [
  {
    ...asset,
    name: "asset-add",
    asks: "add one file of 300 MiB as an asset",
    ours: ({ prepared, scratch, size }, watch) =>
      inEmptyProject(scratch, async (project) => {
        const content = fileIn(prepared)
        const added = await timed(watch, () => project.addAsset({ content, id: "a" }, writing))
        expect(added.stored && added.bytes === size * mebibyte, "the asset is held")
        return size
      }),
    limits: { "copying and syncing": copy, SHA: hash },
  },
  {
    ...asset,
    name: "asset-get",
    asks: "read it back, checked",
    ours: async ({ prepared, size }, watch) => {
      const project = await open(prepared)
      let bytes = 0
      await timed(watch, async () => {
        const { stream } = await project.getAsset("photo")
        for await (const chunk of stream) bytes += chunk.length
      })
      await project.close()
      expect(bytes === size * mebibyte, "every byte came")
      return size
    },
    limits: { SHA: hash },
  },
  {
    ...asset,
    name: "asset-export",
    asks: "write an archive with it",
    ours: async ({ prepared, scratch, size }, watch) => {
      const project = await open(prepared)
      const written = await timed(watch, () => project.exportProject(archiveIn(scratch)))
      await project.close()
      expect(written.fileSize > size * mebibyte, "the asset is in the archive")
      return size
    },
    limits: { deflate, SHA: hash },
  },
  {
    ...asset,
    name: "asset-import",
    asks: "import that archive into another project",
    ours: ({ prepared, scratch, size }, watch) =>
      inEmptyProject(scratch, async (project) => {
        const archive = archiveIn(prepared)
        await timed(watch, () => project.importProject([archive], writing))
        const held = await Array.fromAsync(project.listAssets())
        expect(held.length === 1 && held[0]!.present, "the asset is held")
        return size
      }),
    limits: { "copying and syncing": copy, SHA: hash },
  },
]
