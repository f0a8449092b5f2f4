/**
 * `backup` and `restore`: everything that a project holds in one file, and back from it.
 */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { restoreProject } from "../project/backup.ts"
import type { BackupSummary, ItemCounts, RestoreSummary } from "../project/project.ts"
import { keepActor, newActor } from "./begin.ts"
import type { Answer, Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { findProject, newProject } from "./folder.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import { stateDirectory, withProject, withProjectIn } from "./session.ts"
import { statusIn } from "./status.ts"

const itemsText = (itemCounts: ItemCounts): string =>
  Object.entries(itemCounts)
    .map(([type, count]) => `${printable(type)} ${grouped(count)}`)
    .join(", ") || "none"

const backupAnswer = (summary: BackupSummary): Answer => ({
  document: summary,
  text: () => {
    const rows = [
      ["bytes", grouped(summary.fileSize)],
      ["events", grouped(summary.events)],
      ["entities", itemsText(summary.itemCounts)],
      ["digest", summary.digest],
    ]
    return `Backed up to ${printable(summary.backupPath)}.\n${aligned(rows)}\n`
  },
})

export const backup: Run = (call) =>
  Effect.suspend(() => {
    const path = pathFrom(call.terminal, call.argument("FILE"))
    return withProject(call, (project) =>
      Effect.map(project.backupProject({ path, force: call.has("force") }), backupAnswer),
    )
  })

const restoredAnswer = (summary: RestoreSummary, call: Call): Answer => ({
  document: summary,
  text: () => {
    const { conflictsCount, digest, events, itemCounts } = summary
    const conflicts = `${grouped(conflictsCount)} new (lamplog conflicts)`
    const rows = [
      ["entities", itemsText(itemCounts)],
      ["conflicts", conflictsCount === 0 ? "none" : call.paint.yellow(conflicts)],
      ["digest", digest],
    ]
    const heading = events === 0 ? "Nothing was missing." : `Restored ${counted(events, "event")}.`
    return `${heading}\n${aligned(rows)}\n`
  },
})

/** The project to restore into; undefined when a new replica is to be made. */
const existingProject = (call: Call): string | undefined => {
  if (call.flag("project") !== undefined) {
    const directory = newProject(call)
    return existsSync(directory) ? directory : undefined
  }
  try {
    return findProject(call)
  } catch {
    return undefined
  }
}

export const restore: Run = (call) =>
  Effect.gen(function* () {
    const path = pathFrom(call.terminal, call.argument("FILE"))
    const existing = existingProject(call)
    if (existing !== undefined) {
      return yield* withProjectIn(existing, call, (project) =>
        Effect.map(project.restoreBackup(path), (summary) => restoredAnswer(summary, call)),
      )
    }
    const directory = newProject(call)
    const actor = newActor(call)
    yield* restoreProject(path, directory, stateDirectory(call))
    yield* keepActor(directory, actor)
    return yield* statusIn(directory, call, actor)
  })
