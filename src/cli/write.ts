/**
 * `set`, `put` and `delete`: one change of one entity.
 */
import * as Effect from "effect/Effect"
import type { JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import type { WriteResult } from "../project/project.ts"
import type { Change } from "../state/change.ts"
import { authorship } from "./authorship.ts"
import type { Answer, Call, Run } from "./command.ts"
import { textFromInput } from "./input.ts"
import { jsonFromText } from "./json.ts"
import { counted, printable } from "./paint.ts"
import { withProject } from "./session.ts"
import { UsageError } from "./usage.ts"
import { assignmentFromText, entityFromText } from "./words.ts"
import type { EntityName } from "./words.ts"

/** The answer of every command that writes: what was done, and to what. */
export const writtenAnswer = (result: WriteResult, subject: string): Answer => ({
  document: { events: result.events, lamport: result.lamport },
  text: () =>
    result.events === 0
      ? `${printable(subject)}: nothing to change.\n`
      : `${printable(subject)}: ${counted(result.events, "event")} at lamport ${result.lamport}.\n`,
})

/** Words are read first, then the project is looked for, and only then is input waited for. */
const write = (
  call: Call,
  name: EntityName,
  change: Effect.Effect<Change, LamplogError>,
): ReturnType<Run> =>
  Effect.gen(function* () {
    const options = authorship(call)
    const asked = yield* change
    const result = yield* withProject(call, (project) => project.change([asked], options))
    return writtenAnswer(result, `${name.type}/${name.id}`)
  })

const nameOf = (call: Call): EntityName => entityFromText(call.argument("TYPE/ID"))

const setChange = (call: Call): Change => {
  const name = nameOf(call)
  const assignments = call.arguments("FIELD=VALUE").map(assignmentFromText)
  const unset = call.flags("unset")
  if (assignments.length + unset.length === 0) {
    throw new UsageError(
      "argument-missing",
      "lamplog set needs a field to change.",
      "Write FIELD=VALUE, or --unset FIELD.",
      "FIELD=VALUE",
    )
  }
  const named = new Set<string>()
  for (const field of [...assignments.map(({ field }) => field), ...unset]) {
    if (named.has(field)) {
      throw new UsageError(
        "field-repeated",
        `The field ${field.slice(0, 100)} is named twice.`,
        "Name each field once.",
        field.slice(0, 100),
      )
    }
    named.add(field)
  }
  return {
    op: "patch",
    ...name,
    fields: Object.fromEntries(assignments.map(({ field, value }) => [field, value])),
    ...(unset.length === 0 ? {} : { unset }),
  }
}

export const set: Run = (call) => {
  const change = setChange(call)
  return write(call, change, Effect.succeed(change))
}

/** The object stands where an event keeps its fields, one level down. */
const fieldsFromText = (text: string, name: string): JsonObject => {
  const value = jsonFromText(text, { name, levelsAround: 1 })
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return value as JsonObject
  }
  throw new LamplogError({
    stage: "structure",
    code: "not-an-object",
    message: `${name} holds no JSON object.`,
    remedy: 'Give the fields as an object, such as {"value":"#0000ff"}.',
    where: name,
  })
}

export const put: Run = (call) => {
  const name = nameOf(call)
  const data = call.flag("data")
  const text = data === "-" ? textFromInput(call.terminal.input) : Effect.succeed(data ?? "{}")
  const change = Effect.map(text, (json): Change => {
    const fields = fieldsFromText(json, data === "-" ? "stdin" : "--data")
    return { op: "put", ...name, fields }
  })
  return write(call, name, change)
}

export const remove: Run = (call) => {
  const name = nameOf(call)
  return write(call, name, Effect.succeed({ op: "delete", ...name }))
}
