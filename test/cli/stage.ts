/**
 * A stage for the command line: folders of its own, and command lines run in this process or in a
 * real one, with everything they printed.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import type { Terminal } from "../../src/cli/terminal.ts"
import { main } from "../../src/cli/main.ts"

export const entryFile = join(import.meta.dirname, "../../src/cli/main.ts")

export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>
  readonly environment?: { readonly [name: string]: string }
  readonly signal?: AbortSignal
  /** Folder to stand in, below the stage's. */
  readonly in?: string
  readonly outputIsTerminal?: boolean
  readonly errorIsTerminal?: boolean
  /** Takes the place of writing to stdout. */
  readonly write?: (text: string) => Promise<void>
}

async function* inputOf(input: RunOptions["input"]): AsyncGenerator<Uint8Array> {
  if (input === undefined) return
  if (typeof input === "string") yield Buffer.from(input)
  else if (input instanceof Uint8Array) yield input
  else yield* input
}

export interface Stage {
  readonly directory: string
  /** The environment of every command here: its own state folder, a known actor. */
  readonly environment: { readonly [name: string]: string }
  readonly path: (...names: ReadonlyArray<string>) => string
  /** Makes a folder and gives its path. */
  readonly folder: (name: string) => string
  /** Runs a command line in this process. */
  readonly run: (argv: ReadonlyArray<string>, options?: RunOptions) => Promise<Outcome>
  /** Runs one with --json that must succeed, and gives its document. */
  readonly json: <A>(argv: ReadonlyArray<string>, options?: RunOptions) => Promise<A>
  /** Starts one as a process of its own. */
  readonly start: (argv: ReadonlyArray<string>, options?: RunOptions) => ChildProcess
}

/** A new stage, taken down when the tests of the file are over. */
export const stage = (): Stage => {
  const directory = mkdtempSync(join(tmpdir(), "lamplog-cli-"))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const environment = {
    LAMPLOG_STATE_DIR: join(directory, "state"),
    LAMPLOG_ACTOR: "tester",
    HOME: directory,
  }
  const path = (...names: ReadonlyArray<string>) => join(directory, ...names)
  const run = async (argv: ReadonlyArray<string>, options: RunOptions = {}): Promise<Outcome> => {
    let stdout = ""
    let stderr = ""
    const terminal: Terminal = {
      directory: path(options.in ?? "."),
      environment: { ...environment, ...options.environment },
      input: inputOf(options.input),
      write:
        options.write ??
        (async (text) => {
          stdout += text
        }),
      writeBytes: async (bytes) => {
        stdout += Buffer.from(bytes).toString("latin1")
      },
      writeError: (text) => {
        stderr += text
      },
      outputIsTerminal: options.outputIsTerminal === true,
      errorIsTerminal: options.errorIsTerminal === true,
      columns: 100,
      signal: options.signal ?? new AbortController().signal,
    }
    const status = await main(argv, terminal)
    return { status, stdout, stderr }
  }
  return {
    directory,
    environment,
    path,
    folder: (name) => {
      mkdirSync(path(name), { recursive: true })
      return path(name)
    },
    run,
    json: async (argv, options) => {
      const { status, stdout, stderr } = await run([...argv, "--json"], options)
      if (status !== 0) throw new Error(`exit ${status}: ${stdout}${stderr}`)
      return JSON.parse(stdout)
    },
    start: (argv, options = {}) =>
      spawn(process.execPath, [entryFile, ...argv], {
        cwd: path(options.in ?? "."),
        env: { PATH: process.env.PATH, ...environment, ...options.environment },
        stdio: ["pipe", "pipe", "pipe"],
      }),
  }
}

/** Everything a process printed, and how it ended. */
export const ended = async (child: ChildProcess): Promise<Outcome> => {
  let stdout = ""
  let stderr = ""
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()))
  const status = await new Promise<number>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code, signal) => resolve(code ?? (signal === null ? -1 : -2)))
  })
  return { status, stdout, stderr }
}

/** A command that runs until it is stopped. */
export interface Running {
  readonly text: () => string
  /** Resolves when what was written fits. */
  readonly says: (wanted: RegExp) => Promise<RegExpExecArray>
  readonly stop: () => Promise<Outcome & { readonly text: string }>
}

/** Begins a command of a stage that runs until it is stopped. */
export const begin = (
  { run }: Stage,
  argv: ReadonlyArray<string>,
  options: RunOptions = {},
): Running => {
  const abort = new AbortController()
  let text = ""
  let hear = (): void => {}
  const write = async (part: string): Promise<void> => {
    text += part
    hear()
  }
  const outcome = run(argv, { ...options, write, signal: abort.signal })
  const says = (wanted: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      hear = () => {
        const found = wanted.exec(text)
        if (found !== null) resolve(found)
      }
      hear()
      void outcome.then(({ stderr }) => reject(new Error(`it ended: ${text}${stderr}`)))
    })
  const stop = async () => {
    abort.abort()
    return { ...(await outcome), text }
  }
  return { text: () => text, says, stop }
}
