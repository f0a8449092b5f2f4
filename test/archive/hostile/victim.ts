/**
 * Tries files on a project through every public door, as a program of its own, so that its memory is
 * measured alone and a crash is seen as one.
 *
 *   node victim.ts DIRECTORY STATE-DIRECTORY IDENTITY < tasks    prints a line of JSON for each
 */
import { createInterface } from "node:readline"
import * as Effect from "effect/Effect"
import { openArchive } from "../../../src/archive/open.ts"
import { snapshotLineBytesMax } from "../../../src/archive/read.ts"
import { work } from "../../../src/archive/work.ts"
import { LamplogError } from "../../../src/event/failure.ts"
import type { Door } from "./attack.ts"
import { inspectArchive, openProject, verifyArchive } from "../../../src/promise.ts"

export const victimProgram = import.meta.filename

/** A file, and the doors to try it at. */
export interface Task {
  readonly path: string
  readonly doors: ReadonlyArray<Door>
}

/** How a door answered. */
export type Answer =
  | { readonly kind: "taken" }
  | {
      readonly kind: "refused"
      readonly stage: string
      readonly code: string
      readonly message: string
      readonly complete: boolean
    }
  | { readonly kind: "crashed"; readonly message: string }

export interface Verdict {
  readonly path: string
  readonly answers: { readonly [door: string]: Answer }
  readonly seconds: number
  /** How far the most memory ever used has risen, in MiB. */
  readonly grownMebibytes: number
}

const refused = (error: LamplogError): Answer => ({
  kind: "refused",
  stage: error.stage ?? "none",
  code: error.code,
  message: error.message.slice(0, 500),
  // Everything that a person needs, and nothing that a terminal would act on.
  complete:
    error.remedy !== "" &&
    error.where !== undefined &&
    error.message.length < 2000 &&
    // oxlint-disable-next-line no-control-regex
    !/[\u0000-\u001f\u007f-\u009f]/.test(`${error.message}${error.where}${error.remedy}`),
})

const answer = async (attempt: () => Promise<unknown>): Promise<Answer> => {
  try {
    await attempt()
    return { kind: "taken" }
  } catch (error) {
    if (error instanceof LamplogError) return refused(error)
    return { kind: "crashed", message: String((error as Error).stack ?? error) }
  }
}

const verified = async (path: string): Promise<void> => {
  const { ok, findings } = await verifyArchive(path)
  if (ok) return
  const { stage, code, message, where } = findings.find(({ severity }) => severity === "error")!
  throw new LamplogError({ stage, code, message, where, remedy: "See the finding." })
}

const opened = (path: string, identity: string): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(openArchive(path, { keys: { identities: [identity] } }), (archive) =>
        work(path, async () => {
          for (const { path: member } of archive.manifest.members) {
            for await (const lines of archive.lines(member, snapshotLineBytesMax)) void lines
          }
        }),
      ),
    ),
  )

const peak = (): number => process.resourceUsage().maxRSS

if (process.argv[1] === victimProgram) {
  const [directory, stateDirectory, identity] = process.argv.slice(2) as [string, string, string]
  const project = await openProject({ directory, stateDirectory })
  const tries: { readonly [door in Door]: (path: string) => Promise<unknown> } = {
    inspected: inspectArchive,
    opened: (path) => opened(path, identity),
    verified,
    imported: (path) => project.importProject([path], { actor: "mallory", format: "lamplog" }),
    guessed: (path) => project.importProject([path], { actor: "mallory" }),
    merged: (path) => project.mergeProject(path),
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const { path, doors } = JSON.parse(line) as Task
    const before = peak()
    const start = performance.now()
    const answers: { [door: string]: Answer } = {}
    for (const door of doors) {
      answers[door] = await answer(() => tries[door](path))
    }
    const verdict: Verdict = {
      path,
      answers,
      seconds: (performance.now() - start) / 1000,
      grownMebibytes: (peak() - before) / 1024,
    }
    process.stdout.write(`${JSON.stringify(verdict)}\n`)
  }
  await project.close()
}
