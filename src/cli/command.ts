/**
 * What a command is: its words, how they are read, and the program behind them.
 *
 * The definitions are data. Arguments are parsed by them (`arguments.ts`), help is written from them
 * (`help.ts`), and the program is loaded only when it is called for, so that start-up stays short.
 */
import type * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import type { Paint } from "./paint.ts"
import type { Terminal } from "./terminal.ts"

export interface Positional {
  readonly name: string
  readonly does: string
  readonly optional?: true
  /** Takes all the words that are left. */
  readonly many?: true
}

export interface Flag {
  /** What its value is called; a switch has none. */
  readonly value?: string
  readonly does: string
  /** May be given several times. */
  readonly many?: true
  readonly choices?: ReadonlyArray<string>
}

export interface CommandDefinition {
  /** One word, or two (`config set`). */
  readonly name: string
  readonly group: string
  readonly does: string
  /** More about it, for its own help page. */
  readonly details?: string
  readonly positionals: ReadonlyArray<Positional>
  readonly flags: { readonly [name: string]: Flag }
  readonly load: () => Promise<Run>
}

/** The words of one call, checked against the definition. */
export interface Words {
  readonly command: CommandDefinition
  readonly positionals: { readonly [name: string]: ReadonlyArray<string> }
  readonly flags: { readonly [name: string]: ReadonlyArray<string> }
}

/** Runs another command line; gives its exit status. Only the demo does this. */
export type Main = (argv: ReadonlyArray<string>, terminal: Terminal) => Promise<number>

/** One call of a command: its words, its surroundings. */
export class Call {
  readonly terminal: Terminal
  readonly paint: Paint
  readonly json: boolean
  readonly main: Main
  readonly #words: Words

  constructor(words: Words, terminal: Terminal, paint: Paint, main: Main) {
    this.#words = words
    this.terminal = terminal
    this.paint = paint
    this.json = words.flags.json !== undefined
    this.main = main
  }

  /** A positional that must be there. */
  argument(name: string): string {
    return this.arguments(name)[0]!
  }

  optionalArgument(name: string): string | undefined {
    return this.arguments(name)[0]
  }

  arguments(name: string): ReadonlyArray<string> {
    return this.#words.positionals[name] ?? []
  }

  /** The value of a flag; undefined when it was not given. */
  flag(name: string): string | undefined {
    return this.#words.flags[name]?.[0]
  }

  flags(name: string): ReadonlyArray<string> {
    return this.#words.flags[name] ?? []
  }

  has(name: string): boolean {
    return this.#words.flags[name] !== undefined
  }
}

/** What a command has to say: the document of `--json`, and the same for people. */
export interface Answer {
  readonly document: unknown
  readonly text: () => string
  /** Exit status; 0 unless given. */
  readonly status?: number
}

/** Undefined when the command has written its answer itself, as long lists do. */
export type Run = (call: Call) => Effect.Effect<Answer | undefined, LamplogError>
