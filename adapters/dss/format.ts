/**
 * Export archives of the design system server that came before Lamplog: a zip, a folder, or the files
 * themselves.
 *
 * Accepted shape
 *  - `manifest.json`: an object with `schemaVersion` (a number, or a text such as "1.4.0"), and
 *    optionally `exportHash` (see `export-hash.ts`) and the date of the export. Without it nothing can
 *    be checked, which is a warning.
 *  - `tokens.json`, `components.json`, `themes.json`, `styles.json`, any of them: a list of items, or
 *    an object with such a list under `tokens` (…), `items` or `data`. Files may lie in a folder of the
 *    zip; each name occurs once.
 *  - An item is an object with an `id` (a text, or a whole number, which becomes its text), usually
 *    `created_at` and `updated_at`, and any other fields. Times are ISO 8601 (a blank may stand for the
 *    "T"; without a zone they are UTC) or seconds, milliseconds or microseconds since 1970.
 *
 * Items become entities `token/ID` and so on, ordered by the time they were last changed, then type,
 * then id; those without any time come first. The same files give the same document everywhere.
 */
import type {
  ForeignDocument,
  ForeignFile,
  ForeignFormat,
  ForeignProblem,
  Json,
  Stage,
} from "../../src/index.ts"
import { fieldsFrom } from "./fields.ts"
import { itemsFrom, listIn, typeByFile } from "./items.ts"
import type { Item } from "./items.ts"
import { isObject, manifestFrom } from "./manifest.ts"
import { parsedFile, textOf } from "./parse.ts"
import { refuse } from "./refuse.ts"
import { doubtsAbout, medianOf, timeOf } from "./times.ts"

/** Warnings told one by one, at most. */
const problemsMax = 1000

const manifestName = "manifest.json"

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1).toLowerCase()

const rootOf = (file: ForeignFile): Json | undefined => {
  try {
    return JSON.parse(textOf(file)) as Json
  } catch {
    return undefined
  }
}

/** An archive of this program has a manifest, too, and says so. */
const isManifest = (root: Json | undefined): boolean =>
  isObject(root) && Object.hasOwn(root, "schemaVersion") && root.format !== "lamplog-archive"

/** Whether a file looks like a list of items: in an object, it is empty or one of them has an id. */
const isList = (root: Json | undefined, type: string): boolean => {
  const list = root === undefined ? undefined : listIn(root, type)?.list
  if (list === undefined) return false
  const items = list.filter(isObject).filter((item) => Object.hasOwn(item, "id"))
  return Array.isArray(root) || list.length === 0 || items.length > 0
}

const detect = (file: ForeignFile): boolean => {
  const name = baseName(file.path)
  const type = typeByFile.get(name)
  if (type !== undefined) return isList(rootOf(file), type)
  return name === manifestName && isManifest(rootOf(file))
}

/** What is doubtful, beside the data; beyond the limit only counted. */
class Doubts {
  readonly #kept: Array<ForeignProblem> = []
  #more = 0

  add(stage: Stage, code: string, where: string, message: string): void {
    if (this.#kept.length >= problemsMax) this.#more += 1
    else this.#kept.push({ severity: "warning", stage, code, where, message })
  }

  list(): ReadonlyArray<ForeignProblem> {
    if (this.#more === 0) return this.#kept
    const message = `… and ${this.#more} warnings more`
    return [...this.#kept, { ...this.#kept.at(-1)!, code: "more-problems", message }]
  }
}

/** The files by the names that mean something; each name once. */
const filesByName = (
  files: ReadonlyArray<ForeignFile>,
  doubts: Doubts,
): ReadonlyMap<string, ForeignFile> => {
  const found = new Map<string, ForeignFile>()
  for (const file of files) {
    const name = baseName(file.path)
    const { path } = file
    if (name !== manifestName && !typeByFile.has(name)) {
      const message = `${path} is no part of such an export; it was left out`
      doubts.add("structure", "file-left-out", path, message)
      continue
    }
    const other = found.get(name)
    if (other !== undefined) {
      const message = `there is another ${name}: ${other.path}`
      throw refuse("structure", "file-twice", path, message, "Import one export at a time.")
    }
    found.set(name, file)
  }
  return found
}

const noteTimes = (
  items: ReadonlyArray<Item>,
  exported: number | undefined,
  doubts: Doubts,
): void => {
  const all = items.map(({ times }) => timeOf(times)).filter((time) => time !== undefined)
  const around = { exported, median: medianOf(all) }
  for (const { times, place, unreadable } of items) {
    for (const name of unreadable) {
      const message = `${place}: its ${name} is no time that can be read`
      doubts.add("schema", "time-unreadable", place, message)
    }
    if (timeOf(times) === undefined) {
      const message = `${place}: it says no time; it comes before all items that do`
      doubts.add("schema", "time-missing", place, message)
    }
    for (const doubt of doubtsAbout(times, around)) {
      doubts.add("schema", "time-implausible", place, `${place}: ${doubt}`)
    }
  }
}

const compareText = (left: string, right: string): number =>
  left < right ? -1 : left > right ? 1 : 0

/** The order in which items became what they are. */
const compareItems = (left: Item, right: Item): number =>
  (timeOf(left.times) ?? -Infinity) === (timeOf(right.times) ?? -Infinity)
    ? compareText(left.type, right.type) || compareText(left.id, right.id)
    : (timeOf(left.times) ?? -Infinity) - (timeOf(right.times) ?? -Infinity)

const read = (files: ReadonlyArray<ForeignFile>): ForeignDocument => {
  const doubts = new Doubts()
  const found = filesByName(files, doubts)
  const manifestFile = found.get(manifestName)
  const manifest = manifestFile === undefined ? undefined : manifestFrom(manifestFile)
  const items: Array<Item> = []
  const scope: Array<string> = []
  for (const [name, type] of typeByFile) {
    const file = found.get(name)
    if (file === undefined) continue
    scope.push(type)
    for (const item of itemsFrom(file.path, parsedFile(file), type)) items.push(item)
  }
  if (scope.length === 0) {
    throw refuse(
      "structure",
      "items-missing",
      manifestFile?.path ?? files[0]?.path ?? manifestName,
      `there is none of ${[...typeByFile.keys()].join(", ")}`,
      "Name the files of the export, its zip, or the folder that holds them.",
    )
  }
  if (manifest === undefined) {
    const message = "the export has no manifest.json; nothing tells whether it is whole"
    doubts.add("manifest", "manifest-missing", manifestName, message)
  }
  noteTimes(items, manifest?.exported, doubts)
  return {
    format: "dss",
    entities: items
      .sort(compareItems)
      .map(({ type, id, content }) => ({ type, id, fields: fieldsFrom(type, content) })),
    problems: doubts.list(),
    scope: scope.sort(),
    sequential: true,
    migrated: true,
    ...(manifest?.schemaVersion === undefined ? {} : { schemaVersion: manifest.schemaVersion }),
  }
}

/** Old export archives are read; nothing writes them any more. */
export const dss: ForeignFormat = { name: "dss", zipped: true, detect, read }
