/**
 * The commands about remotes, as data, in the order the help page tells them.
 */
import type { CommandDefinition, Positional } from "./command.ts"
import { syncTimeoutSeconds, timeoutFlag } from "./timeout.ts"

const remoteName: Positional = { name: "NAME", does: "what the remote is called here" }

/** How to write an address; several help pages tell it. */
const addresses =
  "An address is folder:PATH, http://HOST:PORT, https://…, nats://HOST:PORT[,HOST:PORT…] or tls://….\n" +
  "It never holds a password or token: ?token-file=FILE, ?creds=FILE, ?nkey=FILE,\n" +
  "?user=NAME&password-file=FILE and ?ca=FILE name files that do. docs/SYNC.md is the guide."

export const syncCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "remote add",
    group: "Meet others",
    does: "give a place to sync with a name",
    details: addresses,
    positionals: [remoteName, { name: "URL", does: "where it is" }],
    flags: {},
    load: async () => (await import("./remote.ts")).add,
  },
  {
    name: "remote list",
    group: "Meet others",
    does: "list the places to sync with",
    positionals: [],
    flags: {},
    load: async () => (await import("./remote.ts")).list,
  },
  {
    name: "remote remove",
    group: "Meet others",
    does: "forget a place to sync with; events that came from it stay",
    positionals: [remoteName],
    flags: {},
    load: async () => (await import("./remote.ts")).remove,
  },
  {
    name: "sync",
    group: "Meet others",
    does: "meet remotes until both sides hold the same",
    details:
      "Without a name every remote is met, one after another; trouble with one stops no other.\n" +
      "Exit status 1 says that some were not met, or do not hold the same. What was taken is kept,\n" +
      "whenever it is interrupted. With --watch it goes on until Ctrl-C, whenever something is new here\n" +
      `or there; with --json the one document comes at the end.\n${addresses}`,
    positionals: [{ name: "NAME|URL", optional: true, does: "only this remote" }],
    flags: {
      watch: { does: "go on meeting them until Ctrl-C" },
      timeout: timeoutFlag(syncTimeoutSeconds),
    },
    load: async () => (await import("./sync.ts")).sync,
  },
]
