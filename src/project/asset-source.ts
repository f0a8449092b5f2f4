/**
 * Archives and remotes as sources of assets. An archive is opened when one is asked for, and closed
 * when it has been read; a remote is its opener's to close. What they give is checked by whoever asked.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { assetPath } from "../archive/archive.ts"
import { openArchive } from "../archive/open.ts"
import type { OpenArchiveOptions } from "../archive/open.ts"
import { LamplogError } from "../event/failure.ts"
import { assetNotThere } from "../store/assets-failure.ts"
import type { Remote } from "../sync/remote.ts"
import type { AssetSource } from "./asset.ts"

const notInArchive = (path: string): LamplogError =>
  new LamplogError({
    code: "asset-absent",
    message: "it does not hold this asset",
    remedy: "Name another archive.",
    where: path,
  })

/** The assets of an archive; it is opened like any other, with what opens it and what it may be. */
export const assetsFromArchive = (path: string, opening: OpenArchiveOptions = {}): AssetSource => ({
  name: basename(path),
  fetch: (sha256) =>
    Stream.toAsyncIterable(
      Stream.unwrap(
        Effect.map(openArchive(path, opening), (archive) => {
          const member = assetPath(sha256)
          return archive.manifest.members.some((one) => one.path === member)
            ? Stream.fromAsyncIterable(archive.chunks(member), (error) => error as LamplogError)
            : Stream.fail(notInArchive(path))
        }),
      ),
    ),
})

async function* fetched(
  remote: Remote,
  sha256: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const bytes = await remote.getAsset!(sha256, signal)
  if (bytes === undefined) throw assetNotThere(sha256, remote.where)
  yield* bytes
}

/** A remote as a source of assets. */
export const assetsFromRemote = (name: string, remote: Remote): AssetSource => ({
  name,
  fetch: (sha256, signal) =>
    remote.getAsset === undefined ? undefined : fetched(remote, sha256, signal),
})
