/**
 * Tries files on a project through every public door, as a program of its own, so that its memory is
 * measured alone and a crash is seen as one.
 *
 *   node victim.ts DIRECTORY STATE-DIRECTORY < list of paths    prints one line of JSON for each
 */
import { createInterface } from "node:readline"
import { LamplogError } from "../../../src/event/failure.ts"
import { inspectArchive, openProject, verifyArchive } from "../../../src/promise.ts"

export const victimProgram = import.meta.filename

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
  readonly inspected: Answer
  readonly verified: Answer
  readonly imported: Answer
  readonly merged: Answer
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

const peak = (): number => process.resourceUsage().maxRSS

if (process.argv[1] === victimProgram) {
  const [directory, stateDirectory] = process.argv.slice(2) as [string, string]
  const project = await openProject({ directory, stateDirectory })
  for await (const path of createInterface({ input: process.stdin })) {
    const before = peak()
    const start = performance.now()
    const inspected = await answer(() => inspectArchive(path))
    const whole = await answer(() => verified(path))
    const imported = await answer(() => project.importProject([path], { actor: "mallory" }))
    const merged = await answer(() => project.mergeProject(path))
    const verdict: Verdict = {
      path,
      inspected,
      verified: whole,
      imported,
      merged,
      seconds: (performance.now() - start) / 1000,
      grownMebibytes: (peak() - before) / 1024,
    }
    process.stdout.write(`${JSON.stringify(verdict)}\n`)
  }
  await project.close()
}
