/**
 * From token files to the entities they describe, all files of an import at once.
 *
 * Files are read in the order of their paths, so that the order in which they were given, and the
 * machine, make no difference. The path of a file never becomes part of an identity; at most the part
 * in which files differ names a mode. Throws `TokenFileError` for what cannot be read as a whole;
 * everything else is a problem in the report.
 */
import { checkTokens } from "./check.ts"
import { allAlike, coversEverything, groupFromLayers, tokenFromLayers } from "./combine.ts"
import { formatOf, isPlainMap } from "./detect.ts"
import { equalJson } from "./equality.ts"
import { listedEntities, sortedEntities } from "./entities.ts"
import { fileModes } from "./file-modes.ts"
import type { Overlap } from "./file-modes.ts"
import { compareText, defaultMode, TokenFileError } from "./model.ts"
import type {
  ForeignEntity,
  Json,
  JsonObject,
  TokenDocument,
  TokenFile,
  TokenFormat,
} from "./model.ts"
import { vendorNotes } from "./node.ts"
import { parsedFile } from "./parse.ts"
import type { ParsedFile } from "./parse.ts"
import { Problems } from "./problems.ts"
import { onlyResolver, Resolver } from "./resolver.ts"
import type { Resolution } from "./resolver.ts"
import { walkTokens } from "./walk.ts"
import type { Definition } from "./walk.ts"

interface KnownFile extends ParsedFile {
  readonly root: JsonObject
  readonly format: TokenFormat
}

/** A definition; the mode is that of its file where the resolver does not say. */
interface Found {
  readonly definition: Definition
  readonly mode: string | undefined
}

const noTokens = (path: string, what: string): TokenFileError =>
  new TokenFileError({
    code: "no-tokens",
    message: `${path} ${what}`,
    where: path,
    remedy:
      "name files with design tokens: DTCG ($value), Style Dictionary (value), Spectrum (sets) or a DTCG resolver",
    stage: "schema",
  })

const sortedFiles = (files: ReadonlyArray<TokenFile>): ReadonlyArray<TokenFile> => {
  const sorted = [...files].sort((left, right) => compareText(left.path, right.path))
  for (const [index, { path }] of sorted.entries()) {
    if (sorted[index + 1]?.path !== path) continue
    throw new TokenFileError({
      code: "file-twice",
      message: `${path} is named twice`,
      where: path,
      remedy: "name every file once",
    })
  }
  return sorted
}

/** Reads all files; a plain map beside token files is left out and reported. */
const knownFiles = (
  files: ReadonlyArray<TokenFile>,
  problems: Problems,
): ReadonlyArray<KnownFile> => {
  const known: Array<KnownFile> = []
  const maps: Array<string> = []
  for (const file of sortedFiles(files)) {
    const parsed = parsedFile(file)
    for (const problem of parsed.problems) problems.add(problem)
    const format = formatOf(parsed.root, parsed.path)
    if (format !== undefined) known.push({ ...parsed, root: parsed.root as JsonObject, format })
    else if (isPlainMap(parsed.root)) maps.push(parsed.path)
    else throw noTokens(parsed.path, "holds no design tokens in a known format")
  }
  if (known.length === 0) throw noTokens(maps[0] ?? "the list of files", "holds no design tokens")
  for (const path of maps) {
    problems.warn("structure", "not-a-token-file", path, "the file holds no tokens; it is left out")
  }
  return known
}

const resolutionOf = (
  files: ReadonlyArray<KnownFile>,
  problems: Problems,
): Resolution | undefined => {
  const path = onlyResolver(files.filter((file) => file.format === "resolver").map((f) => f.path))
  if (path === undefined) return undefined
  const roots = new Map<string, Json>(files.map((file) => [file.path, file.root]))
  const root = roots.get(path) as JsonObject
  roots.delete(path)
  return new Resolver(path, root, roots, problems).resolve()
}

/** Whether nothing of one definition is missing in the other. */
const keepsAll = (before: Found, after: Found): boolean =>
  Object.entries(before.definition.fields).every(([name, value]) =>
    equalJson(value, after.definition.fields[name]),
  )

/** Everything that is defined, by type and id. */
class Definitions {
  readonly byEntity = new Map<string, Array<Found>>()
  readonly tokensByFile = new Map<string, number>()
  readonly #lost: Array<{ readonly key: string; readonly found: Found; readonly by: Found }> = []

  add(definition: Definition, mode: string | undefined): void {
    const key = `${definition.type}\u0000${definition.id}`
    const found: Found = { definition, mode }
    const known = this.byEntity.get(key)
    if (definition.type === "token") {
      const count = this.tokensByFile.get(definition.file) ?? 0
      this.tokensByFile.set(definition.file, count + 1)
    }
    if (known === undefined) this.byEntity.set(key, [found])
    else {
      // In one mode of a resolver the later definition wins; groups are merged.
      const at = mode === undefined ? -1 : known.findIndex((other) => other.mode === mode)
      if (at === -1) known.push(found)
      else {
        const before = known[at]!
        const fields = { ...before.definition.fields, ...definition.fields }
        known[at] =
          definition.type === "token" ? found : { definition: { ...definition, fields }, mode }
        if (!keepsAll(before, known[at]!)) this.#lost.push({ key, found: before, by: found })
      }
    }
  }

