/**
 * The remotes of a project: names for addresses, kept in its settings under `remotes`.
 */
import type { JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import type { Call } from "./command.ts"
import { addressFromText, addressText, isAddress } from "./remote-address.ts"
import type { RemoteAddress } from "./remote-address.ts"
import { readSettings, settingsFile, writeSettings } from "./settings.ts"
import type { Terminal } from "./terminal.ts"
import { suggestion, UsageError } from "./usage.ts"

const settingName = "remotes"
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export interface NamedRemote {
  /** Of a remote that has no name, where it is. */
  readonly name: string
  readonly address: RemoteAddress
}

const invalidFile = (message: string): LamplogError =>
  new LamplogError({
    code: "config-invalid",
    message: `The remotes in ${settingsFile} cannot be read: ${message}`,
    remedy: `Correct "${settingName}" in the project's ${settingsFile}, or remove it there.`,
    where: settingsFile,
  })

/** The remotes of a project, by name. */
export const readRemotes = (directory: string, terminal: Terminal): ReadonlyArray<NamedRemote> => {
  const kept = readSettings(directory)[settingName] ?? {}
  if (kept === null || typeof kept !== "object" || Array.isArray(kept)) {
    throw invalidFile("they are no object of names and addresses.")
  }
  return Object.entries(kept as JsonObject)
    .map(([name, url]) => {
      if (!namePattern.test(name) || typeof url !== "string") {
        throw invalidFile("each has a name and an address.")
      }
      try {
        return { name, address: addressFromText(url, terminal) }
      } catch (error) {
        throw error instanceof LamplogError ? invalidFile(`${name}: ${error.message}`) : error
      }
    })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
}

/** The remotes as they stand in the settings. */
export const remotesSetting = (remotes: ReadonlyArray<NamedRemote>): JsonObject => ({
  [settingName]: Object.fromEntries(
    remotes.map(({ name, address }) => [name, addressText(address)]),
  ),
})

export const writeRemotes = (directory: string, remotes: ReadonlyArray<NamedRemote>): void =>
  writeSettings(directory, remotesSetting(remotes))

/** A name that a remote can have. */
export const remoteNameFrom = (text: string): string => {
  if (namePattern.test(text)) return text
  throw new UsageError(
    "remote-name",
    isAddress(text)
      ? "A remote's name comes first, then its address."
      : "A remote cannot be called that.",
    "Give a name of 1 to 64 letters, digits, dots, dashes and underscores, such as office.",
    "NAME",
  )
}

export const remoteUnknown = (text: string, remotes: ReadonlyArray<NamedRemote>): LamplogError => {
  const names = remotes.map(({ name }) => name)
  const shown = text.slice(0, 64).replaceAll(/[^ -~]/g, "?")
  return new LamplogError({
    code: "remote-unknown",
    message: `This project has no remote called "${shown}".`,
    remedy: suggestion(
      text,
      names,
      names.length === 0
        ? "Add one: `lamplog remote add NAME URL`."
        : `There are: ${names.join(", ")}. \`lamplog remote add NAME URL\` adds one.`,
    ),
    where: shown,
  })
}

const isSame = (left: RemoteAddress, right: RemoteAddress): boolean =>
  left.where === right.where && left.project === right.project

/** The remote that a word means: one of the project's, or an address. */
export const remoteFromText = (
  text: string,
  remotes: ReadonlyArray<NamedRemote>,
  { terminal }: Call,
): NamedRemote => {
  const named = remotes.find(({ name }) => name === text)
  if (named !== undefined) return named
  if (namePattern.test(text)) throw remoteUnknown(text, remotes)
  const address = addressFromText(text, terminal)
  // The same place under a name: what is remembered of it, and its options, hold here too.
  const same = remotes.find((remote) => isSame(remote.address, address))
  if (same !== undefined && address.url === address.where) return same
  return { name: same?.name ?? addressText({ ...address, url: address.where }), address }
}
