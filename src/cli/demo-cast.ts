/**
 * The people of the demo and what they type: each command runs as it is shown, in the folder of the
 * one who types it, through the same entry as any other command line.
 */
import { existsSync, mkdirSync } from "node:fs"
import { findPackageJSON } from "node:module"
import { dirname, join } from "node:path"
import { LamplogError } from "../event/failure.ts"
import type { FailureDetails } from "../event/failure.ts"
import type { Call } from "./command.ts"
import { Interrupted, statusInterrupted } from "./report.ts"

export type Person = "ana" | "bo" | "cy"

interface ErrorDocument {
  readonly error: FailureDetails
}

export interface Typed {
  readonly person: Person
  /** As one would type it. */
  readonly command: string
}

/** A folder of a token package that comes with Lamplog's repository, and how to show it. */
export interface Tokens {
  readonly path: string
  readonly shown: string
  /** Whose tokens, at which version. */
  readonly title: string
}

const packagedTokens = (name: string, folder: string, title: string): Tokens => {
  let file: string | undefined
  try {
    file = findPackageJSON(name, import.meta.url)
  } catch {
    file = undefined
  }
  const path = file === undefined ? "" : join(dirname(file), folder)
  if (file !== undefined && existsSync(path)) {
    return { path, shown: `node_modules/${name}/${folder}`, title }
  }
  throw new LamplogError({
    code: "demo-data-missing",
    message: `The demo plays with real design tokens, and the package ${name} is not here.`,
    remedy: "Run it in a clone of Lamplog's repository, after `npm ci`.",
    where: name,
  })
}

/** Spectrum's tokens at one version, from the packages that the tests use too. */
export const spectrumTokens = (version: string): Tokens =>
  packagedTokens(
    `spectrum-tokens-${version.replaceAll(".", "-")}`,
    "src",
    `Adobe's Spectrum ${version}`,
  )

export const primerTokens = (): Tokens =>
  packagedTokens("primer-primitives-11-10-0", "src/tokens", "GitHub's Primer 11.10.0")

const quoted = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word}'`)

/** Runs command lines for the people of the demo, below one temporary folder. */
export class Cast {
  readonly #call: Call
  readonly #directory: string

  constructor(call: Call, directory: string) {
    this.#call = call
    this.#directory = directory
    for (const name of ["ana", "bo", "cy", "usb"]) mkdirSync(join(directory, name))
  }

  /** How the words look on the page: paths of this machine give way to what one would type. */
  shown(person: Person, words: ReadonlyArray<string | Tokens>): Typed {
    const text = words.map((word) => quoted(typeof word === "string" ? word : word.shown))
    return { person, command: `lamplog ${text.join(" ")}` }
  }

  /** Runs one command line and gives its document; a refusal ends the demo with that refusal. */
  async run<A>(person: Person, words: ReadonlyArray<string | Tokens>): Promise<A> {
    const { terminal } = this.#call
    let printed = ""
    const argv = words.map((word) => (typeof word === "string" ? word : word.path))
    const status = await this.#call.main([...argv, "--json"], {
      ...terminal,
      directory: join(this.#directory, person),
      environment: {
        ...terminal.environment,
        LAMPLOG_ACTOR: person,
        LAMPLOG_STATE_DIR: join(this.#directory, "state"),
      },
      write: async (text) => {
        printed += text
      },
    })
    if (status === statusInterrupted) throw new Interrupted()
    const document = JSON.parse(printed) as A & ErrorDocument
    if (status !== 0) throw new LamplogError(document.error)
    return document
  }
}
