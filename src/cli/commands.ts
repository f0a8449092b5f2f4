/**
 * Every command of `lamplog`, as data, in the order the help page tells them.
 */
import { assetCommands } from "./asset-commands.ts"
import type { CommandDefinition } from "./command.ts"
import { beforehand, dryRun, entity, exporting, format, opening, writing } from "./flags.ts"
import { nodeCommands } from "./commands-node.ts"
import { syncCommands } from "./commands-sync.ts"
import { upkeep } from "./commands-upkeep.ts"
import { timeoutFlag } from "./timeout.ts"

const begin: ReadonlyArray<CommandDefinition> = [
  {
    name: "init",
    group: "Begin",
    does: "make a new project in this folder",
    positionals: [],
    flags: {
      name: { value: "NAME", does: "what to call it (default: the folder's name)" },
      schema: {
        value: "SCHEMA",
        choices: ["design-system", "open"],
        does: "design-system (default), or open: any entity type, every field one value",
      },
      membership: {
        value: "RULE",
        choices: ["open", "members"],
        does: "open (default): whoever has it may write; members: only nodes that were admitted. Fixed for life",
      },
      actor: { value: "WHO", does: "who makes changes here (default: user@host)" },
    },
    load: async () => (await import("./begin.ts")).init,
  },
  {
    name: "clone",
    group: "Begin",
    does: "join a project from an archive or a remote, as a new node",
    details:
      "From a remote comes all that it holds, and the remote is called origin from then on. When there\n" +
      "are several projects at the place, #ID after its address names the one you mean.",
    positionals: [
      { name: "SOURCE", does: "a .lamplog archive, or the address of a remote" },
      { name: "DIR", does: "the folder for this replica" },
    ],
    flags: {
      actor: { value: "WHO", does: "who makes changes here (default: user@host)" },
      "dry-run": dryRun,
      timeout: timeoutFlag,
      ...opening,
    },
    load: async () => (await import("./begin.ts")).clone,
  },
  {
    name: "status",
    group: "Begin",
    does: "tell where this replica stands",
    positionals: [],
    flags: {},
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "demo",
    group: "Begin",
    does: "show the whole story on real design tokens, in a temporary folder",
    positionals: [],
    flags: {},
    load: async () => (await import("./demo.ts")).demo,
  },
]

const change: ReadonlyArray<CommandDefinition> = [
  {
    name: "set",
    group: "Change",
    does: "change fields of an entity; makes it if it is not there",
    details:
      "VALUE is JSON if it parses, else a string: size=4 is a number, size='\"4\"' a string.\n" +
      "A field of a map is written modes/dark={…}. null is a value; only --unset clears.",
    positionals: [
      entity,
      { name: "FIELD=VALUE", many: true, optional: true, does: "split at the first =" },
    ],
    flags: { unset: { value: "FIELD", many: true, does: "clear a field" }, ...writing },
    load: async () => (await import("./write.ts")).set,
  },
  {
    name: "put",
    group: "Change",
    does: "make an entity exactly this",
    positionals: [entity],
    flags: {
      data: { value: "JSON|-", does: "its fields as an object; - reads them from stdin" },
      ...writing,
    },
    load: async () => (await import("./write.ts")).put,
  },
  {
    name: "delete",
    group: "Change",
    does: "delete an entity",
    positionals: [entity],
    flags: writing,
    load: async () => (await import("./write.ts")).remove,
  },
  {
    name: "apply",
    group: "Change",
    does: "make many changes, one JSON line each, as one atomic change",
    details:
      'A line is {"op":"put|patch|delete","type":…,"id":…,"fields"?:{…},"unset"?:[…],"reason"?:…}.\n' +
      "Lines on one entity fold into one event. Nothing is written unless every line is right.",
    positionals: [{ name: "FILE|-", does: "JSON lines; - reads stdin" }],
    flags: {
      "no-atomic": { does: "every line a change of its own, committed in groups of 1,000" },
      ...writing,
    },
    load: async () => (await import("./apply.ts")).apply,
  },
]

