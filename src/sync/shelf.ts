/**
 * A shelf: a remote that only keeps. Segments lie there as named objects that never change; whoever comes
 * by reads what they lack and leaves what others lack.
 *
 * Invariants
 *  1. One listing tells what is held: the number of requests does not grow with the logs, and only what
 *     is lacking is read.
 *  2. Several may write at once, and files may come late, twice, half or under other names: what is held
 *     is told by what is there, never by who wrote it or when.
 *  3. A file is removed only when all its events lie, checked, in another one.
 */
import { LamplogError } from "../event/failure.ts"
import { isHash, isIdentifier, membershipRule } from "../event/hash.ts"
import { segmentBytesMax } from "../log/segment.ts"
import { AssetsOnShelf } from "./shelf-assets.ts"
import { descriptionFromBytes, descriptionBytesMax, descriptionText } from "./shelf-description.ts"
import { ShelfFiles } from "./shelf-files.ts"
import { runsByNode, shelfFrontier, wantedFrom } from "./shelf-holdings.ts"
import { descriptionName, logsPrefix, runOfSegment } from "./shelf-names.ts"
import type { NodeRuns } from "./shelf-holdings.ts"
import type { ShelfRun } from "./shelf-names.ts"
import type { ShelfStorage } from "./shelf-storage.ts"
import { tidyShelf } from "./shelf-tidy.ts"
import type {
  Hello,
  Holdings,
  ProjectDescription,
  PullRequest,
  Pushed,
  PushRequest,
  Remote,
  RemoteCapabilities,
  Take,
  Taken,
} from "./remote.ts"
import { encodeSegment } from "./segment.ts"
import type { Segment } from "./segment.ts"

/** Times that a pull lists again because files went away under its hands. */
const listingsMax = 8
/** Projects that are described. */
const projectsMax = 1000

interface Reading {
  readonly run: ShelfRun
  readonly segment: Segment
}

class Shelf implements Remote {
  readonly where: string
  readonly capabilities: RemoteCapabilities
  readonly watch?: Remote["watch"] & {}
  readonly getAsset?: Remote["getAsset"] & {}
  readonly hasAssets?: Remote["hasAssets"] & {}
  readonly putAsset?: Remote["putAsset"] & {}
  readonly #storage: ShelfStorage
  readonly #files: ShelfFiles

  constructor(storage: ShelfStorage) {
    this.#storage = storage
    this.#files = new ShelfFiles(storage)
    this.where = storage.where
    const { assets } = storage
    this.capabilities = {
      watches: storage.watch !== undefined,
      assets: assets !== undefined,
      presence: false,
    }
    if (storage.watch !== undefined) {
      this.watch = (hello, news, signal) =>
        storage.watch!(logsPrefix(checkedProject(hello)), news, signal)
    }
    if (assets !== undefined) {
      const kept = new AssetsOnShelf(assets, storage.where)
      this.getAsset = (sha256, signal) => kept.get(sha256, signal)
      this.hasAssets = (sha256, signal) => assets.has(sha256.filter(isHash), signal)
      this.putAsset = (sha256, size, bytes, signal) => kept.put(sha256, size, bytes, signal)
    }
  }

  async describe(signal: AbortSignal): Promise<ReadonlyArray<ProjectDescription>> {
    signal.throwIfAborted()
    const projects = (await this.#storage.listTop(signal)).filter(isIdentifier).sort()
    const descriptions: Array<ProjectDescription> = []
    for (const project of projects.slice(0, projectsMax)) {
      const description = await this.#description(project, signal)
      if (description !== undefined) descriptions.push(description)
    }
    return descriptions
  }

  async #description(
    project: string,
    signal: AbortSignal,
  ): Promise<ProjectDescription | undefined> {
    const name = descriptionName(project)
    const bytes = await this.#storage.read(name, descriptionBytesMax, signal)
    return bytes === undefined ? undefined : descriptionFromBytes(bytes, project)
  }

