/**
 * The manifest as text: canonical JSON and a line feed, checked in every part before it is believed.
 *
 * A reader hashes and parses the very bytes of the file; nothing is encoded again.
 */
import { CanonicalError, canonicalFromJson, jsonFromCanonical } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { isHash, isIdentifier, nodeFromPublicKey } from "../event/hash.ts"
import { frontierFromJson, isLogName } from "../log/frontier.ts"
import type { Frontier } from "../log/frontier.ts"
import {
  archiveFormat,
  archiveVersion,
  assetPath,
  isIncremental,
  manifestPath,
  proofsPath,
  segmentPath,
  snapshotPath,
} from "./archive.ts"
import type {
  FieldCondition,
  Manifest,
  ManifestExtract,
  ManifestLog,
  ManifestMember,
  OpenReference,
  Selection,
} from "./archive.ts"
import { refuse } from "./refuse.ts"
import { compareOpen, keyOfCondition } from "./select.ts"

export const manifestText = (manifest: Manifest): string =>
  `${canonicalFromJson(manifest as unknown as JsonObject)}\n`

const invalid = (message: string) => refuse("manifest", "manifest-invalid", message, manifestPath)

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const isCount = (value: Json | undefined, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least

const objectWith = (
  value: Json | undefined,
  keys: ReadonlyArray<string>,
  optional: ReadonlyArray<string>,
  what: string,
): JsonObject => {
  if (!isObject(value)) throw invalid(`${what} is not an object.`)
  for (const key of keys) {
    if (!Object.hasOwn(value, key)) throw invalid(`${what} lacks "${key}".`)
  }
  for (const key of Object.keys(value)) {
    if (!keys.includes(key) && !optional.includes(key)) {
      throw invalid(`${what} has a part that is not known: ${JSON.stringify(key.slice(0, 100))}.`)
    }
  }
  return value
}

const arrayOf = <A>(
  value: Json | undefined,
  what: string,
  read: (item: Json, what: string) => A,
): ReadonlyArray<A> => {
  if (!Array.isArray(value)) throw invalid(`${what} is not a list.`)
  return value.map((item, index) => read(item as Json, `${what}[${index}]`))
}

const counted = (value: Json | undefined, least: number, what: string): number => {
  if (!isCount(value, least)) throw invalid(`${what} is not a whole number from ${least}.`)
  return value
}

const hashed = (value: Json | undefined, what: string): string => {
  if (!isHash(value)) throw invalid(`${what} is not a hash.`)
  return value
}

const text = (value: Json | undefined, what: string): string => {
  if (typeof value !== "string") throw invalid(`${what} is not text.`)
  return value
}

const signaturePattern = /^[0-9a-f]{128}$/

const logFrom = (value: Json, what: string): ManifestLog => {
  const keys = ["log", "node", "publicKey", "from", "to", "previous", "head", "members"]
  const object = objectWith(value, keys, ["signature"], what)
  const { log, node, signature } = object
  const publicKey = hashed(object.publicKey, `${what}.publicKey`)
  if (!isIdentifier(node) || nodeFromPublicKey(publicKey) !== node) {
    throw invalid(`${what}.publicKey is not the key of its node.`)
  }
  if (typeof log !== "string" || !isLogName(log) || !log.startsWith(node)) {
    throw invalid(`${what}.log is not a log of its node.`)
  }
  const from = counted(object.from, 1, `${what}.from`)
  const to = counted(object.to, from, `${what}.to`)
  if (signature !== undefined && !signaturePattern.test(text(signature, `${what}.signature`))) {
    throw invalid(`${what}.signature is not a signature.`)
  }
  const members = arrayOf(object.members, `${what}.members`, (path, place) => text(path, place))
  if (members[0] !== segmentPath(log, from)) {
    throw invalid(`${what}.members do not begin with ${segmentPath(log, from)}.`)
  }
  return {
    log,
    node,
    publicKey,
    from,
    to,
    previous: hashed(object.previous, `${what}.previous`),
    head: hashed(object.head, `${what}.head`),
    ...(signature === undefined ? {} : { signature: signature as string }),
    members,
  }
}

const memberFrom = (value: Json, what: string): ManifestMember => {
  const object = objectWith(value, ["path", "sha256", "size"], [], what)
  return {
    path: text(object.path, `${what}.path`),
    sha256: hashed(object.sha256, `${what}.sha256`),
    size: counted(object.size, 0, `${what}.size`),
  }
}

const segmentPattern = /^logs\/([^/]+)\/[0-9]{10}\.events$/

/** Takes the segments of all logs out of the paths; each must be its log's, in order, once. */
const takeSegments = (logs: ReadonlyArray<ManifestLog>, listed: Set<string>): void => {
  for (const log of logs) {
    let before = ""
    for (const path of log.members) {
      if (segmentPattern.exec(path)?.[1] !== log.log || path <= before || !listed.delete(path)) {
        throw invalid(`The segments of ${log.log} are not its own, in order, each once.`)
      }
      before = path
    }
  }
}

/** Every member is what its path says, and there for a reason. */
const checkMembers = (manifest: Manifest): void => {
  const { extract, logs, members } = manifest
  const listed = new Set<string>()
  let previous = ""
  for (const { path, sha256 } of members) {
    if (path <= previous) throw invalid("The members are not sorted by path, each once.")
    if (path !== assetPath(sha256)) listed.add(path)
    previous = path
  }
  const wanted = extract === undefined ? [snapshotPath] : [snapshotPath, proofsPath]
  for (const path of isIncremental(manifest) ? [] : wanted) {
    if (!listed.delete(path)) throw invalid(`There is no ${path}.`)
  }
  takeSegments(logs, listed)
  for (const path of listed) {
    throw invalid(`${JSON.stringify(path.slice(0, 200))} is not the path of a member.`)
  }
}

/** An extract is values only; its prerequisites and logs are empty. */
const checkExtract = (manifest: Manifest): void => {
  if (manifest.extract === undefined) return
  if (manifest.events > 0 || manifest.logs.length > 0 || isIncremental(manifest)) {
    throw invalid("An extract holds no logs and needs none.")
  }
}

/** The frontier is what the logs end with; a log that is not in the archive may be in it, too. */
const checkFrontier = ({ logs, frontier }: Manifest): void => {
  const seen = new Set<string>()
  for (const { log, to, head } of logs) {
    if (seen.has(log)) throw invalid(`The log ${log} is listed twice.`)
    seen.add(log)
    const end = frontier[log]
    if (end?.seq !== to || end.hash !== head) {
      throw invalid(`The frontier does not end where the log ${log} does.`)
    }
  }
}

const itemCountsFrom = (value: Json | undefined): Manifest["itemCounts"] => {
  if (!isObject(value)) throw invalid("itemCounts is not an object.")
  for (const [type, count] of Object.entries(value)) counted(count, 1, `itemCounts.${type}`)
  return value as Manifest["itemCounts"]
}

/** Whether each item comes after the one before it, in the order of UTF-16 code units. */
const isAscending = (items: ReadonlyArray<string>): boolean =>
  items.every((item, index) => index === 0 || items[index - 1]! < item)

/** Alternatives of a selection: at least one, sorted, each once. */
const alternatives = <A>(
  value: Json | undefined,
  what: string,
  read: (item: Json, what: string) => A,
  keyOf: (item: A) => string,
): ReadonlyArray<A> => {
  const items = arrayOf(value, what, read)
  if (items.length > 0 && isAscending(items.map(keyOf))) return items
  throw invalid(`${what} is empty or not sorted, each once.`)
}

const conditionFrom = (value: Json, what: string): FieldCondition => {
  const condition = objectWith(value, ["field", "value"], [], what)
  return { field: text(condition.field, `${what}.field`), value: condition.value! }
}

const selectionFrom = (value: Json | undefined): Selection => {
  const lists = ["types", "entities", "groups", "tags"] as const
  const what = "extract.selection"
  const object = objectWith(value, ["closed"], [...lists, "where"], what)
  if (typeof object.closed !== "boolean") throw invalid(`${what}.closed is no boolean.`)
  const given = lists.filter((name) => object[name] !== undefined)
  const listed = given.map((name) => {
    return [name, alternatives(object[name], `${what}.${name}`, text, (item) => item)] as const
  })
  const where =
    object.where === undefined
      ? {}
      : { where: alternatives(object.where, `${what}.where`, conditionFrom, keyOfCondition) }
  if (given.length === 0 && object.where === undefined) throw invalid(`${what} chooses nothing.`)
  return { ...Object.fromEntries(listed), ...where, closed: object.closed }
}

const openReferenceFrom = (value: Json, what: string): OpenReference => {
  const object = objectWith(value, ["from", "field", "to"], [], what)
  return {
    from: text(object.from, `${what}.from`),
    field: text(object.field, `${what}.field`),
    to: text(object.to, `${what}.to`),
  }
}

const extractFrom = (value: Json): ManifestExtract => {
  const object = objectWith(value, ["selection", "open"], [], "extract")
  const open = arrayOf(object.open, "extract.open", openReferenceFrom)
  const sorted = open.every(
    (reference, index) => index === 0 || compareOpen(open[index - 1]!, reference) < 0,
  )
  if (!sorted) throw invalid("extract.open is not sorted, each once.")
  return { selection: selectionFrom(object.selection), open }
}

const frontierAt = (value: Json | undefined, what: string): Frontier => {
  const frontier = frontierFromJson(value)
  if (frontier === undefined) throw invalid(`${what} is not a frontier.`)
  return frontier
}

const keys = [
  "format",
  "version",
  "project",
  "name",
  "schema",
  "frontier",
  "prerequisites",
  "logs",
  "members",
  "itemCounts",
  "events",
  "entities",
  "conflicts",
  "setAside",
  "digest",
]

const manifestFromJson = (value: Json): Manifest => {
  if (!isObject(value) || value.format !== archiveFormat) {
    throw refuse(
      "archive",
      "not-an-archive",
      "The manifest is not that of a Lamplog archive.",
      manifestPath,
      "Name a .lamplog file.",
    )
  }
  const version = counted(value.version, 1, "version")
  if (version > archiveVersion) {
    throw refuse(
      "manifest",
      "archive-newer",
      `The archive has format version ${version}; this program reads ${archiveVersion}.`,
      manifestPath,
      "Upgrade Lamplog on this machine.",
    )
  }
  const object = objectWith(value, keys, ["extract"], "The manifest")
  const schema = objectWith(object.schema, ["name", "version"], [], "schema")
  if (!isIdentifier(object.project)) throw invalid("project is not a project id.")
  const manifest: Manifest = {
    format: archiveFormat,
    version,
    project: object.project,
    name: text(object.name, "name"),
    schema: {
      name: text(schema.name, "schema.name"),
      version: counted(schema.version, 1, "schema.version"),
    },
    frontier: frontierAt(object.frontier, "frontier"),
    prerequisites: frontierAt(object.prerequisites, "prerequisites"),
    ...(object.extract === undefined ? {} : { extract: extractFrom(object.extract) }),
    logs: arrayOf(object.logs, "logs", logFrom),
    members: arrayOf(object.members, "members", memberFrom),
    itemCounts: itemCountsFrom(object.itemCounts),
    events: counted(object.events, 0, "events"),
    entities: counted(object.entities, 0, "entities"),
    conflicts: counted(object.conflicts, 0, "conflicts"),
    setAside: counted(object.setAside, 0, "setAside"),
    digest: hashed(object.digest, "digest"),
  }
  checkExtract(manifest)
  checkMembers(manifest)
  checkFrontier(manifest)
  return manifest
}

/** Levels of nesting; what no manifest needs is refused before anything is built from it. */
const manifestDepthMax = 16

/** Reads the bytes of manifest.json. */
export const manifestFromBytes = (bytes: Uint8Array): Manifest => {
  let content: string
  try {
    content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refuse("manifest", "not-utf8", "The manifest is not UTF-8 text.", manifestPath)
  }
  if (!content.endsWith("\n")) throw invalid("The manifest does not end with a line feed.")
  try {
    return manifestFromJson(jsonFromCanonical(content.slice(0, -1), manifestDepthMax))
  } catch (error) {
    if (!(error instanceof CanonicalError)) throw error
    throw refuse("manifest", error.code, `The manifest: ${error.message}.`, manifestPath)
  }
}