const read: ReadonlyArray<CommandDefinition> = [
  {
    name: "get",
    group: "Read",
    does: "show one entity",
    positionals: [entity],
    flags: { history: { does: "and every event that made it" } },
    load: async () => (await import("./read.ts")).get,
  },
  {
    name: "list",
    group: "Read",
    does: "list entities, by type, then id",
    positionals: [{ name: "TYPE", optional: true, does: "only this type" }],
    flags: {
      where: { value: "FIELD=VALUE", many: true, does: "only where the field has this value" },
      deleted: { does: "the deleted ones instead" },
    },
    load: async () => (await import("./read.ts")).list,
  },
  {
    name: "log",
    group: "Read",
    does: "list every event held, in total order",
    positionals: [{ ...entity, optional: true }],
    flags: {
      node: { value: "NODE", does: "only events of this node" },
      actor: { value: "WHO", does: "only events of this actor" },
      since: { value: "STAMP", does: "only events after LAMPORT@NODE" },
      limit: { value: "N", does: "at most so many" },
      reverse: { does: "newest first" },
    },
    load: async () => (await import("./log.ts")).log,
  },
]

const meet: ReadonlyArray<CommandDefinition> = [
  {
    name: "export",
    group: "Meet others",
    does: "write an archive of everything or a part, or one DTCG token file",
    details:
      "Flags that choose entities make an extract: values with proofs, to be imported, not merged.\n" +
      "One flag given several times means any of them (--where: any of one field); different flags\n" +
      "must all hold. What is chosen brings along all that it refers to, unless --open is given.",
    positionals: [{ name: "FILE", does: "written whole or not at all" }],
    flags: {
      format: format(["lamplog", "dtcg"]),
      force: { does: "write over a file that is there" },
      ...exporting,
    },
    load: async () => (await import("./export.ts")).exportProject,
  },
  {
    name: "import",
    group: "Meet others",
    does: "take in an archive or design-token files",
    details:
      "Token files become the smallest set of events that turns the state into the files'.\n" +
      "An archive of this project is merged; of another, its values are taken.",
    positionals: [
      {
        name: "FILE",
        many: true,
        does: "an archive, token files, or a DSS export (zip, folder or files)",
      },
    ],
    flags: {
      format: format(["auto", "lamplog", "dtcg", "dss"]),
      strategy: {
        value: "NAME",
        choices: ["merge", "replace"],
        does: "merge (default), or replace: the state becomes the file's",
      },
      prune: { does: "delete what the files no longer hold" },
      "allow-dangling": { does: "let a replace leave references that point at nothing" },
      "dry-run": dryRun,
      backup: beforehand,
      "time-budget": { value: "SECONDS", does: "how long an import may take (default: 30)" },
      ...opening,
      ...writing,
    },
    load: async () => (await import("./import.ts")).importProject,
  },
  {
    name: "merge",
    group: "Meet others",
    does: "merge the archive of another replica",
    details:
      "Both replicas end in the same state. With the strategy lamport nothing is written: concurrent\n" +
      "edits of one field stay open as conflicts under a provisional winner. With keep-local or\n" +
      "keep-imported, those that this merge opens are settled by that side, for every replica; what a\n" +
      "person has resolved before stays open.",
    positionals: [{ name: "FILE", does: "an archive of this project" }],
    flags: {
      strategy: {
        value: "NAME",
        choices: ["lamport", "keep-local", "keep-imported"],
        does: "lamport (default), keep-local or keep-imported",
      },
      "dry-run": dryRun,
      backup: beforehand,
      ...opening,
      ...writing,
    },
    load: async () => (await import("./merge.ts")).merge,
  },
  {
    name: "diff",
    group: "Meet others",
    does: "show what differs between this state and an archive or token file",
    positionals: [{ name: "FILE", does: "an archive or a token file" }],
    flags: opening,
    load: async () => (await import("./diff.ts")).diff,
  },
  {
    name: "conflicts",
    group: "Meet others",
    does: "list open conflicts, with candidates and authors",
    positionals: [{ name: "ID", optional: true, does: "only this one; its beginning is enough" }],
    flags: {},
    load: async () => (await import("./conflicts.ts")).conflicts,
  },
  {
    name: "resolve",
    group: "Meet others",
    does: "settle a conflict, for every replica",
    positionals: [{ name: "ID", does: "as `lamplog conflicts` shows it; its beginning is enough" }],
    flags: {
      take: { value: "NODE|NODE:SEQ", does: "the candidate of this node" },
      value: { value: "JSON", does: "a value of your own" },
      ...writing,
    },
    load: async () => (await import("./conflicts.ts")).resolve,
  },
]

export const commands: ReadonlyArray<CommandDefinition> = [
  ...begin,
  ...change,
  ...read,
  ...syncCommands,
  ...meet,
  ...nodeCommands,
  ...assetCommands,
  ...upkeep,
]