  async pull(request: PullRequest, take: Take, signal: AbortSignal): Promise<Holdings> {
    signal.throwIfAborted()
    const project = checkedProject(request)
    const { since, points } = request
    // Contents that were given, and names of files that could not be read.
    const given = new Set<string>()
    let listed = await this.#files.list(project, signal)
    for (let listings = 1; ; listings += 1) {
      const nodes = runsByNode(listed)
      const wanted = wantedFrom(nodes, since, points).runs
      const isUseless = uselessIn(project, nodes)
      const lost = await this.#give(project, wanted, given, isUseless, take, signal)
      if (!lost || listings === listingsMax) break
      listed = await this.#files.list(project, signal)
    }
    const nodes = runsByNode(this.#files.usable(listed))
    const { unsure } = wantedFrom(nodes, since, points)
    return { frontier: shelfFrontier(nodes), unsure }
  }

  /** Reads these runs and gives them on, in batches. Tells whether some of them could not be read. */
  async #give(
    project: string,
    runs: ReadonlyArray<ShelfRun>,
    given: Set<string>,
    isUseless: (reading: Reading) => boolean,
    take: Take,
    signal: AbortSignal,
  ): Promise<boolean> {
    let lost = false
    const failed = (run: ShelfRun): void => {
      given.add(run.name)
      lost = true
    }
    let batch: Array<Reading> = []
    let bytes = 0
    const flush = async (): Promise<void> => {
      const taken = await take(batch.map(({ segment }) => segment))
      await this.#judge(batch, taken, signal)
      const useless = batch.filter(isUseless)
      for (const { run } of useless) await this.#files.setAside(run, signal)
      lost ||= useless.length > 0
      batch = []
      bytes = 0
    }
    for (const run of runs) {
      if (given.has(contentKey(run)) || given.has(run.name)) continue
      signal.throwIfAborted()
      const segment = await this.#files.read(project, run, signal)
      if (segment === undefined) {
        failed(run)
        continue
      }
      given.add(contentKey(run))
      if (batch.length > 0 && bytes + run.lines > segmentBytesMax) await flush()
      batch.push({ run, segment })
      bytes += run.lines
    }
    if (batch.length > 0) await flush()
    return lost
  }

  /** Looks closer at files of which something was refused. */
  async #judge(
    batch: ReadonlyArray<Reading>,
    { refused }: Taken,
    signal: AbortSignal,
  ): Promise<void> {
    for (const { run, segment } of batch) {
      const blamed = refused.some(
        ({ node, from, to }) => node === run.node && from <= run.to && to >= run.from,
      )
      if (blamed) await this.#files.refused(run, segment, signal)
    }
  }

  async push(request: PushRequest, signal: AbortSignal): Promise<Pushed> {
    signal.throwIfAborted()
    const project = checkedProject(request)
    await this.#describeThere(request.description, signal)
    let events = 0
    for await (const batch of request.batches) {
      for (const segment of batch) {
        signal.throwIfAborted()
        const bytes = encodeSegment(segment)
        await this.#files.write(runOfSegment(segment, bytes.length).name, bytes, signal)
        events += segment.to - segment.from + 1
      }
    }
    let listed = await this.#files.list(project, signal)
    if (events > 0 && (await this.#tidied(project, listed, signal))) {
      listed = await this.#files.list(project, signal)
    }
    return { events, refused: [], frontier: shelfFrontier(runsByNode(listed)), unsure: [] }
  }

  /** Merges small files. Whatever goes wrong with that, nothing is lost and what was pushed stays. */
  async #tidied(
    project: string,
    listed: ReadonlyArray<ShelfRun>,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      return await tidyShelf(this.#storage, this.#files, project, listed, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof LamplogError) return true
      throw error
    }
  }

  async #describeThere(description: ProjectDescription, signal: AbortSignal): Promise<void> {
    const { project, schema } = description
    const there = await this.#description(project, signal)
    if (there !== undefined && there.schema.version >= schema.version) return
    await this.#storage.write(descriptionName(project), descriptionText(description), signal)
  }

  async close(): Promise<void> {
    await this.#storage.close()
  }
}

/** Same events in the same bytes, whatever the name: one of them is enough. */
const contentKey = ({ node, from, to, previous, head, size }: ShelfRun): string =>
  [node, from, to, previous, head, size].join("-")

/**
 * In a project of members nobody takes what ends without its node's signature. Left there, such a file
 * would say that its events are held, and keep away those who could bring them with one.
 */
const uselessIn = (
  project: string,
  nodes: ReadonlyArray<NodeRuns>,
): ((reading: Reading) => boolean) => {
  if (membershipRule(project) === "open") return () => false
  const byNode = new Map(nodes.map((runs) => [runs.node, runs]))
  return ({ run, segment }) =>
    segment.signature === undefined && byNode.get(run.node)!.next(run).length === 0
}

/** The project, which becomes part of names. */
const checkedProject = ({ project }: Hello): string => {
  if (isIdentifier(project)) return project
  throw new LamplogError({
    code: "remote-protocol",
    message: "What was asked for is no project id.",
    remedy: "Ask for a project by its id of 26 characters.",
  })
}

/** A remote that keeps segments and assets in a place that can only store. */
export const shelfRemote = (storage: ShelfStorage): Remote => new Shelf(storage)
