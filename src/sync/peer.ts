/**
 * How a replica answers others, whatever carries their requests: HTTP, a broker, memory.
 *
 * Nothing that somebody says is believed: what they hold decides what is sent to them, what they push is
 * checked like an archive.
 */
import { LamplogError, shown } from "../event/failure.ts"
import { assetUnnamed } from "../store/assets-failure.ts"
import type { Local } from "./local.ts"
import type {
  Hello,
  Peer,
  PeerAssets,
  PullAnswer,
  PullRequest,
  Pushed,
  RefusedRun,
} from "./remote.ts"
import { protocolVersion } from "./segment.ts"
import type { Batch } from "./segment.ts"

/** What a peer needs beside the replica. */
export interface PeerOptions {
  /** Resolves when something was written here after the call, or when aborted. */
  readonly changed: Peer["changed"]
  /** Where bytes are kept; without it none are held, and none are taken. */
  readonly assets?: PeerAssets
}

/** A replica that keeps events alone. */
const noAssets: PeerAssets = {
  getAsset: async () => undefined,
  hasAssets: async () => new Set(),
  putAsset: async (sha256) => {
    throw assetUnnamed(sha256)
  },
}

/** Refused runs that an answer lists. */
const refusedListedMax = 100

/** Refuses those who speak otherwise, or of another project. */
export const checkHello = (local: Local, { version, project, node }: Hello): void => {
  const where = `hello of ${shown(String(node))}`
  if (version !== protocolVersion) {
    const isNewer = Number.isSafeInteger(version) && version > protocolVersion
    throw new LamplogError({
      code: isNewer ? "protocol-newer" : "remote-protocol",
      message: `The other side speaks version ${shown(String(version))} of the protocol; this program speaks ${protocolVersion}.`,
      remedy: isNewer
        ? "Upgrade Lamplog here, on the machine that was asked."
        : "Upgrade Lamplog on the other machine.",
      where,
    })
  }
  const own = local.description
  if (project === own.project) return
  throw new LamplogError({
    code: "other-project",
    message: `The other side asks for project ${shown(String(project))}; this is ${own.project}.`,
    remedy: "Sync with replicas of the same project only; `lamplog status` tells its id.",
    where,
  })
}

class LocalPeer implements Peer {
  readonly #local: Local
  readonly changed: Peer["changed"]
  readonly getAsset: Peer["getAsset"]
  readonly hasAssets: Peer["hasAssets"]
  readonly putAsset: Peer["putAsset"]

  constructor(local: Local, { assets = noAssets, changed }: PeerOptions) {
    this.#local = local
    this.changed = changed
    this.getAsset = (sha256) => assets.getAsset(sha256)
    this.hasAssets = (sha256) => assets.hasAssets(sha256)
    this.putAsset = (...given) => assets.putAsset(...given)
  }

  get description(): Peer["description"] {
    return this.#local.description
  }

  readonly answerPull = async (request: PullRequest, signal: AbortSignal): Promise<PullAnswer> => {
    checkHello(this.#local, request)
    signal.throwIfAborted()
    const { since, points } = request
    const { frontier } = await this.#local.stand()
    const unsure = await this.#local.unknownHeads(since)
    const batches = this.#local.lacking(since, points === undefined ? {} : { points })
    return { frontier, unsure, batches: untilAborted(batches, signal) }
  }

  readonly answerPush = async (
    hello: Hello,
    batches: AsyncIterable<Batch>,
    signal: AbortSignal,
  ): Promise<Pushed> => {
    checkHello(this.#local, hello)
    let events = 0
    const refused: Array<RefusedRun> = []
    for await (const batch of untilAborted(batches, signal)) {
      const taken = await this.#local.take(batch)
      events += taken.events
      refused.push(...taken.refused.slice(0, refusedListedMax - refused.length))
    }
    const { frontier } = await this.#local.stand()
    return { frontier, unsure: [], events, refused }
  }
}

async function* untilAborted(
  batches: AsyncIterable<Batch>,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    signal.throwIfAborted()
    yield batch
  }
}

/** A replica that others may ask. */
export const peerOf = (local: Local, options: PeerOptions): Peer => new LocalPeer(local, options)
