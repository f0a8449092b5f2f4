/**
 * Flags and positionals that several commands share. A name means the same kind of flag everywhere.
 */
import type { Flag, Positional } from "./command.ts"

/** Flags that every command takes. */
export const everywhereFlags: { readonly [name: string]: Flag } = {
  project: { value: "DIR", does: "use the project in this folder, not the nearest one upwards" },
  json: { does: "print exactly one JSON document on stdout" },
  "busy-timeout": { value: "MILLIS", does: "how long to wait for another process that writes" },
  debug: { does: "show the stack of an error" },
  help: { does: "explain a command" },
  version: { does: "print the version" },
}

/** Flags of every command that writes. */
export const writing: { readonly [name: string]: Flag } = {
  actor: { value: "WHO", does: "who makes this change (default: the project's actor)" },
  reason: { value: "TEXT", does: "why, kept with the change" },
}

export const entity: Positional = {
  name: "TYPE/ID",
  does: "an entity; the type ends at the first slash",
}

export const format = (choices: ReadonlyArray<string>): Flag => ({
  value: "NAME",
  choices,
  does: `${choices.join(", ")} (default: ${choices[0]})`,
})

export const beforehand: Flag = {
  value: "WHEN",
  choices: ["never", "large", "always"],
  does: "whether to back the project up before (default: never)",
}

export const dryRun: Flag = { does: "tell what would happen; change nothing" }

/** Flags of every command that opens archives. */
export const opening: { readonly [name: string]: Flag } = {
  identity: {
    value: "FILE",
    many: true,
    does: "an age identity that opens what is encrypted to it",
  },
  "passphrase-file": { value: "FILE", does: "a file whose first line is a passphrase" },
  profile: {
    value: "NAME",
    choices: ["conservative", "balanced", "aggressive"],
    does: "how large archives may be (default: balanced)",
  },
  limits: { value: "NAME=N,…", does: "limits of your own, such as archiveBytes=1000" },
  "require-signature": { does: "refuse archives that no key you trust has signed" },
}

const { identity, limits, profile } = opening

/** Flags of an export: how much, for whom. */
export const exporting: { readonly [name: string]: Flag } = {
  "all-assets": { does: "with the bytes of all assets held, not only of those that are named" },
  "no-assets": { does: "without the bytes of assets" },
  since: { value: "FRONTIER", does: "only what came after: a status as JSON, or an archive" },
  type: { value: "TYPE", many: true, does: "only entities of this type" },
  where: { value: "FIELD=VALUE", many: true, does: "only where the field has this value" },
  group: { value: "PATH", many: true, does: "only this group, and tokens and groups below it" },
  tag: { value: "TAG", many: true, does: "only what has this tag" },
  id: { value: "TYPE/ID", many: true, does: "only this entity" },
  "ids-from": { value: "FILE", does: "only these entities, a TYPE/ID on each line" },
  open: { does: "leave out what the chosen entities refer to" },
  sign: { does: "sign with your key; the first time, one is made" },
  "encrypt-to": {
    value: "KEY",
    many: true,
    does: "only whoever holds the key of this age1… reads",
  },
  "passphrase-file": {
    value: "FILE",
    does: "only whoever knows the first line of this file reads",
  },
  identity: identity!,
  profile: profile!,
  limits: limits!,
}
