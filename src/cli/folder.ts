/**
 * Which project a command is about: the folder named with --project, else the nearest one upwards
 * that holds `.lamplog/`, as people know it from git.
 */
import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { LamplogError } from "../event/failure.ts"
import type { Call } from "./command.ts"

export const projectFolder = ".lamplog"

const absent = (message: string, where: string): LamplogError =>
  new LamplogError({
    code: "no-project",
    message,
    remedy: "Run `lamplog init` there, or name a project's folder with --project DIR.",
    where,
  })

/** The `.lamplog` folder of the project that this call is about. */
export const findProject = (call: Call): string => {
  const named = call.flag("project")
  const start = resolve(call.terminal.directory, named ?? ".")
  if (named !== undefined) {
    const folder = join(start, projectFolder)
    if (existsSync(folder)) return folder
    throw absent(`There is no Lamplog project in ${start}.`, start)
  }
  for (let directory = start; ; directory = dirname(directory)) {
    const folder = join(directory, projectFolder)
    if (existsSync(folder)) return folder
    if (directory === dirname(directory)) break
  }
  throw absent(`There is no Lamplog project in ${start}, nor in any folder above it.`, start)
}

/** Where `init` makes a project: the folder named with --project, else this one. */
export const newProject = (call: Call): string =>
  join(resolve(call.terminal.directory, call.flag("project") ?? "."), projectFolder)
