/**
 * `merge`: the archive of another replica, or what merging it would do.
 */
import * as Effect from "effect/Effect"
import type {
  ConflictedItem,
  MergeAnalysis,
  MergeOptions,
  MergeSummary,
  SkippedConflict,
} from "../project/project.ts"
import { authorship } from "./authorship.ts"
import type { Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { findProject } from "./folder.ts"
import { keysOf, signatureText } from "./opening.ts"
import { aligned, counted, grouped, printable, shown } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProjectAndArchives } from "./session.ts"
import { backupWish, readSettings } from "./settings.ts"

const strategyFrom = (call: Call): NonNullable<MergeOptions["strategy"]> => {
  const named = call.flag("strategy")
  return named === "keep-local" || named === "keep-imported" ? named : "lamport"
}

const optionsFrom = (call: Call, path: string): MergeOptions => {
  const strategy = strategyFrom(call)
  // Nothing is written, so nobody need be named.
  const signed = strategy === "lamport" ? {} : authorship(call)
  const backup = backupWish(call, readSettings(findProject(call)))
  return { strategy, backup, ...signed, ...keysOf(call, [path]) }
}

const settledText = (
  resolved: number,
  skipped: ReadonlyArray<SkippedConflict>,
): ReadonlyArray<readonly [string, string]> => [
  ...(resolved === 0 ? [] : [["settled", counted(resolved, "conflict")] as const]),
  ...skipped.map(
    ({ entity, field, reason, type }, index) =>
      [
        index === 0 ? "left open" : "",
        printable(`${type}/${entity}${field === "" ? "" : ` ${field}`}: ${reason}`),
      ] as const,
  ),
]

const warningsText = (warnings: ReadonlyArray<string>, paint: Paint): string =>
  warnings.map((text) => `${paint.yellow("warning")}  ${printable(text)}\n`).join("")

const summaryText = (summary: MergeSummary, paint: Paint): string => {
  const { newItemsCount, updatedItemsCount, deletedItemsCount, conflictsCount } = summary
  const rows = [
    ["new", grouped(newItemsCount)],
    ["updated", grouped(updatedItemsCount)],
    ["deleted", grouped(deletedItemsCount)],
    [
      "conflicts",
      conflictsCount === 0
        ? "none"
        : paint.yellow(`${grouped(conflictsCount)} new (lamplog conflicts)`),
    ],
    ...settledText(summary.resolvedConflicts, summary.skippedConflicts),
    ...(summary.backupPath === undefined ? [] : [["backup", printable(summary.backupPath)]]),
    ["digest", summary.digest],
  ]
  const forks = summary.forks.map(
    ({ node, seq }) => `${paint.red("forked")}: two histories of ${node} part at event ${seq}\n`,
  )
  return `Merged ${counted(summary.events, "event")}.\n${aligned(rows)}\n${signatureText(summary.signature)}${forks.join("")}${warningsText(summary.warnings, paint)}`
}

const conflictedText = (item: ConflictedItem, paint: Paint): string => {
  const name = `${printable(`${item.type}/${item.entity}`)}  ${paint.bold(printable(item.field))}`
  const rows = (["base", "local", "imported"] as const).map((side) => [
    side,
    paint.swatch(item[side]) + shown(item[side]),
  ])
  const outcome = item.outcome === "open" ? item.recommendation : item.outcome
  return `${name}\n${aligned([...rows, ["", paint.dim(printable(outcome))]])}\n`
}

const analysisText = (analysis: MergeAnalysis, paint: Paint): string => {
  const { newItems, updatedItems, deletedItems, unchangedCount } = analysis
  const rows = [
    ["would be new", grouped(newItems.length)],
    ["would be updated", grouped(updatedItems.length)],
    ["would be deleted", grouped(deletedItems.length)],
    ["unchanged", grouped(unchangedCount)],
    ["conflicts", analysis.hasConflicts ? grouped(analysis.conflictedItems.length) : "none"],
    ...settledText(analysis.resolvedConflicts, analysis.skippedConflicts),
  ]
  const items = analysis.conflictedItems.map((item) => conflictedText(item, paint))
  return `${aligned(rows, 0)}\n${signatureText(analysis.signature)}${items.join("")}${warningsText(analysis.warnings, paint)}`
}

const analyze = (call: Call, path: string, options: MergeOptions): ReturnType<Run> =>
  withProjectAndArchives(call, (project) =>
    Effect.map(project.analyzeMerge(path, options), (analysis) => ({
      document: analysis,
      text: () => analysisText(analysis, call.paint),
    })),
  )

export const merge: Run = (call) =>
  Effect.suspend((): ReturnType<Run> => {
    const path = pathFrom(call.terminal, call.argument("FILE"))
    const options = optionsFrom(call, path)
    if (call.has("dry-run")) return analyze(call, path, options)
    return withProjectAndArchives(call, (project) =>
      Effect.map(project.mergeProject(path, options), (summary) => ({
        document: summary,
        text: () => summaryText(summary, call.paint),
      })),
    )
  })
