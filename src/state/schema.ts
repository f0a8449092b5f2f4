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
 *
 * A type changes by a higher version, that of the schema in which it changed. Events carry the version
 * of their type; those of older versions are read as today's (`upcast.ts`), those of newer ones are set
 * aside until the reader knows them.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Json, JsonObject } from "../event/canonical.ts"
import { controlType, isTypeName } from "../event/event.ts"

export type MergeKind = "register" | "map" | "set"

export interface FieldDefinition {
  readonly kind: MergeKind
  /** Checks a register's value, each value of a map, or each element of a set. */
  readonly value?: Schema.Codec<unknown, unknown>
  /**
   * Version of the type that lists the field first, 1 if it is left out. Before that anyone may have
   * written a register of this name.
   */
  readonly since?: number
}

/** What an event says of its entity's fields; a map's or set's value is a delta, as in its body. */
export interface FieldChange {
  readonly fields?: JsonObject
  readonly unset?: ReadonlyArray<string>
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
  /**
   * Version of the schema in which the type changed last. Events of a higher version than known are
   * set aside.
   */
  readonly version: number
  readonly fields: { readonly [field: string]: FieldDefinition }
  /**
   * By version: turns a change that was written in the version before into one of this version. MUST
   * be a function of the change alone, and for each field of what that field says alone: `put`,
   * `patch` and `resolve` come through here, whole entities as well as single fields. What it throws
   * sets the event aside.
   */
  readonly upcasts?: { readonly [version: number]: (change: FieldChange) => FieldChange }
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
  readonly code:
    | "field-since"
    | "merge-kind-changed"
    | "schema-unknown"
    | "type-name"
    | "type-version"
  constructor(code: SchemaError["code"], message: string) {
    super(message)
    this.name = "SchemaError"
    this.code = code
  }
}

/** Every id that a reference may mean, in the order in which they count: the first that lives is meant. */
export function* idsMeant({ id, exactId, otherIds }: EntityReference): Generator<string> {
  if (exactId !== undefined) yield exactId
  yield id
  if (otherIds !== undefined) yield* otherIds()
}

const openType: TypeDefinition = { version: 1, fields: {} }

/** The definition of a type; undefined when the schema does not know it. */
export const typeOf = (schema: ProjectSchema, type: string): TypeDefinition | undefined =>
  Object.hasOwn(schema.types, type) ? schema.types[type] : schema.open ? openType : undefined

export const mergeKindOf = (definition: TypeDefinition, field: string): MergeKind =>
  Object.hasOwn(definition.fields, field) ? definition.fields[field]!.kind : "register"

const isVersion = (version: number, most: number): boolean =>
  Number.isSafeInteger(version) && version >= 1 && version <= most

/** Refuses definitions that contradict themselves. */
const checkType = (schema: ProjectSchema, type: string, definition: TypeDefinition): void => {
  const where = `${schema.name} ${schema.version}: ${type}`
  if (!isTypeName(type) || type === controlType) {
    throw new SchemaError("type-name", `"${type}" cannot be the name of an entity type`)
  }
  const { version, fields, upcasts = {} } = definition
  if (!isVersion(version, schema.version)) {
    throw new SchemaError(
      "type-version",
      `${where} has version ${version}; a type has the version of the schema in which it changed last`,
    )
  }
  const from = [
    ...Object.entries(fields).flatMap(([name, { since }]) =>
      since === undefined ? [] : [[`since of ${name}`, since] as const],
    ),
    ...Object.keys(upcasts).map((key) => [`upcast to ${key}`, Number(key)] as const),
  ]
  for (const [what, at] of from) {
    if (isVersion(at, version)) continue
    throw new SchemaError(
      "field-since",
      `${where}: ${what} is no version of the type up to ${version}`,
    )
  }
}

/** Refuses what would make old events mean something else than when they were written. */
const checkFollows = (schema: ProjectSchema, type: string, before: TypeDefinition): void => {
  const after = schema.types[type]
  const where = `${schema.name} ${schema.version}: ${type}`
  for (const [field, definition] of Object.entries(before.fields)) {
    const kind = after?.fields[field]?.kind ?? "register"
    if (kind === definition.kind) continue
    throw new SchemaError(
      "merge-kind-changed",
      `${where}.${field} was a ${definition.kind} and cannot become a ${kind}; use a new field name`,
    )
  }
  for (const [field, { kind, since = 1 }] of Object.entries(after?.fields ?? {})) {
    if (kind === "register" || Object.hasOwn(before.fields, field)) continue
    if (since > before.version) continue
    throw new SchemaError(
      "field-since",
      `${where}.${field} is a ${kind} that version ${before.version} did not list; raise the version of the type and say since when`,
    )
  }
}

/** Every schema a reader knows, by name; later versions may add but never change a merge kind. */
export class SchemaRegistry {
  readonly #schemas = new Map<string, ProjectSchema>()

  register(schema: ProjectSchema): this {
    for (const [type, definition] of Object.entries(schema.types)) {
      checkType(schema, type, definition)
    }
    const known = this.#schemas.get(schema.name)
    const older = known === undefined || known.version <= schema.version
    if (known !== undefined) {
      const [first, next] = older ? [known, schema] : [schema, known]
      for (const [type, before] of Object.entries(first.types)) checkFollows(next, type, before)
    }
    if (older) this.#schemas.set(schema.name, schema)
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
