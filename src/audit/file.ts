/**
 * The file itself: is it sound as SQLite sees it, does it hold the tables it was made with and no
 * others, and does `meta` still say what was written there.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { isIdentifier, nodeFromPublicKey } from "../event/hash.ts"
import type { ProjectSchema } from "../state/schema.ts"
import {
  createTables,
  databaseFile,
  openDatabase,
  projectionVersion,
  storeVersion,
} from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import { loadKey } from "../store/identity.ts"
import { metaChecksum, metaKeys } from "../store/meta.ts"
import type { HeldEvents } from "./evidence.ts"
import type { Finding, Findings } from "./finding.ts"

/** Faults that SQLite lists of one file, at most. */
const integrityFaultsMax = 100

export const checkIntegrity = (sqlite: Sqlite, findings: Findings): void => {
  const faults = sqlite
    .prepare<[], string>(`PRAGMA integrity_check(${integrityFaultsMax})`)
    .pluck()
    .all()
  for (const fault of faults) {
    if (fault === "ok") continue
    findings.error("structure", "database-corrupt", databaseFile, `SQLite: ${fault}`, databaseFile)
  }
}

interface Definition {
  readonly type: string
  readonly name: string
  readonly sql: string | null
}

const definitionsOf = (sqlite: Sqlite): ReadonlyArray<Definition> =>
  sqlite.prepare<[], Definition>("SELECT type, name, sql FROM sqlite_master ORDER BY name").all()

/** The tables and indexes of a file that was just made. */
const definitionsAsCreated = (): ReadonlyArray<Definition> => {
  const fresh = openDatabase(":memory:", { busyTimeoutMillis: 0, create: true })
  try {
    createTables(fresh)
    return definitionsOf(fresh)
  } finally {
    fresh.close()
  }
}

export const checkDefinitions = (sqlite: Sqlite, findings: Findings): void => {
  const report = (code: string, { type, name }: Definition, message: string) =>
    findings.error("structure", code, `${type} ${name}`, message, databaseFile)
  const version = sqlite.pragma("user_version", { simple: true })
  if (version !== storeVersion) {
    const message = `The file says store version ${String(version)}; it was written as ${storeVersion}.`
    findings.error("structure", "store-version", "user_version", message, databaseFile)
  }
  const held = new Map(definitionsOf(sqlite).map((one) => [`${one.type} ${one.name}`, one]))
  for (const expected of definitionsAsCreated()) {
    const key = `${expected.type} ${expected.name}`
    const found = held.get(key)
    held.delete(key)
    if (found === undefined) report("definition-missing", expected, `There is no ${key}.`)
    else if (found.sql !== expected.sql) {
      report("definition-changed", expected, `The ${key} is not the one the file was made with.`)
    }
  }
  for (const extra of held.values()) {
    const message = `The ${extra.type} ${extra.name} does not belong to a Lamplog project.`
    report("definition-foreign", extra, message)
  }
}

export interface MetaFacts {
  readonly project: string | undefined
  /** Undefined when what depends on it cannot be judged: it is unknown, or everything is outdated. */
  readonly schema: ProjectSchema | undefined
  /** Every key as stored. */
  readonly values: ReadonlyMap<string, string>
}

/** The schema that a project's name for it stands for here; undefined when it is not known. */
export type SchemaByName = (name: string) => ProjectSchema | undefined

class MetaCheck {
  readonly #findings: Findings
  readonly values = new Map<string, string>()

  constructor(sqlite: Sqlite, findings: Findings) {
    this.#findings = findings
    const rows = sqlite.prepare<[], { key: unknown; value: unknown }>("SELECT key, value FROM meta")
    const known: ReadonlySet<string> = new Set([...metaKeys, "checksum"])
    for (const { key, value } of rows.iterate()) {
      const name = String(key)
      if (typeof key !== "string" || !known.has(key)) {
        this.report("meta-foreign", name, `meta holds "${name}", which is no key of it.`)
      } else if (typeof value !== "string") {
        this.report("meta-value", name, `meta ${name} is not text.`)
      } else this.values.set(key, value)
    }
  }

  report(code: string, key: string, message: string): void {
    this.#findings.error("structure", code, `meta ${key}`, message, "meta")
  }

  expect(key: string, holds: (value: string) => boolean, message: string): void {
    const value = this.values.get(key)
    if (value === undefined) this.report("meta-missing", key, `meta lacks its ${key}.`)
    else if (!holds(value)) this.report("meta-value", key, `meta ${key}: ${message}`)
  }
}

/** Compares `meta` with its checksum and with itself; returns what the other checks stand on. */
export const checkMeta = (
  sqlite: Sqlite,
  directory: string,
  schemaOf: SchemaByName,
  findings: Findings,
): MetaFacts => {
  const meta = new MetaCheck(sqlite, findings)
  const { values } = meta
  const intact = values.get("checksum") === metaChecksum(values)
  if (!intact) {
    meta.report("meta-checksum", "checksum", "What meta holds is not what was written there.")
  }
  const node = values.get("node")
  const schema = schemaOf(values.get("schema") ?? "")
  meta.expect("project", isIdentifier, "is not a project id.")
  meta.expect("name", () => true, "")
  meta.expect("schema", () => schema !== undefined, "names a schema that is not known here.")
  meta.expect("node", isIdentifier, "is not a node id.")
  const fits = (publicKey: string) => nodeFromPublicKey(publicKey) === node
  meta.expect("publicKey", fits, "is not the key of this replica's node.")
  meta.expect("file", () => true, "")
  const known = (value: string) => schema === undefined || Number(value) <= schema.version
  meta.expect("schemaVersion", known, "is newer than the version that is known here.")
  const versions = `${projectionVersion}:${schema?.version ?? ""}`
  meta.expect("projection", () => true, "")
  const outdated = intact && schema !== undefined && values.get("projection") !== versions
  if (outdated) findings.add(outdatedProjection, "meta")
  // A missing key is no damage (the next write goes on under a new node); a wrong one is.
  const keyFile = join("keys", `${node ?? ""}.key`)
  if (existsSync(join(directory, keyFile)) && loadKey(directory, node!) === undefined) {
    const message = `The key file of ${node!} does not hold that node's key.`
    findings.error("structure", "key-mismatch", keyFile, message, "meta")
  }
  return { project: values.get("project"), schema: outdated ? undefined : schema, values }
}

const outdatedProjection: Finding = {
  severity: "warning",
  stage: "structure",
  code: "projection-outdated",
  where: "meta projection",
  message:
    "What is kept beside the events was computed by another version of Lamplog; it was not checked, and is computed anew when the project is opened.",
}

/** The event that this replica's own log goes on from must be held. */
export const checkContinuation = (
  values: ReadonlyMap<string, string>,
  events: HeldEvents,
  findings: Findings,
): void => {
  const text = values.get("continues")
  if (text === undefined) return
  let found: unknown
  try {
    found = events.find(JSON.parse(text) as { node: string; seq: number; hash: string })
  } catch {
    found = undefined
  }
  if (found !== undefined) return
  const message = "The event that this replica's log goes on from is not held."
  findings.error("structure", "continuation-missing", "meta continues", message, "meta")
}
