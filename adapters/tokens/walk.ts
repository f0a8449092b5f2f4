/**
 * From the tree of one file to the tokens and groups it defines.
 *
 * Every object is a token, a group, or a plain value (`node.ts` decides). Nothing is skipped: what is
 * no token or group becomes a property of the object that holds it. A token may hold further tokens,
 * which DTCG forbids and real files do; it is reported and kept.
 */
import { equalJson } from "./equality.ts"
import { baseModeOf, fieldsFrom } from "./fields.ts"
import type { Fields } from "./fields.ts"
import { idLengthMax, isObject, rootName, TokenFileError } from "./model.ts"
import type { Json, JsonObject, TokenFormat } from "./model.ts"
import { holdsToken, isBuildOutput, isSets, isToken, vendorNotes } from "./node.ts"
import { idFromPath } from "./path.ts"
import type { Problems } from "./problems.ts"

/** A token or group as one file defines it; other files may define it too. */
export interface Definition {
  readonly type: "token" | "group"
  readonly id: string
  readonly path: ReadonlyArray<string>
  readonly fields: Fields
  readonly format: TokenFormat
  readonly file: string
}

/** Where the tree comes from. */
export interface Source {
  readonly file: string
  readonly format: TokenFormat
}

const idOf = (path: ReadonlyArray<string>, source: Source): string => {
  const id = path.length === 0 ? rootName : idFromPath(path)
  if (id.length <= idLengthMax) return id
  throw new TokenFileError({
    code: "name-too-long",
    message: `the path of a token or group is longer than ${idLengthMax} characters`,
    where: `${source.file}: ${id.slice(0, 80)}…`,
    remedy: "shorten the names on this path",
  })
}

/** Whether a member of an object is a token or group of its own. */
const isMember = (node: JsonObject, token: boolean, source: Source) => {
  const output = token && isBuildOutput(node)
  return (key: string, value: Json): value is JsonObject => {
    if (!isObject(value)) return false
    if (key[0] === "$") return key === rootName && holdsToken(value, source.format)
    if (!token) return true
    if (source.format !== "dtcg" && (key === "value" || (key === "sets" && isSets(value))))
      return false
    if (output && (key === "original" || key === "attributes")) return false
    return holdsToken(value, source.format)
  }
}

const checkToken = (
  node: JsonObject,
  definition: Definition,
  members: number,
  problems: Problems,
): void => {
  const { id, fields } = definition
  if (members > 0) {
    problems.warn("structure", "token-with-members", id, "a token holds further tokens or groups")
  }
  if (!Object.hasOwn(node, "$value")) return
  if (Object.hasOwn(node, "$ref")) {
    problems.warn("structure", "value-and-reference", id, "a token has both $value and $ref")
  }
  const modes = vendorNotes(node)?.modes
  const base = modes === undefined ? undefined : baseModeOf(modes)
  if (base === undefined || !isObject(fields.modes)) return
  if (!equalJson(node.$value, (fields.modes[base] as JsonObject).value)) {
    const message = `$value differs from the value of the mode ${base}, which is the one that counts`
    problems.warn("structure", "value-not-of-mode", id, message)
  }
}

const checkName = (name: string, id: string, source: Source, problems: Problems): void => {
  if (source.format !== "dtcg" || !/[.{}]/.test(name)) return
  const message = `the name ${JSON.stringify(name)} holds ".", "{" or "}": no reference can reach it`
  problems.warn("structure", "name-invalid", id, message)
}

/** Calls `define` for everything a file defines, in the order of the file. */
export const walkTokens = (
  root: JsonObject,
  source: Source,
  problems: Problems,
  define: (definition: Definition) => void,
): void => {
  const visit = (node: JsonObject, path: ReadonlyArray<string>): void => {
    const id = idOf(path, source)
    const token = path.length > 0 && isToken(node, source.format)
    const member = isMember(node, token, source)
    const properties: Fields = {}
    const members: Array<readonly [string, JsonObject]> = []
    for (const key of Object.keys(node)) {
      const value = node[key]!
      if (member(key, value)) members.push([key, value])
      else properties[key] = value
    }
    const type = token ? "token" : "group"
    const fields = fieldsFrom(properties, type)
    const marked = vendorNotes(node)?.entity === "group"
    if (token || marked || Object.keys(fields).length > 0) {
      const definition: Definition = { type, id, path, fields, ...source }
      if (token) checkToken(node, definition, members.length, problems)
      define(definition)
    }
    if (path.length > 0) checkName(path.at(-1)!, id, source, problems)
    for (const [key, value] of members) visit(value, [...path, key])
  }
  visit(root, [])
}
