/**
 * What a project is made of: entity types, their fields, and how concurrent writes of a field merge.
 *
 * Merge kinds
 *  - `register` (default, also any unlisted field): one value; the highest write wins, different
 *    concurrent writes are a conflict.
 *  - `map`: every key is a register of its own.
 *  - `set`: elements are added and removed; a concurrent add beats a remove, never a conflict.
 *
 * A merge kind never changes, or old events would mean something new: a new kind is a new field
 * name, and the registry refuses anything else. Value schemas only report; they never refuse.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Json, JsonObject } from "../event/canonical.ts"
import { controlType, isTypeName } from "../event/event.ts"
import type { Body, Header } from "../event/event.ts"

export type MergeKind = "register" | "map" | "set"

export interface FieldDefinition {
  readonly kind: MergeKind
  /** Checks a register's value, each value of a map, or each element of a set. */
  readonly value?: Schema.Codec<unknown, unknown>
}

export interface EntityReference {
  readonly type: string
  readonly id: string
  /** The field that holds the reference (`map/key` for a map). */
  readonly field: string
  /** The id as it is written, where that is not `id`: it is meant if such an entity lives. */
  readonly exactId?: string
  /** Ids that may be meant if none of the others lives. */
  readonly otherIds?: () => ReadonlyArray<string>
  /** Also meant: whatever of this type has an id that begins with `id` and a dot. */
  readonly membersType?: string
  /**
   * Set where a value cannot be known without the target's, so that none may lead back to itself:
   * the layer, such as a mode, that refers. "" where an entity has one layer only.
   */
  readonly layer?: string
}

export interface TypeDefinition {
  /** Raised when fields are added; events of a higher version than known are set aside. */
  readonly version: number
  readonly fields: { readonly [field: string]: FieldDefinition }
  /** Other entities that these fields point at. */
  readonly references?: (fields: JsonObject) => ReadonlyArray<EntityReference>
  /** The layers of these fields that count for one who refers to them from a layer; else "". */
  readonly layersMet?: (fields: JsonObject, layer: string) => ReadonlyArray<string>
}

export interface ProjectSchema {
  readonly name: string
  readonly version: number
  /** Whether types that are not listed are accepted, every field a register. */
  readonly open: boolean
  readonly types: { readonly [type: string]: TypeDefinition }
}

export class SchemaError extends Error {
  readonly code: "merge-kind-changed" | "schema-unknown" | "type-name"
  constructor(code: SchemaError["code"], message: string) {
    super(message)
    this.name = "SchemaError"
    this.code = code
  }
}

const openType: TypeDefinition = { version: 1, fields: {} }

/** The definition of a type; undefined when the schema does not know it. */
export const typeOf = (schema: ProjectSchema, type: string): TypeDefinition | undefined =>
  Object.hasOwn(schema.types, type) ? schema.types[type] : schema.open ? openType : undefined

export const mergeKindOf = (definition: TypeDefinition, field: string): MergeKind =>
  Object.hasOwn(definition.fields, field) ? definition.fields[field]!.kind : "register"

/** Every schema a reader knows, by name; later versions may add but never change a merge kind. */
export class SchemaRegistry {
  readonly #schemas = new Map<string, ProjectSchema>()

  register(schema: ProjectSchema): this {
    for (const type of Object.keys(schema.types)) {
      if (!isTypeName(type) || type === controlType) {
        throw new SchemaError("type-name", `"${type}" cannot be the name of an entity type`)
      }
    }
    const known = this.#schemas.get(schema.name)
    for (const [type, before] of Object.entries(known?.types ?? {})) {
      for (const [field, definition] of Object.entries(before.fields)) {
        const after = schema.types[type]?.fields[field]?.kind ?? "register"
        if (after !== definition.kind) {
          throw new SchemaError(
            "merge-kind-changed",
            `${schema.name} ${schema.version}: ${type}.${field} was a ${definition.kind} and cannot become a ${after}; use a new field name`,
          )
        }
      }
    }
    if (known === undefined || known.version <= schema.version)
      this.#schemas.set(schema.name, schema)
    return this
  }

