/**
 * From an address to a remote: the one place where adapters for remotes are wired in. Each is loaded
 * only when an address asks for it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Peer, Remote } from "../sync/remote.ts"
import { addressText } from "./remote-address.ts"
import type { RemoteAddress } from "./remote-address.ts"
import type { Terminal } from "./terminal.ts"

export interface RemoteNeeds {
  /** The node that speaks; a server may know it by this name. */
  readonly node?: string
  /** Whose node it is, for others who look who is there. */
  readonly name?: string
  /** Answers others there, where the remote carries questions. */
  readonly peer?: Peer
  readonly onWarning?: (message: string) => void
}

/** Holds the token of servers whose address names no file with one. */
export const tokenVariable = "LAMPLOG_REMOTE_TOKEN"
/** Options that say how to get in; beside one of them the environment's token is not wanted. */
const accessOptions = /[?&](creds|nkey|token-file|user)=/

export const tokenFor = (
  { url }: RemoteAddress,
  { environment }: Terminal,
): { readonly token?: string } => {
  const token = environment[tokenVariable]?.trim() ?? ""
  return token === "" || accessOptions.test(url) ? {} : { token }
}

/** Whoever opens a remote closes it. */
export const open = async (
  address: RemoteAddress,
  terminal: Terminal,
  needs: RemoteNeeds = {},
): Promise<Remote> => {
  const token = tokenFor(address, terminal)
  switch (address.kind) {
    case "folder": {
      const { openFolder } = await import("../../adapters/folder/index.ts")
      return openFolder(address.url.slice("folder:".length))
    }
    case "http": {
      const { openHttp } = await import("../../adapters/http/index.ts")
      return openHttp(address.url, token)
    }
    case "nats": {
      const { openNats } = await import("../../adapters/nats/index.ts")
      // The project of the address is the one asked for where others may not be listed.
      return openNats(addressText(address), { ...needs, ...token })
    }
  }
}

/** Opens a remote for as long as the scope lives. */
export const openRemote = (
  address: RemoteAddress,
  terminal: Terminal,
  needs: RemoteNeeds = {},
): Effect.Effect<Remote, LamplogError, Scope.Scope> =>
  Effect.acquireRelease(
    work(address.where, () => open(address, terminal, needs)),
    (remote) => Effect.promise(() => remote.close()),
  )
