/**
 * What is doubtful about the tokens of a document: types, values, and where aliases lead.
 *
 * Types and values are checked only for tokens written as DTCG: other formats have types of their
 * own, or none. References are checked for all. Nothing here changes or refuses a token.
 */
import { aliasCycles } from "./cycles.ts"
import { isObject } from "./model.ts"
import type { ForeignEntity, JsonObject } from "./model.ts"
import type { Problems } from "./problems.ts"
import { groupsAround, referencesIn, TokenIndex, valuesOf, wholeReference } from "./references.ts"
import type { TokenValue } from "./references.ts"
import { isKnownType, valueProblem } from "./values.ts"

/** Types as DTCG resolves them: own, of the alias target, of the closest group. */
class Types {
  readonly #index: TokenIndex
  readonly #groups: ReadonlyMap<string, JsonObject>
  readonly #known = new Map<string, string | undefined>()

  constructor(index: TokenIndex, groups: ReadonlyMap<string, JsonObject>) {
    this.#index = index
    this.#groups = groups
  }

  /** The type of a token: of its first value, or of the value given. */
  of(id: string, start?: TokenValue): string | undefined {
    const chain = new Set<string>()
    let at: string | undefined = id
    let type: string | undefined
    while (at !== undefined && !chain.has(at)) {
      if (this.#known.has(at) && (start === undefined || at !== id)) {
        type = this.#known.get(at)
        break
      }
      chain.add(at)
      const value: TokenValue | undefined =
        at === id && start !== undefined ? start : valuesOf(this.#index.tokens.get(at) ?? {})[0]
      if (typeof value?.type === "string") {
        type = value.type
        break
      }
      const reference: string | undefined = wholeReference(value?.value)
      const target = reference === undefined ? undefined : this.#index.target(reference)
      at = target?.kind === "token" ? target.id : undefined
    }
    for (const link of [...chain].reverse()) {
      type ??= this.#inherited(link)
      if (start === undefined || link !== id) this.#known.set(link, type)
    }
    return type
  }

  #inherited(id: string): string | undefined {
    for (const group of groupsAround(id)) {
      const type = this.#ofGroup(group, new Set())
      if (type !== undefined) return type
    }
    return undefined
  }

  /** The type a group gives, or the group it extends. */
  #ofGroup(id: string, seen: Set<string>): string | undefined {
    const fields = this.#groups.get(id)
    if (fields === undefined || seen.has(id)) return undefined
    if (typeof fields.type === "string") return fields.type
    const { $extends } = fields
    if (typeof $extends !== "string") return undefined
    const from = $extends.startsWith("#/")
      ? $extends.slice(2).replaceAll("/", ".")
      : $extends.replace(/^\{|\}$/g, "")
    return this.#ofGroup(from, seen.add(id))
  }
}

const inMode = (mode: string): string => (mode === "" ? "" : ` (mode ${mode})`)

const checkValue = (id: string, given: TokenValue, types: Types, problems: Problems): void => {
  const { mode, value } = given
  const type = types.of(id, given)
  if (type === undefined) {
    problems.warn("schema", "type-missing", id, `no type${inMode(mode)}: DTCG forbids to guess it`)
  } else if (!isKnownType(type)) {
    problems.warn("schema", "type-unknown", id, `DTCG knows no type "${type}"${inMode(mode)}`)
  } else if (value !== undefined) {
    const wrong = valueProblem(type, value)
    if (wrong === undefined) return
    problems.warn("schema", "value-invalid", id, `no valid ${type}${inMode(mode)}: ${wrong}`)
  }
}

const checkReferences = (
  id: string,
  { mode, value }: TokenValue,
  index: TokenIndex,
  problems: Problems,
): void => {
  for (const reference of referencesIn(value)) {
    const { kind } = index.target(reference)
    if (kind === "token") continue
    const [code, what] =
      kind === "group"
        ? ["reference-to-group", "is a group and has no value"]
        : ["reference-dangling", "is not in these files"]
    problems.warn("referential", code!, id, `refers to ${reference}, which ${what}${inMode(mode)}`)
  }
}

const checkAliasType = (
  id: string,
  { mode, value, type }: TokenValue,
  index: TokenIndex,
  types: Types,
  problems: Problems,
): void => {
  const reference = wholeReference(value)
  if (reference === undefined || typeof type !== "string") return
  const target = index.target(reference)
  const found = target.kind === "token" ? types.of(target.id) : undefined
  if (found === undefined || found === type) return
  const message = `a ${type}${inMode(mode)} that refers to ${reference}, a ${found}`
  problems.warn("referential", "type-mismatch", id, message)
}

/** Reports on entities in their order; `isDtcg` tells which tokens the rules of DTCG apply to. */
export const checkTokens = (
  entities: ReadonlyArray<ForeignEntity>,
  isDtcg: (id: string) => boolean,
  problems: Problems,
): void => {
  const index = new TokenIndex(entities)
  const groups = new Map<string, JsonObject>()
  for (const { type, id, fields } of entities) if (type === "group") groups.set(id, fields)
  const types = new Types(index, groups)
  for (const [id, fields] of index.tokens) {
    const dtcg = isDtcg(id)
    const values = valuesOf(fields)
    if (values.every(({ value }) => value === undefined)) {
      problems.warn("structure", "value-missing", id, "a token without a value")
    }
    for (const value of values) {
      if (dtcg) checkValue(id, value, types, problems)
      if (dtcg) checkAliasType(id, value, index, types, problems)
      checkReferences(id, value, index, problems)
    }
    if (isObject(fields.modes) && fields.value !== undefined) {
      problems.warn("structure", "value-and-modes", id, "a token has both a value and modes")
    }
  }
  for (const cycle of aliasCycles(index)) {
    const [first, second = first] = cycle
    for (const id of cycle) {
      const others = cycle.length > 2 ? ` and ${cycle.length - 2} more` : ""
      const message = `refers to itself by way of ${id === first ? second : first}${others}`
      problems.warn("referential", "reference-cycle", id, message)
    }
  }
}
