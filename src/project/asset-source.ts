/**
 * An archive as a source of assets: opened when one is asked for, closed when it has been read.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { assetPath } from "../archive/archive.ts"
import { openArchive } from "../archive/open.ts"
import type { OpenArchiveOptions } from "../archive/open.ts"
import { LamplogError } from "../event/failure.ts"
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
