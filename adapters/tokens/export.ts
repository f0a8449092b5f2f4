/**
 * From entities to one DTCG file, from which the importer makes the very same entities.
 *
 * Tokens and groups become the tree, with what DTCG has a place for in its place. What it has none
 * for (modes, other fields, entities of other types) stands under `$extensions["dev.lamplog"]`, which
 * other tools must keep and may ignore. A token with modes shows the value of `$default`, or else of
 * its first mode. Same entities, same bytes: all keys are sorted.
 */
import { depthOf, prettyJson } from "./equality.ts"
import { baseModeOf } from "./fields.ts"
import {
  compareText,
  fileDepthMax,
  forbiddenKeys,
  isObject,
  rootName,
  vendorKey,
  vendorVersion,
} from "./model.ts"
import type { ForeignEntity, Json, JsonObject } from "./model.ts"
import { isToken } from "./node.ts"
import { pathFromId } from "./path.ts"

type Node = { [key: string]: Json }

/** Levels that `$extensions`, our key, `modes` and a mode add at most below a token. */
const notesDepth = 3

const isWord = (value: Json): boolean => typeof value === "string"

/** Fields that DTCG has a place for, and whether a value may stand there. */
const places: {
  readonly [field: string]: { readonly property: string; readonly fits: (value: Json) => boolean }
} = {
  type: { property: "$type", fits: isWord },
  description: { property: "$description", fits: isWord },
  deprecated: {
    property: "$deprecated",
    fits: (value) => isWord(value) || typeof value === "boolean",
  },
  extensions: {
    property: "$extensions",
    fits: (value) =>
      isObject(value) && Object.keys(value).length > 0 && !Object.hasOwn(value, vendorKey),
  },
}

const placeOf = (name: string, value: Json, entity: ForeignEntity): string | undefined => {
  if (Object.hasOwn(places, name)) {
    const { property, fits } = places[name]!
    return fits(value) ? property : undefined
  }
  if (entity.type === "token") return name === "$ref" && isWord(value) ? name : undefined
  const ofFile = name === "$schema" && entity.id === rootName
  return (name === "$extends" || ofFile) && isWord(value) ? name : undefined
}

/** The properties of an entity as one object of the tree. */
const nodeFrom = (entity: ForeignEntity): Node => {
  const node: Node = {}
  const notes: Node = {}
  const rest: Node = {}
  const token = entity.type === "token"
  for (const [name, value] of Object.entries(entity.fields)) {
    const place = placeOf(name, value, entity)
    if (token && name === "value") node.$value = value
    else if (token && name === "modes" && Object.hasOwn(entity.fields, "value")) continue
    else if (name === "modes" && isObject(value)) notes.modes = value
    else if (place !== undefined) node[place] = value
    else rest[name] = value
  }
  const modes = notes.modes as JsonObject | undefined
  const base = token && modes !== undefined ? baseModeOf(modes) : undefined
  if (base !== undefined) node.$value = (modes![base] as JsonObject).value!
  if (Object.hasOwn(node, "$value") && Object.hasOwn(node, "$ref")) {
    rest.$ref = node.$ref!
    delete node.$ref
  }
  if (Object.keys(rest).length > 0) notes.fields = rest
  addNotes(node, notes)
  return node
}

const addNotes = (node: Node, notes: JsonObject): void => {
  if (Object.keys(notes).length === 0) return
  const extensions = (node.$extensions ?? {}) as JsonObject
  const known = (extensions[vendorKey] ?? {}) as JsonObject
  node.$extensions = { ...extensions, [vendorKey]: { ...known, ...notes } }
}

/** The path at which an entity can stand in the tree; undefined for those noted whole instead. */
const pathOf = (
  entity: ForeignEntity,
  tokens: ReadonlySet<string>,
): ReadonlyArray<string> | undefined => {
  const { type, id, fields } = entity
  if (type !== "token" && type !== "group") return undefined
  if (type === "group" && id === rootName) return []
  // A token and a group of one name: the object of that name is the token.
  if (type === "group" && tokens.has(id)) return undefined
  const path = pathFromId(id)
  if (path === undefined || path.some((name) => forbiddenKeys.has(name))) return undefined
  const names = type === "token" && path.at(-1) === rootName ? path.slice(0, -1) : path
  if (names.some((name) => name[0] === "$")) return undefined
  return path.length + 1 + depthOf(fields) + notesDepth <= fileDepthMax ? path : undefined
}

const childOf = (node: Node, name: string): Node => {
  if (!Object.hasOwn(node, name)) node[name] = {}
  return node[name] as Node
}

/**
 * Says what an object is where it does not show: tokens without a value, and groups with nothing in
 * them, which would be taken for a token or left out.
 */
const mark = (node: Node, entity: ForeignEntity): void => {
  const members = Object.keys(node).some((key) => key[0] !== "$" || key === rootName)
  const fields = Object.keys(entity.fields).length
  const clear =
    entity.type === "token"
      ? Object.hasOwn(node, "$value") || Object.hasOwn(node, "$ref")
      : members && fields > 0 && !isToken(node, "dtcg")
  if (!clear) addNotes(node, { entity: entity.type })
}

/** Canonical, pretty, with a newline at the end. */
export const dtcgFromEntities = (entities: Iterable<ForeignEntity>): string => {
  const sorted = [...entities].sort(
    (left, right) => compareText(left.type, right.type) || compareText(left.id, right.id),
  )
  const tokens = new Set(sorted.filter(({ type }) => type === "token").map(({ id }) => id))
  const root: Node = {}
  const placed: Array<readonly [Node, ForeignEntity]> = []
  const listed: Array<Json> = []
  for (const entity of sorted) {
    const path = pathOf(entity, tokens)
    if (path === undefined) {
      const { type, id, fields } = entity
      listed.push({ type, id, fields })
      continue
    }
    let node = root
    for (const name of path) node = childOf(node, name)
    Object.assign(node, nodeFrom(entity))
    placed.push([node, entity])
  }
  for (const [node, entity] of placed) mark(node, entity)
  addNotes(root, {
    version: vendorVersion,
    ...(listed.length === 0 ? {} : { entities: listed }),
  })
  return prettyJson(root)
}
