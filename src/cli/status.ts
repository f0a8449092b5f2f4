/**
 * `status`: where this replica stands, and what the identity fence found.
 */
import * as Effect from "effect/Effect"
import type { Status } from "../project/project.ts"
import type { FenceReason } from "../store/identity.ts"
import type { Continuation } from "../store/replica.ts"
import type { Answer, Call, Run } from "./command.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProject } from "./session.ts"
import { readSettings, settingValue } from "./settings.ts"
import { findProject } from "./folder.ts"

const fences: { readonly [reason in FenceReason]: string } = {
  copied: "This project folder was copied from another place",
  "rolled-back": "This project was put back to an earlier state, as from a backup",
  "key-missing": "The key of this node is not here",
  "ahead-elsewhere": "Others hold events of this node that are missing here",
}

/** What happens next, when the fence has found something. */
const fenceText = (fence: FenceReason | undefined): string | undefined =>
  fence === undefined ? undefined : `${fences[fence]}; the next change goes on under a new node.`

const continuesText = (continues: Continuation | undefined): string | undefined =>
  continues === undefined
    ? undefined
    : `${fences[continues.reason]}; this node goes on where ${continues.node} ended, at event ${continues.seq}.`

const statusText = (status: Status, actor: string | null, paint: Paint): string => {
  const types = Object.entries(status.entities)
  const total = types.reduce((sum, [, count]) => sum + count, 0)
  const byType = types.map(([type, count]) => `${printable(type)} ${grouped(count)}`).join(", ")
  const open = counted(status.conflicts, "open conflict")
  const rows = [
    ["project", status.project],
    ["schema", `${status.schema.name} ${status.schema.version}`],
    ["node", status.node],
    ["actor", printable(actor ?? "nobody yet")],
    ["entities", `${grouped(total)}${byType === "" ? "" : paint.dim(`  ${byType}`)}`],
    ["events", `${grouped(status.events)}${paint.dim(`  lamport ${status.lamport}`)}`],
    ["conflicts", status.conflicts === 0 ? "none" : paint.yellow(`${open} (lamplog conflicts)`)],
    ...(status.setAside === 0 ? [] : [["set aside", counted(status.setAside, "event")]]),
    ["digest", status.digest],
    ...Object.entries(status.frontier).map(([log, head], index) => [
      index === 0 ? "logs" : "",
      `${log}  ${paint.dim(`to ${head.seq}`)}`,
    ]),
  ]
  const notes = [continuesText(status.continues), fenceText(status.fence)]
    .filter((note) => note !== undefined)
    .map((note) => `${paint.yellow(note)}\n`)
  return `${paint.bold(printable(status.name))}\n${aligned(rows)}\n${notes.join("")}`
}

/** The answer of `status` and `clone`. */
export const statusAnswer = (call: Call, status: Status, actor: string | null): Answer => {
  const fence = fenceText(status.fence)
  const continues = continuesText(status.continues)
  return {
    document: {
      project: status.project,
      name: status.name,
      schema: status.schema,
      node: status.node,
      actor,
      lamport: status.lamport,
      events: status.events,
      entities: status.entities,
      conflicts: status.conflicts,
      digest: status.digest,
      frontier: status.frontier,
      setAside: status.setAside,
      // Archives are taken whole or refused, so no event waits for another.
      waiting: 0,
      forks: status.forks,
      ...(fence === undefined ? {} : { fence }),
      ...(continues === undefined ? {} : { continues }),
    },
    text: () => statusText(status, actor, call.paint),
  }
}

export const status: Run = (call) =>
  withProject(call, (project) =>
    Effect.map(project.status, (found) => {
      const { value } = settingValue("actor", call, readSettings(findProject(call)))
      return statusAnswer(call, found, value === null ? null : String(value))
    }),
  )
