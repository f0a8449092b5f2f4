/**
 * `diff`: what differs between this state (before) and a file (after), field by field.
 */
import * as Effect from "effect/Effect"
import { equalJson } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import type { Difference } from "../project/project.ts"
import type { Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { keysOf } from "./opening.ts"
import { aligned, printable, shown } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProjectAndFiles } from "./session.ts"

const marks = { added: "+", removed: "-", changed: "~" } as const

interface Sides {
  readonly before?: Json
  readonly after?: Json
}

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

/** A field by what differs in it: two objects are told apart key by key, one level down. */
const partsOf = (
  name: string,
  { before, after }: Sides,
): ReadonlyArray<readonly [name: string, sides: Sides]> => {
  if (!isObject(before) || !isObject(after)) return [[name, { before, after } as Sides]]
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((key) => {
    const sides = { before: before[key], after: after[key] } as Sides
    const same =
      sides.before !== undefined &&
      sides.after !== undefined &&
      equalJson(sides.before, sides.after)
    return same ? [] : [[`${name} ${key}`, sides] as const]
  })
}

const sidesText = (
  { before, after }: Sides,
  change: Difference["change"],
  paint: Paint,
): string => {
  const was = paint.swatch(before) + paint.red(shown(before))
  const is = paint.swatch(after) + paint.green(shown(after))
  return change === "added" ? is : change === "removed" ? was : `${was} → ${is}`
}

const differenceText = (difference: Difference, paint: Paint): string => {
  const { type, id, change, fields } = difference
  const colour = { added: paint.green, removed: paint.red, changed: paint.yellow }[change]
  const rows = Object.entries(fields)
    .flatMap(([name, sides]) => partsOf(name, sides))
    .map(([name, sides]) => [printable(name), sidesText(sides, change, paint)])
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
  Effect.suspend(() => {
    const path = pathFrom(call.terminal, call.argument("FILE"))
    const keys = keysOf(call, [path])
    return withProjectAndFiles(call, (project) =>
      Effect.map(project.diff(path, keys), (differences) => ({
        document: differences,
        text: () => diffText(differences, call.paint),
      })),
    )
  })
