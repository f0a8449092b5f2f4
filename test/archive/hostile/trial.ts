/**
 * Runs a program that tries files on a project, and looks at what they left behind.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { compareText } from "../../../src/event/canonical.ts"
import type { Pair } from "./base.ts"
import { victimProgram } from "./victim.ts"
import type { Task, Verdict } from "./victim.ts"

const namesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted(compareText)

/** Everything about a project on disk that an attack could change. */
export const traceOf = (pair: Pair, temporary: string): { readonly [part: string]: unknown } => ({
  database: createHash("sha256")
    .update(readFileSync(join(pair.victimDirectory, ".lamplog", "project.db")))
    .digest("hex"),
  files: namesBelow(pair.victimDirectory),
  state: namesBelow(pair.stateDirectory),
  temporary: namesBelow(temporary),
})

export interface Trial {
  readonly verdicts: ReadonlyMap<string, Verdict>
  /** How the program ended: its status, and what it said. */
  readonly ended: { readonly status: number | string | null; readonly errors: string }
}

/** Tries the files one after the other in one process; a path without a verdict killed it. */
export const tried = async (
  pair: Pair,
  temporary: string,
  identity: string,
  tasks: ReadonlyArray<Task>,
): Promise<Trial> => {
  mkdirSync(temporary, { recursive: true })
  const child = spawn(
    process.execPath,
    ["--max-semi-space-size=4", victimProgram, pair.victimDirectory, pair.stateDirectory, identity],
    { env: { ...process.env, TMPDIR: temporary } },
  )
  let errors = ""
  child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-5000)))
  child.stdin.on("error", () => {})
  child.stdin.end(tasks.map((task) => `${JSON.stringify(task)}\n`).join(""))
  const verdicts = new Map<string, Verdict>()
  const ended = new Promise<number | string | null>((resolve) =>
    child.on("close", (status, signal) => resolve(status ?? signal)),
  )
  for await (const line of createInterface({ input: child.stdout })) {
    const verdict = JSON.parse(line) as Verdict
    verdicts.set(verdict.path, verdict)
  }
  return { verdicts, ended: { status: await ended, errors } }
}
