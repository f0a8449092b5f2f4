/**
 * What points at nothing or back at itself, and values that do not fit their schema: reported beside
 * the data.
 *
 * None of it is damage. A reference dangles as soon as two people work apart, two harmless edits make
 * a circle of aliases, and no real set of tokens validates fully. Imports ask here, too, what they
 * would leave behind.
 */
import type { JsonObject } from "../event/canonical.ts"
import { Cycles } from "../state/cycles.ts"
import type { Cycle, Edge } from "../state/cycles.ts"
import { idsMeant, typeOf, valueProblems } from "../state/schema.ts"
import type { EntityReference, ProjectSchema, TypeDefinition } from "../state/schema.ts"
import type { Sqlite } from "../store/database.ts"
import type { Finding } from "./finding.ts"

/** What is looked at: a replica, or a connection of its own to one. */
export interface Projected {
  readonly sqlite: Sqlite
  readonly schema: ProjectSchema
}

/** A living entity as the projection holds it. */
export interface LivingRow {
  readonly type: string
  readonly id: string
  readonly fields: unknown
}

/** A reference that must not stay as it is, with both its ends in words. */
export interface ReferenceFault {
  readonly code: "reference-dangling" | "reference-cycle"
  readonly where: string
  readonly message: string
  /** Rows of the entities at its ends: of the target, where it was deleted, or all on the circle. */
  readonly entities: ReadonlyArray<number>
}

interface Target {
  readonly entity: number
  readonly deleted: number
  readonly fields: string
}

/** Findings told one by one, at most. */
const warningsMax = 1000
/** Entities named on a circle, at most. */
const namedMax = 8
/** Layers that one reference may fan out to before it is left alone. */
const fanOutMax = 64

