/**
 * How a meeting went, for people: one line, and what to do when something is left.
 */
import { LamplogError } from "../event/failure.ts"
import type { SyncSummary } from "../project/meeting.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
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

const movedText = ({ assetsPushed, pulled, pushed }: SyncSummary): string =>
  [
    `pulled ${grouped(pulled)}`,
    `pushed ${counted(pushed, "event")}`,
    ...(assetsPushed === 0 ? [] : [counted(assetsPushed, "asset")]),
  ].join(", ")

/** One remote that was met. */
export const settledText = (summary: SyncSummary, paint: Paint): string => {
  const { conflicts, digest, forks, inSync, remote } = summary
  const head = `${paint.bold(printable(remote))}  ${
    inSync ? paint.green("in sync") : paint.yellow("not in sync")
  }  ${movedText(summary)}\n`
  const rows = [
    ...(conflicts === 0
      ? []
      : [
          ["conflicts", paint.yellow(`${counted(conflicts, "open conflict")} (lamplog conflicts)`)],
        ]),
    ["digest", paint.dim(digest)],
    ...forks.map(({ node, seq }) => [
      "fork",
      paint.yellow(`node ${node} has two histories from event ${seq} on; both are kept`),
    ]),
  ]
  const body = `${aligned(rows)}\n`
  if (inSync) return head + body
  const { message, remedy } = notInSync(summary)
  return `${head}${body}${paint.yellow(printable(message))}\n  → ${printable(remedy)}\n`
}
