/**
 * The world as a command sees it: where it stands, what it may print to, who may stop it.
 *
 * Commands know nothing of `process`, so a test runs them in its own process with a terminal of its
 * own. Stdout is written in order and waited for, so that a slow reader slows the command down.
 */
import { LamplogError } from "../event/failure.ts"

export interface Terminal {
  /** The folder that relative paths start from. */
  readonly directory: string
  readonly environment: { readonly [name: string]: string | undefined }
  readonly input: AsyncIterable<Uint8Array>
  /** Resolves when the text is handed over; rejects with `OutputClosed` when nobody reads it. */
  readonly write: (text: string) => Promise<void>
  /** The same for bytes that are no text. */
  readonly writeBytes: (bytes: Uint8Array) => Promise<void>
  readonly writeError: (text: string) => void
  readonly outputIsTerminal: boolean
  readonly errorIsTerminal: boolean
  /** Width of the terminal, in characters. */
  readonly columns: number
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal
}

/** Whoever read our output has gone, as `head` does. No failure: there is nobody left to tell. */
export class OutputClosed extends Error {
  constructor() {
    super("nobody reads the output any more")
    this.name = "OutputClosed"
  }
}

const columnsDefault = 100

const outputFailed = (error: Error): LamplogError =>
  new LamplogError({
    code: "output-failed",
    message: `The answer could not be written to stdout: ${error.message}.`,
    remedy: "Check where stdout goes. What the command did stands; only its answer is lost.",
    cause: error,
  })

const writeTo = (stream: NodeJS.WriteStream, text: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error === null || error === undefined) resolve()
      else if ((error as NodeJS.ErrnoException).code === "EPIPE") reject(new OutputClosed())
      else reject(outputFailed(error))
    })
  })

/** The terminal of this process. */
export const processTerminal = (signal: AbortSignal): Terminal => {
  const { stdin, stdout, stderr } = process
  // Every write hears of its own failure; without a listener the stream would end the process.
  stdout.on("error", () => {})
  stderr.on("error", () => {})
  return {
    directory: process.cwd(),
    environment: process.env,
    // Touching process.stdin opens it; only commands that read it should wait for it.
    input: { [Symbol.asyncIterator]: () => stdin[Symbol.asyncIterator]() },
    write: (text) => writeTo(stdout, text),
    writeBytes: (bytes) => writeTo(stdout, bytes),
    writeError: (text) => void stderr.write(text),
    outputIsTerminal: stdout.isTTY,
    errorIsTerminal: stderr.isTTY,
    // Some terminals say that they have no width at all.
    columns: stdout.columns > 0 ? stdout.columns : columnsDefault,
    signal,
  }
}