/** The fields as stored; undefined for what is damaged, which the replay reports. */
const objectFromText = (text: unknown): JsonObject | undefined => {
  try {
    const value: unknown = JSON.parse(String(text))
    return value !== null && typeof value === "object" ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

const separator = "\u0000"

const nodeOf = (type: string, id: string, layer: string): string =>
  [type, id, layer].join(separator)

/** Names the entity of a node, and its layer where it has several. */
const shownNode = (node: string): string => {
  const [type, id, layer] = node.split(separator)
  return layer === "" ? `${type}/${id}` : `${type}/${id} (${layer})`
}

const entityOf = (node: string): string => node.slice(0, node.lastIndexOf(separator))

/** The references between the entities of one projection. */
export class References {
  readonly #schema: ProjectSchema
  readonly #find
  readonly #member
  readonly #cycles = new Cycles((node) => this.#edgesOf(node))
  readonly #told = new Set<string>()
  /** What was read last: each entity is asked for what dangles, then for its circles. */
  #read: {
    readonly type: string
    readonly fields: unknown
    readonly references: ReadonlyArray<EntityReference>
  } = { type: "", fields: undefined, references: [] }

  constructor({ sqlite, schema }: Projected) {
    this.#schema = schema
    this.#find = sqlite.prepare<[string, string], Target>(
      "SELECT entity, deleted, fields FROM entities WHERE type = ? AND id = ? AND heads IS NOT NULL",
    )
    this.#member = sqlite
      .prepare<[string, string, string], number>(
        "SELECT 1 FROM entities WHERE type = ? AND id > ? AND id < ? AND deleted = 0 AND heads IS NOT NULL LIMIT 1",
      )
      .pluck()
  }

  definitionOf(type: string): TypeDefinition | undefined {
    return typeOf(this.#schema, type)
  }

  /** Every reference out of an entity. */
  #referencesOf({ type, fields }: LivingRow): ReadonlyArray<EntityReference> {
    if (this.#read.type === type && this.#read.fields === fields) return this.#read.references
    const read = this.definitionOf(type)?.references
    const content = read === undefined ? undefined : objectFromText(fields)
    const references = read === undefined || content === undefined ? [] : read(content)
    this.#read = { type, fields, references }
    return references
  }

  /** The living entity that a reference means. */
  #living(reference: EntityReference): (Target & { readonly id: string }) | undefined {
    for (const id of idsMeant(reference)) {
      const target = this.#find.get(reference.type, id)
      if (target?.deleted === 0) return { ...target, id }
    }
    return undefined
  }

  /** The deleted entity that a reference meant, when none lives. */
  #deleted(reference: EntityReference): (Target & { readonly id: string }) | undefined {
    for (const id of idsMeant(reference)) {
      const target = this.#find.get(reference.type, id)
      if (target !== undefined) return { ...target, id }
    }
    return undefined
  }

  #hasMembers({ membersType, id }: EntityReference): boolean {
    if (membersType === undefined) return false
    return this.#member.get(membersType, `${id}.`, `${id}/`) !== undefined
  }

  /** Every reference out of an entity that points at nothing. */
  *dangling(row: LivingRow): Generator<ReferenceFault> {
    const { type, id } = row
    for (const reference of this.#referencesOf(row)) {
      if (this.#living(reference) !== undefined || this.#hasMembers(reference)) continue
      const deleted = this.#deleted(reference)
      const fault = deleted === undefined ? "does not exist" : "is deleted"
      const to = `${reference.type}/${deleted?.id ?? reference.id}`
      yield {
        code: "reference-dangling",
        where: `${type}/${id} ${reference.field}`,
        message: `${type}/${id} points at ${to}, which ${fault}.`,
        entities: deleted === undefined ? [] : [deleted.entity],
      }
    }
  }

  /** What one layer of an entity cannot be known without. */
  #edgesOf(node: string): ReadonlyArray<Edge> {
    const [type, id, layer] = node.split(separator) as [string, string, string]
    const read = this.definitionOf(type)?.references
    const fields = read === undefined ? undefined : objectFromText(this.#find.get(type, id)?.fields)
    if (read === undefined || fields === undefined) return []
    const edges: Array<Edge> = []
    for (const reference of read(fields)) {
      if (reference.layer !== layer) continue
      for (const to of this.#nodesMet(reference, layer)) edges.push({ to, field: reference.field })
    }
    return edges
  }

  #nodesMet(reference: EntityReference, layer: string): ReadonlyArray<string> {
    const target = this.#living(reference)
    const fields = target === undefined ? undefined : objectFromText(target.fields)
    if (target === undefined || fields === undefined) return []
    const met = this.definitionOf(reference.type)?.layersMet?.(fields, layer) ?? [""]
    if (met.length > fanOutMax) return []
    return met.map((name) => nodeOf(reference.type, target.id, name))
  }

  /** Every circle that can be reached from an entity and was not told before. */
  *cycles(row: LivingRow): Generator<ReferenceFault> {
    const { type, id } = row
    const references = this.#referencesOf(row)
    if (references.length === 0) return
    for (const layer of new Set(references.map((reference) => reference.layer))) {
      if (layer === undefined) continue
      for (const cycle of this.#cycles.from(nodeOf(type, id, layer))) {
        const fault = this.#faultOf(cycle)
        if (fault !== undefined) yield fault
      }
    }
  }

  /** A circle in words; undefined when it was told of another layer. */
  #faultOf({ members, path, field }: Cycle): ReferenceFault | undefined {
    const key = path.map(entityOf).join(separator)
    if (this.#told.has(key)) return undefined
    this.#told.add(key)
    const named = path.slice(0, namedMax).map(shownNode)
    if (path.length > namedMax) named.push(`${path.length - namedMax} more`)
    const way = [...named, named[0]!].join(" → ")
    const [type, id] = path[0]!.split(separator) as [string, string]
    const entities = new Set(
      members.map((member) => {
        const [memberType, memberId] = member.split(separator) as [string, string]
        return this.#find.get(memberType, memberId)!.entity
      }),
    )
    return {
      code: "reference-cycle",
      where: `${type}/${id} ${field}`,
      message: `${type}/${id} leads back to itself: ${way}.`,
      entities: [...entities],
    }
  }
}

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

function* findingsOf(row: LivingRow, references: References): Generator<Finding> {
  for (const { code, where, message } of references.dangling(row)) {
    yield warning("referential", code, where, message)
  }
  for (const { code, where, message } of references.cycles(row)) {
    yield warning("referential", code, where, message)
  }
  const definition = references.definitionOf(row.type)
  const fields = definition === undefined ? undefined : objectFromText(row.fields)
  if (definition === undefined || fields === undefined) return
  for (const { field, message } of valueProblems(definition, fields)) {
    const where = `${row.type}/${row.id} ${field}`
    yield warning("schema", "value-unfit", where, `${where}: ${message.replaceAll("\n", " ")}`)
  }
}

/** Every warning, entity by entity; `undefined` after each entity, for whoever counts or pauses. */
export function* referenceWarnings(projected: Projected): Generator<Finding | undefined> {
  const references = new References(projected)
  const rows = projected.sqlite.prepare<[], LivingRow>(
    "SELECT type, id, fields FROM entities WHERE deleted = 0 AND heads IS NOT NULL",
  )
  for (const row of rows.iterate()) {
    yield* findingsOf(row, references)
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
