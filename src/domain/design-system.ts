/**
 * The first domain: a design system of tokens, components, themes, styles and assets.
 *
 * A token has `value`, or `modes` when its value depends on a mode, never both. References are token
 * aliases (`{color.blue}`), and the tokens, assets and parents that other entities name. Values that
 * do not fit are reported beside the data, never refused: no real set validates fully.
 */
import * as Schema from "effect/Schema"
import type { Json, JsonObject } from "../event/canonical.ts"
import { pointerStep } from "../event/canonical.ts"
import type { EntityReference, FieldDefinition, ProjectSchema } from "../state/schema.ts"

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

const aliasPattern = /\{([^{}]+)\}/g

/** Older files name the value of a token, or a part of it: `{color.blue.value}`. */
const valuePart = /\.value(\..*)?$/

/** Ids of the tokens that a value points at with `{name}`. */
export const aliasesIn = (value: Json): ReadonlyArray<string> => {
  if (typeof value === "string") {
    return [...value.matchAll(aliasPattern)].map((match) => match[1]!.trim().replace(valuePart, ""))
  }
  if (value === null || typeof value !== "object") return []
  return Object.values(value).flatMap((part) => aliasesIn(part as Json))
}

const entries = (value: Json | undefined): ReadonlyArray<readonly [string, Json]> =>
  value !== undefined && value !== null && typeof value === "object" ? Object.entries(value) : []

const tokenReferences = (fields: JsonObject): ReadonlyArray<EntityReference> => {
  const found = aliasesIn(fields.value ?? null).map((id) => ({ type: "token", id, field: "value" }))
  for (const [name, value] of entries(fields.modes)) {
    const field = `modes/${pointerStep(name)}`
    for (const id of aliasesIn((value as JsonObject | null)?.value ?? null)) {
      found.push({ type: "token", id, field })
    }
  }
  return found
}

const named = (fields: JsonObject, field: string, type: string): ReadonlyArray<EntityReference> => {
  const value = fields[field]
  const ids = typeof value === "string" ? [value] : Array.isArray(value) ? value : []
  return ids.flatMap((id) => (typeof id === "string" ? [{ type, id, field }] : []))
}

const aliasReferences = (fields: JsonObject, field: string): ReadonlyArray<EntityReference> =>
  entries(fields[field]).flatMap(([name, value]) =>
    aliasesIn(value).map((id) => ({ type: "token", id, field: `${field}/${pointerStep(name)}` })),
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
    },
    group: {
      version: 1,
      fields: {
        type: register(text),
        description: register(text),
        deprecated: register(Schema.Union([Schema.Boolean, Schema.String])),
        extensions: map(),
      },
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
        ...named(fields, "extends", "theme"),
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
