/**
 * `log`: every event held, in total order, written as it is read.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { LamplogError } from "../event/failure.ts"
import type { LogFilter } from "../store/query.ts"
import type { Call, Run } from "./command.ts"
import { entryDocument, entryText } from "./entry.ts"
import { writeRows } from "./rows.ts"
import { withProject } from "./session.ts"
import type { ProjectService } from "./session.ts"
import { countFromText, entityFromText, nodeFromText, stampFromText } from "./words.ts"

const nodeLength = 26

/** A node by the beginning of its id. A whole id is taken as it is, held or not. */
const nodeIn = (project: ProjectService, beginning: string): Effect.Effect<string, LamplogError> =>
  beginning.length === nodeLength
    ? Effect.succeed(beginning)
    : Effect.flatMap(project.status, ({ frontier }) => {
        const nodes = Object.keys(frontier).map((log) => log.slice(0, nodeLength))
        const found = [...new Set(nodes)].filter((node) => node.startsWith(beginning))
        if (found.length === 1) return Effect.succeed(found[0]!)
        return Effect.fail(
          new LamplogError({
            code: found.length === 0 ? "node-unknown" : "node-ambiguous",
            message: `${found.length === 0 ? "No node" : "More than one node"} here begins with "${beginning}".`,
            remedy: "Run `lamplog status` for the nodes whose logs are held.",
            where: beginning,
          }),
        )
      })

const filterFrom = (call: Call): LogFilter => {
  const entity = call.optionalArgument("TYPE/ID")
  const actor = call.flag("actor")
  const since = call.flag("since")
  return {
    ...(entity === undefined ? {} : entityFromText(entity)),
    ...(actor === undefined ? {} : { actor }),
    ...(since === undefined ? {} : { since: stampFromText(since, "--since") }),
    ...(call.has("reverse") ? { reverse: true } : {}),
  }
}

export const log: Run = (call) =>
  Effect.suspend(() => {
    const filter = filterFrom(call)
    const limit = call.flag("limit")
    const most = limit === undefined ? undefined : countFromText(limit, "--limit")
    const asked = call.flag("node")
    const beginning = asked === undefined ? undefined : nodeFromText(asked, "--node")
    return withProject(call, (project) =>
      Effect.gen(function* () {
        const node = beginning === undefined ? undefined : yield* nodeIn(project, beginning)
        const entries = project.log(node === undefined ? filter : { ...filter, node })
        return yield* writeRows(call, most === undefined ? entries : Stream.take(entries, most), {
          document: entryDocument,
          text: (entry) => entryText(entry, call.paint),
          none: "No events.",
        })
      }),
    )
  })
