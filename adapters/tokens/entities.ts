/**
 * Entities as a list: those that an earlier export noted whole, the order, and the last checks that
 * the engine can hold them.
 */
import { depthOf, equalJson } from "./equality.ts"
import {
  compareText,
  entitiesMax,
  fieldDepthMax,
  idLengthMax,
  isObject,
  TokenFileError,
  typeLengthMax,
  vendorKey,
  vendorVersion,
} from "./model.ts"
import type { ForeignEntity, Json, JsonObject } from "./model.ts"
import { vendorNotes } from "./node.ts"

const isName = (value: Json | undefined, lengthMax: number): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= lengthMax

/** The entities that stand whole in the notes of a file that Lamplog exported. */
export const listedEntities = (path: string, root: JsonObject): ReadonlyArray<ForeignEntity> => {
  const notes = vendorNotes(root)
  if (notes?.version !== undefined && notes.version > vendorVersion) {
    throw new TokenFileError({
      code: "version-newer",
      message: `the file was exported by a newer Lamplog (notes version ${notes.version})`,
      where: path,
      remedy: "upgrade Lamplog, or export with the version you have",
      stage: "schema",
    })
  }
  return (notes?.entities ?? []).map((entity, index) => {
    const { type, id, fields } = isObject(entity) ? entity : {}
    if (
      isName(type, typeLengthMax) &&
      !type.includes("/") &&
      isName(id, idLengthMax) &&
      isObject(fields)
    ) {
      return { type, id, fields }
    }
    throw new TokenFileError({
      code: "entity-invalid",
      message: `$extensions["${vendorKey}"].entities[${index}] is no { type, id, fields }`,
      where: path,
      remedy: "export the file again",
      stage: "schema",
    })
  })
}

const checkDepth = ({ id, fields }: ForeignEntity): void => {
  for (const [name, value] of Object.entries(fields)) {
    if (depthOf(value) <= fieldDepthMax) continue
    throw new TokenFileError({
      code: "too-deep",
      message: `${name} of ${id} is nested deeper than ${fieldDepthMax} levels`,
      where: id,
      remedy: "flatten this value",
    })
  }
}

/** By type, then id; each entity once. */
export const sortedEntities = (
  entities: ReadonlyArray<ForeignEntity>,
): ReadonlyArray<ForeignEntity> => {
  if (entities.length > entitiesMax) {
    throw new TokenFileError({
      code: "entities-many",
      message: `the files hold ${entities.length} entities; one import takes ${entitiesMax}`,
      where: `${entities.length} entities`,
      remedy: "import the files in several steps",
    })
  }
  const sorted = [...entities].sort(
    (left, right) => compareText(left.type, right.type) || compareText(left.id, right.id),
  )
  return sorted.filter((entity, index) => {
    checkDepth(entity)
    const before = sorted[index - 1]
    if (before === undefined || before.type !== entity.type || before.id !== entity.id) return true
    if (equalJson(before.fields, entity.fields)) return false
    throw new TokenFileError({
      code: "entity-twice",
      message: `${entity.type} ${entity.id} is described twice, and differently`,
      where: entity.id,
      remedy: "import the files one after the other",
    })
  })
}
