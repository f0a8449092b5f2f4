/**
 * What points at nothing, and values that do not fit their schema: reported beside the data.
 *
 * Neither is damage. A reference dangles as soon as two people work apart, and no real set of tokens
 * validates fully.
 */
import type { JsonObject } from "../event/canonical.ts"
import { typeOf, valueProblems } from "../state/schema.ts"
import type { ProjectSchema, TypeDefinition } from "../state/schema.ts"
import type { Sqlite } from "../store/database.ts"
import type { Finding } from "./finding.ts"

/** What is looked at: a replica, or a connection of its own to one. */
export interface Projected {
  readonly sqlite: Sqlite
  readonly schema: ProjectSchema
}

interface Row {
  readonly type: string
  readonly id: string
  readonly fields: unknown
}

/** Findings told one by one, at most. */
const warningsMax = 1000

const warning = (
  stage: Finding["stage"],
  code: string,
  where: string,
  message: string,
): Finding => ({
  severity: "warning",
  stage,
  code,
  where,
  message,
})

/** The fields as stored; undefined for what is damaged, which the replay reports. */
const objectFromText = (text: unknown): JsonObject | undefined => {
  try {
    const value: unknown = JSON.parse(String(text))
    return value !== null && typeof value === "object" ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

class Targets {
  readonly #alive

  constructor(sqlite: Sqlite) {
    this.#alive = sqlite
      .prepare<[string, string], number>(
        "SELECT deleted = 0 FROM entities WHERE type = ? AND id = ? AND heads IS NOT NULL",
      )
      .pluck()
  }

  /** Why a reference dangles; undefined when it does not. */
  fault(type: string, id: string): string | undefined {
    const alive = this.#alive.get(type, id)
    if (alive === undefined) return "does not exist"
    return alive === 1 ? undefined : "was deleted"
  }
}

function* findingsOf(row: Row, definition: TypeDefinition, targets: Targets): Generator<Finding> {
  const name = `${row.type}/${row.id}`
  const fields = objectFromText(row.fields)
  if (fields === undefined) return
  for (const { type, id, field } of definition.references?.(fields) ?? []) {
    const fault = targets.fault(type, id)
    if (fault === undefined) continue
    const message = `${name} points at ${type}/${id}, which ${fault}.`
    yield warning("referential", "reference-dangling", `${name} ${field}`, message)
  }
  for (const { field, message } of valueProblems(definition, fields)) {
    const where = `${name} ${field}`
    yield warning("schema", "value-unfit", where, `${where}: ${message.replaceAll("\n", " ")}`)
  }
}

/** Every warning, entity by entity; `undefined` after each entity, for whoever counts or pauses. */
export function* referenceWarnings({ sqlite, schema }: Projected): Generator<Finding | undefined> {
  const targets = new Targets(sqlite)
  const rows = sqlite.prepare<[], Row>(
    "SELECT type, id, fields FROM entities WHERE deleted = 0 AND heads IS NOT NULL",
  )
  for (const row of rows.iterate()) {
    const definition = typeOf(schema, row.type)
    if (definition !== undefined) yield* findingsOf(row, definition, targets)
    yield undefined
  }
}

/** Keeps the first so many, with a last one that says how many more there are. */
export class Warnings {
  readonly #kept: Array<Finding> = []
  #more = 0

  add(finding: Finding): void {
    if (this.#kept.length < warningsMax) this.#kept.push(finding)
    else this.#more += 1
  }

  list(): ReadonlyArray<Finding> {
    if (this.#more === 0) return this.#kept
    const message = `… and ${this.#more} more references or values that do not fit.`
    return [...this.#kept, warning("referential", "warnings-untold", "entities", message)]
  }
}

/** Dangling references and values that do not fit, of everything as the projection holds it. */
export const referenceFindings = (projected: Projected): ReadonlyArray<Finding> => {
  const warnings = new Warnings()
  for (const finding of referenceWarnings(projected)) {
    if (finding !== undefined) warnings.add(finding)
  }
  return warnings.list()
}
