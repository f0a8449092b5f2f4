/**
 * Which side of a conflict to keep, and why, for a person who has to decide. Only advice: nothing is
 * settled by it.
 */
import type { Json } from "../event/canonical.ts"
import { equalJson } from "../event/canonical.ts"
import { comparePositions, stampFrom } from "../event/stamp.ts"
import type { Candidate } from "../state/entity.ts"
import type { OpenConflict } from "../store/query.ts"
import { typeOf } from "../state/schema.ts"
import type { ProjectSchema } from "../state/schema.ts"
import type { ConflictedItem } from "./project.ts"
import { conflictPlace } from "./towards.ts"

/** The highest candidate that was held here before, and the highest that came in. */
export interface Sides {
  readonly local: Candidate | undefined
  readonly imported: Candidate | undefined
}

export const sidesOf = (
  conflict: OpenConflict,
  isHeld: (candidate: Candidate) => boolean,
): Sides => ({
  local: conflict.candidates.findLast(isHeld),
  imported: conflict.candidates.findLast((candidate) => !isHeld(candidate)),
})

const isBase = (conflict: OpenConflict, { value }: Candidate): boolean =>
  value === undefined || conflict.base === undefined
    ? value === conflict.base
    : equalJson(value, conflict.base)

/** References that one field or map key of a type would hold with a value. */
export type ReferenceCount = (conflict: OpenConflict, value: Json | undefined) => number

export const referenceCountIn =
  (schema: ProjectSchema): ReferenceCount =>
  (conflict, value) => {
    if (value === undefined || conflict.kind === "delete-edit") return 0
    const { field, key } = conflictPlace(conflict)
    const whole = key === undefined ? value : { [key]: value }
    return typeOf(schema, conflict.type)?.references?.({ [field]: whole }).length ?? 0
  }

const author = (candidate: Candidate): string => `${candidate.actor} (${stampFrom(candidate)})`

/** The side to keep and the reason, in one sentence. */
export const recommendationFor = (
  conflict: OpenConflict,
  { local, imported }: Sides,
  references: ReferenceCount,
): string => {
  if (local === undefined || imported === undefined) {
    return "decide between the candidates: all of them came from one side"
  }
  const keep = (candidate: Candidate, why: string): string =>
    `keep ${candidate === local ? "local" : "imported"}: ${why}`
  if (conflict.kind === "delete-edit") {
    const edit = local.op === "delete" ? imported : local
    if (edit.op !== "delete") {
      return keep(edit, `it is an edit by ${author(edit)}, and keeping it loses nothing`)
    }
  }
  const resolutions = [local, imported].filter(({ op }) => op === "resolve")
  if (resolutions.length === 1) {
    return keep(resolutions[0]!, `it is a resolution by ${author(resolutions[0]!)}`)
  }
  const changed = [local, imported].filter((candidate) => !isBase(conflict, candidate))
  if (changed.length === 1) {
    return keep(changed[0]!, "the other side has the value that both began with")
  }
  const refers = (candidate: Candidate): number => references(conflict, candidate.value)
  if (refers(local) > 0 !== refers(imported) > 0) {
    const referring = refers(local) > 0 ? local : imported
    return keep(referring, "it refers to another entity, whose changes it then follows")
  }
  const written = [local, imported].filter(({ value }) => value !== undefined)
  if (written.length === 1) return keep(written[0]!, "the other side only clears it")
  const later = comparePositions(local, imported) > 0 ? local : imported
  return keep(later, `it is the later one in order, by ${author(later)}`)
}

const shownValue = (candidate: Candidate | undefined): Json | undefined => candidate?.value

export const conflictedItem = (
  conflict: OpenConflict,
  isHeld: (candidate: Candidate) => boolean,
  references: ReferenceCount,
  outcome: ConflictedItem["outcome"] = "open",
): ConflictedItem => {
  const sides = sidesOf(conflict, isHeld)
  return {
    id: conflict.id,
    type: conflict.type,
    entity: conflict.entity,
    field: conflict.field,
    base: conflict.base,
    local: shownValue(sides.local),
    imported: shownValue(sides.imported),
    recommendation: recommendationFor(conflict, sides, references),
    outcome,
  }
}
