/**
 * From the words of a command line to a checked call. Flags may stand anywhere; `--` ends them.
 *
 * A flag's value may begin with a dash (`--value -5`), but not be a flag itself, so that a forgotten
 * value is noticed. Everything not understood is a `UsageError` that says what was probably meant.
 */
import { parseArgs } from "node:util"
import type { CommandDefinition, Flag, Words } from "./command.ts"
import { commands } from "./commands.ts"
import { everywhereFlags } from "./flags.ts"
import { suggestion, UsageError } from "./usage.ts"

type Token = NonNullable<ReturnType<typeof parse>["tokens"]>[number]
type OptionToken = Extract<Token, { readonly kind: "option" }>

/** Whether a command line asks for one JSON document, understood or not. */
export const wantsJson = (argv: ReadonlyArray<string>): boolean => {
  const end = argv.indexOf("--")
  return argv.slice(0, end < 0 ? undefined : end).includes("--json")
}

/** Every flag of every command; a name means the same kind of flag everywhere. */
const everyFlag = (): ReadonlyMap<string, Flag> =>
  new Map(
    [everywhereFlags, ...commands.map(({ flags }) => flags)].flatMap((flags) =>
      Object.entries(flags),
    ),
  )

const parse = (argv: ReadonlyArray<string>) => {
  const options = [...everyFlag()].map(([name, flag]) => [
    name,
    {
      type: flag.value === undefined ? ("boolean" as const) : ("string" as const),
      ...(name === "help" ? { short: "h" } : {}),
    },
  ])
  return parseArgs({
    args: [...argv],
    options: Object.fromEntries(options) as { [name: string]: { type: "boolean" | "string" } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
}

const findCommand = (words: ReadonlyArray<string>): CommandDefinition => {
  const [first, second] = words
  if (first === undefined) {
    throw new UsageError(
      "command-missing",
      "No command was given.",
      "Run `lamplog help` for the list of commands.",
    )
  }
  const found =
    commands.find(({ name }) => name === `${first} ${second}`) ??
    commands.find(({ name }) => name === first)
  if (found !== undefined) return found
  const family = commands.filter(({ name }) => name.startsWith(`${first} `))
  if (family.length > 0) {
    const names = family.map(({ name }) => name.slice(first.length + 1))
    const asked =
      second === undefined ? `${first} needs a second word` : `${first} has no ${second}`
    throw new UsageError(
      "command-unknown",
      `lamplog ${asked}.`,
      suggestion(second ?? "", names, `Use one of: ${names.join(", ")}.`),
      words.slice(0, 2).join(" "),
    )
  }
  const names = [...new Set(commands.map(({ name }) => name.split(" ")[0]!))]
  throw new UsageError(
    "command-unknown",
    `There is no command "${first.slice(0, 100)}".`,
    suggestion(first, names, "Run `lamplog help` for the list of commands."),
    first.slice(0, 100),
  )
}

const checkFlag = (token: OptionToken, flag: Flag | undefined, names: ReadonlyArray<string>) => {
  if (flag === undefined) {
    throw new UsageError(
      "flag-unknown",
      `There is no flag ${token.rawName.slice(0, 100)} here.`,
      suggestion(
        token.rawName,
        names.map((name) => `--${name}`),
        "Run the command with --help for its flags.",
      ),
      token.rawName.slice(0, 100),
    )
  }
  if (flag.value === undefined) {
    if (token.value === undefined) return
    throw new UsageError(
      "flag-value-unexpected",
      `${token.rawName} takes no value.`,
      `Write ${token.rawName} alone.`,
      token.rawName,
    )
  }
  const isFlag = token.inlineValue === false && /^--[a-z]/.test(token.value ?? "")
  if (token.value === undefined || isFlag) {
    throw new UsageError(
      "flag-value-missing",
      `${token.rawName} needs a value.`,
      `Write ${token.rawName} ${flag.value}.`,
      token.rawName,
    )
  }
  if (flag.choices !== undefined && !flag.choices.includes(token.value)) {
    throw new UsageError(
      "flag-value-unknown",
      `${token.rawName} cannot be "${token.value.slice(0, 100)}".`,
      suggestion(token.value, flag.choices, `Use one of: ${flag.choices.join(", ")}.`),
      token.rawName,
    )
  }
}

const flagsFrom = (
  tokens: ReadonlyArray<Token>,
  definitions: { readonly [name: string]: Flag },
): Words["flags"] => {
  const values = new Map<string, Array<string>>()
  for (const token of tokens) {
    if (token.kind !== "option") continue
    const flag = Object.hasOwn(definitions, token.name) ? definitions[token.name] : undefined
    checkFlag(token, flag, Object.keys(definitions))
    const before = values.get(token.name)
    if (before === undefined) values.set(token.name, [token.value ?? ""])
    else if (flag?.many === true) before.push(token.value ?? "")
    else if (flag?.value !== undefined) {
      throw new UsageError(
        "flag-repeated",
        `${token.rawName} was given twice.`,
        "Give it once.",
        token.rawName,
      )
    }
  }
  return Object.fromEntries(values)
}

const positionalsFrom = (
  words: ReadonlyArray<string>,
  command: CommandDefinition,
): Words["positionals"] => {
  const found: Array<readonly [string, ReadonlyArray<string>]> = []
  let rest = words
  for (const { name, optional, many } of command.positionals) {
    const taken = many === true ? rest : rest.slice(0, 1)
    rest = rest.slice(taken.length)
    if (taken.length === 0 && optional !== true) {
      throw new UsageError(
        "argument-missing",
        `lamplog ${command.name} needs ${name}.`,
        `Run \`lamplog ${command.name} --help\` to see how it is written.`,
        name,
      )
    }
    found.push([name, taken])
  }
  if (rest.length > 0) {
    throw new UsageError(
      "argument-unexpected",
      `lamplog ${command.name} does not take "${rest[0]!.slice(0, 100)}".`,
      `Run \`lamplog ${command.name} --help\` to see how it is written.`,
      rest[0]!.slice(0, 100),
    )
  }
  return Object.fromEntries(found)
}

/** Reads a command line. Throws `UsageError`. */
export const wordsFromArguments = (argv: ReadonlyArray<string>): Words => {
  const tokens = parse(argv).tokens ?? []
  const given = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []))
  const asked = new Set(tokens.flatMap((token) => (token.kind === "option" ? [token.name] : [])))
  const named = (name: string) => commands.find((command) => command.name === name)!
  const help = named("help")
  // `--help` explains the command it stands beside; it wins over what is missing or too much.
  if (asked.has("help") || (given[0] === help.name && !asked.has("version"))) {
    const words = given[0] === help.name ? given.slice(1) : given
    const topic = words.length === 0 ? [] : [findCommandOrFamily(words)]
    const flags = asked.has("json") ? { json: [""] } : {}
    return { command: help, positionals: { COMMAND: topic }, flags }
  }
  if (asked.has("version") && given.length === 0) {
    const flags = asked.has("json") ? { json: [""] } : {}
    return { command: named("version"), positionals: {}, flags }
  }
  const command = findCommand(given)
  const words = given.slice(command.name.split(" ").length)
  const flags = flagsFrom(tokens, { ...command.flags, ...everywhereFlags })
  return { command, positionals: positionalsFrom(words, command), flags }
}

/** The command or family (`config`) that a call for help is about. */
const findCommandOrFamily = (words: ReadonlyArray<string>): string => {
  const [first] = words
  if (words.length === 1 && commands.some(({ name }) => name.startsWith(`${first} `))) return first!
  return findCommand(words).name
}
