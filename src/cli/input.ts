/**
 * Text that streams in, from stdin or a file: whole, or line by line, never more than a limit.
 */
import { createReadStream } from "node:fs"
import { isUtf8 } from "node:buffer"
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import { fileFailure } from "../project/file-failure.ts"

const textBytesMax = 16 * 1024 * 1024
const lineBytesMax = 8 * 1024 * 1024
const lineFeed = 0x0a

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ stage: "structure", code, message, remedy, where })

const decoded = (bytes: Buffer, where: string): string => {
  if (isUtf8(bytes)) return bytes.toString("utf8")
  throw refuse("not-utf8", `${where} is not UTF-8 text.`, "Save it as UTF-8.", where)
}

/** Runs asynchronous code; what it refuses fails, what is a bug dies. */
export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, LamplogError> =>
  Effect.tryPromise({ try: run, catch: (error) => error }).pipe(
    Effect.catch((error) =>
      error instanceof LamplogError ? Effect.fail(error) : Effect.die(error),
    ),
  )

/** All of stdin as text. */
export const textFromInput = (input: AsyncIterable<Uint8Array>) =>
  attempt(async () => {
    const chunks: Array<Uint8Array> = []
    let bytes = 0
    for await (const chunk of input) {
      bytes += chunk.length
      if (bytes > textBytesMax) {
        throw refuse(
          "input-too-long",
          `stdin holds more than ${textBytesMax} bytes.`,
          "Give less at once.",
          "stdin",
        )
      }
      chunks.push(chunk)
    }
    return decoded(Buffer.concat(chunks), "stdin")
  })

export interface Line {
  /** Counted from 1. */
  readonly number: number
  readonly text: string
}

/** The bytes of a file, its absence told in the user's words. */
export async function* bytesOfFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 })
  } catch (error) {
    throw fileFailure(error, path)
  }
}

/** Lines as they come, in groups of what arrived together; blank lines are counted, not given. */
export async function* linesFrom(
  input: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<ReadonlyArray<Line>> {
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  const take = (bytes: Buffer): Line | undefined => {
    number += 1
    const where = `${name}:${number}`
    if (bytes.length > lineBytesMax) {
      throw refuse(
        "line-too-long",
        `${where}: the line is longer than ${lineBytesMax} bytes.`,
        "Keep large content as an asset, or split the change.",
        where,
      )
    }
    const text = decoded(bytes, where)
    // A byte order mark is a habit of some editors, not a part of the first line.
    const bare = number === 1 && text.startsWith("\ufeff") ? text.slice(1) : text
    return bare.trim() === "" ? undefined : { number, text: bare }
  }
  for await (const chunk of input) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    const lines: Array<Line> = []
    let start = 0
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
      const line = take(bytes.subarray(start, end))
      if (line !== undefined) lines.push(line)
      start = end + 1
    }
    rest = bytes.subarray(start)
    if (lines.length > 0) yield lines
    // Checked here too, or a line without end would fill the memory.
    if (rest.length > lineBytesMax) take(rest)
  }
  const last = rest.length === 0 ? undefined : take(rest)
  if (last !== undefined) yield [last]
}
