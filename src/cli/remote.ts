/**
 * `remote add`, `remote list` and `remote remove`: names for places to sync with.
 */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import { forgetRemote } from "../project/forget.ts"
import type { Call, Run } from "./command.ts"
import { findProject } from "./folder.ts"
import { openRemote } from "./open-remote.ts"
import { aligned, printable } from "./paint.ts"
import { addressFromText, addressText } from "./remote-address.ts"
import type { RemoteAddress } from "./remote-address.ts"
import { readRemotes, remoteNameFrom, remoteUnknown, writeRemotes } from "./remotes.ts"
import { engineOptions } from "./session.ts"

/** Refuses an address that its adapter cannot use. Nothing is sent. */
const checkAddress = (address: RemoteAddress, call: Call): Effect.Effect<void, LamplogError> =>
  // A drive that holds the folder may be elsewhere now.
  address.kind === "folder"
    ? Effect.void
    : Effect.scoped(Effect.asVoid(openRemote(address, call.terminal)))

/** What people should know of the place now. */
const noteOf = ({ kind, url }: RemoteAddress): string => {
  const path = url.slice("folder:".length)
  if (kind !== "folder" || existsSync(path)) return ""
  return `There is no such folder yet: mount or make ${printable(path)} before you sync.\n`
}

export const add: Run = (call) =>
  Effect.gen(function* () {
    const directory = findProject(call)
    const name = remoteNameFrom(call.argument("NAME"))
    const address = addressFromText(call.argument("URL"), call.terminal)
    const remotes = readRemotes(directory, call.terminal)
    const before = remotes.find((remote) => remote.name === name)
    if (before !== undefined && addressText(before.address) !== addressText(address)) {
      return yield* Effect.fail(
        new LamplogError({
          code: "remote-exists",
          message: `There is a remote called ${name} already: ${before.address.where}.`,
          remedy: `Choose another name, or run \`lamplog remote remove ${name}\` first.`,
          where: name,
        }),
      )
    }
    yield* checkAddress(address, call)
    if (before === undefined) writeRemotes(directory, [...remotes, { name, address }])
    return {
      document: { name, url: addressText(address) },
      text: () =>
        `${call.paint.bold(name)} is ${printable(addressText(address))}. ` +
        `\`lamplog sync ${name}\` meets it.\n${noteOf(address)}`,
    }
  })

export const list: Run = (call) =>
  Effect.suspend(() => {
    const remotes = readRemotes(findProject(call), call.terminal)
    return Effect.succeed({
      document: remotes.map(({ name, address }) => ({ name, url: addressText(address) })),
      text: () =>
        remotes.length === 0
          ? "This project has no remotes; `lamplog remote add NAME URL` adds one.\n"
          : `${aligned(
              remotes.map(({ name, address }) => [name, printable(addressText(address))]),
              0,
            )}\n`,
    })
  })

export const remove: Run = (call) =>
  Effect.gen(function* () {
    const directory = findProject(call)
    const name = call.argument("NAME")
    const remotes = readRemotes(directory, call.terminal)
    const left = remotes.filter((remote) => remote.name !== name)
    if (left.length === remotes.length) return yield* Effect.fail(remoteUnknown(name, remotes))
    // First what was remembered: a remote without it is only slower.
    yield* forgetRemote({ ...engineOptions(call, directory), directory }, name)
    writeRemotes(directory, left)
    return {
      document: { removed: name },
      text: () => `${call.paint.bold(name)} is no remote of this project any more.\n`,
    }
  })