  /** Overridden definitions that no other mode has kept. */
  reportLost(problems: Problems): void {
    for (const { key, found, by } of this.#lost) {
      if (this.byEntity.get(key)!.some((one) => keepsAll(found, one))) continue
      const { id, file } = found.definition
      const message = `the definition in ${file} is overridden by the one in ${by.definition.file}, and left out`
      problems.warn("structure", "definition-overridden", id, message)
    }
  }

  /** Which files define the same entities differently. */
  overlaps(): ReadonlyArray<Overlap> {
    const overlaps = new Map<string, { files: ReadonlyArray<string>; count: number }>()
    for (const founds of this.byEntity.values()) {
      if (founds.length < 2 || founds[0]!.definition.type !== "token") continue
      const files = founds.map(({ definition }) => definition.file)
      const key = files.join("\u0000")
      const overlap = overlaps.get(key)
      if (overlap === undefined) overlaps.set(key, { files, count: 1 })
      else overlap.count++
    }
    return [...overlaps.values()]
  }
}

const definitionsOf = (
  files: ReadonlyArray<KnownFile>,
  resolution: Resolution | undefined,
  problems: Problems,
): Definitions => {
  const definitions = new Definitions()
  const formats = new Map(files.map((file) => [file.path, file.format]))
  const unheard = new Problems()
  const walked = new Set<JsonObject>()
  for (const { file, root, mode } of resolution?.overlays ?? []) {
    const format = formats.get(file) === "resolver" ? "dtcg" : formats.get(file)!
    // One file may hold for several modes; what is wrong with it is said once.
    const report = walked.has(root) ? unheard : problems
    walkTokens(root, { file, format }, report, (found) => definitions.add(found, mode))
    walked.add(root)
  }
  for (const { path, root, format } of files) {
    if (format === "resolver" || resolution?.filesUsed.has(path)) continue
    if (resolution !== undefined) {
      problems.warn("structure", "file-unlisted", path, "the resolver does not name this file")
    }
    walkTokens(root, { file: path, format }, problems, (found) => definitions.add(found, undefined))
  }
  return definitions
}

/** Tokens and groups, each once. */
const combined = (
  definitions: Definitions,
  modifiers: Resolution["modifiers"],
): ReadonlyArray<ForeignEntity> => {
  const modesOf = fileModes(definitions.overlaps(), definitions.tokensByFile)
  const entities: Array<ForeignEntity> = []
  for (const founds of definitions.byEntity.values()) {
    const { type, id, fields } = founds[0]!.definition
    const alone = founds.length === 1 && (founds[0]!.mode ?? defaultMode) === defaultMode
    entities.push({ type, id, fields: alone ? fields : fieldsOf(founds, modesOf, modifiers) })
  }
  return entities
}

const fieldsOf = (
  founds: ReadonlyArray<Found>,
  modesOf: ReturnType<typeof fileModes>,
  modifiers: Resolution["modifiers"],
): JsonObject => {
  const same = founds.map(({ definition, mode }) => ({ definition, mode: mode ?? defaultMode }))
  const { type, fields } = founds[0]!.definition
  if (allAlike(same) && (type === "group" || coversEverything(same, modifiers))) return fields
  const files = founds.filter(({ mode }) => mode === undefined).map((one) => one.definition.file)
  const names = files.length > 0 ? [...modesOf(files)] : []
  const layers = founds.map(({ definition, mode }) => ({
    definition,
    mode: mode ?? names.shift()!,
  }))
  return type === "token" ? tokenFromLayers(layers) : groupFromLayers(layers)
}

export const entitiesFromTokenFiles = (files: ReadonlyArray<TokenFile>): TokenDocument => {
  const problems = new Problems()
  const known = knownFiles(files, problems)
  const resolution = resolutionOf(known, problems)
  const definitions = definitionsOf(known, resolution, problems)
  definitions.reportLost(problems)
  const tokens = combined(definitions, resolution?.modifiers ?? [])
  const listed = known.flatMap(({ path, root }) => listedEntities(path, root))
  const entities = sortedEntities([...tokens, ...(resolution?.themes ?? []), ...listed])
  const noted = known.some(({ root }) => vendorNotes(root)?.version !== undefined)
  if (tokens.length === 0 && listed.length === 0 && !noted) {
    throw noTokens(known[0]!.path, "and the files it names hold no design tokens")
  }
  const dtcg = new Set<string>()
  for (const founds of definitions.byEntity.values()) {
    const { type, id, format } = founds[0]!.definition
    if (type === "token" && format === "dtcg") dtcg.add(id)
  }
  checkTokens(entities, (id) => dtcg.has(id), problems)
  const types = ["token", "group", ...(resolution === undefined ? [] : ["theme"])]
  const scope = new Set([...types, ...listed.map(({ type }) => type)])
  return {
    format: [...new Set(known.map(({ format }) => format))].sort(compareText).join("+"),
    entities,
    problems: problems.list(),
    scope: [...scope].sort(compareText),
  }
}
