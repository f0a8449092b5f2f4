/**
 * Assets in archives: whatever set of bytes goes in comes out, each content once; and an archive with
 * a wrong one gives nothing of it away.
 */
import { createHash, randomInt } from "node:crypto"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { assetPath } from "../../src/archive/archive.ts"
import type { Manifest } from "../../src/archive/archive.ts"
import { takeAssets } from "../../src/archive/asset-taking.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { openArchive } from "../../src/archive/open.ts"
import { work } from "../../src/archive/work.ts"
import type { WrittenArchive } from "../../src/archive/write.ts"
import { sha256 } from "../../src/event/hash.ts"
import { Assets } from "../../src/store/assets.ts"
import { Author } from "../../src/store/author.ts"
import type { Replica } from "../../src/store/replica.ts"
import { Random } from "../simulation/random.ts"
import { codesOf, fileHash, refusal, Stage, storedMembers, verified } from "./stage.ts"

let stage: Stage
let ana: Replica
beforeEach(() => {
  stage = new Stage()
  ana = stage.replica("ana")
})
afterEach(() => {
  stage.clear()
})

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += 1000) yield bytes.subarray(from, from + 1000)
}

const assetsOf = (replica: Replica): Assets => new Assets(replica.directory)

/** Holds bytes without an entity that names them. */
const hold = async (replica: Replica, bytes: Buffer): Promise<string> => {
  const assets = assetsOf(replica)
  assets.place([await assets.stage(pieces(bytes))], () => {})
  return sha256(bytes)
}

const name = (replica: Replica, id: string, hash: string): void =>
  void new Author(replica).write(
    [{ op: "patch", type: "asset", id, fields: { sha256: hash, mediaType: "text/plain" } }],
    { actor: "ana" },
  )

/** Takes an archive's assets as an import would: those that are wanted, and says which are new. */
const takenInto = (
  path: string,
  assets: Assets,
  isWanted: (hash: string) => boolean = () => true,
  onProgress?: () => void,
): Promise<ReadonlyArray<string>> => {
  const placed: Array<string> = []
  const options = { isWanted, onPlaced: (hash: string) => void placed.push(hash), onProgress }
  const take = Effect.flatMap(openArchive(path), (archive) =>
    work(path, (signal) => takeAssets(archive, assets, options, signal)),
  )
  return Effect.runPromise(Effect.as(Effect.scoped(take), placed))
}

const hashesIn = ({ manifest }: WrittenArchive): ReadonlyArray<string> =>
  manifest.members.filter(({ path }) => path.startsWith("assets/")).map((member) => member.sha256)

const incoming = (assets: Assets): ReadonlyArray<string> => {
  const folder = join(assets.directory, ".incoming")
  return existsSync(folder) ? readdirSync(folder) : []
}

describe("assets in an archive", () => {
  it("are those that were put in, whatever they are, each once, the same bytes every time", async () => {
    const seed = randomInt(2 ** 32)
    const random = new Random(seed)
    const expected = new Set<string>()
    for (let id = 0; id < 25; id++) {
      const again = random.chance(0.3) ? [...expected][random.below(expected.size)] : undefined
      const length = random.below(random.chance(0.1) ? 300_000 : 3000)
      const bytes = Buffer.from(Uint8Array.from({ length }, () => random.below(256)))
      const hash = again ?? (await hold(ana, bytes))
      expected.add(hash)
      name(ana, `a${id}`, hash)
    }
    await hold(ana, Buffer.from("named by nothing"))
    const written = await stage.exported(ana)
    expect(hashesIn(written), `seed ${seed}`).toEqual([...expected].sort())
    expect(written.assetsMissing).toBe(0)
    expect(fileHash((await stage.exported(ana)).path), `seed ${seed}`).toBe(fileHash(written.path))
    const assets = new Assets(join(stage.folder, "elsewhere"))
    expect([...(await takenInto(written.path, assets))].sort()).toEqual([...expected].sort())
    for (const hash of expected) expect(await assets.isWhole(hash), `seed ${seed}`).toBe(true)
    expect(await takenInto(written.path, assets)).toEqual([])
    expect(codesOf((await verified(written.path)).findings)).toEqual([])
  })

  it("are stored apart from each other's names, so that two assets share one member", async () => {
    const hash = await hold(ana, Buffer.from("shared"))
    name(ana, "one", hash)
    name(ana, "two", hash)
    const written = await stage.exported(ana)
    expect(hashesIn(written)).toEqual([hash])
    expect(written.manifest.members.map(({ path }) => path)).toContain(assetPath(hash))
  })

  it("are kept only if they are wanted, but all are read", async () => {
    const wanted = await hold(ana, Buffer.from("wanted"))
    await hold(ana, Buffer.from("unwanted"))
    const { path } = await stage.exported(ana, { assets: "all" })
    const assets = new Assets(join(stage.folder, "elsewhere"))
    expect(await takenInto(path, assets, (hash) => hash === wanted)).toEqual([wanted])
    expect([...assets.list()].map((held) => held.sha256)).toEqual([wanted])
  })

  it("are told by a check when they are not in it", async () => {
    name(ana, "here", await hold(ana, Buffer.from("here")))
    name(ana, "gone", sha256("gone"))
    const written = await stage.exported(ana)
    expect(written.assetsMissing).toBe(1)
    const { findings, ok } = await verified(written.path)
    expect([ok, codesOf(findings), findings[0]!.where]).toEqual([
      true,
      ["warning asset-absent"],
      "asset/gone sha256",
    ])
    const select = { entities: ["asset/gone"], closed: true }
    const extract = await stage.exported(ana, { select })
    expect(codesOf((await verified(extract.path)).findings)).toContain("warning asset-absent")
  })
})

