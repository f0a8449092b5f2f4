/**
 * `export`: an archive, or one DTCG token file.
 */
import * as Effect from "effect/Effect"
import type { Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { aligned, grouped, printable } from "./paint.ts"
import { withProjectAndFiles } from "./session.ts"

export const exportProject: Run = (call) =>
  withProjectAndFiles(call, (project) =>
    Effect.map(
      project.exportProject(pathFrom(call.terminal, call.argument("FILE")), {
        format: call.flag("format") ?? "lamplog",
        force: call.has("force"),
      }),
      (summary) => ({
        document: summary,
        text: () => {
          const items = Object.entries(summary.itemCounts).map(
            ([type, count]) => `${printable(type)} ${grouped(count)}`,
          )
          const rows = [
            ["bytes", grouped(summary.fileSize)],
            ["entities", items.length === 0 ? "none" : items.join(", ")],
            ...(summary.exportHash === undefined ? [] : [["hash", summary.exportHash]]),
          ]
          return `Wrote ${printable(summary.archivePath)}.\n${aligned(rows)}\n`
        },
      }),
    ),
  )
