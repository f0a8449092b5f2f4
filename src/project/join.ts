/**
 * Joining a project from a remote alone: a new replica, under a node of its own, with everything that
 * the remote holds.
 *
 * Invariants
 *  1. The replica appears under its name only when it holds what the remote holds, or all that can be
 *     taken of it: what needs an admission, or is refused for ever, does not keep anybody out.
 *  2. What the remote says of a project (name, schema) is not believed for anything but its making.
 */
import * as Effect from "effect/Effect"
import { work } from "../archive/work.ts"
import { LamplogError, shown } from "../event/failure.ts"
import { isIdentifier } from "../event/hash.ts"
import { Author } from "../store/author.ts"
import { waitingSummary } from "../store/waiting.ts"
import type { ProjectDescription, Remote } from "../sync/remote.ts"
import { buildReplica, checkVacant } from "./begin.ts"
import type { Identity } from "./begin.ts"
import type { EngineOptions } from "./engine.ts"
import type { SyncSummary } from "./meeting.ts"
import { policyFrom } from "./opening.ts"
import { syncProject } from "./sync.ts"
import type { Handle } from "./transaction.ts"

export interface JoinOptions extends EngineOptions {
  /** The project to join; needed when there are several at the remote. */
  readonly project?: string | undefined
  /** What the remote is called here from now on; "origin" unless given. */
  readonly name?: string
  /** How long to try, in milliseconds; until it is done or interrupted unless given. */
  readonly timeoutMillis?: number
}

export interface Joined extends Identity {
  /** How the first meeting went. */
  readonly meeting: SyncSummary
}

export const joinedRemoteName = "origin"

const nameLengthMax = 256
/** Projects that an error lists. */
const listedMax = 20

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ code, message, remedy, where })

const described = ({ name, project }: ProjectDescription): string => `${project} ${shown(name)}`

/** The one project that is meant. */
const chosen = (
  found: ReadonlyArray<ProjectDescription>,
  wanted: string | undefined,
  where: string,
): ProjectDescription => {
  const valid = found.filter(({ project }) => isIdentifier(project))
  const list = valid.slice(0, listedMax).map(described).join("\n  ")
  const more = valid.length > listedMax ? `\n  and ${valid.length - listedMax} more` : ""
  if (valid.length === 0) {
    throw refuse(
      "remote-empty",
      `There is no project at ${where}.`,
      "Let somebody who has the project, and has written something in it, sync with this remote first.",
      where,
    )
  }
  const asked = wanted === undefined ? valid : valid.filter(({ project }) => project === wanted)
  if (asked.length === 1) return asked[0]!
  throw wanted === undefined
    ? refuse(
        "projects-several",
        `There are several projects at ${where}:\n  ${list}${more}`,
        "Name the one you mean at the end of the address: #ID.",
        where,
      )
    : refuse(
        "project-absent",
        `There is no project ${wanted} at ${where}, only:\n  ${list}${more}`,
        "Check the id after the #; `lamplog status` shows it to those who have the project.",
        where,
      )
}

/** A name for people, whatever the remote calls the project. */
const nameFrom = ({ name, project }: ProjectDescription): string => {
  const text = name.trim()
  const fits = text !== "" && text.length <= nameLengthMax && text.isWellFormed()
  return fits && !/\p{Cc}/u.test(text) ? text : project
}

/** Logs of which the remote has more that can still come: not what waits for people, or was refused. */
const lacking = (handle: Handle, { behind, refused }: SyncSummary): ReadonlyArray<string> => {
  const people: ReadonlySet<string> = new Set(["not-admitted", "unsigned"])
  const { nodes } = waitingSummary(handle.replica)
  const explained = new Set([
    ...nodes.filter(({ reason }) => people.has(reason)).map(({ node }) => node),
    ...refused.map(({ node }) => node),
  ])
  const gaps = nodes.filter(({ reason }) => !people.has(reason)).map(({ node }) => node)
  const missing = behind.filter((log) => !explained.has(log.split("-")[0]!))
  return [...new Set([...gaps, ...missing])]
}

const pullWhole = (
  handle: Handle,
  remote: Remote,
  options: JoinOptions,
): Effect.Effect<SyncSummary, LamplogError> =>
  Effect.gen(function* () {
    const { name = joinedRemoteName, timeoutMillis } = options
    const desk = {
      handle,
      author: new Author(handle.replica),
      clock: undefined,
      policy: policyFrom(options),
    }
    const meeting = yield* syncProject(desk, remote, {
      name,
      assets: "none",
      ...(timeoutMillis === undefined ? {} : { timeoutMillis }),
    })
    const missing = yield* handle.read(() => lacking(handle, meeting))
    if (missing.length === 0) return meeting
    return yield* Effect.fail(
      refuse(
        "remote-incomplete",
        `${remote.where} lacks events that others build on, of ${missing.slice(0, 3).join(", ")}.`,
        "Let somebody who has the whole project sync with this remote, then clone again; or clone from an archive.",
        remote.where,
      ),
    )
  })

/**
 * Joins a project that a remote holds as a new node, with its whole history. When it fails or is
 * interrupted nothing is left of the new replica. The remote is not closed.
 */
export const joinProject = (
  remote: Remote,
  directory: string,
  options: JoinOptions = {},
): Effect.Effect<Joined, LamplogError> =>
  Effect.gen(function* () {
    yield* checkVacant(directory)
    const found = yield* work(remote.where, (signal) => remote.describe(signal))
    const description = yield* Effect.suspend(() => {
      try {
        return Effect.succeed(chosen(found, options.project, remote.where))
      } catch (error) {
        return error instanceof LamplogError ? Effect.fail(error) : Effect.die(error)
      }
    })
    const { project, schema } = description
    const origin = { project, name: nameFrom(description), schema: schema.name }
    let meeting: SyncSummary | undefined
    const identity = yield* buildReplica(directory, origin, options, (handle) =>
      Effect.map(pullWhole(handle, remote, options), (met) => {
        meeting = met
      }),
    )
    return { ...identity, meeting: meeting! }
  })
