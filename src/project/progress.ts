/**
 * How far a long call has come. Whoever cares provides a listener; the engine only reports.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export interface Progress {
  /** What is being done, as a short phrase: "importing", "folding". */
  readonly stage: string
  readonly done: number
  /** Undefined while it is not known. */
  readonly total: number | undefined
  readonly unit: "events" | "entities" | "bytes" | "files" | "pages"
}

export type ProgressListener = (progress: Progress) => void

/** Called at most a few hundred times a second, in order, from the fiber that works. */
export const ProgressReporter = Context.Reference<ProgressListener>("lamplog/ProgressReporter", {
  defaultValue: () => () => {},
})

export const reportProgress = (progress: Progress): Effect.Effect<void> =>
  Effect.map(ProgressReporter, (listener) => listener(progress))
