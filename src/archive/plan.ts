/**
 * What an archive will hold, measured before a byte of it is written: the manifest stands first in
 * the file, and names every other member by its hash.
 */
import type { Frontier } from "../log/frontier.ts"
import type { NamedAsset } from "../store/assets-named.ts"
import { Assets } from "../store/assets.ts"
import type { Replica } from "../store/replica.ts"
import { archiveFormat, archiveVersion } from "./archive.ts"
import type { Manifest, ManifestLog, Selection } from "./archive.ts"
import { planAssets } from "./asset-plan.ts"
import type { AssetPlanOptions } from "./asset-plan.ts"
import type { TakenAlong } from "./choose.ts"
import type { Content, PlannedLog, PlannedMember } from "./content.ts"
import { manifestText } from "./manifest.ts"
import { breathe } from "./work.ts"

/** Bytes of work between two looks at the clock of others. */
const turnBytes = 1024 * 1024

export interface Plan {
  readonly manifest: Manifest
  /** The very bytes of manifest.json. */
  readonly bytes: Buffer
  readonly members: ReadonlyArray<PlannedMember>
  readonly takenAlong: ReadonlyArray<TakenAlong>
  /** Contents of assets that should travel and are not held here. */
  readonly assetsMissing: number
}

export interface PlanOptions extends AssetPlanOptions {
  readonly since?: Frontier | undefined
  readonly select?: Selection | undefined
}

interface Planned {
  /** What the manifest says of this kind of archive. */
  readonly said: Omit<
    Manifest,
    | "format"
    | "version"
    | "project"
    | "name"
    | "schema"
    | "frontier"
    | "members"
    | "setAside"
    | "digest"
  >
  readonly members: ReadonlyArray<PlannedMember>
  readonly takenAlong: ReadonlyArray<TakenAlong>
  readonly named: Iterable<NamedAsset>
}

/** Runs a measuring pass to its end, a turn at a time. */
export const inTurns = async <A>(
  steps: Generator<number, A>,
  signal: AbortSignal,
  report: (count: number) => void = () => {},
): Promise<A> => {
  let bytes = 0
  let count = 0
  for (;;) {
    const step = steps.next()
    if (step.done === true) {
      report(count)
      return step.value
    }
    bytes += step.value
    count += 1
    if (bytes < turnBytes) continue
    report(count)
    bytes = 0
    count = 0
    await breathe(signal)
  }
}

const manifestLog = (log: PlannedLog): ManifestLog => ({
  log: log.name,
  node: log.node,
  publicKey: log.publicKey,
  from: log.from,
  to: log.to,
  previous: log.previous,
  head: log.head,
  ...(log.signature === undefined ? {} : { signature: log.signature }),
  members: log.members.map((member) => member.path),
})

/** Whole logs and their snapshot; or what a reader of `since` lacks, without one. */
const planHistory = async (
  content: Content,
  { onProgress, since = {} }: PlanOptions,
  signal: AbortSignal,
): Promise<Planned> => {
  const events = content.logs.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  let done = 0
  const report = (count: number): void => {
    done += count
    onProgress?.({ stage: "measuring", done, total: events, unit: "events" })
  }
  const logs: Array<PlannedLog> = []
  for (const log of content.logs) logs.push(await inTurns(content.planLog(log), signal, report))
  const isComplete = Object.keys(since).length === 0
  const snapshot = isComplete ? [await inTurns(content.planSnapshot(), signal)] : []
  const { conflicts, entities, itemCounts } = content.counts()
  const counts = { conflicts, entities, itemCounts }
  return {
    said: { prerequisites: since, logs: logs.map(manifestLog), events, ...counts },
    members: [...logs.flatMap((log) => log.members), ...snapshot],
    takenAlong: [],
    named: content.assetsNamed(isComplete ? "state" : "logs"),
  }
}

/** Chosen entities and their proofs. */
const planExtract = async (
  content: Content,
  select: Selection,
  signal: AbortSignal,
): Promise<Planned> => {
  const chosen = await inTurns(content.choose(select), signal)
  const { conflicts, entities, itemCounts, open, selection, takenAlong } = chosen
  const said = {
    prerequisites: {},
    extract: { selection, open },
    logs: [],
    events: 0,
    conflicts,
    entities,
    itemCounts,
  }
  const members = await inTurns(content.planExtract(chosen), signal)
  return { said, members, takenAlong, named: content.assetsNamed(chosen) }
}

/** Plans an archive of the state that `content` holds still. */
export const planOf = async (
  replica: Replica,
  content: Content,
  options: PlanOptions,
  signal: AbortSignal,
): Promise<Plan> => {
  const { select } = options
  const { said, takenAlong, named, ...planned } =
    select === undefined
      ? await planHistory(content, options, signal)
      : await planExtract(content, select, signal)
  const assets = await planAssets(new Assets(replica.directory), named, options, signal)
  const members = [...planned.members, ...assets.members].sort((left, right) =>
    left.path < right.path ? -1 : 1,
  )
  const manifest: Manifest = {
    format: archiveFormat,
    version: archiveVersion,
    project: replica.project,
    name: replica.name,
    schema: { name: replica.schema.name, version: replica.schema.version },
    frontier: content.lines.frontier(),
    members: members.map(({ path, sha256, size }) => ({ path, sha256, size })),
    setAside: content.counts().setAside,
    digest: content.digest,
    ...said,
  }
  const bytes = Buffer.from(manifestText(manifest))
  return { manifest, bytes, members, takenAlong, assetsMissing: assets.missing }
}
