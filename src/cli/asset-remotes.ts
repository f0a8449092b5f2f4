/**
 * The remotes of a project as sources of assets: each is opened when bytes are asked of it, and closed
 * when they have been read.
 */
import { LamplogError } from "../event/failure.ts"
import type { AssetSource } from "../project/asset.ts"
import { open } from "./open-remote.ts"
import type { NamedRemote } from "./remotes.ts"
import type { Terminal } from "./terminal.ts"

async function* bytesFrom(
  { address }: NamedRemote,
  terminal: Terminal,
  project: string,
  { sha256, signal }: { readonly sha256: string; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  // A server that keeps several projects apart has to know which one is asked about.
  const remote = await open({ ...address, project }, terminal)
  try {
    const bytes = await remote.getAsset?.(sha256, signal)
    if (bytes === undefined) {
      throw new LamplogError({
        code: "asset-absent",
        message: "it does not hold this asset",
        remedy: "Name another source.",
        where: remote.where,
      })
    }
    yield* bytes
  } finally {
    await remote.close()
  }
}

/** `project` tells the project's id by the time that bytes are asked for. */
export const assetsFromRemotes = (
  remotes: ReadonlyArray<NamedRemote>,
  terminal: Terminal,
  project: () => string,
): ReadonlyArray<AssetSource> =>
  remotes.map((remote) => ({
    name: remote.name,
    fetch: (sha256, signal) => bytesFrom(remote, terminal, project(), { sha256, signal }),
  }))