describe("a wrong asset", () => {
  let written: WrittenArchive
  let right: string
  beforeEach(async () => {
    right = await hold(ana, Buffer.alloc(5000, "right"))
    name(ana, "right", right)
    name(ana, "other", await hold(ana, Buffer.alloc(100_000, "other")))
    written = await stage.exported(ana, { store: true })
  })

  /** The archive with other bytes in the place of an asset, and a manifest that says this of it. */
  const forged = (bytes: Buffer, said: Partial<Manifest["members"][number]>): Promise<string> => {
    const { manifest } = written
    const path = said.path ?? assetPath(right)
    const listed = manifest.members
      .map((member) =>
        member.path === assetPath(right) ? { ...member, size: bytes.length, ...said } : member,
      )
      .sort((one, other) => (one.path < other.path ? -1 : 1))
    const text = Buffer.from(manifestText({ ...manifest, members: listed }))
    const contents = storedMembers(written)
      .slice(1)
      .map(([at, content]) =>
        at === assetPath(right) ? ([path, bytes] as const) : ([at, content] as const),
      )
      .sort(([one], [other]) => (one < other ? -1 : 1))
    return stage.zipped([["manifest.json", text], ...contents])
  }

  const expectRefused = async (path: string, code: string): Promise<void> => {
    const assets = new Assets(join(stage.folder, "elsewhere"))
    expect((await refusal(takenInto(path, assets))).code).toBe(code)
    expect([...assets.list()]).toEqual([])
    expect(incoming(assets)).toEqual([])
    const { findings, ok } = await verified(path)
    expect([ok, findings[0]!.code]).toEqual([false, code])
  }

  it("is noticed by its hash, and nothing of the archive is kept", async () => {
    await expectRefused(await forged(Buffer.alloc(5000, "wrong"), {}), "member-hash")
  })

  it("cannot hide behind a name that fits its bytes and no entity", async () => {
    const bytes = Buffer.alloc(5000, "wrong")
    const hash = createHash("sha256").update(bytes).digest("hex")
    const path = await forged(bytes, { path: assetPath(hash), sha256: hash })
    const assets = new Assets(join(stage.folder, "elsewhere"))
    const placed = await takenInto(path, assets, (wanted) => wanted === right)
    expect(placed).toEqual([])
  })

  it("cannot have a name that is not its hash", async () => {
    const bytes = Buffer.alloc(5000, "wrong")
    const hash = createHash("sha256").update(bytes).digest("hex")
    await expectRefused(await forged(bytes, { sha256: hash }), "manifest-invalid")
  })
})

describe("taking assets", () => {
  it("leaves nothing when it is interrupted between two of them", async () => {
    name(ana, "one", await hold(ana, Buffer.alloc(200_000, "one")))
    name(ana, "two", await hold(ana, Buffer.alloc(200_000, "two")))
    const { path } = await stage.exported(ana)
    const assets = new Assets(join(stage.folder, "elsewhere"))
    let reports = 0
    const stopped = takenInto(path, assets, undefined, () => {
      if ((reports += 1) === 5) throw new Error("stopped")
    })
    await expect(stopped).rejects.toThrow("stopped")
    expect([...assets.list()]).toEqual([])
    expect(incoming(assets)).toEqual([])
  })
})
