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
import type { SyncSummary } from "../project/meeting.ts"
import type { Answer, Call, Run } from "./command.ts"
import { findProject } from "./folder.ts"
import { openRemote } from "./open-remote.ts"
import { aligned, counted, printable } from "./paint.ts"
import { readRemotes, remoteFromText } from "./remotes.ts"
import type { NamedRemote } from "./remotes.ts"
import type { ProjectService } from "./session.ts"
import { withProject } from "./session.ts"
import { untilInterrupted } from "./stopping.ts"
import { notInSync, settledText } from "./sync-text.ts"
import { syncTimeoutSeconds, timeoutMillisFrom } from "./timeout.ts"

/** What became of one remote. */
type Outcome =
  | { readonly remote: NamedRemote; readonly summary: SyncSummary }
  | { readonly remote: NamedRemote; readonly error: LamplogError }

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

/** Hears what works less well than it could. */
const warner = (call: Call, name: string, warnings: Array<string>) => (message: string) => {
  warnings.push(`${name}: ${message}`)
  if (!call.json) call.terminal.writeError(`${name}: ${printable(message)}\n`)
}

const meet = (
  call: Call,
  project: ProjectService,
  node: string,
  remote: NamedRemote,
  warnings: Array<string>,
): Effect.Effect<SyncSummary, LamplogError> => {
  const { address, name } = remote
  const timeoutMillis = timeoutMillisFrom(call, syncTimeoutSeconds)
  const onWarning = warner(call, name, warnings)
  return Effect.scoped(
    Effect.flatMap(openRemote(address, call.terminal, { node, onWarning }), (opened) =>
      project.sync(opened, { name, timeoutMillis }),
    ),
  )
}

const documentOf = (outcome: Outcome) => {
  const { name, address } = outcome.remote
  if ("error" in outcome) {
    return { remote: name, where: address.where, inSync: false, error: outcome.error.toJSON() }
  }
  const { summary } = outcome
  const { refused, ...rest } = summary
  return {
    ...rest,
    refused: refused.map(({ error, ...run }) => ({ ...run, error: error.toJSON() })),
    ...(summary.inSync ? {} : { error: notInSync(summary).toJSON() }),
  }
}

const errorText = (error: LamplogError, call: Call): string =>
  `${call.paint.red("lamplog:")} ${printable(error.message)}\n  → ${printable(error.remedy)}\n`

/** One remote: fails as it failed; else tells how it went. */
const answerOne = (outcome: Outcome, warnings: ReadonlyArray<string>, call: Call): Answer => {
  if ("error" in outcome) throw outcome.error
  const { summary } = outcome
  return {
    document: { ...documentOf(outcome), ...(warnings.length === 0 ? {} : { warnings }) },
    text: () => settledText(summary, call.paint),
    status: summary.inSync ? 0 : 1,
  }
}

/** Several remotes: the sum, and each of them. */
const answerAll = (
  outcomes: ReadonlyArray<Outcome>,
  state: { readonly conflicts: number; readonly digest: string },
  warnings: ReadonlyArray<string>,
  call: Call,
): Answer => {
  const met = outcomes.flatMap((outcome) => ("summary" in outcome ? [outcome.summary] : []))
  const troubled = outcomes.filter((outcome) => "error" in outcome || !outcome.summary.inSync)
  const names = troubled.map(({ remote }) => remote.name).join(", ")
  const failed = new LamplogError({
    code: "sync-incomplete",
    message: `${troubled.length} of ${counted(outcomes.length, "remote")} could not be met, or does not hold the same: ${names}.`,
    remedy: "Each says what to do; the others are in sync.",
  })
  return {
    document: {
      pulled: met.reduce((sum, { pulled }) => sum + pulled, 0),
      pushed: met.reduce((sum, { pushed }) => sum + pushed, 0),
      conflicts: state.conflicts,
      digest: state.digest,
      inSync: troubled.length === 0,
      remotes: outcomes.map(documentOf),
      ...(troubled.length === 0 ? {} : { error: failed.toJSON() }),
      ...(warnings.length === 0 ? {} : { warnings }),
    },
    text: () =>
      outcomes
        .map((outcome) =>
          "error" in outcome
            ? `${aligned([[outcome.remote.name, call.paint.red("failed")]], 0)}\n${errorText(outcome.error, call)}`
            : settledText(outcome.summary, call.paint),
        )
        .join(""),
    status: troubled.length === 0 ? 0 : 1,
  }
}

const once = (call: Call, project: ProjectService, remotes: ReadonlyArray<NamedRemote>) =>
  Effect.gen(function* () {
    const { node } = yield* project.status
    const warnings: Array<string> = []
    const outcomes: Array<Outcome> = []
    for (const remote of remotes) {
      const met = yield* Effect.result(meet(call, project, node, remote, warnings))
      outcomes.push(
        Result.isSuccess(met) ? { remote, summary: met.success } : { remote, error: met.failure },
      )
    }
    if (remotes.length === 1) return answerOne(outcomes[0]!, warnings, call)
    return answerAll(outcomes, yield* project.status, warnings, call)
  })

export const sync: Run = (call) =>
  Effect.suspend(() => {
    const remotes = remotesOf(call, "NAME|URL")
    if (call.has("watch")) {
      return Effect.flatMap(
        Effect.promise(() => import("./watch.ts")),
        ({ watch }) => withProject(call, (project) => watch(call, project, remotes)),
      )
    }
    timeoutMillisFrom(call, syncTimeoutSeconds)
    const meeting = withProject(call, (project) => once(call, project, remotes))
    return untilInterrupted(call, meeting, "Interrupted; what was taken so far is kept.")
  })
