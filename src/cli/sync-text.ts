/**
 * How a meeting went, for people: one line, and what to do when something is left.
 */
import { LamplogError } from "../event/failure.ts"
import type { SyncSummary } from "../project/meeting.ts"
import { aligned, counted, grouped, printable, widthOf } from "./paint.ts"
import type { Paint } from "./paint.ts"

const listedMax = 3

const logsText = (logs: ReadonlyArray<string>): string => {
  const more = logs.length > listedMax ? ` and ${logs.length - listedMax} more` : ""
  return `${logs.slice(0, listedMax).join(", ")}${more}`
}

/** Why both sides do not hold the same, and what to do. */
export const notInSync = (summary: SyncSummary): LamplogError => {
  const { ahead, behind, refused, waiting, where } = summary
  const first = refused[0]?.error
  const reasons = [
    ...(waiting > 0
      ? [`${counted(waiting, "event")} from there ${waiting === 1 ? "waits" : "wait"}`]
      : []),
    ...(first === undefined
      ? []
      : [`${counted(refused.length, "run")} of events refused (${first.message})`]),
    ...(behind.length === 0 ? [] : [`events there of ${logsText(behind)} are not held here`]),
    ...(ahead.length === 0 ? [] : [`events here of ${logsText(ahead)} are not held there`]),
  ]
  return new LamplogError({
    code: "not-in-sync",
    message: `${where} does not hold the same: ${reasons.join("; ") || "it keeps changing"}.`,
    remedy:
      waiting > 0
        ? "`lamplog status` says what they wait for."
        : (first?.remedy ?? "Sync again later; if it stays so, `lamplog status` tells more."),
    where,
  })
}

const movedText = ({ assetsPulled, assetsPushed, pulled, pushed }: SyncSummary): string =>
  [
    `pulled ${grouped(pulled)}`,
    `pushed ${counted(pushed, "event")}`,
    ...(assetsPushed === 0 ? [] : [`sent ${counted(assetsPushed, "asset")}`]),
    ...(assetsPulled === 0 ? [] : [`fetched ${counted(assetsPulled, "asset")}`]),
  ].join(", ")

const failedText = (
  { message, remedy }: Pick<LamplogError, "message" | "remedy">,
  colour: (text: string) => string,
): string => `  ${colour(printable(message))}\n  → ${printable(remedy)}\n`

/** Bytes of assets that stayed where they were; the first says why. */
const assetsText = ({ assetProblems, assetsFailed }: SyncSummary, paint: Paint): string => {
  const [first] = assetProblems
  if (first === undefined) return ""
  const { error } = first
  const message = `The bytes of ${counted(assetsFailed, "asset")} were not moved: ${error.message}`
  return failedText({ message, remedy: error.remedy }, paint.yellow)
}

/** What became of one remote: how the meeting went, or why there was none. */
export interface Outcome {
  readonly remote: string
  readonly summary?: SyncSummary
  readonly error?: LamplogError
}

const headOf = ({ error, remote, summary }: Outcome, width: number, paint: Paint): string => {
  const name = paint.bold(printable(remote).padEnd(width))
  if (error !== undefined) return `${name}  ${paint.red("failed")}\n`
  const { inSync } = summary!
  const phase = inSync ? paint.green("in sync") : paint.yellow("not in sync")
  return `${name}  ${phase}  ${movedText(summary!)}\n`
}

const outcomeText = (outcome: Outcome, width: number, paint: Paint): string => {
  const { error, summary } = outcome
  const head = headOf(outcome, width, paint)
  if (error !== undefined) return head + failedText(error, paint.red)
  const { forks, inSync } = summary!
  const proofs = forks.map(
    ({ node, seq }) =>
      `  ${paint.yellow(`node ${node} has two histories from event ${seq} on; both are kept`)}\n`,
  )
  const assets = assetsText(summary!, paint)
  return (
    head + proofs.join("") + assets + (inSync ? "" : failedText(notInSync(summary!), paint.yellow))
  )
}

/** Every remote, then where this replica stands now. */
export const syncText = (
  outcomes: ReadonlyArray<Outcome>,
  { conflicts, digest }: { readonly conflicts: number; readonly digest: string },
  paint: Paint,
): string => {
  const width = Math.max(...outcomes.map(({ remote }) => widthOf(printable(remote))))
  const open = paint.yellow(`${counted(conflicts, "open conflict")} (lamplog conflicts)`)
  const rows = [...(conflicts === 0 ? [] : [["conflicts", open]]), ["digest", paint.dim(digest)]]
  const told = outcomes.map((outcome) => outcomeText(outcome, width, paint))
  return `${told.join("")}${aligned(rows)}\n`
}
