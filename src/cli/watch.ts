/**
 * `sync --watch`: follows remotes until Ctrl-C. Where the remote carries questions, this replica
 * answers those of others meanwhile.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { LamplogError } from "../event/failure.ts"
import type { FollowState } from "../project/meeting.ts"
import type { Answer, Call } from "./command.ts"
import { findProject } from "./folder.ts"
import { openRemote } from "./open-remote.ts"
import { counted, printable } from "./paint.ts"
import type { NamedRemote } from "./remotes.ts"
import { statusInterrupted, statusRefused } from "./report.ts"
import type { ProjectService } from "./session.ts"
import { actorOf, readSettings } from "./settings.ts"
import { interruption, listening } from "./stopping.ts"
import { assetsOf, checkProject } from "./sync.ts"
import { WatchLines } from "./watch-lines.ts"
import type { Standing } from "./watch-lines.ts"

const documentOf = ({ name, address }: NamedRemote, standing: Standing | undefined) => {
  const remote = { remote: name, where: address.where }
  if (standing === undefined) return { ...remote, phase: "meeting", inSync: false }
  const { error, phase } = standing
  const failure = error === undefined ? {} : { error: error.toJSON() }
  if (phase === "stopped") return { ...remote, phase, inSync: false, ...failure }
  const { pulled, pushed, waiting } = standing
  return { ...remote, phase, inSync: phase === "in sync", pulled, pushed, waiting, ...failure }
}

export const watch = (
  call: Call,
  project: ProjectService,
  remotes: ReadonlyArray<NamedRemote>,
): Effect.Effect<Answer, LamplogError> =>
  Effect.gen(function* () {
    yield* listening
    const { node, project: id } = yield* project.status
    // Others see who watches.
    const name = actorOf(call, readSettings(findProject(call)))
    const peer = yield* project.peer
    const lines = call.json
      ? undefined
      : new WatchLines(
          call.terminal,
          remotes.map((remote) => remote.name),
        )
    const standings = new Map<string, Standing>()
    const tell = (remote: string, standing: Standing): void => {
      standings.set(remote, standing)
      lines?.tell(remote, standing)
    }
    const follow = (remote: NamedRemote): Effect.Effect<void> => {
      const onWarning = (message: string): void => {
        if (!call.json) call.terminal.writeError(`${remote.name}: ${printable(message)}\n`)
      }
      const needs = { node, name, peer, onWarning }
      const opening = openRemote(remote.address, call.terminal, needs)
      const followed = Effect.scoped(
        Effect.flatMap(Effect.andThen(checkProject(remote, id), opening), (opened) =>
          project.follow(opened, {
            name: remote.name,
            ...assetsOf(call),
            onState: (state: FollowState) => tell(remote.name, state),
          }),
        ),
      )
      return Effect.map(Effect.result(followed), (ended) => {
        if (Result.isFailure(ended)) tell(remote.name, { phase: "stopped", error: ended.failure })
      })
    }
    const all = Effect.all(remotes.map(follow), { concurrency: "unbounded", discard: true })
    yield* Effect.raceFirst(all, interruption(call))
    yield* Effect.promise(() => lines?.end() ?? Promise.resolve())
    const stopped = [...standings.values()].filter(({ phase }) => phase === "stopped")
    const isOver = stopped.length === remotes.length
    if (isOver && remotes.length === 1) return yield* Effect.fail(stopped[0]!.error!)
    const { conflicts, digest } = yield* project.status
    const documents = remotes.map((remote) => documentOf(remote, standings.get(remote.name)))
    const isInSync = documents.every(({ inSync }) => inSync)
    const failed = new LamplogError({
      code: "sync-incomplete",
      message: `None of ${counted(remotes.length, "remote")} can be met.`,
      remedy: "Each says what to do.",
    })
    return {
      document: {
        conflicts,
        digest,
        inSync: isInSync,
        remotes: documents,
        ...(isOver ? { error: failed.toJSON() } : {}),
      },
      text: () => `${isOver ? failed.message : "Stopped; what was taken is kept."}\n`,
      status: isOver ? statusRefused : statusInterrupted,
    }
  })
