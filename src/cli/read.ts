/**
 * `get` and `list`: entities as they stand.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { LamplogError } from "../event/failure.ts"
import type { Entity } from "../store/query.ts"
import type { Run } from "./command.ts"
import { conflictDocument, conflictText } from "./conflict.ts"
import { entryDocument, entryText } from "./entry.ts"
import { aligned, counted, cut, printable, shown } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { writeRows } from "./rows.ts"
import { withProject } from "./session.ts"
import { assignmentFromText, entityFromText } from "./words.ts"
import type { EntityName } from "./words.ts"

const entityDocument = (entity: Entity) => ({
  type: entity.type,
  id: entity.id,
  fields: entity.fields,
  deleted: entity.deleted,
  conflicts: entity.conflicts.map((conflict) => conflictDocument(entity, conflict)),
})

const entityLine = (entity: Entity, paint: Paint, width: number): string => {
  const fields = Object.entries(entity.fields)
    .map(([name, value]) => `${printable(name)}=${shown(value)}`)
    .join(" ")
  const name = printable(`${entity.type}/${entity.id}`)
  const open = entity.conflicts.length
  const mark = open === 0 ? "" : `  ${counted(open, "conflict")}`
  const room = Math.max(20, width - name.length - mark.length - 2)
  return `${paint.bold(name)}  ${cut(fields, room)}${paint.yellow(mark)}`.trimEnd()
}

const entityPage = (entity: Entity, paint: Paint): string => {
  const rows = Object.entries(entity.fields).map(([name, value]) => [
    printable(name),
    paint.swatch(value) + shown(value),
  ])
  const conflicts = entity.conflicts.map((conflict) => conflictText(entity, conflict, paint))
  const name = paint.bold(printable(`${entity.type}/${entity.id}`))
  const state = entity.deleted ? paint.red("  deleted") : ""
  return [`${name}${state}`, ...(rows.length === 0 ? [] : [aligned(rows)]), ...conflicts, ""].join(
    "\n",
  )
}

const unknownEntity = ({ type, id }: EntityName): LamplogError =>
  new LamplogError({
    code: "entity-unknown",
    message: `There is no ${type}/${id} here, and there never was.`,
    remedy: `Run \`lamplog list ${type}\` for those that are there.`,
    where: `${type}/${id}`,
  })

export const get: Run = (call) =>
  withProject(call, (project) =>
    Effect.gen(function* () {
      const name = entityFromText(call.argument("TYPE/ID"))
      const entity = yield* project.get(name.type, name.id)
      if (entity === undefined) return yield* Effect.fail(unknownEntity(name))
      const history = call.has("history") ? yield* Stream.runCollect(project.log(name)) : undefined
      return {
        document: {
          ...entityDocument(entity),
          ...(history === undefined ? {} : { history: history.map(entryDocument) }),
        },
        text: () =>
          entityPage(entity, call.paint) +
          (history ?? []).map((entry) => `${entryText(entry, call.paint)}\n`).join(""),
      }
    }),
  )

export const list: Run = (call) =>
  Effect.suspend(() => {
    const type = call.optionalArgument("TYPE")
    const where = call.flags("where").map(assignmentFromText)
    const filter = {
      ...(type === undefined ? {} : { type }),
      ...(where.length === 0 ? {} : { where }),
      ...(call.has("deleted") ? { deleted: true } : {}),
    }
    const { outputIsTerminal, columns } = call.terminal
    const width = outputIsTerminal ? columns : Number.POSITIVE_INFINITY
    return withProject(call, (project) =>
      writeRows(call, project.list(filter), {
        document: entityDocument,
        text: (entity) => entityLine(entity, call.paint, width),
        none: "No entities.",
      }),
    )
  })
