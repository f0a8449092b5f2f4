/**
 * The first domain: a design system of tokens, components, themes, styles and assets.
 *
 * A token has `value`, or `modes` when its value depends on a mode, never both. References are token
 * aliases (`aliases.ts`), the groups that groups extend, and the tokens, assets and parents that other
 * entities name; no alias, and no theme or group, may lead back to itself. Values that do not fit are
 * reported beside the data, never refused: no real set validates fully.
 */
import * as Schema from "effect/Schema"
import type { Json, JsonObject } from "../event/canonical.ts"
import { pointerStep } from "../event/canonical.ts"
import type { EntityReference, FieldDefinition, ProjectSchema } from "../state/schema.ts"
import { aliasesIn, extendedGroup } from "./aliases.ts"

const register = (value?: FieldDefinition["value"]): FieldDefinition =>
  value === undefined ? { kind: "register" } : { kind: "register", value }
const map = (value?: FieldDefinition["value"]): FieldDefinition =>
  value === undefined ? { kind: "map" } : { kind: "map", value }
const set = (value?: FieldDefinition["value"]): FieldDefinition =>
  value === undefined ? { kind: "set" } : { kind: "set", value }

const text = Schema.String
const entityId = Schema.NonEmptyString
const mode = Schema.Record(Schema.String, Schema.Json)
const sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
const byteCount = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const entries = (value: Json | undefined): ReadonlyArray<readonly [string, Json]> =>
  value !== undefined && value !== null && typeof value === "object" ? Object.entries(value) : []

/** The layer of a token without modes, and of everything that has no modes at all. */
const onlyLayer = ""
/** The mode whose value holds when no other is chosen. */
const defaultMode = "$default"

const toTokens = (
  value: Json | undefined,
  field: string,
  layer?: string,
): ReadonlyArray<EntityReference> =>
  aliasesIn(value).map((alias) => ({
    type: "token",
    ...alias,
    field,
    ...(layer === undefined ? {} : { layer }),
  }))

const valueOfMode = (entry: Json): Json | undefined =>
  entry !== null && typeof entry === "object" ? (entry as JsonObject).value : undefined

const tokenReferences = (fields: JsonObject): ReadonlyArray<EntityReference> => {
  const { value, $ref } = fields
  const own = toTokens(value, "value", onlyLayer)
  const pointed = typeof $ref === "string" ? toTokens({ $ref }, "$ref", onlyLayer) : []
  const moded = entries(fields.modes).flatMap(([name, entry]) =>
    toTokens(valueOfMode(entry), `modes/${pointerStep(name)}`, name),
  )
  return [...own, ...pointed, ...moded]
}

/** The values of a token that one who refers to it in a mode may get. */
const tokenLayersMet = (fields: JsonObject, mode: string): ReadonlyArray<string> => {
  const modes = entries(fields.modes).map(([name]) => name)
  if (modes.includes(mode)) return [mode]
  if (modes.length === 0 || fields.value !== undefined) return [onlyLayer]
  if (mode === onlyLayer || mode === defaultMode) return modes
  return modes.includes(defaultMode) ? [defaultMode] : []
}

const groupReferences = (fields: JsonObject): ReadonlyArray<EntityReference> => {
  const field = "$extends"
  const group = extendedGroup(fields[field])
  const known = { type: "group", membersType: "token", field, layer: onlyLayer }
  return group === undefined ? [] : [{ ...known, ...group }]
}

const named = (
  fields: JsonObject,
  field: string,
  type: string,
  layer?: string,
): ReadonlyArray<EntityReference> => {
  const value = fields[field]
  const ids = typeof value === "string" ? [value] : Array.isArray(value) ? value : []
  const layered = layer === undefined ? {} : { layer }
  return ids.flatMap((id) => (typeof id === "string" ? [{ type, id, field, ...layered }] : []))
}

const aliasReferences = (fields: JsonObject, field: string): ReadonlyArray<EntityReference> =>
  entries(fields[field]).flatMap(([name, value]) =>
    toTokens(value, `${field}/${pointerStep(name)}`),
  )

export const designSystem: ProjectSchema = {
  name: "design-system",
  version: 1,
  open: false,
  types: {
    token: {
      version: 1,
      fields: {
        value: register(),
        modes: map(mode),
        type: register(text),
        description: register(text),
        deprecated: register(Schema.Union([Schema.Boolean, Schema.String])),
        extensions: map(),
        uuid: register(text),
        tags: set(text),
      },
      references: tokenReferences,
      layersMet: tokenLayersMet,
    },
    group: {
      version: 1,
      fields: {
        type: register(text),
        description: register(text),
        deprecated: register(Schema.Union([Schema.Boolean, Schema.String])),
        extensions: map(),
      },
      references: groupReferences,
    },
    component: {
      version: 1,
      fields: {
        name: register(text),
        description: register(text),
        status: register(text),
        properties: map(),
        tokens: set(entityId),
        assets: set(entityId),
        tags: set(text),
      },
      references: (fields) => [
        ...named(fields, "tokens", "token"),
        ...named(fields, "assets", "asset"),
        ...aliasReferences(fields, "properties"),
      ],
    },
    theme: {
      version: 1,
      fields: {
        name: register(text),
        description: register(text),
        extends: register(entityId),
        values: map(),
        tags: set(text),
      },
      references: (fields) => [
        ...named(fields, "extends", "theme", onlyLayer),
        ...entries(fields.values).map(([id]) => ({
          type: "token",
          id,
          field: `values/${pointerStep(id)}`,
        })),
        ...aliasReferences(fields, "values"),
      ],
    },
    style: {
      version: 1,
      fields: {
        name: register(text),
        description: register(text),
        properties: map(),
        component: register(entityId),
        tags: set(text),
      },
      references: (fields) => [
        ...named(fields, "component", "component"),
        ...aliasReferences(fields, "properties"),
      ],
    },
    asset: {
      version: 1,
      fields: {
        name: register(text),
        description: register(text),
        mediaType: register(text),
        licence: register(text),
        sha256: register(sha256),
        bytes: register(byteCount),
        tags: set(text),
      },
    },
  },
}
