/**
 * The bytes of one asset: those held, else those of the first source that has the right ones, which
 * are then kept.
 */
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import { assetAbsent, assetDamaged } from "../store/assets-failure.ts"
import { assetType, namedAssets } from "../store/assets-named.ts"
import { Assets } from "../store/assets.ts"
import type { StagedAsset } from "../store/assets.ts"
import { getEntity } from "../store/query.ts"
import type { Replica } from "../store/replica.ts"
import type { Asset, AssetContent, AssetSource, GetAssetOptions } from "./asset.ts"
import { keepStaged } from "./asset-intake.ts"
import { assetBytesMax, assetFrom } from "./assets.ts"
import type { Desk } from "./writing.ts"

const hashPattern = /^[0-9a-f]{64}$/

/** What this machine refuses, whatever the source: no other source would help. */
const ownFailures: ReadonlySet<string> = new Set(["disk-full", "not-writable", "disk-error"])

interface Fetching {
  readonly bytesMax: number
  readonly signal: AbortSignal
  /** Takes what was fetched. */
  readonly staged: Array<StagedAsset>
}

interface Found {
  readonly asset: Asset | undefined
  readonly sha256: string
}

const unknownAsset = (id: string): LamplogError =>
  new LamplogError({
    code: "asset-unknown",
    message: `There is no asset ${id.slice(0, 100)} here.`,
    remedy: "Run `lamplog asset list` for those that are there.",
    where: id.slice(0, 100),
  })

const withoutContent = (id: string): LamplogError =>
  new LamplogError({
    code: "asset-without-content",
    message: `The asset ${id} names no bytes.`,
    remedy: `Add its file: lamplog asset add FILE --id ${id}.`,
    where: `${assetType}/${id}`,
  })

/** The asset of this id; else the content of this hash, whoever names it. */
const find = (replica: Replica, assets: Assets, idOrHash: string): Found => {
  const entity = getEntity(replica, assetType, idOrHash)
  if (entity !== undefined && !entity.deleted) {
    const asset = assetFrom(assets, entity)
    if (asset.sha256 === undefined || !hashPattern.test(asset.sha256))
      throw withoutContent(idOrHash)
    return { asset, sha256: asset.sha256 }
  }
  if (!hashPattern.test(idOrHash)) throw unknownAsset(idOrHash)
  for (const { id, sha256 } of namedAssets(replica.sqlite)) {
    if (sha256 !== idOrHash) continue
    const named = assetFrom(assets, getEntity(replica, assetType, id)!)
    if (named.sha256 === sha256) return { asset: named, sha256 }
  }
  return { asset: undefined, sha256: idOrHash }
}

/** Takes the bytes from one source; says why when that failed. */
const fetchFrom = async (
  source: AssetSource,
  assets: Assets,
  sha256: string,
  { bytesMax, signal, staged }: Fetching,
): Promise<string | undefined> => {
  try {
    const stream = source.fetch(sha256, signal)
    if (stream === undefined) return "it does not hold this asset"
    staged.push(await assets.stage(stream, { bytesMax, signal, expected: sha256 }))
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof LamplogError && ownFailures.has(error.code)) throw error
    return (error as Error).message
  }
}

const fetchFromAny = async (
  sources: ReadonlyArray<AssetSource>,
  assets: Assets,
  sha256: string,
  how: Fetching,
): Promise<string> => {
  const failed: Array<string> = []
  for (const source of sources) {
    const reason = await fetchFrom(source, assets, sha256, how)
    if (reason === undefined) return source.name
    failed.push(`${source.name}: ${reason}`)
  }
  const { code, message, remedy } = assets.has(sha256) ? assetDamaged(sha256) : assetAbsent(sha256)
  const reasons = failed.length === 0 ? "" : ` ${failed.join("; ")}.`
  throw new LamplogError({ code, message: message + reasons, remedy, where: sha256 })
}

/**
 * An asset by its id, or bytes by their hash. Sources are asked in their order: those of the call,
 * then those of the project. Bytes that are held but damaged are fetched again only from sources of
 * the call: whoever names one expects the bytes to be in order afterwards.
 */
export const getAsset = (
  desk: Desk,
  projectSources: ReadonlyArray<AssetSource>,
  idOrHash: string,
  { sources = [] }: GetAssetOptions = {},
): Effect.Effect<AssetContent, LamplogError> =>
  Effect.gen(function* () {
    const { handle } = desk
    const assets = new Assets(handle.replica.directory)
    const bytesMax = assetBytesMax(desk)
    const { asset, sha256 } = yield* handle.read((replica) => find(replica, assets, idOrHash))
    const path = assets.pathOf(sha256)
    const fetchedFrom = yield* keepStaged(handle, assets, path, async (signal, staged) => {
      const held = sources.length === 0 ? assets.has(sha256) : await assets.isWhole(sha256, signal)
      if (held) return undefined
      const all = [...sources, ...projectSources]
      return fetchFromAny(all, assets, sha256, { bytesMax, signal, staged })
    })
    return {
      asset: asset === undefined ? undefined : { ...asset, present: true },
      sha256,
      bytes: assets.sizeOf(sha256) ?? 0,
      fetchedFrom,
      stream: assets.read(sha256),
    }
  })
