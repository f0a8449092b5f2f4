/**
 * Handing a remote the bytes of assets that it lacks: those that living assets name and that are held
 * here. The other way they are fetched one by one, when somebody asks for them.
 */
import * as Effect from "effect/Effect"
import { work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import { namedAssets } from "../store/assets-named.ts"
import { Assets } from "../store/assets.ts"
import type { Remote } from "../sync/remote.ts"
import type { AssetSource } from "./asset.ts"
import type { Handle } from "./transaction.ts"

/** Hashes that a remote is asked about at once. */
const askedHashes = 500

const pushSome = async (
  remote: Remote,
  assets: Assets,
  held: ReadonlyArray<string>,
  signal: AbortSignal,
): Promise<number> => {
  const there = await remote.hasAssets!(held, signal)
  let sent = 0
  for (const sha256 of held) {
    if (there.has(sha256)) continue
    const size = assets.sizeOf(sha256)
    // Swept meanwhile.
    if (size === undefined) continue
    await remote.putAsset!(sha256, size, assets.read(sha256), signal)
    sent += 1
  }
  return sent
}

/** Gives the number of contents that were handed over. */
export const pushAssets = (handle: Handle, remote: Remote): Effect.Effect<number, LamplogError> => {
  if (!remote.capabilities.assets || remote.putAsset === undefined) return Effect.succeed(0)
  return Effect.gen(function* () {
    const assets = new Assets(handle.replica.directory)
    const named = yield* handle.read(({ sqlite }) => [
      ...new Set([...namedAssets(sqlite)].map(({ sha256 }) => sha256)),
    ])
    const held = named.filter((sha256) => assets.has(sha256))
    return yield* work(remote.where, async (signal) => {
      let sent = 0
      for (let first = 0; first < held.length; first += askedHashes) {
        const some = held.slice(first, first + askedHashes)
        sent += await pushSome(remote, assets, some, signal)
      }
      return sent
    })
  })
}

async function* fetched(
  remote: Remote,
  sha256: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const bytes = await remote.getAsset!(sha256, signal)
  if (bytes !== undefined) yield* bytes
}

/** A remote as a source of assets. What it gives is checked against the hash before it is used. */
export const assetsFromRemote = (name: string, remote: Remote): AssetSource => ({
  name,
  fetch: (sha256, signal) =>
    remote.getAsset === undefined ? undefined : fetched(remote, sha256, signal),
})
