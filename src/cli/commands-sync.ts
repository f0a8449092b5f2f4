/**
 * The commands about remotes, as data, in the order the help page tells them.
 */
import type { CommandDefinition, Flag, Positional } from "./command.ts"
import { timeoutFlag } from "./timeout.ts"

const remoteName: Positional = { name: "NAME", does: "what the remote is called here" }

/** How to write an address; several help pages tell it. */
const addresses =
  "An address is folder:PATH, http://HOST:PORT, https://…, nats://HOST:PORT[,HOST:PORT…] or tls://….\n" +
  "It never holds a password or token: ?token-file=FILE, ?creds=FILE, ?nkey=FILE,\n" +
  "?user=NAME&password-file=FILE and ?ca=FILE name files that do. docs/SYNC.md is the guide."

const layout: Flag = {
  value: "LAYOUT",
  does: "project: a stream for each (default), or shards:N, the same N everywhere and for ever",
}

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
      `or there; with --json the one document comes at the end.\n\n${addresses}`,
    positionals: [{ name: "NAME|URL", optional: true, does: "only this remote" }],
    flags: {
      watch: { does: "go on meeting them until Ctrl-C" },
      timeout: timeoutFlag,
      assets: {
        value: "WHICH",
        choices: ["push", "all", "none"],
        does: "bytes of assets: push (default) those it lacks; all: fetch those absent here, too; none",
      },
    },
    load: async () => (await import("./sync.ts")).sync,
  },
  {
    name: "peers",
    group: "Meet others",
    does: "tell who is at the remotes now, and how far",
    details: "Only what carries questions can tell: of NATS, those who run `lamplog sync --watch`.",
    positionals: [{ name: "NAME|URL", optional: true, does: "only this remote" }],
    flags: {},
    load: async () => (await import("./peers.ts")).peers,
  },
  {
    name: "serve",
    group: "Meet others",
    does: "offer this replica to others over HTTP, until Ctrl-C",
    details:
      "Others write `lamplog remote add NAME http://HOST:PORT?token-file=FILE`. Without a token only this\n" +
      "machine is served. The token may also come from LAMPLOG_REMOTE_TOKEN.",
    positionals: [],
    flags: {
      host: { value: "HOST", does: "the address to listen on (default: 127.0.0.1)" },
      port: { value: "PORT", does: "the port to listen on (default: any free one)" },
      "token-file": { value: "FILE", does: "what others have to show: at least 16 characters" },
      "tls-cert": { value: "FILE", does: "a certificate as PEM; with --tls-key for HTTPS" },
      "tls-key": { value: "FILE", does: "its key as PEM" },
    },
    load: async () => (await import("./serve.ts")).serve,
  },
  {
    name: "nats init",
    group: "Meet others",
    does: "prepare a NATS server for projects, as its administrator",
    details:
      "For servers where nodes may not make streams themselves. What is there is brought up to date and\n" +
      "loses nothing. The project is the one here, or #ID after the address.",
    positionals: [{ name: "URL", does: "the server, with the administrator's access" }],
    flags: {
      replicas: { value: "N", does: "servers of a cluster that each keep a copy: 1, 3 or 5" },
      layout,
      "max-bytes": {
        value: "N",
        does: "when a stream forgets its oldest messages (default: never)",
      },
      tidy: { does: "take away what aborted uploads have left" },
    },
    load: async () => (await import("./nats-server.ts")).init,
  },
  {
    name: "nats permissions",
    group: "Meet others",
    does: "print what a node has to be allowed on a NATS server",
    positionals: [{ name: "NODE", optional: true, does: "a node id (default: this replica's)" }],
    flags: {
      layout,
      domain: { value: "NAME", does: "JetStream's domain, if addresses name one" },
      configuration: { does: "a whole server configuration with this user" },
    },
    load: async () => (await import("./nats-server.ts")).permissions,
  },
]
