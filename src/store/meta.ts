/**
 * The few facts about a replica that nothing else in its file repeats, under a checksum.
 */
import { LamplogError } from "../event/failure.ts"
import { sha256 } from "../event/hash.ts"
import type { ProjectSchema } from "../state/schema.ts"
import type { Sqlite } from "./database.ts"

export const metaKeys = [
  "project",
  "name",
  "schema",
  "schemaVersion",
  "node",
  "publicKey",
  "file",
  "continues",
  "fence",
  "projection",
  "listed",
] as const
export type MetaKey = (typeof metaKeys)[number]

/** Guards against a flipped bit in what could not be derived again. */
export const metaChecksum = (meta: ReadonlyMap<string, string>): string => {
  const lines = metaKeys.map((key) => `${key}=${JSON.stringify(meta.get(key) ?? null)}`)
  return sha256(`lamplog:meta:1\n${lines.join("\n")}`)
}

export class Meta {
  readonly #sqlite: Sqlite
  #values = new Map<string, string>()

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite
    this.load()
  }

  load(): void {
    const rows = this.#sqlite
      .prepare<[], { key: string; value: string }>("SELECT key, value FROM meta")
      .all()
    const values = new Map(rows.map((row) => [row.key, row.value]))
    // Empty only while the file is being made.
    if (values.size > 0 && values.get("checksum") !== metaChecksum(values)) {
      throw new LamplogError({
        code: "database-corrupt",
        message: "What the project's database says of itself is not what was written there.",
        remedy: "Put it back from a backup or clone the project from another replica.",
        where: "meta checksum",
      })
    }
    this.#values = values
  }

  get values(): ReadonlyMap<string, string> {
    return this.#values
  }

  get(key: MetaKey): string | undefined {
    return this.#values.get(key)
  }

  require(key: MetaKey): string {
    const value = this.#values.get(key)
    if (value !== undefined) return value
    throw new LamplogError({
      code: "database-corrupt",
      message: `The project's database lacks its ${key}.`,
      remedy: "Put it back from a backup or clone the project from another replica.",
      where: `meta ${key}`,
    })
  }

  /** Writes changes (undefined removes), inside the caller's transaction. */
  set(changes: { readonly [key in MetaKey]?: string | undefined }): void {
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) this.#values.delete(key)
      else this.#values.set(key, value)
    }
    const save = this.#sqlite.prepare(
      `INSERT INTO meta (key, value) VALUES (?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    )
    const remove = this.#sqlite.prepare("DELETE FROM meta WHERE key = ?")
    for (const key of metaKeys) {
      const value = this.#values.get(key)
      if (value === undefined) remove.run(key)
      else save.run(key, value)
    }
    save.run("checksum", metaChecksum(this.#values))
  }
}

/** Refuses a project that follows a newer version of its schema than this program knows. */
export const checkSchemaVersion = (meta: Meta, schema: ProjectSchema, path: string): void => {
  const stored = meta.require("schemaVersion")
  if (Number(stored) <= schema.version) return
  throw new LamplogError({
    stage: "schema",
    code: "schema-newer",
    message: `The project uses ${schema.name} ${stored}; this program knows version ${schema.version}.`,
    remedy: "Upgrade Lamplog on this machine.",
    where: path,
  })
}
