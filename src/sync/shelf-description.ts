/**
 * The file on a shelf that tells those who join what a project is. Nothing vouches for it.
 */
import { canonicalFromJson, jsonFromCanonical } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import type { ProjectDescription } from "./remote.ts"

export const descriptionBytesMax = 16 * 1024
/** Longest name of a project or schema, in UTF-16 code units. */
const nameLengthMax = 1024

export const descriptionText = ({ project, name, schema }: ProjectDescription): Buffer => {
  const { name: schemaName, version } = schema
  const value = { lamplog: "project", name, project, schema: { name: schemaName, version } }
  return Buffer.from(`${canonicalFromJson({ ...value, version: 1 })}\n`)
}

const isName = (value: Json | undefined): value is string =>
  typeof value === "string" && value.length <= nameLengthMax

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const parsed = (bytes: Uint8Array): Json | undefined => {
  try {
    return jsonFromCanonical(Buffer.from(bytes).toString("utf8").replace(/\n$/, ""))
  } catch {
    return undefined
  }
}

/** Reads a description; undefined when it is none, or of another project. */
export const descriptionFromBytes = (
  bytes: Uint8Array,
  project: string,
): ProjectDescription | undefined => {
  const value = parsed(bytes)
  if (!isObject(value) || value["lamplog"] !== "project" || value["project"] !== project) {
    return undefined
  }
  const { name, schema } = value
  if (!isName(name) || !isObject(schema)) return undefined
  const { name: schemaName, version } = schema
  if (!isName(schemaName) || !Number.isSafeInteger(version)) return undefined
  return { project, name, schema: { name: schemaName, version: version as number } }
}
