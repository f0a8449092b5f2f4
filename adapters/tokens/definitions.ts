/**
 * Everything that the files of an import define, by type and id, and what comes of it: tokens and
 * groups, each once, however many files and modes describe them.
 */
import { allAlike, coversEverything, groupFromLayers, tokenFromLayers } from "./combine.ts"
import { equalJson } from "./equality.ts"
import { fileModes } from "./file-modes.ts"
import type { Overlap } from "./file-modes.ts"
import { defaultMode } from "./model.ts"
import type { ForeignEntity, JsonObject } from "./model.ts"
import type { Problems } from "./problems.ts"
import type { Resolution } from "./resolver.ts"
import type { Definition } from "./walk.ts"

/** A definition; the mode is that of its file where the resolver does not say. */
interface Found {
  readonly definition: Definition
  readonly mode: string | undefined
}

/** Whether nothing of one definition is missing in the other. */
const keepsAll = (before: Found, after: Found): boolean =>
  Object.entries(before.definition.fields).every(([name, value]) =>
    equalJson(value, after.definition.fields[name]),
  )

/** Everything that is defined, by type and id. */
export class Definitions {
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

/** Tokens and groups; `modifiers` are the modes of a resolver that belong together. */
export const combined = (
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
