/**
 * One line of `apply`: a change as JSON, every key known, every refusal with its line.
 */
import type { Json, JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import type { Change } from "../state/change.ts"
import type { Line } from "./input.ts"
import { jsonFromText } from "./json.ts"
import { nearestWord } from "./usage.ts"

const keys = ["op", "type", "id", "fields", "unset", "reason"]
const operations: ReadonlyArray<string> = ["put", "patch", "delete"] satisfies Array<Change["op"]>

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({
    stage: "structure",
    code,
    message: `${where}: ${message}`,
    remedy,
    where,
  })

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const textOf = (value: Json | undefined, key: string, where: string): string => {
  if (typeof value === "string" && value !== "") return value
  const found = value === undefined ? "missing" : "no text, or empty"
  throw refuse("line-invalid", `"${key}" is ${found}.`, `Give "${key}" as a string.`, where)
}

const checkKeys = (line: JsonObject, where: string): void => {
  const unknown = Object.keys(line).find((key) => !keys.includes(key))
  if (unknown === undefined) return
  const near = nearestWord(unknown, keys)
  throw refuse(
    "key-unknown",
    `a change has no key ${JSON.stringify(unknown.slice(0, 100))}.`,
    near === undefined ? `The keys are ${keys.join(", ")}.` : `Did you mean "${near}"?`,
    where,
  )
}

const contentOf = (line: JsonObject, op: string, where: string): Partial<Change> => {
  const { fields, unset, reason } = line
  if (fields !== undefined && (op === "delete" || !isObject(fields))) {
    const message = op === "delete" ? "a delete has no fields." : `"fields" is no object.`
    throw refuse("line-invalid", message, `"fields" goes with put and patch, as an object.`, where)
  }
  const isNames = Array.isArray(unset) && unset.every((name) => typeof name === "string")
  if (unset !== undefined && (op !== "patch" || !isNames)) {
    const message = op !== "patch" ? `a ${op} has no "unset".` : `"unset" is no list of names.`
    throw refuse("line-invalid", message, `"unset" goes with patch, as a list of names.`, where)
  }
  return {
    ...(fields === undefined ? {} : { fields: fields as JsonObject }),
    ...(unset === undefined ? {} : { unset: unset as unknown as ReadonlyArray<string> }),
    ...(reason === undefined ? {} : { reason: textOf(reason, "reason", where) }),
  }
}

/** Throws `LamplogError` for a line that is no change. `name` is the file's. */
export const changeFromLine = (line: Line, name: string): Change => {
  const value = jsonFromText(line.text, { name, line: line.number })
  const where = `${name}:${line.number}`
  if (!isObject(value)) {
    throw refuse(
      "line-invalid",
      "the line is no JSON object.",
      `Write {"op":…,"type":…,"id":…}.`,
      where,
    )
  }
  checkKeys(value, where)
  const op = textOf(value.op, "op", where)
  if (!operations.includes(op)) {
    throw refuse(
      "op-unknown",
      `"op" cannot be ${JSON.stringify(op.slice(0, 100))}.`,
      `Use one of: ${operations.join(", ")}.`,
      where,
    )
  }
  return {
    op: op as Change["op"],
    type: textOf(value.type, "type", where),
    id: textOf(value.id, "id", where),
    ...contentOf(value, op, where),
  }
}
