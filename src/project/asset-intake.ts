/**
 * Writes that bring the bytes of assets with them: bytes first, durably, then the events that name
 * them; and when the events do not come to be, the bytes are taken away again.
 *
 * Bytes get their names inside the transaction, which holds the write lock. Whether they may be taken
 * away is asked under the lock, too: by then another process may have named them. Those of a process
 * that is killed stay behind, whole and named by nothing; a sweep removes them.
 *
 * Bytes that events held here name already come by themselves: staged, then named under the lock.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { assetMembers, takeAssets } from "../archive/asset-taking.ts"
import type { Archive } from "../archive/read.ts"
import { work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import { namedEver, namedNow } from "../store/assets-named.ts"
import { Assets } from "../store/assets.ts"
import type { StagedAsset } from "../store/assets.ts"
import { ProgressReporter } from "./progress.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

/** Takes an archive's assets, after its events, inside the transaction that takes those. */
export type TakeArchiveAssets = (archive: Archive) => Effect.Effect<void, LamplogError>

type Placed = (sha256: string) => void

/**
 * Of what an archive carries, what some event held here names is kept, whether or not it still does:
 * the bytes of earlier versions belong to the history. Anything else is checked and left.
 */
const taking =
  (handle: Handle, onPlaced: Placed | undefined): TakeArchiveAssets =>
  (archive) =>
    Effect.gen(function* () {
      if (assetMembers(archive.manifest).length === 0) return
      const onProgress = yield* ProgressReporter
      const { directory, projection, sqlite } = handle.replica
      const isNamed = yield* attempt(() => {
        projection.flush()
        return namedEver(sqlite)
      })
      const options = {
        isWanted: onPlaced === undefined ? () => false : isNamed,
        onPlaced: onPlaced ?? (() => {}),
        onProgress,
      }
      const assets = new Assets(directory)
      yield* work(archive.path, (signal) => takeAssets(archive, assets, options, signal))
    })

/** Takes away what a write that failed had placed, unless something names it by now. */
const takeBack = (handle: Handle, placed: ReadonlySet<string>): Effect.Effect<void> => {
  if (placed.size === 0) return Effect.void
  const { directory, sqlite } = handle.replica
  const remove = attempt(() => {
    const assets = new Assets(directory)
    const isNamed = namedNow(sqlite)
    for (const sha256 of placed) if (!isNamed(sha256)) assets.remove(sha256)
  })
  // What cannot be taken away now is whole and does no harm; why the write failed says more.
  return Effect.ignore(handle.rehearse(remove))
}

/** A write whose body places bytes of assets; they stay if and only if the write does. */
export const writeWithBytes = <A, E, R>(
  handle: Handle,
  body: (onPlaced: Placed) => Effect.Effect<A, E, R>,
): Effect.Effect<A, E | LamplogError, R> =>
  Effect.suspend(() => {
    const placed = new Set<string>()
    const write = handle.write(body((sha256) => void placed.add(sha256)))
    return Effect.onExit(write, (exit) =>
      Exit.isSuccess(exit) ? Effect.void : takeBack(handle, placed),
    )
  })

/** A write whose body takes archives. */
export const writeWithAssets = <A, E, R>(
  handle: Handle,
  body: (take: TakeArchiveAssets) => Effect.Effect<A, E, R>,
): Effect.Effect<A, E | LamplogError, R> =>
  writeWithBytes(handle, (onPlaced) => body(taking(handle, onPlaced)))

/** What such a write would do: assets are checked, none is kept. */
export const rehearseWithAssets = <A, E, R>(
  handle: Handle,
  body: (take: TakeArchiveAssets) => Effect.Effect<A, E, R>,
): Effect.Effect<A, E | LamplogError, R> => handle.rehearse(body(taking(handle, undefined)))

/**
 * Work that stages bytes which events name already; when it is done they get their names. When it
 * fails or is interrupted nothing is left of them.
 */
export const keepStaged = <A>(
  handle: Handle,
  assets: Assets,
  where: string,
  run: (signal: AbortSignal, staged: Array<StagedAsset>) => Promise<A>,
): Effect.Effect<A, LamplogError> =>
  Effect.suspend(() => {
    const staged: Array<StagedAsset> = []
    const place = attempt(() => assets.place(staged, () => {}))
    // Nothing is written to the database; its lock keeps a sweep from seeing half of it.
    const placed = Effect.suspend(() =>
      staged.length === 0 ? Effect.void : handle.rehearse(place),
    )
    return Effect.ensuring(
      Effect.tap(
        work(where, (signal) => run(signal, staged)),
        () => placed,
      ),
      Effect.sync(() => staged.forEach((one) => assets.discard(one))),
    )
  })
