/**
 * `import`: archives and design-token files, or what importing them would do.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import type {
  ImportAnalysis,
  ImportOptions,
  ImportProblem,
  ImportSummary,
  ItemCounts,
} from "../project/project.ts"
import { authorship } from "./authorship.ts"
import type { Answer, Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { findProject } from "./folder.ts"
import { keysOf, signatureText } from "./opening.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProjectAndFiles } from "./session.ts"
import { backupWish, readSettings, settingValue } from "./settings.ts"

/** More problems than this are counted, not told: `--json` has them all. */
const problemsMax = 20

const problemLines = (
  problems: ReadonlyArray<ImportProblem>,
  sign: string,
  paint: Paint,
): string => {
  const rows = problems
    .slice(0, problemsMax)
    .map(({ message, where }) => `${sign}  ${paint.dim(printable(where))}  ${printable(message)}\n`)
  const rest = problems.length - problemsMax
  return rows.join("") + (rest > 0 ? paint.dim(`and ${grouped(rest)} more (--json)\n`) : "")
}

const itemsText = (itemCounts: ItemCounts): string =>
  Object.entries(itemCounts)
    .map(([type, count]) => `${printable(type)} ${grouped(count)}`)
    .join(", ") || "none"

const summaryText = (summary: ImportSummary, paint: Paint): string => {
  const settled = summary.settledConflicts.length
  const rows = [
    ["entities", itemsText(summary.itemCounts)],
    ...(settled === 0 ? [] : [["settled", counted(settled, "conflict")]]),
    ...(summary.conflictsCount === 0
      ? []
      : [
          ["conflicts", paint.yellow(`${grouped(summary.conflictsCount)} new (lamplog conflicts)`)],
        ]),
    ...(summary.backupPath === undefined ? [] : [["backup", printable(summary.backupPath)]]),
  ]
  const heading =
    summary.events === 0
      ? "Nothing to import: the state is as the files say."
      : `Imported ${counted(summary.events, "event")}.`
  return `${heading}\n${aligned(rows)}\n${signatureText(summary.signature)}${problemLines(summary.warnings, paint.yellow("warning"), paint)}`
}

const analysisText = (analysis: ImportAnalysis, paint: Paint): string =>
  (analysis.isValid
    ? `Would import ${counted(analysis.events, "event")}.\n`
    : `${paint.red("Cannot be imported.")}\n`) +
  `${aligned([["entities", itemsText(analysis.itemCounts)]])}\n` +
  signatureText(analysis.signature) +
  problemLines(analysis.errors, paint.red("error"), paint) +
  problemLines(analysis.warnings, paint.yellow("warning"), paint)

const optionsFrom = (call: Call, paths: ReadonlyArray<string>): ImportOptions => {
  const file = readSettings(findProject(call))
  const budget = settingValue("timeBudgetSeconds", call, file)
  return {
    ...authorship(call),
    ...keysOf(call, paths),
    format: call.flag("format") ?? "auto",
    strategy: call.flag("strategy") === "replace" ? "replace" : "merge",
    prune: call.has("prune"),
    backup: backupWish(call, file),
    allowDangling: call.has("allow-dangling"),
    timeBudgetSeconds: Number(budget.value),
  }
}

export const importProject: Run = (call) =>
  Effect.suspend(() => {
    const paths = call.arguments("FILE").map((path) => pathFrom(call.terminal, path))
    const options = optionsFrom(call, paths)
    return withProjectAndFiles(call, (project): Effect.Effect<Answer, LamplogError> =>
      call.has("dry-run")
        ? Effect.map(project.analyzeImport(paths, options), (analysis) => ({
            document: analysis,
            text: () => analysisText(analysis, call.paint),
          }))
        : Effect.map(project.importProject(paths, options), (summary) => ({
            document: summary,
            text: () => summaryText(summary, call.paint),
          })),
    )
  })