  get(name: string): ProjectSchema {
    const schema = this.#schemas.get(name)
    if (schema === undefined) {
      throw new SchemaError("schema-unknown", `this program does not know the schema "${name}"`)
    }
    return schema
  }

  get names(): ReadonlyArray<string> {
    return [...this.#schemas.keys()]
  }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const fitsMap = (value: Json): boolean =>
  isObject(value) &&
  Object.keys(value).every((key) => key === "set" || key === "remove") &&
  (value.set === undefined || isObject(value.set)) &&
  (value.remove === undefined ||
    (Array.isArray(value.remove) && value.remove.every((key) => typeof key === "string")))

const fitsSet = (value: Json): boolean =>
  isObject(value) &&
  Object.keys(value).every((key) => key === "add" || key === "remove") &&
  (value.add === undefined || Array.isArray(value.add)) &&
  (value.remove === undefined || Array.isArray(value.remove))

const understoodOperations: ReadonlySet<string> = new Set(["put", "patch", "delete", "resolve"])

/**
 * Why a reader with this schema sets an event aside; undefined when it understands it. A function of
 * the event and the schema alone, so that equal readers agree.
 */
export const notUnderstood = (
  schema: ProjectSchema,
  header: Header,
  body: Body,
): string | undefined => {
  if (header.type === controlType) {
    return header.op === "continue" ? undefined : `control event ${header.op}`
  }
  if (!understoodOperations.has(header.op)) return `operation ${header.op}`
  const definition = typeOf(schema, header.type)
  if (definition === undefined) return `entity type ${header.type}`
  if (body.kind > definition.version) return `${header.type} of version ${body.kind}`
  for (const [field, value] of Object.entries(body.fields ?? {})) {
    const kind = mergeKindOf(definition, field)
    if (kind === "map" && !fitsMap(value)) return `${header.type}.${field} is no change of a map`
    if (kind === "set" && !fitsSet(value)) return `${header.type}.${field} is no change of a set`
  }
  for (const field of body.unset ?? []) {
    if (mergeKindOf(definition, field) !== "register") {
      return `${header.type}.${field} cleared as if it were a register`
    }
  }
  return undefined
}

const decoders = new WeakMap<object, (value: unknown) => string | undefined>()

const faultOf = (value: Schema.Codec<unknown, unknown>, candidate: Json): string | undefined => {
  let decoder = decoders.get(value)
  if (decoder === undefined) {
    const decode = Schema.decodeUnknownResult(value)
    decoder = (input) => {
      const result = decode(input)
      return Result.isFailure(result) ? String(result.failure.message ?? result.failure) : undefined
    }
    decoders.set(value, decoder)
  }
  return decoder(candidate)
}

export interface ValueProblem {
  readonly field: string
  readonly message: string
}

/** Reports values that do not fit their declared schema. */
export const valueProblems = (
  definition: TypeDefinition,
  fields: JsonObject,
): ReadonlyArray<ValueProblem> => {
  const problems: Array<ValueProblem> = []
  for (const [field, value] of Object.entries(fields)) {
    const declared = Object.hasOwn(definition.fields, field) ? definition.fields[field]! : undefined
    if (declared?.value === undefined) continue
    const parts: ReadonlyArray<readonly [string, Json]> =
      declared.kind === "map" && isObject(value)
        ? Object.entries(value).map(([key, item]) => [`${field}/${key}`, item] as const)
        : declared.kind === "set" && Array.isArray(value)
          ? value.map((item) => [field, item as Json] as const)
          : [[field, value]]
    for (const [name, part] of parts) {
      const message = faultOf(declared.value, part)
      if (message !== undefined) problems.push({ field: name, message })
    }
  }
  return problems
}
