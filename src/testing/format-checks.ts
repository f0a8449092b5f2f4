/**
 * What every foreign format has to do, as checks that any test runner can run:
 *
 *     for (const { name, run } of formatChecks(format, samples)) it(name, run)
 *
 * A stranger's adapter is judged by the same checks as ours.
 */
import { deepStrictEqual, fail, ok, strictEqual } from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { canonicalFromJson, compareText } from "../event/canonical.ts"
import type { JsonObject } from "../event/canonical.ts"
import { idLengthMax, isName, typeLengthMax } from "../event/event.ts"
import type {
  ForeignDocument,
  ForeignEntity,
  ForeignFile,
  ForeignFormat,
} from "../project/format.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { temporaryProject } from "./temporary.ts"

/** Files that are read together, and how many entities are in them. */
export interface FormatSample {
  readonly name: string
  readonly files: ReadonlyArray<ForeignFile>
  readonly entities: number
}

export interface Check {
  /** A sentence about behaviour. */
  readonly name: string
  readonly run: () => void | Promise<void>
}

export interface FormatCheckOptions {
  /** The schema that the entities belong to; `design-system` unless given. */
  readonly schema?: string
  readonly schemas?: SchemaRegistry
}

/** What no format may take for its own. */
const strangers: ReadonlyArray<ForeignFile> = [
  { path: "empty.json", text: "{}" },
  { path: "list.json", text: "[]" },
  { path: "package.json", text: '{"name":"x","version":"1.0.0","dependencies":{}}' },
  { path: "notes.txt", text: "just words" },
]

const sorted = (entities: ReadonlyArray<ForeignEntity>): ReadonlyArray<ForeignEntity> =>
  entities.toSorted(
    (left, right) => compareText(left.type, right.type) || compareText(left.id, right.id),
  )

const textOf = (entities: ReadonlyArray<ForeignEntity>): ReadonlyArray<string> =>
  sorted(entities).map(({ type, id, fields }) => canonicalFromJson({ type, id, fields }))

const checkEntities = ({ entities, scope }: ForeignDocument): void => {
  const names = new Set<string>()
  for (const { type, id, fields } of entities) {
    const name = `${type}/${id}`
    ok(isName(type, typeLengthMax) && !type.includes("/"), `"${type}" is no type`)
    ok(isName(id, idLengthMax), `"${id}" is no id`)
    ok(!names.has(name), `${name} is there twice`)
    ok(scope.includes(type), `${type} is not in the scope of the document`)
    names.add(name)
    // A map's value stands two levels deeper in an event than in its field.
    canonicalFromJson({ fields: { set: fields as JsonObject } })
  }
}

const checkRefusal = (format: ForeignFormat, file: ForeignFile): void => {
  try {
    format.read([file])
  } catch (error) {
    const { code, message, remedy } = error as { [key: string]: unknown }
    for (const [what, value] of Object.entries({ code, message, remedy })) {
      ok(typeof value === "string" && value !== "", `the refusal of ${file.path} has no ${what}`)
    }
    return
  }
  fail(`${file.path} was read`)
}

/** Imports the sample as files, twice: all of it, then nothing more. */
const importTwice = async (
  format: ForeignFormat,
  sample: FormatSample,
  options: FormatCheckOptions,
): Promise<void> => {
  const { folder, project, remove } = await temporaryProject({ ...options, formats: [format] })
  try {
    const paths = sample.files.map(({ path, text }) => {
      const place = join(folder, "files", path)
      mkdirSync(dirname(place), { recursive: true })
      writeFileSync(place, text)
      return place
    })
    const how = { actor: "check", format: format.name }
    const first = await project.importProject(paths, how)
    strictEqual(first.events, sample.entities, "events of the first import")
    deepStrictEqual(await project.diff(join(folder, "files")), [], "differences after it")
    const second = await project.importProject(paths, how)
    strictEqual(second.events, 0, "events of the second import")
  } finally {
    await remove()
  }
}

const checkWriting = (format: ForeignFormat, { name, files }: FormatSample): void => {
  if (format.write === undefined) return
  const { entities } = format.read(files)
  const text = format.write(entities)
  strictEqual(format.write(entities.toReversed()), text, "the order of entities changes the file")
  const file = { path: `${name.replaceAll(/\W+/g, "-")}.json`, text }
  ok(format.detect(file), "the written file is not detected")
  deepStrictEqual(textOf(format.read([file]).entities), textOf(entities))
}

const checksOf = (
  format: ForeignFormat,
  sample: FormatSample,
  options: FormatCheckOptions,
): ReadonlyArray<Check> => [
  {
    name: `${sample.name}: every file is detected`,
    run: () => {
      for (const file of sample.files) ok(format.detect(file), file.path)
    },
  },
  {
    name: `${sample.name}: all entities are read, each once, of types in scope`,
    run: () => {
      const document = format.read(sample.files)
      strictEqual(document.entities.length, sample.entities)
      checkEntities(document)
    },
  },
  {
    name: `${sample.name}: neither the order of files nor an earlier reading makes a difference`,
    run: () => {
      const first = format.read(sample.files)
      const second = format.read(sample.files.toReversed())
      deepStrictEqual(textOf(second.entities), textOf(first.entities))
      deepStrictEqual([...second.scope].sort(), [...first.scope].sort())
    },
  },
  {
    name: `${sample.name}: what is written is read as the same entities, in whatever order`,
    run: () => checkWriting(format, sample),
  },
  {
    name: `${sample.name}: a second import writes nothing`,
    run: () => importTwice(format, sample, options),
  },
]

/** All checks of a format, over samples whose files are named by relative paths. */
export const formatChecks = (
  format: ForeignFormat,
  samples: ReadonlyArray<FormatSample>,
  options: FormatCheckOptions = {},
): ReadonlyArray<Check> => [
  {
    name: "other people's files are not taken for its own",
    run: () => {
      for (const file of strangers) ok(!format.detect(file), file.path)
    },
  },
  {
    name: "what it cannot read is refused with code, message and remedy",
    run: () => {
      for (const file of strangers) checkRefusal(format, file)
    },
  },
  ...samples.flatMap((sample) => checksOf(format, sample, options)),
]
