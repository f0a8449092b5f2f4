/**
 * From token files to the entities they describe, all files of an import at once.
 *
 * Files are read in the order of their paths, so that the order in which they were given, and the
 * machine, make no difference. The path of a file never becomes part of an identity; at most the part
 * in which files differ names a mode. Throws `TokenFileError` for what cannot be read as a whole;
 * everything else is a problem in the report.
 */
import { checkTokens } from "./check.ts"
import { combined, Definitions } from "./definitions.ts"
import { formatOf, isPlainMap } from "./detect.ts"
import { listedEntities, sortedEntities } from "./entities.ts"
import { compareText, TokenFileError } from "./model.ts"
import type { Json, JsonObject, TokenDocument, TokenFile, TokenFormat } from "./model.ts"
import { vendorNotes } from "./node.ts"
import { parsedFile } from "./parse.ts"
import type { ParsedFile } from "./parse.ts"
import { Problems } from "./problems.ts"
import { onlyResolver, Resolver } from "./resolver.ts"
import type { Resolution } from "./resolver.ts"
import { walkTokens } from "./walk.ts"

interface KnownFile extends ParsedFile {
  readonly root: JsonObject
  readonly format: TokenFormat
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
