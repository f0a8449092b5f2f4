/**
 * `sync`: meets the remotes of a project, one after another, until both sides hold the same.
 *
 * Invariants
 *  1. Trouble with one remote stops no other; the exit status tells that there was some.
 *  2. What was taken is kept, whenever and however the command ends.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { LamplogError } from "../event/failure.ts"
import type { AssetsToMove, SyncSummary } from "../project/meeting.ts"
import type { Status } from "../project/project.ts"
import type { Answer, Call, Run } from "./command.ts"
import { findProject } from "./folder.ts"
import { openRemote } from "./open-remote.ts"
import { counted, printable } from "./paint.ts"
import { readRemotes, remoteFromText } from "./remotes.ts"
import type { NamedRemote } from "./remotes.ts"
import type { ProjectService } from "./session.ts"
import { withProject } from "./session.ts"
import { untilInterrupted } from "./stopping.ts"
import { notInSync, syncText } from "./sync-text.ts"
import type { Outcome } from "./sync-text.ts"
import { timeoutMillisFrom } from "./timeout.ts"
import { UsageError } from "./usage.ts"

/** What became of one remote. */
interface Met extends Outcome {
  readonly where: string
}

/** The remotes that a call is about. */
export const remotesOf = (call: Call, word: string): ReadonlyArray<NamedRemote> => {
  const remotes = readRemotes(findProject(call), call.terminal)
  const text = call.optionalArgument(word)
  if (text !== undefined) return [remoteFromText(text, remotes, call)]
  if (remotes.length > 0) return remotes
  throw new LamplogError({
    code: "no-remotes",
    message: "This project has no remotes.",
    remedy: "Add one: `lamplog remote add NAME URL`, such as folder:../shared.",
  })
}

/** Which bytes of assets a call moves. */
export const assetsOf = (call: Call): { readonly assets?: AssetsToMove } => {
  const assets = call.flag("assets")
  return assets === undefined ? {} : { assets: assets as AssetsToMove }
}

/** Hears what works less well than it could. */
const warner = (call: Call, name: string, warnings: Array<string>) => (message: string) => {
  warnings.push(`${name}: ${message}`)
  if (!call.json) call.terminal.writeError(`${name}: ${printable(message)}\n`)
}

/** Refuses an address that names another project. */
export const checkProject = (
  { address, name }: NamedRemote,
  project: string,
): Effect.Effect<void, LamplogError> =>
  address.project === undefined || address.project === project
    ? Effect.void
    : Effect.fail(
        new LamplogError({
          code: "other-project",
          message: `The address of ${name} means project ${address.project}; this is ${project}.`,
          remedy: "Leave the # and what follows it out, or stand in the other project's folder.",
          where: address.where,
        }),
      )

const meet = (
  call: Call,
  project: ProjectService,
  { node, project: id }: Status,
  remote: NamedRemote,
  warnings: Array<string>,
): Effect.Effect<SyncSummary, LamplogError> => {
  const { address, name } = remote
  const timeoutMillis = timeoutMillisFrom(call)
  const onWarning = warner(call, name, warnings)
  const opening = openRemote(address, call.terminal, { node, onWarning })
  return Effect.scoped(
    Effect.flatMap(Effect.andThen(checkProject(remote, id), opening), (opened) =>
      project.sync(opened, { name, timeoutMillis, ...assetsOf(call) }),
    ),
  )
}

const documentOf = ({ error, remote, summary, where }: Met) => {
  if (error !== undefined) return { remote, where, inSync: false, error: error.toJSON() }
  const { refused, ...rest } = summary!
  return {
    ...rest,
    refused: refused.map(({ error: reason, ...run }) => ({ ...run, error: reason.toJSON() })),
    ...(rest.inSync ? {} : { error: notInSync(summary!).toJSON() }),
  }
}

