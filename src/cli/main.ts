#!/usr/bin/env -S node --max-semi-space-size=4 --heap-growing-percent=100
/**
 * The `lamplog` command: one line of words in, one answer out, one exit status.
 *
 * The flags above keep the process small. What streams through dies young, so a larger young
 * generation only takes more memory (a quarter on imports, and no time). The old one is collected
 * when it has doubled: 10 to 25 MB less at 100 MB of archive, for two percent of processor time.
 *
 * Everything but this file is loaded when it is needed; the compile cache keeps what was loaded
 * before. Effects run here and nowhere else in the command line.
 *
 * Invariants
 *  1. Under `--json`, stdout carries exactly one JSON document, whatever happens.
 *  2. An interrupt ends the running call, which rolls back, before the process ends; one that comes
 *     after the last chance to roll back lets the call end as if there had been none.
 */
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"
import type * as Effects from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import type { Answer, Call } from "./command.ts"
import type { Terminal } from "./terminal.ts"

/** Runs a command's program; an interrupt comes out as `Interrupted`, a refusal as it is. */
const perform = async (
  program: Effects.Effect<Answer | undefined, LamplogError>,
  call: Call,
): Promise<Answer | undefined> => {
  const Effect = await import("effect/Effect")
  const Exit = await import("effect/Exit")
  const Cause = await import("effect/Cause")
  const { LastChance, Stoppable } = await import("../project/last-chance.ts")
  const { ProgressReporter } = await import("../project/progress.ts")
  const { progressBar } = await import("./progress-bar.ts")
  const { Interrupted } = await import("./report.ts")
  const { terminal } = call
  const bar = progressBar(terminal, () => performance.now())
  const stoppable = new Stoppable(terminal.signal)
  const told = Effect.provideService(program, ProgressReporter, bar.listen)
  const asking = Effect.provideService(told, LastChance, stoppable.ask)
  const exit = await Effect.runPromiseExit(asking, { signal: stoppable.signal })
  stoppable.end()
  bar.clear()
  if (Exit.isSuccess(exit)) return exit.value
  if (stoppable.signal.aborted) throw new Interrupted()
  throw Cause.squash(exit.cause)
}

/** Runs one command line. Never rejects: whatever went wrong is told, and is in the exit status. */
export const main = async (argv: ReadonlyArray<string>, terminal: Terminal): Promise<number> => {
  const { wantsJson, wordsFromArguments } = await import("./arguments.ts")
  const json = wantsJson(argv)
  let answered = false
  const write = async (text: string): Promise<void> => {
    await terminal.write(text)
    answered = true
  }
  try {
    const { Call } = await import("./command.ts")
    const { paintFor } = await import("./paint.ts")
    const words = wordsFromArguments(argv)
    const paint = paintFor(terminal.outputIsTerminal, terminal.environment)
    const call = new Call(words, { ...terminal, write }, paint, main)
    const run = await words.command.load()
    const answer = await perform(run(call), call)
    if (answer === undefined) return 0
    const text = json ? `${JSON.stringify(answer.document, undefined, 2)}\n` : answer.text()
    await write(text)
    return answer.status ?? 0
  } catch (error) {
    const { report } = await import("./report.ts")
    // An answer that broke off cannot be followed by a second document on stdout.
    return report(error, { json: json && !answered, debug: argv.includes("--debug") }, terminal)
  }
}

/** The user's own cache: code in a folder that all users share could be anybody's. */
const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lamplog")

/** Runs this process's command line. */
const start = async (): Promise<void> => {
  enableCompileCache(cacheFolder())
  const { processTerminal } = await import("./terminal.ts")
  const abort = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => abort.abort())
  // A waiting Effect does not keep the process alive by itself.
  const alive = setInterval(() => {}, 1 << 30)
  const status = await main(process.argv.slice(2), processTerminal(abort.signal))
  clearInterval(alive)
  // Ends what may still hold the process open: a terminal or a pipe on stdin that nobody closes.
  process.exit(status)
}

if (import.meta.main) await start()
