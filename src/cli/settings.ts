/**
 * Settings of one project: `.lamplog/config.json`, under the environment, under flags.
 *
 * Only what the program honours is a setting. Unknown keys in the file are kept when it is written,
 * so that an older program does not drop what a newer one keeps there.
 */
import { readFileSync } from "node:fs"
import { userInfo, hostname } from "node:os"
import { join } from "node:path"
import type { Json, JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import type { Call } from "./command.ts"
import { fileFailure } from "../project/file-failure.ts"
import { jsonFromText } from "./json.ts"
import { limitsFromText } from "./limits-text.ts"
import { writePrivate } from "./private-file.ts"
import { suggestion, UsageError } from "./usage.ts"

export const settingsFile = "config.json"

export interface Setting {
  readonly does: string
  readonly environment: string
  readonly flag?: string
  /** Reads a value as flags and the environment write it; undefined when it cannot be one. */
  readonly fromText: (text: string) => SettingContent | undefined
  /** What a value has to be, for the error. */
  readonly wanted: string
  readonly initial?: SettingContent
}

export type SettingContent = string | number | boolean

const actorLengthMax = 256

/** A name that can stand in events for ever. */
const actorFromText = (text: string): string | undefined => {
  const name = text.trim()
  const fits = name !== "" && name.length <= actorLengthMax && name.isWellFormed()
  return fits && !/\p{Cc}/u.test(name) ? name : undefined
}

const countBetween =
  (least: number, most: number) =>
  (text: string): number | undefined => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    return value >= least && value <= most ? value : undefined
  }

const oneOf =
  (words: ReadonlyArray<string>) =>
  (text: string): string | undefined =>
    words.find((word) => word === text)

export const settings = {
  actor: {
    does: "who makes changes here",
    environment: "LAMPLOG_ACTOR",
    flag: "actor",
    fromText: actorFromText,
    wanted: `a name of 1 to ${actorLengthMax} characters on one line`,
  },
  busyTimeoutMillis: {
    does: "how long to wait for another process that writes, in milliseconds",
    environment: "LAMPLOG_BUSY_TIMEOUT_MILLIS",
    flag: "busy-timeout",
    fromText: countBetween(0, 3_600_000),
    wanted: "a whole number of milliseconds from 0 to 3600000",
    initial: 5000,
  },
  timeBudgetSeconds: {
    does: "how long an import may take before it should run in the background, in seconds",
    environment: "LAMPLOG_TIME_BUDGET_SECONDS",
    flag: "time-budget",
    fromText: countBetween(1, 1_000_000),
    wanted: "a whole number of seconds from 1",
    initial: 30,
  },
  profile: {
    does: "how large archives may be: conservative, balanced or aggressive",
    environment: "LAMPLOG_PROFILE",
    flag: "profile",
    fromText: oneOf(["conservative", "balanced", "aggressive"]),
    wanted: "conservative, balanced or aggressive",
    initial: "balanced",
  },
  limits: {
    does: "limits of archives that differ from the profile's",
    environment: "LAMPLOG_LIMITS",
    flag: "limits",
    // Refuses by itself what it does not know, with what was probably meant.
    fromText: (text) => (limitsFromText(text), text),
    wanted: "limits such as archiveBytes=1000,items.token=500",
    initial: "",
  },
  requireSignature: {
    does: "whether archives must be signed by a key you trust",
    environment: "LAMPLOG_REQUIRE_SIGNATURE",
    flag: "require-signature",
    fromText: (text) =>
      text === "" || text === "true" ? true : text === "false" ? false : undefined,
    wanted: "true or false",
    initial: false,
  },
  backup: {
    does: "whether to back a project up before an import or merge: never, large or always",
    environment: "LAMPLOG_BACKUP",
    flag: "backup",
    fromText: oneOf(["never", "large", "always"]),
    wanted: "never, large or always",
    initial: "never",
  },
} satisfies { readonly [key: string]: Setting }

export type SettingKey = keyof typeof settings
export const settingKeys = Object.keys(settings) as ReadonlyArray<SettingKey>

