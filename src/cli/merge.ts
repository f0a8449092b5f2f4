/**
 * `merge`: the archive of another replica, or what merging it would do.
 */
import * as Effect from "effect/Effect"
import type { ConflictedItem, MergeAnalysis, MergeSummary } from "../project/project.ts"
import type { Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { aligned, counted, grouped, printable, shown } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProject } from "./session.ts"

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
    ["digest", summary.digest],
  ]
  const forks = summary.forks.map(
    ({ node, seq }) => `${paint.red("forked")}: two histories of ${node} part at event ${seq}\n`,
  )
  return `Merged ${counted(summary.events, "event")}.\n${aligned(rows)}\n${forks.join("")}`
}

const conflictedText = (item: ConflictedItem, paint: Paint): string => {
  const name = `${printable(`${item.type}/${item.entity}`)}  ${paint.bold(printable(item.field))}`
  const rows = (["base", "local", "imported"] as const).map((side) => [
    side,
    paint.swatch(item[side]) + shown(item[side]),
  ])
  return `${name}\n${aligned([...rows, ["", paint.dim(printable(item.recommendation))]])}\n`
}

const analysisText = (analysis: MergeAnalysis, paint: Paint): string => {
  const { newItems, updatedItems, deletedItems, unchangedCount } = analysis
  const rows = [
    ["would be new", grouped(newItems.length)],
    ["would be updated", grouped(updatedItems.length)],
    ["would be deleted", grouped(deletedItems.length)],
    ["unchanged", grouped(unchangedCount)],
    ["conflicts", analysis.hasConflicts ? grouped(analysis.conflictedItems.length) : "none"],
  ]
  const items = analysis.conflictedItems.map((item) => conflictedText(item, paint))
  const warnings = analysis.warnings.map(
    (text) => `${paint.yellow("warning")}  ${printable(text)}\n`,
  )
  return `${aligned(rows, 0)}\n${[...items, ...warnings].join("")}`
}

const analyze = (call: Call, path: string): ReturnType<Run> =>
  withProject(call, (project) =>
    Effect.map(project.analyzeMerge(path), (analysis) => ({
      document: analysis,
      text: () => analysisText(analysis, call.paint),
    })),
  )

export const merge: Run = (call) => {
  const path = pathFrom(call.terminal, call.argument("FILE"))
  if (call.has("dry-run")) return analyze(call, path)
  return withProject(call, (project) =>
    Effect.map(project.mergeProject(path), (summary) => ({
      document: summary,
      text: () => summaryText(summary, call.paint),
    })),
  )
}
