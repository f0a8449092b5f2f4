/**
 * The commands about assets, as data.
 */
import type { CommandDefinition } from "./command.ts"
import { dryRun, opening, writing } from "./flags.ts"

const group = "Assets"

export const assetCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "asset add",
    group,
    does: "keep icons, fonts and images with the project",
    details:
      "Each file becomes an entity asset/ID that names its bytes by their SHA-256. Unless --id is\n" +
      "given, ID is the file's name without extension, and a free one. The same bytes under the\n" +
      "same name are the same asset: adding them again writes nothing. Several files are added\n" +
      "together, or none of them.",
    positionals: [{ name: "FILE", many: true, does: "a file; - reads stdin, and needs --id" }],
    flags: {
      id: { value: "ID", does: "the asset's id; one that is there gets these bytes" },
      name: { value: "NAME", does: "what to call it (default: the file's name)" },
      "media-type": { value: "TYPE", does: "such as image/png (default: told from the bytes)" },
      licence: { value: "TEXT", does: "under which licence it may be used" },
      tag: { value: "TAG", many: true, does: "a tag to add" },
      ...writing,
    },
    load: async () => (await import("./asset.ts")).add,
  },
  {
    name: "asset get",
    group,
    does: "give the bytes of an asset back, checked",
    details:
      "The bytes go to the file of --output, else to stdout unless that is a terminal. Bytes that\n" +
      "are not held are taken from the archives of --from or the project's remotes, and then kept.",
    positionals: [{ name: "ID", does: "an asset's id, or the SHA-256 of the bytes" }],
    flags: {
      output: { value: "FILE", does: "written whole or not at all" },
      force: { does: "write over a file that is there" },
      from: {
        value: "ARCHIVE",
        many: true,
        does: "where to take bytes that are absent or damaged",
      },
      ...opening,
    },
    load: async () => (await import("./asset.ts")).get,
  },
  {
    name: "asset list",
    group,
    does: "list the assets, and whose bytes are absent",
    positionals: [],
    flags: { missing: { does: "only those whose bytes are not held here" } },
    load: async () => (await import("./asset.ts")).list,
  },
  {
    name: "asset sweep",
    group,
    does: "remove bytes that no asset names any more",
    details:
      "Bytes of earlier versions and of deleted assets go, too: what the history names stays only\n" +
      "in archives made with --all-assets, and where it was not swept.",
    positionals: [],
    flags: { "dry-run": dryRun },
    load: async () => (await import("./asset.ts")).sweep,
  },
]
