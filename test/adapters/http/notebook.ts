/**
 * A peer that only writes down what it is given: enough to see what goes over a line, with switches
 * for what a real replica would do at its worst.
 */
import { createHash } from "node:crypto"
import type {
  Batch,
  Frontier,
  Hello,
  Peer,
  PullAnswer,
  PullRequest,
  Pushed,
  Segment,
} from "../../../src/remote.ts"
import { assetMismatch } from "../../../src/store/assets-failure.ts"
import { segmentFrom } from "../../../src/sync/segment.ts"

export const project = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
export const asker = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
export const writer = "cccccccccccccccccccccccccc"

export const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex")

export const hello: Hello = { version: 1, project, node: asker }

/** A segment whose form is right; nobody here looks into its lines. */
export const segment = (node: string, from: number, lines = `event ${from}\n`): Segment =>
  segmentFrom(
    {
      project,
      node,
      publicKey: hashOf(node),
      from,
      to: from,
      previous: hashOf(`${node}${from - 1}`),
      head: hashOf(`${node}${from}`),
    },
    Buffer.from(lines),
  )

export class Notebook implements Peer {
  readonly description = { project, name: "Lamps", schema: { name: "design-system", version: 1 } }
  readonly batches: Array<Batch> = []
  readonly assets = new Map<string, Buffer>()
  readonly #waiting = new Set<() => void>()
  /** Calls that are under way. */
  running = 0
  /** Called before each answer and for each batch that was read. */
  before: (
    what: "pull" | "push" | "batch" | "asset" | "assets" | "asset push",
    signal?: AbortSignal,
  ) => Promise<void> | void = () => {}
  /** What a pull gives; all that was pushed, unless said otherwise. */
  giving: (signal: AbortSignal) => AsyncIterable<Batch> = () => this.#all()

  async *#all(): AsyncGenerator<Batch> {
    yield* this.batches
  }

  get frontier(): Frontier {
    const heads = this.batches.flat().map(({ node, to, head }) => [node, { seq: to, hash: head }])
    return Object.fromEntries(heads)
  }

  write(batch: Batch): void {
    this.batches.push(batch)
    for (const wake of this.#waiting) wake()
  }

  async answerPull(request: PullRequest, signal: AbortSignal): Promise<PullAnswer> {
    this.running += 1
    try {
      await this.before("pull", signal)
      const unsure = Object.keys(request.since).filter((log) => this.frontier[log] === undefined)
      return { frontier: this.frontier, unsure, batches: this.giving(signal) }
    } finally {
      this.running -= 1
    }
  }

  async answerPush(
    _hello: Hello,
    batches: AsyncIterable<Batch>,
    signal: AbortSignal,
  ): Promise<Pushed> {
    this.running += 1
    try {
      await this.before("push", signal)
      let events = 0
      for await (const batch of batches) {
        await this.before("batch", signal)
        events += batch.length
        this.write(batch)
      }
      return { frontier: this.frontier, unsure: [], events, refused: [] }
    } finally {
      this.running -= 1
    }
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener("abort", wake)
    })
  }

  get listeners(): number {
    return this.#waiting.size
  }

  async getAsset(sha256: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    await this.before("asset")
    const bytes = this.assets.get(sha256)
    return bytes === undefined ? undefined : asChunks(bytes)
  }

  async hasAssets(hashes: ReadonlyArray<string>): Promise<ReadonlySet<string>> {
    await this.before("assets")
    return new Set(hashes.filter((sha256) => this.assets.has(sha256)))
  }

  async putAsset(
    sha256: string,
    _size: number,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    this.running += 1
    try {
      await this.before("asset push", signal)
      const bytes = Buffer.concat(await Array.fromAsync(chunks))
      const found = createHash("sha256").update(bytes).digest("hex")
      if (found !== sha256) throw assetMismatch(sha256, found)
      this.assets.set(sha256, bytes)
    } finally {
      this.running -= 1
    }
  }
}

async function* asChunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  const size = 16 * 1024
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
