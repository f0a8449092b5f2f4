/**
 * How the command line says no: one error document on stdout under `--json`, else a few lines on
 * stderr that end with what to do. The exit status tells the kind.
 *
 * Invariants
 *  1. No stack trace reaches a user who did not ask for it with --debug.
 *  2. Whatever was thrown, the document has a code, a message and a remedy.
 */
import { LamplogError } from "../event/failure.ts"
import { paintFor, printable } from "./paint.ts"
import { OutputClosed } from "./terminal.ts"
import type { Terminal } from "./terminal.ts"
import { UsageError } from "./usage.ts"

export const statusRefused = 1
export const statusUsage = 2
export const statusInterrupted = 130

/** The user stopped the command; what had begun was rolled back, unless the message says otherwise. */
export class Interrupted extends LamplogError {
  constructor(message = "Interrupted; what was not committed yet was rolled back.") {
    super({
      code: "interrupted",
      message,
      remedy: "Run the command again when you are ready.",
    })
  }
}

const known = (error: unknown): LamplogError => {
  if (error instanceof LamplogError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new LamplogError({
    code: "internal",
    message: `Something went wrong inside Lamplog: ${message}`,
    remedy: "This is a bug. Please report it, with what `--debug` prints.",
    cause: error,
  })
}

const statusOf = (error: LamplogError): number =>
  error instanceof UsageError
    ? statusUsage
    : error instanceof Interrupted
      ? statusInterrupted
      : statusRefused

const stackOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`
}

const textOf = (error: LamplogError, terminal: Terminal): string => {
  const paint = paintFor(terminal.errorIsTerminal, terminal.environment)
  const where = error.where === undefined ? "" : printable(error.where)
  const place = where === "" || error.message.includes(error.where!) ? "" : `  at ${where}\n`
  const message = error.message.split("\n").map(printable).join("\n")
  return `${paint.red("lamplog:")} ${message}\n${paint.dim(place)}  → ${printable(error.remedy)}\n`
}

export interface Manner {
  readonly json: boolean
  readonly debug: boolean
}

/** Tells the user what went wrong; gives the exit status. */
export const report = async (
  thrown: unknown,
  manner: Manner,
  terminal: Terminal,
): Promise<number> => {
  if (thrown instanceof OutputClosed) return 0
  const error = known(thrown)
  if (manner.json) {
    try {
      await terminal.write(`${JSON.stringify({ error: error.toJSON() }, undefined, 2)}\n`)
    } catch {
      // Stdout is closed or broken; stderr is the last one who may listen.
      terminal.writeError(textOf(error, terminal))
    }
  } else terminal.writeError(textOf(error, terminal))
  if (manner.debug) terminal.writeError(`${stackOf(thrown)}\n`)
  return statusOf(error)
}
