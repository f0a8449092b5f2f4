/**
 * What the two verifiers say of files: ours, and the one in Python. A process of Python takes long to
 * start, so it judges many files in one run.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { verifyArchive } from "../../src/archive/verify.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import type { LamplogError } from "../../src/event/failure.ts"

const program = join(import.meta.dirname, "verify.py")
const outputBytesMax = 256 * 1024 * 1024

export interface Verdict {
  readonly ok: boolean
  /** Codes of what refuses the file. */
  readonly errors: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
  readonly signature: string | undefined
}

/** A line of what the program prints. */
interface Report {
  readonly file: string
  readonly severity?: string
  readonly code?: string
  readonly exportHash?: string
  readonly signature?: string
}

export interface Judged extends Verdict {
  /** Missing when the file was not read to its end. */
  readonly exportHash: string | undefined
}

export const runPython = (
  words: ReadonlyArray<string>,
  input = "",
): { readonly status: number; readonly reports: ReadonlyArray<Report> } => {
  const options = { encoding: "utf8", input, maxBuffer: outputBytesMax } as const
  const run = spawnSync("python3", [program, ...words], options)
  if (run.error !== undefined) {
    throw new Error(
      "python3 cannot be run. Install Python 3.9 or newer (https://www.python.org/downloads, or " +
        "`apt-get install python3`, `brew install python`) so that `python3` is on the PATH.",
      { cause: run.error },
    )
  }
  if (run.stderr !== "") throw new Error(run.stderr)
  const reports = run.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Report)
  return { status: run.status!, reports }
}

export interface Trust {
  /** Keys of signers, as text. */
  readonly trusted?: ReadonlyArray<string>
  readonly requireSignature?: boolean
}

/** The verdicts of Python over files, by path. */
export const pythonVerdicts = (
  paths: ReadonlyArray<string>,
  { requireSignature = false, trusted = [] }: Trust = {},
): ReadonlyMap<string, Judged> => {
  const keys = trusted.flatMap((key) => ["--trusted", key])
  const words = [...keys, ...(requireSignature ? ["--signed"] : []), "-"]
  const { reports, status } = runPython(words, paths.map((path) => `${path}\n`).join(""))
  const byFile = Map.groupBy(reports, ({ file }) => file)
  const verdicts = new Map(
    paths.map((path) => {
      const found = byFile.get(path) ?? []
      const codes = (severity: string): ReadonlyArray<string> =>
        found.filter((report) => report.severity === severity).map(({ code }) => code!)
      const end = found.find(({ exportHash }) => exportHash !== undefined)
      const errors = codes("error")
      const ok = errors.length === 0 && end !== undefined
      const { exportHash, signature } = end ?? {}
      return [path, { ok, errors, warnings: codes("warning"), exportHash, signature }]
    }),
  )
  const failed = [...verdicts.values()].some(({ ok }) => !ok)
  if (status !== (failed ? 1 : 0)) throw new Error(`exit status ${status}`)
  return verdicts
}

/** Our verdict. What this program lacks to read a file, it fails on instead of judging the file. */
export const ourVerdict = (path: string, trust: Trust = {}): Promise<Verdict> =>
  Effect.runPromise(verifyArchive(path, { schemas: builtInSchemas(), ...trust })).then(
    ({ findings, ok, signature }) => {
      const codes = (severity: string): ReadonlyArray<string> =>
        findings.filter((finding) => finding.severity === severity).map(({ code }) => code)
      const status = signature?.status
      return { ok, errors: codes("error"), warnings: codes("warning"), signature: status }
    },
    (error: LamplogError) => ({
      ok: false,
      errors: [error.code],
      warnings: [],
      signature: undefined,
    }),
  )
