/**
 * `peers`: who is at the remotes now, and how far.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Status } from "../project/project.ts"
import type { Presence, Remote } from "../sync/remote.ts"
import { protocolVersion } from "../sync/segment.ts"
import type { Call, Run } from "./command.ts"
import { openRemote } from "./open-remote.ts"
import { aligned, counted, printable } from "./paint.ts"
import type { NamedRemote } from "./remotes.ts"
import { withProject } from "./session.ts"
import { untilInterrupted } from "./stopping.ts"
import { remotesOf } from "./sync.ts"

interface Peer {
  readonly node: string
  readonly name: string | null
  /** Whether it holds the same; null when it did not say what it holds. */
  readonly inSync: boolean | null
  /** Events held here that it lacks, and the other way round. */
  readonly ahead: number | null
  readonly behind: number | null
}

interface Found {
  readonly remote: string
  readonly where: string
  /** Whether the remote can tell who is there. */
  readonly tells: boolean
  readonly peers: ReadonlyArray<Peer>
  readonly error?: LamplogError
}

type Frontier = Status["frontier"]

/** Events that one has and the other has not; a log that parts from the other's counts as one. */
const more = (left: Frontier, right: Frontier): number =>
  Object.entries(left).reduce((sum, [log, { hash, seq }]) => {
    const other = right[log]
    if (other === undefined) return sum + seq
    if (other.seq === seq) return sum + (other.hash === hash ? 0 : 1)
    return sum + Math.max(0, seq - other.seq)
  }, 0)

const compared = ({ frontier, name, node }: Presence, mine: Frontier): Peer => {
  const told = { node, name: name ?? null }
  if (frontier === undefined) return { ...told, inSync: null, ahead: null, behind: null }
  const ahead = more(mine, frontier)
  const behind = more(frontier, mine)
  return { ...told, inSync: ahead === 0 && behind === 0, ahead, behind }
}

const ask = (
  remote: Remote,
  { frontier, node, project }: Status,
): Effect.Effect<ReadonlyArray<Peer> | undefined, LamplogError> => {
  if (!remote.capabilities.presence || remote.peers === undefined) return Effect.succeed(undefined)
  const hello = { version: protocolVersion, project, node }
  const asked = work(remote.where, (signal) => remote.peers!(hello, signal))
  return Effect.map(asked, (peers) => peers.map((peer) => compared(peer, frontier)))
}

const find = (call: Call, status: Status, { address, name }: NamedRemote) => {
  const asked = Effect.scoped(
    Effect.flatMap(openRemote(address, call.terminal, { node: status.node }), (remote) =>
      ask(remote, status),
    ),
  )
  return Effect.map(Effect.result(asked), (told): Found => {
    const found = { remote: name, where: address.where }
    if (Result.isFailure(told)) return { ...found, tells: false, peers: [], error: told.failure }
    return { ...found, tells: told.success !== undefined, peers: told.success ?? [] }
  })
}

const standing = ({ ahead, behind, inSync }: Peer, { paint }: Call): string => {
  if (inSync === null) return paint.dim("does not say what it holds")
  if (inSync) return paint.green("holds the same")
  const parts = [
    ...(ahead === 0 ? [] : [`lacks ${counted(ahead!, "event")}`]),
    ...(behind === 0 ? [] : [`has ${counted(behind!, "event")} more`]),
  ]
  return paint.yellow(parts.join(", "))
}

const foundText = ({ error, peers, remote, tells, where }: Found, call: Call): string => {
  const { paint } = call
  const head = `${paint.bold(printable(remote))}  ${paint.dim(printable(where))}`
  if (error !== undefined) {
    return `${head}\n  ${paint.red("failed")}  ${printable(error.message)}\n  → ${printable(error.remedy)}\n`
  }
  if (!tells) return `${head}\n  does not tell who is there\n`
  if (peers.length === 0) return `${head}\n  nobody watches it now\n`
  const rows = peers.map((peer) => [peer.node, printable(peer.name ?? "–"), standing(peer, call)])
  return `${head}\n${aligned(rows)}\n`
}

export const peers: Run = (call) =>
  Effect.suspend(() => {
    const remotes = remotesOf(call, "NAME|URL")
    const asking = withProject(call, (project) =>
      Effect.gen(function* () {
        const status = yield* project.status
        const found = yield* Effect.all(
          remotes.map((remote) => find(call, status, remote)),
          { concurrency: "unbounded" },
        )
        const failed = found.flatMap(({ error }) => (error === undefined ? [] : [error]))
        if (remotes.length === 1 && failed.length === 1) return yield* Effect.fail(failed[0]!)
        return {
          document: found.map(({ error, ...rest }) => ({
            ...rest,
            ...(error === undefined ? {} : { error: error.toJSON() }),
          })),
          text: () => found.map((one) => foundText(one, call)).join(""),
          status: failed.length === 0 ? 0 : 1,
        }
      }),
    )
    return untilInterrupted(call, asking, "Interrupted.")
  })
