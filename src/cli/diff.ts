/**
 * `diff`: what differs between this state (before) and a file (after), field by field.
 */
import * as Effect from "effect/Effect"
import type { Difference } from "../project/project.ts"
import type { Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { aligned, printable, shown } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProjectAndFiles } from "./session.ts"

const marks = { added: "+", removed: "-", changed: "~" } as const

const differenceText = (difference: Difference, paint: Paint): string => {
  const { type, id, change, fields } = difference
  const colour = { added: paint.green, removed: paint.red, changed: paint.yellow }[change]
  const rows = Object.entries(fields).map(([name, { before, after }]) => [
    printable(name),
    ...(before === undefined ? [] : [paint.swatch(before) + paint.red(shown(before))]),
    ...(before === undefined || after === undefined ? [] : ["→"]),
    ...(after === undefined ? [] : [paint.swatch(after) + paint.green(shown(after))]),
  ])
  const heading = `${colour(marks[change])} ${paint.bold(printable(`${type}/${id}`))}`
  return rows.length === 0 ? heading : `${heading}\n${aligned(rows, 4)}`
}

const diffText = (differences: ReadonlyArray<Difference>, paint: Paint): string => {
  if (differences.length === 0) return "No differences.\n"
  const count = (change: Difference["change"]) =>
    `${differences.filter((difference) => difference.change === change).length} ${change}`
  const total = paint.dim([count("added"), count("removed"), count("changed")].join(", "))
  return `${differences.map((each) => differenceText(each, paint)).join("\n")}\n${total}\n`
}

export const diff: Run = (call) =>
  withProjectAndFiles(call, (project) =>
    Effect.map(project.diff(pathFrom(call.terminal, call.argument("FILE"))), (differences) => ({
      document: differences,
      text: () => diffText(differences, call.paint),
    })),
  )
