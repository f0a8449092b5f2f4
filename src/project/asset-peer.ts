/**
 * The bytes of assets that a project's replica gives to others, and takes from them.
 *
 * Anybody who may push may hand over bytes; so only those are taken that some event held here names or
 * once named, up to the size that an archive may carry here.
 */
import type * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import { assetTooLarge, assetUnnamed } from "../store/assets-failure.ts"
import { namedEver } from "../store/assets-named.ts"
import { Assets } from "../store/assets.ts"
import type { PeerAssets } from "../sync/remote.ts"
import { keepStaged } from "./asset-intake.ts"
import { assetBytesMax } from "./assets.ts"
import type { Handle } from "./transaction.ts"
import type { Desk } from "./writing.ts"

/** Whether any event held named a content; read anew only when there are other events. */
const makeNamed = ({
  read,
}: Handle): (() => Effect.Effect<ReturnType<typeof namedEver>, LamplogError>) => {
  let counted = -1
  let isNamed: ReturnType<typeof namedEver> = () => false
  return () =>
    read(({ lines, sqlite }) => {
      if (lines.eventCount === counted) return isNamed
      isNamed = namedEver(sqlite)
      counted = lines.eventCount
      return isNamed
    })
}

export const assetsOfPeer = (
  desk: Desk,
  promised: <A>(call: Effect.Effect<A, LamplogError>) => Promise<A>,
): PeerAssets => {
  const { handle } = desk
  const assets = new Assets(handle.replica.directory)
  const named = makeNamed(handle)
  return {
    getAsset: async (sha256) => (assets.has(sha256) ? assets.read(sha256) : undefined),
    hasAssets: async (hashes) => new Set(hashes.filter((sha256) => assets.has(sha256))),
    putAsset: async (sha256, size, bytes, signal) => {
      const bytesMax = assetBytesMax(desk)
      if (size > bytesMax) throw assetTooLarge(bytesMax)
      const isNamed = await promised(named())
      if (!isNamed(sha256)) throw assetUnnamed(sha256)
      const where = assets.pathOf(sha256)
      await promised(
        keepStaged(handle, assets, where, async (closing, staged) => {
          const until = AbortSignal.any([signal, closing])
          const how = { expected: sha256, bytesMax: size, signal: until }
          staged.push(await assets.stage(bytes, how))
        }),
      )
    },
  }
}
