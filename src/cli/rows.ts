/**
 * Long answers, written as they come: an array under `--json`, a line each for people.
 *
 * The first megabyte is held back until it is full or the end is reached, so that a failure before
 * then leaves stdout to the error document. After that, text is handed over in pieces, each waited
 * for, so that memory grows neither with the answer nor with a slow reader.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LamplogError } from "../event/failure.ts"
import type { Call } from "./command.ts"

const heldCharactersMax = 1024 * 1024
const pieceCharactersMin = 64 * 1024

export interface Rows<A> {
  readonly document: (row: A) => unknown
  readonly text: (row: A) => string
  /** What to tell people when there is none. */
  readonly none: string
}

class RowWriter<A> {
  readonly #call: Call
  readonly #rows: Rows<A>
  #pending = ""
  #count = 0
  #begun = false

  constructor(call: Call, rows: Rows<A>) {
    this.#call = call
    this.#rows = rows
  }

  /** A promise when enough has come together to be written. */
  add(rows: ReadonlyArray<A>): Promise<void> | undefined {
    for (const row of rows) {
      this.#pending += this.#call.json
        ? `${this.#count === 0 ? "[\n" : ",\n"}${JSON.stringify(this.#rows.document(row))}`
        : `${this.#rows.text(row)}\n`
      this.#count += 1
    }
    const enough = this.#begun ? pieceCharactersMin : heldCharactersMax
    return this.#pending.length < enough ? undefined : this.#flush()
  }

  end(): Promise<void> {
    if (this.#call.json) this.#pending += this.#count === 0 ? "[]\n" : "\n]\n"
    else if (this.#count === 0) this.#pending += `${this.#rows.none}\n`
    return this.#flush()
  }

  async #flush(): Promise<void> {
    const text = this.#pending
    this.#pending = ""
    this.#begun = true
    await this.#call.terminal.write(text)
  }
}

/** Writes every row of a stream as the answer of the call. */
export const writeRows = <A>(
  call: Call,
  stream: Stream.Stream<A, LamplogError>,
  rows: Rows<A>,
): Effect.Effect<undefined, LamplogError> =>
  Effect.suspend(() => {
    const writer = new RowWriter(call, rows)
    const add = (group: ReadonlyArray<A>) => {
      const written = writer.add(group)
      return written === undefined ? Effect.void : Effect.promise(() => written)
    }
    return stream.pipe(
      Stream.runForEachArray(add),
      Effect.andThen(Effect.promise(() => writer.end())),
      Effect.as(undefined),
    )
  })
