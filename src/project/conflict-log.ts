/**
 * Telling of conflicts as they open: one entry each in the log of whoever runs the engine, when the
 * merge or import that opened them is durable. Nothing is printed unless somebody listens.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type { ConflictedItem } from "./project.ts"

/** A conflict that opened, as far as it is logged. */
export type OpenedConflict = Pick<
  ConflictedItem,
  "id" | "type" | "entity" | "field" | "recommendation"
>

/** One entry of the log. */
export interface LogMessage {
  readonly level: string
  readonly message: string
  /** What it is about: the names and values that belong to the message. */
  readonly annotations: { readonly [name: string]: unknown }
}

/** Logs each conflict, with what it is about and which side to keep. */
export const logConflicts = (opened: ReadonlyArray<OpenedConflict>): Effect.Effect<void> =>
  Effect.forEach(
    opened,
    ({ entity, field, id, recommendation, type }) =>
      Effect.annotateLogs(Effect.logInfo("conflict opened"), {
        id,
        type,
        entity,
        field,
        recommendation,
      }),
    { discard: true },
  )

/** The loggers of a caller without Effect: its own listener, or none. Never the console. */
export const loggersFor = (onLog: ((message: LogMessage) => void) | undefined) =>
  Logger.layer(
    onLog === undefined
      ? []
      : [
          Logger.make(({ fiber, logLevel, message }) => {
            const parts = Array.isArray(message) ? (message as ReadonlyArray<unknown>) : [message]
            onLog({
              level: logLevel,
              message: parts.map(String).join(" "),
              annotations: fiber.getRef(References.CurrentLogAnnotations),
            })
          }),
        ],
  )
