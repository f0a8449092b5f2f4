/**
 * Help pages, written from the table of commands, so that they cannot say anything else.
 */
import { readFileSync } from "node:fs"
import { findPackageJSON } from "node:module"
import * as Effect from "effect/Effect"
import type { CommandDefinition, Flag, Positional, Run } from "./command.ts"
import { commands } from "./commands.ts"
import { everywhereFlags } from "./flags.ts"
import { aligned } from "./paint.ts"
import type { Paint } from "./paint.ts"

const positionalText = ({ name, optional, many }: Positional): string => {
  const text = many === true ? `${name}…` : name
  return optional === true ? `[${text}]` : text
}

const flagText = (name: string, { value }: Flag): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`

const usageOf = ({ name, positionals, flags }: CommandDefinition): string =>
  [
    "lamplog",
    name,
    ...positionals.map(positionalText),
    ...Object.entries(flags).map(([flag, definition]) => {
      const text = `[${flagText(flag, definition)}]`
      return definition.many === true ? `${text}…` : text
    }),
  ].join(" ")

const flagRows = (flags: { readonly [name: string]: Flag }): ReadonlyArray<[string, string]> =>
  Object.entries(flags).map(([name, flag]) => [flagText(name, flag), flag.does])

const section = (title: string, rows: ReadonlyArray<ReadonlyArray<string>>, paint: Paint): string =>
  rows.length === 0 ? "" : `\n${paint.bold(title)}\n${aligned(rows)}\n`

const commandPage = (command: CommandDefinition, paint: Paint): string => {
  const details = command.details === undefined ? "" : `\n${command.details}\n`
  const words = command.positionals.map((word) => [positionalText(word), word.does])
  return (
    `${paint.bold(usageOf(command))}\n\n${command.does}\n${details}` +
    section("Words", words, paint) +
    section("Flags", flagRows(command.flags), paint) +
    section("Flags of every command", flagRows(everywhereFlags), paint)
  )
}

const overview = (listed: ReadonlyArray<CommandDefinition>, paint: Paint): string => {
  const groups = [...new Set(listed.map(({ group }) => group))]
  const nameWidth = Math.max(...listed.map(({ name }) => name.length))
  const pages = groups.map((group) => {
    const rows = listed
      .filter((command) => command.group === group)
      .map(({ name, does }) => [name.padEnd(nameWidth), does])
    return section(group, rows, paint)
  })
  return pages.join("")
}

const introduction =
  "Lamplog keeps a project as a log of events: work offline, merge without loss,\n" +
  "review every conflict, prove the history.\n"

const documentOf = (command: CommandDefinition) => ({
  name: command.name,
  does: command.does,
  usage: usageOf(command),
  arguments: command.positionals.map(({ name, does, optional, many }) => ({
    name,
    does,
    optional: optional === true,
    many: many === true,
  })),
  flags: Object.entries(command.flags).map(([name, { value, does, many, choices }]) => ({
    name: `--${name}`,
    does,
    value,
    many: many === true,
    choices,
  })),
})

export const help: Run = (call) => {
  const { paint } = call
  const topic = call.optionalArgument("COMMAND")
  const listed =
    topic === undefined
      ? commands
      : commands.filter(({ name }) => name === topic || name.startsWith(`${topic} `))
  const one = listed.length === 1 ? listed[0] : undefined
  return Effect.succeed({
    document: { commands: listed.map(documentOf) },
    text: () =>
      one !== undefined
        ? commandPage(one, paint)
        : `${topic === undefined ? introduction : ""}${overview(listed, paint)}\n` +
          "`lamplog COMMAND --help` explains one of them; every command takes --json.\n",
  })
}

export const version: Run = () => {
  const path = findPackageJSON("..", import.meta.url)
  const { version: number } = JSON.parse(readFileSync(path!, "utf8")) as { version: string }
  return Effect.succeed({ document: { version: number }, text: () => `${number}\n` })
}
