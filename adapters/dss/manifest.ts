/**
 * The manifest of an old archive: which version of the old schema, when it was exported, and a hash.
 */
import type { ForeignFile, Json, JsonObject } from "../../src/index.ts"
import { exportHashFits } from "./export-hash.ts"
import { parsedFile, textOf } from "./parse.ts"
import { refuse } from "./refuse.ts"
import { microsFrom } from "./times.ts"

export const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

/** What the manifest says; nothing when there is none. */
export interface OldManifest {
  /** The first number of the version that it names. */
  readonly schemaVersion: number | undefined
  /** Microseconds since 1970. */
  readonly exported: number | undefined
}

/** Names under which the old exporters wrote when they ran. */
const dateNames = [
  "exportDate",
  "export_date",
  "exportedAt",
  "exported_at",
  "timestamp",
  "createdAt",
  "created_at",
  "date",
]

/** The first number in the version, such as 1 of "1.4.0". */
const versionFrom = (version: string | number): number | undefined => {
  const found = /\d{1,9}/.exec(String(version))
  return found === null ? undefined : Number(found[0])
}

const isVersion = (value: Json | undefined): value is string | number =>
  typeof value === "number" || (typeof value === "string" && value.trim() !== "")

/** Reads manifest.json, and checks the hash it names. */
export const manifestFrom = (file: ForeignFile): OldManifest => {
  const { path } = file
  const root = parsedFile(file)
  if (!isObject(root)) {
    const message = "the manifest is not an object"
    throw refuse("manifest", "manifest-invalid", path, message, "Export the archive again.")
  }
  if (!isVersion(root.schemaVersion)) {
    const message = "the manifest names no schemaVersion"
    const remedy = "Export the archive again, or leave its manifest out."
    throw refuse("manifest", "manifest-invalid", path, message, remedy)
  }
  if (exportHashFits(root, textOf(file)) === false) {
    throw refuse(
      "manifest",
      "export-hash",
      path,
      "the manifest is not the one that its exportHash was computed of: it was changed since",
      "Ask for a new copy of the export; nothing of this one was taken.",
    )
  }
  const date = dateNames.map((name) => microsFrom(root[name])).find((time) => time !== undefined)
  return { schemaVersion: versionFrom(root.schemaVersion), exported: date }
}
