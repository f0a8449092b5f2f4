/**
 * Aliases: which token a value points at.
 *
 * `{group.token}` counts wherever it stands in a text, since real files calculate with it; so does a
 * JSON Pointer `{"$ref": "#/group/token/$value/…"}`. Names are looked up as they are written, joined
 * with "."; the old form `{group.token.value}` is understood too.
 */
import { defaultMode, isObject, rootName } from "./model.ts"
import type { ForeignEntity, Json, JsonObject } from "./model.ts"
import { pathFromId } from "./path.ts"

export interface Target {
  readonly kind: "token" | "group" | "nothing"
  /** Of a token. */
  readonly id: string
}

/** One value of a token, for one mode; the mode is "" for the value of a token without modes. */
export interface TokenValue {
  readonly mode: string
  readonly value: Json | undefined
  /** What the mode, or else the token, says its type is. */
  readonly type: Json | undefined
}

/** The values of a token, one per mode. */
export const valuesOf = (fields: JsonObject): ReadonlyArray<TokenValue> => {
  const { value, $ref } = fields
  if (!isObject(fields.modes) || value !== undefined) {
    const reference = value === undefined && typeof $ref === "string" ? { $ref } : value
    return [{ mode: "", value: reference, type: fields.type }]
  }
  return Object.entries(fields.modes).map(([mode, entry]) =>
    isObject(entry)
      ? { mode, value: entry.value, type: entry.type ?? fields.type }
      : { mode, value: undefined, type: fields.type },
  )
}

/** The one reference that is the whole value, such as `{a.b}`. */
export const wholeReference = (value: Json | undefined): string | undefined => {
  if (typeof value === "string") return /^\{([^{}]+)\}$/.exec(value)?.[1]
  return undefined
}

/** Every reference in a value, as it is written, without braces; pointers begin with "#". */
export const referencesIn = (value: Json | undefined, found: Array<string> = []): Array<string> => {
  if (typeof value === "string") {
    if (value.includes("{")) {
      for (const match of value.matchAll(/\{([^{}]+)\}/g)) found.push(match[1]!)
    }
  } else if (Array.isArray(value)) {
    for (const item of value) referencesIn(item as Json, found)
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (key === "$ref" && typeof item === "string") found.push(item)
      else referencesIn(item, found)
    }
  }
  return found
}

/** The tokens of a document, as references find them. */
export class TokenIndex {
  readonly tokens = new Map<string, JsonObject>()
  readonly #idByName = new Map<string, string>()
  #groups: Set<string> | undefined

  constructor(entities: Iterable<ForeignEntity>) {
    for (const { type, id, fields } of entities) {
      if (type !== "token") continue
      this.tokens.set(id, fields)
      const name = id.includes("\\") ? (pathFromId(id)?.join(".") ?? id) : id
      if (name === id || !this.#idByName.has(name)) this.#idByName.set(name, id)
    }
  }

  target(reference: string): Target {
    if (reference.startsWith("#")) return this.#pointed(reference)
    const name = reference.trim()
    const id = this.#idByName.get(name) ?? this.#beforeValue(name)
    if (id !== undefined) return { kind: "token", id }
    return { kind: this.#isGroup(name) ? "group" : "nothing", id: name }
  }

  /** Style Dictionary: `a.b.value` is the token `a.b`, and `a.b.value.c` a part of its value. */
  #beforeValue(name: string): string | undefined {
    const found = /^(.+?)\.value(\.|$)/.exec(name)
    return found === null ? undefined : this.#idByName.get(found[1]!)
  }

  /** The longest part of the pointer that is a token; what follows points into its value. */
  #pointed(reference: string): Target {
    const steps = reference.split("/").slice(1)
    const names = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    for (let length = names.length; length > 0; length--) {
      const id = this.#idByName.get(names.slice(0, length).join("."))
      const rest = names[length]
      if (id !== undefined && (rest === undefined || rest[0] === "$")) return { kind: "token", id }
    }
    const name = names.join(".")
    return { kind: this.#isGroup(name) ? "group" : "nothing", id: name }
  }

  #isGroup(name: string): boolean {
    if (this.#groups === undefined) {
      this.#groups = new Set()
      for (const token of this.#idByName.keys()) {
        for (let dot = token.indexOf("."); dot !== -1; dot = token.indexOf(".", dot + 1)) {
          this.#groups.add(token.slice(0, dot))
        }
      }
    }
    return this.#groups.has(name)
  }

  /** The values that an alias written for one mode stands for; all of them if it has none itself. */
  modesMet(id: string, mode: string): ReadonlyArray<string> {
    const values = valuesOf(this.tokens.get(id) ?? {})
    const modes = values.map((value) => value.mode)
    if (modes.includes(mode)) return [mode]
    if (modes.includes("")) return [""]
    if (mode === "" || mode === defaultMode) return modes
    return modes.includes(defaultMode) ? [defaultMode] : []
  }
}

/** The ids of the groups around a token, the closest first, the file itself last. */
export const groupsAround = (id: string): ReadonlyArray<string> => {
  const groups: Array<string> = []
  for (let at = id.length - 1; at > 0; at--) {
    if (id[at] !== "." || isEscaped(id, at)) continue
    groups.push(id.slice(0, at))
  }
  return [...groups, rootName]
}

const isEscaped = (id: string, at: number): boolean => {
  let count = 0
  while (id[at - 1 - count] === "\\") count++
  return count % 2 === 1
}
