/**
 * `verify`: every byte of this replica, or of an archive, checked without trusting what it says.
 *
 * The replica's files are read as they lie, not opened as a project, so that even a database that
 * opening refuses is told about.
 */
import * as Effect from "effect/Effect"
import type { Signature } from "../archive/read.ts"
import { verifyFolder } from "../audit/verify.ts"
import type { Finding, Verification } from "../audit/verify.ts"
import { builtInSchemas } from "../domain/schemas.ts"
import { LamplogError } from "../event/failure.ts"
import { verifyArchive } from "../project/archives.ts"
import { ProgressReporter } from "../project/progress.ts"
import type { Answer, Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { findProject } from "./folder.ts"
import { keysOf, policyOf, signatureText } from "./opening.ts"
import { counted, grouped, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { statusRefused } from "./report.ts"

/** More findings than this are counted, not told: `--json` has them all. */
const findingsShownMax = 50

const findingText = ({ severity, code, message, where }: Finding, paint: Paint): string => {
  const mark = severity === "error" ? paint.red("error") : paint.yellow("warning")
  return `${mark}  ${code}  ${paint.dim(printable(where))}  ${printable(message)}\n`
}

/** What is checked: a replica, or an archive, which somebody may have signed. */
type Checked = Verification & { readonly signature?: Signature | undefined }

const verificationText = ({ ok, checked, findings, signature }: Checked, paint: Paint): string => {
  const errors = findings.filter(({ severity }) => severity === "error").length
  const counts = Object.entries(checked)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${grouped(count)} ${what}`)
  const warnings = findings.length - errors
  const verdict = ok
    ? paint.green("Everything holds.")
    : paint.red(`Damaged: ${counted(errors, "error")}.`)
  const also = warnings === 0 ? "" : ` ${counted(warnings, "warning")}.`
  const hidden = findings.length - findingsShownMax
  return (
    findings
      .slice(0, findingsShownMax)
      .map((finding) => findingText(finding, paint))
      .join("") +
    (hidden > 0 ? paint.dim(`and ${grouped(hidden)} more (--json)\n`) : "") +
    `${verdict}${also}\n${signatureText(signature)}${paint.dim(`Checked ${counts.join(", ") || "nothing"}.`)}\n`
  )
}

/** A failed check is an answer and a refusal: its document has the findings and an error. */
const answerOf = (call: Call, verification: Checked, subject: string): Answer => {
  const { ok, findings } = verification
  const first = findings.find(({ severity }) => severity === "error")
  const text = () => verificationText(verification, call.paint)
  if (ok || first === undefined) return { document: verification, text }
  const error = new LamplogError({
    stage: first.stage,
    code: "verification-failed",
    message: `${subject} does not hold: ${first.message}`,
    remedy: "Take a whole copy from another replica; what follows from this one cannot be trusted.",
    where: first.where,
  })
  return { document: { ...verification, error: error.toJSON() }, text, status: statusRefused }
}

export const verify: Run = (call) =>
  Effect.gen(function* () {
    const listener = yield* ProgressReporter
    const schemas = builtInSchemas()
    const file = call.optionalArgument("FILE")
    if (file === undefined) {
      const checked = yield* verifyFolder(findProject(call), schemas, listener)
      return answerOf(call, checked, "This replica")
    }
    const path = pathFrom(call.terminal, file)
    const options = { schemas, ...policyOf(call, {}), ...keysOf(call, [path]) }
    return answerOf(call, yield* verifyArchive(path, options), "The archive")
  })
