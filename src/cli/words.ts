/**
 * The words that name things on the command line: TYPE/ID, FIELD=VALUE, LAMPORT@NODE, NODE:SEQ.
 */
import type { Json } from "../event/canonical.ts"
import { parseStamp } from "../event/stamp.ts"
import { valueFromText } from "./json.ts"
import { UsageError } from "./usage.ts"

/** Levels that an event puts around a field's value: its body, and the fields in it. */
const levelsAroundValue = 2

const brief = (text: string): string => text.slice(0, 100)

export interface EntityName {
  readonly type: string
  readonly id: string
}

/** The type ends at the first slash; the id may hold more. */
export const entityFromText = (text: string): EntityName => {
  const slash = text.indexOf("/")
  if (slash > 0 && slash < text.length - 1) {
    return { type: text.slice(0, slash), id: text.slice(slash + 1) }
  }
  throw new UsageError(
    "entity-name",
    `"${brief(text)}" does not name an entity.`,
    "Write TYPE/ID, such as token/color.blue.",
    brief(text),
  )
}

export interface Assignment {
  readonly field: string
  readonly value: Json
}

/** FIELD=VALUE: split at the first equals sign; the value is JSON if it parses. */
export const assignmentFromText = (text: string): Assignment => {
  const equals = text.indexOf("=")
  if (equals > 0) {
    const field = text.slice(0, equals)
    const source = { name: brief(field), levelsAround: levelsAroundValue }
    return { field, value: valueFromText(text.slice(equals + 1), source) }
  }
  throw new UsageError(
    "assignment",
    `"${brief(text)}" does not say which field gets which value.`,
    "Write FIELD=VALUE, such as value=#0000ff.",
    brief(text),
  )
}

export const stampFromText = (text: string, where: string) => {
  const stamp = parseStamp(text)
  if (stamp !== undefined) return stamp
  throw new UsageError(
    "stamp-invalid",
    `"${brief(text)}" is no stamp.`,
    "Write LAMPORT@NODE: a number, @, and the 26 characters of a node id.",
    where,
  )
}

export const countFromText = (text: string, where: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(
    "count-invalid",
    `${where} cannot be "${brief(text)}".`,
    "Give a whole number from 0.",
    where,
  )
}

/** A node id, or the beginning of one. */
export const nodeFromText = (text: string, where: string): string => {
  if (/^[a-z2-7]{1,26}$/.test(text)) return text
  throw new UsageError(
    "node-invalid",
    `"${brief(text)}" is no node id.`,
    "A node id is 26 characters of a-z and 2-7; its beginning is enough where it is clear.",
    where,
  )
}

export interface Taken {
  readonly node: string
  readonly seq?: number
}

/** NODE or NODE:SEQ. */
export const takenFromText = (text: string): Taken => {
  const match = /^([^:]*):(\d{1,10})$/.exec(text)
  const node = nodeFromText(match === null ? text : match[1]!, "--take")
  return match === null ? { node } : { node, seq: Number(match[2]) }
}

/** A conflict's id, or the beginning of it. Whether there is such a conflict is for the engine. */
export const conflictFromText = (text: string): string => {
  if (text.trim() !== "") return text
  throw new UsageError(
    "conflict-id",
    "An empty text names no conflict.",
    "Give the id that `lamplog conflicts` shows, or its beginning.",
    "ID",
  )
}
