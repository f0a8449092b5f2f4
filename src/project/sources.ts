/**
 * What the user named, as something to take in: archives, and foreign files by format.
 *
 * A zip is an archive, unless it holds files of a format that travels so; what is encrypted is an
 * archive. A folder stands for the token files in it. What no format knows is refused by name, never taken
 * for a file without entities; only beside files that are known does a folder leave such files out.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs"
import { basename, join } from "node:path"
import type * as Effect from "effect/Effect"
import { limitsDefault } from "../archive/limits.ts"
import type { ArchiveLimits } from "../archive/limits.ts"
import { work } from "../archive/work.ts"
import { LamplogError } from "../event/failure.ts"
import { fileFailure } from "./file-failure.ts"
import { foreignBytesMax, foreignFileName, formatNamed } from "./foreign.ts"
import type { ForeignSource } from "./foreign.ts"
import type { ForeignFile, ForeignFormat } from "./format.ts"
import type { ImportProblem } from "./project.ts"
import { zippedSource } from "./zipped.ts"

/** The word for archives in `--format`. */
export const archiveFormatName = "lamplog"

/** Files that folders stand for, at most. */
const folderFilesMax = 10_000

export interface Sources {
  readonly archives: ReadonlyArray<string>
  readonly foreign: ReadonlyArray<ForeignSource>
  readonly warnings: ReadonlyArray<ImportProblem>
}

interface Named {
  readonly path: string
  /** Found in a folder, not named by the user. */
  readonly found: boolean
}

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ stage: "structure", code, message, remedy, where })

const filesIn = (folder: string): ReadonlyArray<string> => {
  const files: Array<string> = []
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.name.startsWith(".") || entry.name === "node_modules") continue
      const path = join(directory, entry.name)
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile() && foreignFileName.test(entry.name)) files.push(path)
      if (files.length > folderFilesMax) {
        throw refuse(
          "too-many-files",
          `${folder} holds more than ${folderFilesMax} files.`,
          "Name the folder that holds the token files.",
          folder,
        )
      }
    }
  }
  visit(folder)
  if (files.length === 0) {
    throw refuse(
      "folder-empty",
      `The folder ${folder} holds no .json, .json5 or .tokens file.`,
      "Name a file, or a folder with such files.",
      folder,
    )
  }
  return files.sort()
}

const expanded = (paths: ReadonlyArray<string>): ReadonlyArray<Named> =>
  paths.flatMap((path): ReadonlyArray<Named> => {
    try {
      const stat = statSync(path)
      if (stat.isDirectory()) return filesIn(path).map((file) => ({ path: file, found: true }))
      if (stat.isFile()) return [{ path, found: false }]
    } catch (error) {
      throw fileFailure(error, path)
    }
    throw refuse(
      "not-a-file",
      `${path} is neither a file nor a folder.`,
      "Save it as a file first: it has to be read twice.",
      path,
    )
  })

const zipStart = "PK"
/** An encrypted archive begins so, in binary or as text. */
const encryptedStarts = ["age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----"]
const startBytes = 40

/** The kind of file, by its first bytes, which no text format shares with the others. */
const kindOf = (path: string): "zip" | "encrypted" | "text" => {
  try {
    const file = openSync(path, "r")
    try {
      const bytes = Buffer.alloc(startBytes)
      const start = bytes.toString("latin1", 0, readSync(file, bytes, 0, startBytes, 0))
      if (start.startsWith(zipStart)) return "zip"
      return encryptedStarts.some((begin) => start.startsWith(begin)) ? "encrypted" : "text"
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw fileFailure(error, path)
  }
}

/** Reads text files; refuses what is no text, and more of it than fits into memory. */
const readTexts = (named: ReadonlyArray<Named>): ReadonlyArray<ForeignFile> => {
  let bytes = 0
  return named.map(({ path }) => {
    try {
      bytes += statSync(path).size
      if (bytes > foreignBytesMax) {
        throw refuse(
          "files-too-large",
          `The files to import are larger than ${foreignBytesMax} bytes together.`,
          "Import them in parts.",
          path,
        )
      }
      const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path))
      return { path: path.replaceAll("\\", "/"), text }
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
        throw refuse(
          "not-text",
          `${path} is neither an archive nor text in UTF-8.`,
          "Give a .lamplog archive, or token files in UTF-8.",
          path,
        )
      }
      throw fileFailure(error, path)
    }
  })
}

const unknownShape = (path: string, formats: ReadonlyArray<ForeignFormat>): LamplogError =>
  new LamplogError({
    stage: "schema",
    code: "format-undetected",
    message: `${basename(path)} is in no format that is known here.`,
    remedy:
      formats.length === 0
        ? "Give a .lamplog archive."
        : `Give a .lamplog archive, or files of ${formats.map(({ name }) => name).join(", ")}.`,
    where: path,
  })