/** One remote: fails as it failed; else tells how it went. */
const answerOne = (met: Met, warnings: ReadonlyArray<string>, call: Call): Answer => {
  const { error, summary } = met
  if (error !== undefined) throw error
  return {
    document: { ...documentOf(met), ...(warnings.length === 0 ? {} : { warnings }) },
    text: () => syncText([met], summary!, call.paint),
    status: summary!.inSync ? 0 : 1,
  }
}

const summed = ["pulled", "pushed", "assetsPulled", "assetsPushed", "assetsFailed"] as const
type Sums = { readonly [name in (typeof summed)[number]]: number }

const sums = (summaries: ReadonlyArray<SyncSummary>): Sums =>
  Object.fromEntries(
    summed.map((name) => [name, summaries.reduce((sum, summary) => sum + summary[name], 0)]),
  ) as Sums

/** Several remotes: the sum, and each of them. */
const answerAll = (
  met: ReadonlyArray<Met>,
  state: { readonly conflicts: number; readonly digest: string },
  warnings: ReadonlyArray<string>,
  call: Call,
): Answer => {
  const troubled = met.filter(({ summary }) => summary?.inSync !== true)
  const names = troubled.map(({ remote }) => remote).join(", ")
  const failed = new LamplogError({
    code: "sync-incomplete",
    message: `${troubled.length} of ${counted(met.length, "remote")} could not be met, or does not hold the same: ${names}.`,
    remedy: "Each of them says what to do; the others are in sync.",
  })
  return {
    document: {
      ...sums(met.flatMap(({ summary }) => summary ?? [])),
      conflicts: state.conflicts,
      digest: state.digest,
      inSync: troubled.length === 0,
      remotes: met.map(documentOf),
      ...(troubled.length === 0 ? {} : { error: failed.toJSON() }),
      ...(warnings.length === 0 ? {} : { warnings }),
    },
    text: () => syncText(met, state, call.paint),
    status: troubled.length === 0 ? 0 : 1,
  }
}

const once = (call: Call, project: ProjectService, remotes: ReadonlyArray<NamedRemote>) =>
  Effect.gen(function* () {
    const status = yield* project.status
    const warnings: Array<string> = []
    const meetOne = (remote: NamedRemote): Effect.Effect<Met> =>
      Effect.map(Effect.result(meet(call, project, status, remote, warnings)), (met) => {
        const of = { remote: remote.name, where: remote.address.where }
        return Result.isSuccess(met)
          ? { ...of, summary: met.success }
          : { ...of, error: met.failure }
      })
    const all: Array<Met> = []
    for (const remote of remotes) all.push(yield* meetOne(remote))
    // What a later one brought is news to those before it.
    const last = all.findLastIndex(({ summary }) => (summary?.pulled ?? 0) > 0)
    for (const [index, before] of all.slice(0, Math.max(last, 0)).entries()) {
      if (before.summary === undefined) continue
      const again = yield* meetOne(remotes[index]!)
      const { summary } = again
      all[index] =
        summary === undefined
          ? again
          : { ...again, summary: { ...summary, ...sums([before.summary, summary]) } }
    }
    if (all.length === 1) return answerOne(all[0]!, warnings, call)
    return answerAll(all, yield* project.status, warnings, call)
  })

const timeoutIdle = (): UsageError =>
  new UsageError(
    "flags-contrary",
    "--watch goes on until it is stopped, so there is nothing for --timeout to end.",
    "Leave one of them out.",
    "--timeout",
  )

export const sync: Run = (call) =>
  Effect.suspend(() => {
    const remotes = remotesOf(call, "NAME|URL")
    if (call.has("watch")) {
      if (call.has("timeout")) throw timeoutIdle()
      return Effect.flatMap(
        Effect.promise(() => import("./watch.ts")),
        ({ watch }) => withProject(call, (project) => watch(call, project, remotes)),
      )
    }
    timeoutMillisFrom(call)
    const meeting = withProject(call, (project) => once(call, project, remotes))
    return untilInterrupted(call, meeting, "Interrupted; what was taken so far is kept.")
  })
