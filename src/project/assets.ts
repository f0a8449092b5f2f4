/**
 * Assets of a project: files added, found again, fetched when they are absent, and swept.
 *
 * Adding makes the bytes durable first, then writes the event that names them; both or neither.
 */
import { createReadStream } from "node:fs"
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { limitsDefault } from "../archive/limits.ts"
import { work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import { mediaStartBytes, mediaTypeOf } from "../store/assets-media.ts"
import { assetType, namedNow } from "../store/assets-named.ts"
import { Assets } from "../store/assets.ts"
import type { StagedAsset } from "../store/assets.ts"
import type { Entity } from "../store/query.ts"
import { checkNewAsset, planAdditions } from "./asset-naming.ts"
import { writeWithBytes } from "./asset-intake.ts"
import type { AddedAssets, Asset, NewAsset, SweptAssets } from "./asset.ts"
import { ProgressReporter } from "./progress.ts"
import type { ProgressListener } from "./progress.ts"
import type { WriteOptions } from "./project.ts"
import { streamEntities } from "./reading.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"
import { authorship } from "./writing.ts"
import type { Desk } from "./writing.ts"

/** Bytes of one asset: as many as an archive may carry here. */
export const assetBytesMax = ({ policy }: Desk): number =>
  (policy.limits ?? limitsDefault).assetBytes

const progressBytes = 1024 * 1024

const nameOf = (asset: NewAsset): string =>
  asset.name ?? (typeof asset.content === "string" ? basename(asset.content) : "")

/** The bytes of a file or stream, reported as they go by. */
async function* bytesOf(
  content: NewAsset["content"],
  report: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  const source = typeof content === "string" ? createReadStream(content) : content
  let untold = 0
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    yield chunk
    untold += chunk.length
    if (untold < progressBytes) continue
    report(untold)
    untold = 0
  }
  report(untold)
}

const stageAll = (
  assets: Assets,
  wanted: ReadonlyArray<NewAsset>,
  staged: Array<StagedAsset>,
  how: { readonly bytesMax: number; readonly listener: ProgressListener },
): Effect.Effect<void, LamplogError> => {
  let done = 0
  const report = (count: number): void => {
    done += count
    how.listener({ stage: "adding", done, total: undefined, unit: "bytes" })
  }
  return Effect.forEach(
    wanted,
    ({ content }) =>
      work(typeof content === "string" ? content : "stream", async (signal) => {
        const options = { signal, bytesMax: how.bytesMax, startBytes: mediaStartBytes }
        staged.push(await assets.stage(bytesOf(content, report), options))
      }),
    { discard: true },
  )
}

/** Adds files: all of them, as one atomic change, or none. */
export const addAssets = (
  desk: Desk,
  wanted: ReadonlyArray<NewAsset>,
  options: WriteOptions,
): Effect.Effect<AddedAssets, LamplogError> =>
  Effect.gen(function* () {
    const { author, handle } = desk
    yield* attempt(() => wanted.forEach(checkNewAsset))
    const assets = new Assets(handle.replica.directory)
    const listener = yield* ProgressReporter
    const signed = yield* authorship(desk.clock, options)
    const staged: Array<StagedAsset> = []
    const write = writeWithBytes(handle, (onPlaced) =>
      attempt((): AddedAssets => {
        const stored = new Set<string>()
        const files = staged.map(({ bytes, sha256, start }, index) => {
          const asset = wanted[index]!
          const name = nameOf(asset)
          const mediaType = asset.mediaType ?? mediaTypeOf(start, name)
          return { asset, name, sha256, bytes, mediaType }
        })
        const { changes, ids } = planAdditions(handle.replica, files)
        assets.place(staged, (sha256) => {
          stored.add(sha256)
          onPlaced(sha256)
        })
        const written = author.write(changes, signed)
        const added = files.map(({ bytes, mediaType, sha256 }, index) => ({
          id: ids[index]!,
          sha256,
          bytes,
          mediaType,
          stored: stored.has(sha256),
        }))
        return { assets: added, ...written }
      }),
    )
    return yield* Effect.ensuring(
      Effect.andThen(
        stageAll(assets, wanted, staged, { bytesMax: assetBytesMax(desk), listener }),
        write,
      ),
      Effect.sync(() => staged.forEach((one) => assets.discard(one))),
    )
  })

const textOr = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined

/** An entity as an asset; what is of another kind than it should be is left out. */
export const assetFrom = (assets: Assets, { fields, id }: Entity): Asset => {
  const { bytes, tags } = fields
  const texts = { name: fields.name, mediaType: fields.mediaType, licence: fields.licence }
  const sha256 = textOr(fields.sha256)
  return {
    id,
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => typeof value === "string")),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(typeof bytes === "number" ? { bytes } : {}),
    tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [],
    present: sha256 !== undefined && assets.has(sha256),
  }
}

/** Living assets, by id. */
export const listAssets = (handle: Handle): Stream.Stream<Asset, LamplogError> =>
  Stream.suspend(() => {
    const assets = new Assets(handle.replica.directory)
    return Stream.mapEffect(streamEntities(handle, { type: assetType }), (entity) =>
      attempt(() => assetFrom(assets, entity)),
    )
  })

/** Takes away the bytes that no living asset and no open conflict names; tells of it beforehand. */
export const sweepAssets = (
  handle: Handle,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Effect.Effect<SweptAssets, LamplogError> => {
  const sweep = attempt(() => {
    const { directory, sqlite } = handle.replica
    const { kept, removed } = new Assets(directory).sweep(namedNow(sqlite), !dryRun)
    const bytes = removed.reduce((sum, one) => sum + one.bytes, 0)
    return { removed: removed.length, bytes, kept }
  })
  // Nothing is written to the database; its lock keeps others from naming what is taken away.
  return dryRun ? handle.alone(sweep) : handle.rehearse(sweep)
}