export interface SettingValue {
  readonly key: SettingKey
  readonly value: SettingContent | null
  readonly from: "flag" | "environment" | "file" | "default"
}

export const settingKey = (text: string): SettingKey => {
  const key = settingKeys.find((candidate) => candidate === text)
  if (key !== undefined) return key
  throw new UsageError(
    "setting-unknown",
    `There is no setting "${text.slice(0, 100)}".`,
    suggestion(text, settingKeys, `Use one of: ${settingKeys.join(", ")}.`),
    text.slice(0, 100),
  )
}

/** Reads a value given in words. `where` is the flag, the variable or the key. */
export const settingFromText = (key: SettingKey, text: string, where: string): SettingContent => {
  const setting: Setting = settings[key]
  const value = setting.fromText(text)
  if (value !== undefined) return value
  throw new UsageError(
    "setting-invalid",
    `${where} cannot be "${text.slice(0, 100)}".`,
    `Give ${setting.wanted}.`,
    where,
  )
}

const invalidFile = (path: string, message: string): LamplogError =>
  new LamplogError({
    code: "config-invalid",
    message: `The settings in ${path} cannot be read: ${message}`,
    remedy: "Correct the file, or delete it to begin with none.",
    where: path,
  })

/** The settings kept with a project; none when there is no file. */
export const readSettings = (directory: string): JsonObject => {
  const path = join(directory, settingsFile)
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {}
    throw fileFailure(error, path)
  }
  let value: Json
  try {
    value = jsonFromText(text, { name: settingsFile })
  } catch (error) {
    throw error instanceof LamplogError ? invalidFile(path, error.message) : error
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw invalidFile(path, "it holds no JSON object.")
  }
  return value as JsonObject
}

/** Changes the file whole: a new one takes its place, so that a crash leaves the old one. */
export const writeSettings = (directory: string, changes: JsonObject): void => {
  const path = join(directory, settingsFile)
  const text = `${JSON.stringify({ ...readSettings(directory), ...changes }, undefined, 2)}\n`
  writePrivate(path, text, true)
}

/** What holds for one call: flag, else environment, else file, else the default. */
export const settingValue = (key: SettingKey, call: Call, file: JsonObject): SettingValue => {
  const setting: Setting = settings[key]
  const flag = setting.flag === undefined ? undefined : call.flag(setting.flag)
  if (flag !== undefined) {
    return { key, value: settingFromText(key, flag, `--${setting.flag}`), from: "flag" }
  }
  const variable = call.terminal.environment[setting.environment]
  if (variable !== undefined && variable !== "") {
    const value = settingFromText(key, variable, setting.environment)
    return { key, value, from: "environment" }
  }
  const kept = Object.hasOwn(file, key) ? file[key] : undefined
  if (kept === undefined) return { key, value: setting.initial ?? null, from: "default" }
  const invalid = invalidFile(settingsFile, `${key} has to be ${setting.wanted}.`)
  if (typeof kept === "object") throw invalid
  let value: SettingContent | undefined
  try {
    value = setting.fromText(String(kept))
  } catch (error) {
    // What is wrong with a word that the user gave is no wrong usage when it stands in the file.
    throw error instanceof LamplogError ? invalidFile(settingsFile, error.message) : error
  }
  if (value === undefined) throw invalid
  return { key, value, from: "file" }
}

/** Whether this call backs the project up before it takes something in. */
export const backupWish = (call: Call, file: JsonObject): boolean | "large" => {
  const { value } = settingValue("backup", call, file)
  return value === "large" ? "large" : value === "always"
}

/** Who makes a change. There is always someone: `init` and `clone` keep a name. */
export const actorOf = (call: Call, file: JsonObject): string => {
  const { value } = settingValue("actor", call, file)
  if (typeof value === "string") return value
  throw new LamplogError({
    code: "actor-missing",
    message: "Nobody is named as the author of this change.",
    remedy: "Name yourself: `lamplog config set actor WHO`, or --actor WHO.",
  })
}

/** The actor of a new replica whose user named none. */
export const actorOfUser = (): string => {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    // A user id without an entry in the system's list of users.
    return `unknown@${hostname()}`
  }
}