/** Sorts text files by what is in them. */
const detected = (
  named: ReadonlyArray<Named>,
  formats: ReadonlyArray<ForeignFormat>,
): Pick<Sources, "foreign" | "warnings"> => {
  const files = new Map<ForeignFormat, Array<ForeignFile>>()
  const unknown: Array<ForeignFile & { readonly found: boolean }> = []
  for (const [index, file] of readTexts(named).entries()) {
    const format = formats.find((known) => known.detect(file))
    if (format === undefined) unknown.push({ ...file, found: named[index]!.found })
    else files.set(format, [...(files.get(format) ?? []), file])
  }
  const warnings: Array<ImportProblem> = []
  const only = files.size === 1 ? [...files.values()][0]! : undefined
  for (const { found, ...file } of unknown) {
    // The one format of all the others may know what this file is to them; or it refuses it.
    if (!found && only !== undefined) only.push(file)
    else if (files.size === 0 || !found) throw unknownShape(file.path, formats)
    else {
      const message = `${file.path} is in no format that is known here; it was left out.`
      warnings.push({ stage: "schema", code: "file-left-out", message, where: file.path })
    }
  }
  return { foreign: [...files].map(([format, list]) => ({ format, files: list })), warnings }
}

/** What binary files are: archives, or foreign files in a zip. */
const unpacked = async (
  named: ReadonlyArray<Named>,
  formats: ReadonlyArray<ForeignFormat>,
  limits: ArchiveLimits,
  chosen: boolean,
): Promise<{
  readonly archives: ReadonlyArray<string>
  readonly zipped: ReadonlyArray<ForeignSource>
  readonly texts: ReadonlyArray<Named>
}> => {
  const archives: Array<string> = []
  const zipped: Array<ForeignSource> = []
  const texts: Array<Named> = []
  const inZips = formats.filter((format) => format.zipped === true)
  for (const one of named) {
    const kind = kindOf(one.path)
    const source = kind === "zip" ? await zippedSource(one.path, inZips, limits, chosen) : undefined
    if (source !== undefined) zipped.push(source)
    else if (kind === "text" || (chosen && inZips.length === 0)) texts.push(one)
    else archives.push(one.path)
  }
  return { archives, zipped, texts }
}

/** Files of one format belong together, wherever they came from. */
const byFormat = (sources: ReadonlyArray<ForeignSource>): ReadonlyArray<ForeignSource> => {
  const files = new Map<ForeignFormat, ReadonlyArray<ForeignFile>>()
  for (const { format, files: more } of sources) {
    files.set(format, [...(files.get(format) ?? []), ...more])
  }
  return [...files].map(([format, list]) => ({ format, files: list }))
}

const findSources = async (
  paths: ReadonlyArray<string>,
  format: string,
  formats: ReadonlyArray<ForeignFormat>,
  limits: ArchiveLimits,
): Promise<Sources> => {
  if (paths.length === 0) {
    throw new LamplogError({
      code: "nothing-named",
      message: "No file is named.",
      remedy: "Name an archive or token files.",
    })
  }
  if (format === archiveFormatName) return { archives: paths, foreign: [], warnings: [] }
  const chosen =
    format === "auto" ? undefined : formatNamed(formats, format, ["auto", archiveFormatName])
  const known = chosen === undefined ? formats : [chosen]
  const named = expanded(paths)
  const { archives, zipped, texts } = await unpacked(named, known, limits, chosen !== undefined)
  if (archives.length > 0 && texts.length + zipped.length > 0) {
    throw refuse(
      "formats-mixed",
      "Archives and other files cannot be imported in one go.",
      "Import the archives first, then the others.",
      archives[0]!,
    )
  }
  if (texts.length === 0) return { archives, foreign: byFormat(zipped), warnings: [] }
  const { foreign, warnings } =
    chosen === undefined
      ? detected(texts, formats)
      : { foreign: [{ format: chosen, files: readTexts(texts) }], warnings: [] }
  return { archives, foreign: byFormat([...zipped, ...foreign]), warnings }
}

/** Looks at everything the user named. `format` is "auto", "lamplog" or a foreign format's name. */
export const sourcesFrom = (
  paths: ReadonlyArray<string>,
  format: string,
  formats: ReadonlyArray<ForeignFormat>,
  limits: ArchiveLimits = limitsDefault,
): Effect.Effect<Sources, LamplogError> =>
  work(paths[0] ?? "", () => findSources(paths, format, formats, limits))
