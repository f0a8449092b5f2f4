/**
 * `apply`: many changes from JSON lines, as one atomic change or each on its own.
 *
 * Invariants
 *  1. Atomic: every line is read and checked before the project is opened, so its lock is not held
 *     while input is waited for, and a wrong line changes nothing.
 *  2. Whatever is refused, the error names the line.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { transactionBytesMax, transactionEventsMax } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"
import { ProgressReporter } from "../project/progress.ts"
import type { ProgressListener } from "../project/progress.ts"
import type { Change } from "../state/change.ts"
import { authorship } from "./authorship.ts"
import { changeFromLine } from "./change-line.ts"
import type { Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { attempt, bytesOfFile, linesFrom } from "./input.ts"
import { counted } from "./paint.ts"
import { withProject } from "./session.ts"
import { writtenAnswer } from "./write.ts"

interface NumberedChange {
  readonly line: number
  readonly change: Change
}

interface Source {
  readonly name: string
  readonly bytes: AsyncIterable<Uint8Array>
}

const sourceOf = (call: Call): Source => {
  const path = call.argument("FILE|-")
  return path === "-"
    ? { name: "stdin", bytes: call.terminal.input }
    : { name: path, bytes: bytesOfFile(pathFrom(call.terminal, path)) }
}

async function* changesFrom(source: Source): AsyncGenerator<ReadonlyArray<NumberedChange>> {
  for await (const lines of linesFrom(source.bytes, source.name)) {
    yield lines.map((line) => ({ line: line.number, change: changeFromLine(line, source.name) }))
  }
}

const tooLarge = (what: string, where: string): LamplogError =>
  new LamplogError({
    stage: "structure",
    code: "transaction-too-large",
    message: `${where}: the input holds more than ${what}, the limit of one atomic change.`,
    remedy: "Split it, or use --no-atomic.",
    where,
  })

/** Counts what goes by, and refuses what is more than one atomic change can hold. */
async function* bounded(source: Source): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of source.bytes) {
    bytes += chunk.length
    if (bytes > transactionBytesMax) throw tooLarge(`${transactionBytesMax} bytes`, source.name)
    yield chunk
  }
}

const allChanges = async (source: Source): Promise<ReadonlyArray<NumberedChange>> => {
  const found: Array<NumberedChange> = []
  const entities = new Set<string>()
  const limited = { name: source.name, bytes: bounded(source) }
  for await (const group of changesFrom(limited)) {
    for (const numbered of group) {
      found.push(numbered)
      entities.add(`${numbered.change.type}/${numbered.change.id}`)
      if (entities.size > transactionEventsMax) {
        throw tooLarge(`${transactionEventsMax} entities`, `${source.name}:${numbered.line}`)
      }
    }
  }
  return found
}

/** The line that a refusal of the engine, which speaks of entities and fields, is about. */
const atLine = (
  error: LamplogError,
  changes: ReadonlyArray<NumberedChange>,
  name: string,
): LamplogError => {
  const about = error.where ?? ""
  const entity = ({ change }: NumberedChange) => `${change.type}/${change.id}`.slice(0, 200)
  const mentions = ({ change }: NumberedChange) =>
    [...Object.keys(change.fields ?? {}), ...(change.unset ?? [])].some((field) =>
      about.endsWith(` ${field}`),
    )
  const candidates = changes.filter((numbered) => about.startsWith(entity(numbered)))
  const guilty = candidates.find(mentions) ?? candidates[0]
  if (guilty === undefined) return error
  const where = `${name}:${guilty.line}`
  return new LamplogError({
    code: error.code,
    message: `${where}: ${error.message}`,
    remedy: error.remedy,
    ...(error.stage === undefined ? {} : { stage: error.stage }),
    where,
    cause: error,
  })
}

const applyWhole = (call: Call, source: Source): ReturnType<Run> =>
  Effect.gen(function* () {
    const options = authorship(call)
    const numbered = yield* attempt(() => allChanges(source))
    const changes = numbered.map(({ change }) => change)
    const result = yield* withProject(call, (project) => project.change(changes, options)).pipe(
      Effect.mapError((error) => atLine(error, numbered, source.name)),
    )
    return writtenAnswer(result, source.name)
  })

/** Lines that are read but not known to be committed, oldest first. */
class Unsettled {
  readonly #changes: Array<NumberedChange> = []
  settled = 0

  add(group: ReadonlyArray<NumberedChange>): ReadonlyArray<Change> {
    this.#changes.push(...group)
    return group.map(({ change }) => change)
  }

  settle(count: number): void {
    this.#changes.splice(0, count - this.settled)
    this.settled = count
  }

  /** A refusal with its line, and how many lines are in the project already. */
  refusal(error: LamplogError, name: string): LamplogError {
    const told = atLine(error, this.#changes, name)
    const count = counted(this.settled, "change")
    const remedy =
      this.settled === 0
        ? `${told.remedy} Nothing was written.`
        : `${told.remedy} The first ${count} of the input are in the project; apply the rest again.`
    return new LamplogError({
      code: told.code,
      message: told.message,
      remedy,
      ...(told.stage === undefined ? {} : { stage: told.stage }),
      ...(told.where === undefined ? {} : { where: told.where }),
      cause: error,
    })
  }
}

const applyEach = (call: Call, source: Source): ReturnType<Run> =>
  Effect.gen(function* () {
    const options = authorship(call)
    const unsettled = new Unsettled()
    const outer = yield* ProgressReporter
    // What the engine reports as done is durable; a refusal is about what comes after it.
    const listener: ProgressListener = (progress) => {
      if (progress.unit === "events") unsettled.settle(progress.done)
      outer(progress)
    }
    const changes = Stream.fromAsyncIterable(changesFrom(source), (error) => error).pipe(
      Stream.catch((error) =>
        error instanceof LamplogError ? Stream.fail(error) : Stream.die(error),
      ),
      Stream.map((group) => unsettled.add(group)),
      Stream.flattenIterable,
    )
    const result = yield* withProject(call, (project) => project.changeEach(changes, options)).pipe(
      Effect.provideService(ProgressReporter, listener),
      Effect.mapError((error) => unsettled.refusal(error, source.name)),
    )
    return writtenAnswer(result, source.name)
  })

export const apply: Run = (call) =>
  Effect.suspend(() => {
    const source = sourceOf(call)
    return call.has("no-atomic") ? applyEach(call, source) : applyWhole(call, source)
  })
