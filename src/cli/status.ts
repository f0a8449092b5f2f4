/**
 * `status`: where this replica stands, also with its remotes, and what the identity fence found.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import { timestamp } from "../project/clock.ts"
import type { Status } from "../project/project.ts"
import type { FenceReason } from "../store/identity.ts"
import type { Continuation } from "../store/replica.ts"
import type { Answer, Call, Run } from "./command.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { remoteStandings, standingText, waitingText } from "./remote-standing.ts"
import type { RemoteStanding } from "./remote-standing.ts"
import { readRemotes } from "./remotes.ts"
import { withProjectIn } from "./session.ts"
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

/** Where a replica stands: itself, and with its remotes. */
interface Standing {
  readonly status: Status
  readonly actor: string | null
  readonly remotes: ReadonlyArray<RemoteStanding>
  /** For ages only. */
  readonly now: string
}

/** Rows under one title. */
const titled = (title: string, texts: ReadonlyArray<string>): ReadonlyArray<[string, string]> =>
  texts.map((text, index) => [index === 0 ? title : "", text])

const statusText = ({ actor, now, remotes, status }: Standing, paint: Paint): string => {
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
    ...titled("waiting", status.waiting.nodes.map(waitingText)),
    ["digest", status.digest],
    ...titled(
      "logs",
      Object.entries(status.frontier).map(([log, { seq }]) => `${log}  ${paint.dim(`to ${seq}`)}`),
    ),
    ...titled(
      "remotes",
      remotes.map((remote) => standingText(remote, now, paint)),
    ),
  ]
  const notes = [continuesText(status.continues), fenceText(status.fence)]
    .filter((note) => note !== undefined)
    .map((note) => `${paint.yellow(note)}\n`)
  return `${paint.bold(printable(status.name))}\n${aligned(rows)}\n${notes.join("")}`
}

const statusAnswer = (call: Call, standing: Standing): Answer => {
  const { actor, remotes, status } = standing
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
      waiting: status.waiting.events,
      waitingFor: status.waiting.nodes,
      forks: status.forks,
      remotes,
      ...(fence === undefined ? {} : { fence }),
      ...(continues === undefined ? {} : { continues }),
    },
    text: () => statusText(standing, call.paint),
  }
}

/** The answer of `status` and `clone`. */
export const statusIn = (
  directory: string,
  call: Call,
  actor: string | null,
): Effect.Effect<Answer, LamplogError> =>
  withProjectIn(directory, call, (project) =>
    Effect.gen(function* () {
      const found = yield* project.status
      const meetings = yield* project.meetings
      const remotes = remoteStandings(readRemotes(directory, call.terminal), meetings, found)
      const now = yield* timestamp(undefined)
      return statusAnswer(call, { status: found, actor, remotes, now })
    }),
  )

export const status: Run = (call) =>
  Effect.suspend(() => {
    const directory = findProject(call)
    const { value } = settingValue("actor", call, readSettings(directory))
    return statusIn(directory, call, value === null ? null : String(value))
  })
