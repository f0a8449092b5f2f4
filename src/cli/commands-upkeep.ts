/**
 * The commands that look after a project: checks, backups, keys, settings. The other half of
 * `commands.ts`, as data, in the order the help page tells them.
 */
import type { CommandDefinition, Positional } from "./command.ts"
import { opening } from "./flags.ts"

const check: ReadonlyArray<CommandDefinition> = [
  {
    name: "verify",
    group: "Check",
    does: "check this replica, or an archive, from the bytes up",
    positionals: [{ name: "FILE", optional: true, does: "an archive; else this replica" }],
    flags: opening,
    load: async () => (await import("./verify.ts")).verify,
  },
  {
    name: "inspect",
    group: "Check",
    does: "show what an archive says of itself, without a project",
    positionals: [{ name: "FILE", does: "an archive" }],
    flags: opening,
    load: async () => (await import("./inspect.ts")).inspect,
  },
]

const keys: ReadonlyArray<CommandDefinition> = [
  {
    name: "key",
    group: "Keys and trust",
    does: "show your public keys: what you sign with, what others encrypt to",
    positionals: [],
    flags: {},
    load: async () => (await import("./key.ts")).show,
  },
  {
    name: "key make",
    group: "Keys and trust",
    does: "make the keys that you do not have yet",
    details:
      "They are kept in your state folder, for all projects. With --force, new keys take the place\n" +
      "of the old ones, which are kept beside them.",
    positionals: [],
    flags: {
      name: { value: "NAME", does: "what others see the signing key called (default: user@host)" },
      force: { does: "make new keys though there are some" },
    },
    load: async () => (await import("./key.ts")).make,
  },
  {
    name: "trust add",
    group: "Keys and trust",
    does: "trust the signatures of a key",
    positionals: [
      { name: "VKEY|FILE", does: "the line that `lamplog key` shows its owner, or a file of such" },
    ],
    flags: {},
    load: async () => (await import("./trust.ts")).add,
  },
  {
    name: "trust list",
    group: "Keys and trust",
    does: "list the keys that you trust",
    positionals: [],
    flags: {},
    load: async () => (await import("./trust.ts")).list,
  },
  {
    name: "trust remove",
    group: "Keys and trust",
    does: "trust a key no longer",
    positionals: [{ name: "NAME|ID", does: "as `lamplog trust list` shows it" }],
    flags: {},
    load: async () => (await import("./trust.ts")).remove,
  },
]

const safety: ReadonlyArray<CommandDefinition> = [
  {
    name: "backup",
    group: "Backups",
    does: "put everything this project holds into one file",
    details:
      "The history, and so every state of every entity; neither secret keys nor the bytes of assets\n" +
      "(export an archive for those). Taken while others work; checked and durable when it is named.",
    positionals: [{ name: "FILE", does: "written whole or not at all" }],
    flags: { force: { does: "write over a file that is there" } },
    load: async () => (await import("./backup.ts")).backup,
  },
  {
    name: "restore",
    group: "Backups",
    does: "bring back what a backup holds; only ever adds",
    details:
      "In a folder without a project, makes a new replica with a new node id. In a project, adds the\n" +
      "events that are missing. To have an old state again: import an archive of it with\n" +
      "--strategy replace.",
    positionals: [{ name: "FILE", does: "a backup that `lamplog backup` made" }],
    flags: { actor: { value: "WHO", does: "who makes changes in a new replica" } },
    load: async () => (await import("./backup.ts")).restore,
  },
]

const key: Positional = { name: "KEY", does: "a setting; `lamplog config list` names them" }

const settings: ReadonlyArray<CommandDefinition> = [
  {
    name: "config list",
    group: "Settings",
    does: "list the settings and where each comes from",
    positionals: [],
    flags: {},
    load: async () => (await import("./config.ts")).list,
  },
  {
    name: "config get",
    group: "Settings",
    does: "print one setting",
    positionals: [key],
    flags: {},
    load: async () => (await import("./config.ts")).get,
  },
  {
    name: "config set",
    group: "Settings",
    does: "keep a setting with the project",
    positionals: [key, { name: "VALUE", does: "its new value" }],
    flags: {},
    load: async () => (await import("./config.ts")).set,
  },
  {
    name: "help",
    group: "Settings",
    does: "explain a command",
    positionals: [{ name: "COMMAND", optional: true, does: "the command" }],
    flags: {},
    load: async () => (await import("./help.ts")).help,
  },
  {
    name: "version",
    group: "Settings",
    does: "print the version",
    positionals: [],
    flags: {},
    load: async () => (await import("./help.ts")).version,
  },
]

export const upkeep: ReadonlyArray<CommandDefinition> = [...check, ...safety, ...keys, ...settings]
