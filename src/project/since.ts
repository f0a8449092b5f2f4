/**
 * Where somebody stands, read from a file: what `lamplog status --json` printed there, or an archive
 * that was taken there.
 */
import { constants } from "node:fs"
import { open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { work } from "../archive/work.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import { frontierFromJson } from "../log/frontier.ts"
import type { Frontier } from "../log/frontier.ts"
import { ageMarkBytes, isEncrypted } from "../seal/age-header.ts"
import { openSource } from "./opening.ts"
import type { KeyOptions, OpeningPolicy } from "./opening.ts"
import { attempt } from "./transaction.ts"

const textBytesMax = 16 * 1024 * 1024
const zipMark = "PK"

const notAFrontier = (path: string, why: string): LamplogError =>
  new LamplogError({
    code: "frontier-invalid",
    message: `${path} tells no frontier: ${why}.`,
    remedy: "Name what `lamplog status --json` printed where the archive will go, or an archive.",
    where: path,
  })

const ofOtherProject = (path: string, project: string): LamplogError =>
  new LamplogError({
    code: "other-project",
    message: `${path} is about another project (${project}).`,
    remedy: "Name a file of this project.",
    where: path,
  })

const withoutHistory = (path: string): LamplogError =>
  notAFrontier(path, "it is an extract, and whoever has one holds none of the history")

/** Reads a text file; undefined for an archive. */
const textOf = async (path: string): Promise<string | undefined> => {
  // A pipe would make whoever opens it wait for somebody to write.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) throw notAFrontier(path, "it is not a file")
    const start = Buffer.alloc(ageMarkBytes)
    const { bytesRead } = await file.read(start, 0, start.length, 0)
    const known = start.subarray(0, bytesRead)
    if (known.toString("latin1").startsWith(zipMark) || isEncrypted(known)) return undefined
    const { size } = await file.stat()
    if (size > textBytesMax) throw notAFrontier(path, `it is larger than ${textBytesMax} bytes`)
    const bytes = Buffer.alloc(size)
    const { bytesRead: length } = await file.read(bytes, 0, size, 0)
    return bytes.toString("utf8", 0, length)
  } finally {
    await file.close()
  }
}

const jsonFrom = (text: string, path: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw notAFrontier(path, "it is neither JSON nor an archive")
  }
}

const frontierFromText = (text: string, path: string, project: string): Frontier => {
  const value = jsonFrom(text, path)
  const isDocument = value !== null && typeof value === "object" && Object.hasOwn(value, "frontier")
  const document: JsonObject = isDocument ? (value as JsonObject) : {}
  if (typeof document.project === "string" && document.project !== project) {
    throw ofOtherProject(path, document.project)
  }
  if (document.extract !== undefined) throw withoutHistory(path)
  const frontier = frontierFromJson(isDocument ? document.frontier : value)
  if (frontier !== undefined) return frontier
  throw notAFrontier(path, "it does not say for each log the last seq and its hash")
}

/** The frontier that a file tells of a replica of this project. */
export const frontierOfFile = (
  path: string,
  project: string,
  policy: OpeningPolicy,
  keys: KeyOptions,
): Effect.Effect<Frontier, LamplogError> =>
  Effect.gen(function* () {
    const text = yield* work(path, () => textOf(path))
    if (text !== undefined) {
      return yield* attempt(() => frontierFromText(text, path, project))
    }
    return yield* Effect.scoped(
      Effect.flatMap(openSource(path, policy, keys), ({ manifest }) => {
        if (manifest.project !== project) {
          return Effect.fail(ofOtherProject(path, manifest.project))
        }
        return manifest.extract === undefined
          ? Effect.succeed(manifest.frontier)
          : Effect.fail(withoutHistory(path))
      }),
    )
  })
