/**
 * `conflicts` and `resolve`: what stands against each other, and settling it for every replica.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import type { Resolution } from "../project/project.ts"
import type { OpenConflict } from "../store/query.ts"
import { authorship } from "./authorship.ts"
import type { Call, Run } from "./command.ts"
import { conflictDocument, conflictText } from "./conflict.ts"
import { jsonFromText } from "./json.ts"
import { counted, printable } from "./paint.ts"
import { withProject } from "./session.ts"
import type { ProjectService } from "./session.ts"
import { UsageError } from "./usage.ts"
import { conflictFromText, takenFromText } from "./words.ts"
import type { Taken } from "./words.ts"

const nameOf = ({ type, entity }: OpenConflict) => ({ type, id: entity })

export const conflicts: Run = (call) =>
  withProject(call, (project) =>
    Effect.gen(function* () {
      const asked = call.optionalArgument("ID")
      const open =
        asked === undefined
          ? yield* project.conflicts
          : [yield* project.conflict(conflictFromText(asked))]
      return {
        document: open.map((conflict) => conflictDocument(nameOf(conflict), conflict)),
        text: () =>
          open.length === 0
            ? "No open conflicts.\n"
            : `${open.map((conflict) => conflictText(nameOf(conflict), conflict, call.paint)).join("\n\n")}\n`,
      }
    }),
  )

/** Levels that an event puts around a value: its body, and the fields in it. */
const levelsAroundValue = 2

const askedOf = (call: Call): { readonly take: Taken } | Resolution => {
  const take = call.flag("take")
  const value = call.flag("value")
  if ((take === undefined) === (value === undefined)) {
    throw new UsageError(
      "resolution-missing",
      "A conflict is settled by one candidate or by one value.",
      "Give either --take NODE or --value JSON.",
      "--take, --value",
    )
  }
  if (take !== undefined) return { take: takenFromText(take) }
  return { value: jsonFromText(value!, { name: "--value", levelsAround: levelsAroundValue }) }
}

/** A candidate by the beginning of its node's id; what is not clear is left to be refused. */
const resolutionFrom = (
  project: ProjectService,
  id: string,
  asked: ReturnType<typeof askedOf>,
): Effect.Effect<Resolution, LamplogError> => {
  if (!("take" in asked)) return Effect.succeed(asked)
  const { take } = asked
  return Effect.map(project.conflict(id), ({ candidates }) => {
    const nodes = new Set(candidates.map(({ node }) => node))
    const found = [...nodes].filter((node) => node.startsWith(take.node))
    return { take: found.length === 1 ? { ...take, node: found[0]! } : take }
  })
}

export const resolve: Run = (call) =>
  Effect.suspend(() => {
    const id = conflictFromText(call.argument("ID"))
    const asked = askedOf(call)
    const options = authorship(call)
    return withProject(call, (project) =>
      Effect.gen(function* () {
        const resolution = yield* resolutionFrom(project, id, asked)
        const result = yield* project.resolve(id, resolution, options)
        return {
          document: { events: result.events, lamport: result.lamport },
          text: () =>
            `${printable(id)}: settled, ${counted(result.events, "event")} at lamport ${result.lamport}.\n`,
        }
      }),
    )
  })
