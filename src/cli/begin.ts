/**
 * `init` and `clone`: a folder becomes a project, or a replica of one.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { JsonObject } from "../event/canonical.ts"
import type { LamplogError } from "../event/failure.ts"
import { initProject } from "../project/begin.ts"
import { analyzeClone, cloneProject } from "../project/clone.ts"
import type { CloneAnalysis } from "../project/clone.ts"
import { joinProject } from "../project/join.ts"
import type { Answer, Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { newProject, projectFolder } from "./folder.ts"
import { openRemote } from "./open-remote.ts"
import { keysOf, policyOf, signatureText } from "./opening.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import { addressFromText, isAddress } from "./remote-address.ts"
import { remotesSetting } from "./remotes.ts"
import { stateDirectory } from "./session.ts"
import { actorOfUser, settingValue, writeSettings } from "./settings.ts"
import { statusIn } from "./status.ts"
import { timeoutMillisFrom } from "./timeout.ts"
import { UsageError } from "./usage.ts"

const nameLengthMax = 256

/** Who makes changes in a new replica. */
export const newActor = (call: Call): string => {
  const { value } = settingValue("actor", call, {})
  return typeof value === "string" ? value : actorOfUser()
}

/** Keeps settings with a project just made; without a place for them there is no project either. */
const keepSettings = (directory: string, settings: JsonObject): Effect.Effect<void, LamplogError> =>
  Effect.suspend(() => {
    try {
      writeSettings(directory, settings)
    } catch (error) {
      rmSync(directory, { recursive: true, force: true })
      throw error
    }
    return Effect.void
  })

/** Keeps the actor with a project just made. */
export const keepActor = (directory: string, actor: string): Effect.Effect<void, LamplogError> =>
  keepSettings(directory, { actor })

const nameFrom = (call: Call): string | undefined => {
  const name = call.flag("name")
  if (name === undefined) return undefined
  const fits = name.trim() !== "" && name.length <= nameLengthMax && name.isWellFormed()
  if (fits && !/\p{Cc}/u.test(name)) return name.trim()
  throw new UsageError(
    "name-invalid",
    "A project cannot be called that.",
    `Give a name of 1 to ${nameLengthMax} characters on one line.`,
    "--name",
  )
}

export const init: Run = (call) =>
  Effect.gen(function* () {
    const directory = newProject(call)
    const name = nameFrom(call)
    const actor = newActor(call)
    const made = yield* initProject({
      directory,
      membership: call.flag("membership") === "members" ? "members" : "open",
      actor,
      schema: call.flag("schema") ?? "design-system",
      ...(name === undefined ? {} : { name }),
      ...stateDirectory(call),
    })
    yield* keepActor(directory, actor)
    return {
      document: { project: made.project, name: made.name, node: made.node, actor, directory },
      text: () =>
        `Made the project ${call.paint.bold(printable(made.name))} in ${printable(directory)}.\n` +
        `${aligned([
          ["project", made.project],
          ["node", made.node],
          ["actor", printable(actor)],
        ])}\n`,
    }
  })

const wouldClone = (call: Call, analysis: CloneAnalysis): Answer => ({
  document: analysis,
  text: () => {
    const { conflictsCount, events, itemCounts, projectName, signature, warnings } = analysis
    const items = Object.entries(itemCounts).map(
      ([type, count]) => `${printable(type)} ${grouped(count)}`,
    )
    const rows = [
      ["entities", items.join(", ") || "none"],
      ["conflicts", conflictsCount === 0 ? "none" : grouped(conflictsCount)],
    ]
    const told = warnings.map(
      ({ message }) => `${call.paint.yellow("warning")}  ${printable(message)}\n`,
    )
    return (
      `Would join ${call.paint.bold(printable(projectName))} with ${counted(events, "event")}.\n` +
      `${aligned(rows)}\n${signatureText(signature)}${told.join("")}`
    )
  },
})

/** Joins from a remote, which is called "origin" from then on. */
const cloneRemote = (call: Call, text: string): ReturnType<Run> =>
  Effect.gen(function* () {
    if (call.has("dry-run")) {
      throw new UsageError(
        "dry-run-remote",
        "What a remote would hand over is not known before.",
        "Leave --dry-run out, or clone from an archive.",
        "--dry-run",
      )
    }
    const address = addressFromText(text, call.terminal)
    const timeoutMillis = timeoutMillisFrom(call)
    const directory = join(pathFrom(call.terminal, call.argument("DIR")), projectFolder)
    const actor = newActor(call)
    const options = { ...stateDirectory(call), project: address.project, timeoutMillis }
    yield* Effect.scoped(
      Effect.flatMap(openRemote(address, call.terminal), (remote) =>
        joinProject(remote, directory, options),
      ),
    )
    yield* keepSettings(directory, { actor, ...remotesSetting([{ name: "origin", address }]) })
    return yield* statusIn(directory, call, actor)
  })

const cloneArchive = (call: Call): ReturnType<Run> =>
  Effect.gen(function* () {
    const source = pathFrom(call.terminal, call.argument("SOURCE"))
    const directory = join(pathFrom(call.terminal, call.argument("DIR")), projectFolder)
    const actor = newActor(call)
    const options = { ...stateDirectory(call), ...policyOf(call, {}), ...keysOf(call, [source]) }
    if (call.has("dry-run")) {
      return wouldClone(call, yield* analyzeClone(source, directory, options))
    }
    yield* cloneProject(source, directory, options)
    yield* keepActor(directory, actor)
    return yield* statusIn(directory, call, actor)
  })

export const clone: Run = (call) => {
  const source = call.argument("SOURCE")
  return isAddress(source) ? cloneRemote(call, source) : cloneArchive(call)
}
