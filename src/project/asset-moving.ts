/**
 * The bytes of assets in a meeting: handed to a remote that lacks them, taken from one that has them.
 *
 * Only what living assets name is moved, and only after the events: whoever takes bytes wants to know
 * what names them. Trouble with bytes never makes the meeting fail; it is told beside it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import { assetNotThere } from "../store/assets-failure.ts"
import { namedAssets } from "../store/assets-named.ts"
import { Assets } from "../store/assets.ts"
import { isTransient } from "../sync/remote.ts"
import type { Remote } from "../sync/remote.ts"
import { keepStaged } from "./asset-intake.ts"
import { assetBytesMax } from "./assets.ts"
import type { AssetProblem, AssetsToMove } from "./meeting.ts"
import { ProgressReporter } from "./progress.ts"
import type { Desk } from "./writing.ts"

/** Hashes that a remote is asked about at once. */
const askedHashes = 500
/** Problems that a summary lists. */
const listedMax = 100

/** What became of the bytes; a part of the summary of a meeting. */
export interface MovedAssets {
  readonly assetsPushed: number
  readonly assetsPulled: number
  readonly assetsFailed: number
  readonly assetProblems: ReadonlyArray<AssetProblem>
}

/** What every other asset would fail of, too. */
const ofThePlace: ReadonlySet<string> = new Set([
  "disk-full",
  "disk-error",
  "not-writable",
  "remote-denied",
  "remote-full",
])
/** A line that was cut may be all that a damaged asset makes of itself: the next one will show. */
const isOfThePlace = (error: LamplogError): boolean =>
  ofThePlace.has(error.code) || (isTransient(error) && error.code !== "remote-interrupted")

/** One remote, and one replica that moves bytes to and fro. */
class Mover {
  readonly #desk: Desk
  readonly #remote: Remote
  readonly #assets: Assets
  readonly #problems: Array<AssetProblem> = []
  readonly #moved = { push: 0, pull: 0, failed: 0 }

  constructor(desk: Desk, remote: Remote) {
    this.#desk = desk
    this.#remote = remote
    this.#assets = new Assets(desk.handle.replica.directory)
  }

  get summary(): MovedAssets {
    const { failed: assetsFailed, pull: assetsPulled, push: assetsPushed } = this.#moved
    return { assetsPushed, assetsPulled, assetsFailed, assetProblems: this.#problems }
  }

  #failed(direction: AssetProblem["direction"], sha256: string, error: LamplogError): void {
    this.#moved.failed += 1
    if (this.#problems.length < listedMax) this.#problems.push({ direction, sha256, error })
  }

  /** Of these, which the remote holds. */
  #there(some: ReadonlyArray<string>): Effect.Effect<ReadonlySet<string>, LamplogError> {
    const remote = this.#remote
    if (remote.hasAssets === undefined) return Effect.succeed(new Set())
    return work(remote.where, (signal) => remote.hasAssets!(some, signal))
  }

  #push(sha256: string, isThere: boolean): Effect.Effect<boolean, LamplogError> {
    return work(this.#remote.where, async (signal) => {
      const size = isThere ? undefined : this.#assets.sizeOf(sha256)
      // There already, or swept here meanwhile.
      if (size === undefined) return false
      await this.#remote.putAsset!(sha256, size, this.#assets.read(sha256), signal)
      return true
    })
  }

  #pull(sha256: string, isThere: boolean): Effect.Effect<boolean, LamplogError> {
    const { where } = this.#remote
    const bytesMax = assetBytesMax(this.#desk)
    return keepStaged(this.#desk.handle, this.#assets, where, async (signal, staged) => {
      const bytes = isThere ? await this.#remote.getAsset?.(sha256, signal) : undefined
      if (bytes === undefined) throw assetNotThere(sha256, where)
      staged.push(await this.#assets.stage(bytes, { expected: sha256, bytesMax, signal }))
      return true
    })
  }

  /** Moves these one by one. What concerns one alone stops no other. */
  readonly move = (
    direction: AssetProblem["direction"],
    hashes: ReadonlyArray<string>,
  ): Effect.Effect<void> =>
    Effect.gen({ self: this }, function* () {
      const onProgress = yield* ProgressReporter
      const stage = direction === "push" ? "handing over assets" : "fetching assets"
      for (let first = 0; first < hashes.length; first += askedHashes) {
        const some = hashes.slice(first, first + askedHashes)
        const there = yield* Effect.result(this.#there(some))
        if (Result.isFailure(there)) return this.#failed(direction, some[0]!, there.failure)
        for (const [index, sha256] of some.entries()) {
          const isThere = there.success.has(sha256)
          const moving =
            direction === "push" ? this.#push(sha256, isThere) : this.#pull(sha256, isThere)
          const moved = yield* Effect.result(moving)
          const done = first + index + 1
          onProgress({ stage, done, total: hashes.length, unit: "files" })
          if (Result.isSuccess(moved)) {
            this.#moved[direction] += moved.success ? 1 : 0
            continue
          }
          this.#failed(direction, sha256, moved.failure)
          if (isOfThePlace(moved.failure)) return undefined
        }
      }
      return undefined
    })
}

/** Moves what `which` says between this replica and a remote. */
export const moveAssets = (
  desk: Desk,
  remote: Remote,
  which: AssetsToMove,
): Effect.Effect<MovedAssets, LamplogError> =>
  Effect.gen(function* () {
    const mover = new Mover(desk, remote)
    if (which === "none") return mover.summary
    const assets = new Assets(desk.handle.replica.directory)
    const named = yield* desk.handle.read(({ sqlite }) => [
      ...new Set([...namedAssets(sqlite)].map(({ sha256 }) => sha256)),
    ])
    const isHeld = (sha256: string): boolean => {
      try {
        return assets.has(sha256)
      } catch {
        // Reading it to hand it over will tell why that cannot be.
        return true
      }
    }
    if (remote.capabilities.assets && remote.putAsset !== undefined) {
      yield* mover.move("push", named.filter(isHeld))
    }
    if (which === "all") {
      const absent = named.filter((sha256) => !isHeld(sha256))
      yield* mover.move("pull", absent)
    }
    return mover.summary
  })
