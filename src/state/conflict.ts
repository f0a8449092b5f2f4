/**
 * Conflicts: which writes stand against each other, what they had in common, and who may settle it.
 *
 * A conflict is computed, never stored as a decision: its id is a hash over the writes that stand,
 * so a conflict that changed under one's eyes has another id.
 */
import type { Json, JsonObject } from "../event/canonical.ts"
import { comparePositions } from "../event/stamp.ts"
import type { Ancestry } from "./ancestry.ts"
import { conflictId, textOfSorted, wholeEntity } from "./entity.ts"
import type { Candidate, Conflict, HistoryEvent } from "./entity.ts"

/** One write of a register or map key; `undefined` clears it. */
export interface Write {
  readonly event: HistoryEvent
  readonly value: Json | undefined
}

const candidateFrom = (event: HistoryEvent, value: Json | undefined): Candidate => ({
  ...(value === undefined ? { absent: true as const } : {}),
  actor: event.actor,
  hash: event.hash,
  lamport: event.lamport,
  node: event.node,
  op: event.op,
  seq: event.seq,
  ...(value === undefined ? {} : { value }),
})

const earlierResolutions = (events: ReadonlyArray<HistoryEvent>) => {
  const resolutions = events.filter((event) => event.op === "resolve")
  return resolutions.length === 0
    ? {}
    : { afterResolutionBy: resolutions.map(({ actor, node, seq }) => ({ actor, node, seq })) }
}

const placeOf = (event: HistoryEvent) => ({ node: event.node, seq: event.seq })

/** The conflict on one register or map key; undefined when its standing writes agree. */
export const fieldConflict = (
  type: string,
  id: string,
  field: string,
  live: ReadonlyArray<Write>,
  all: ReadonlyArray<Write>,
  ancestry: Ancestry,
): Conflict | undefined => {
  if (live.length < 2) return undefined
  const textOf = (write: Write) => (write.value === undefined ? "" : textOfSorted(write.value))
  const first = textOf(live[0]!)
  if (live.every((write) => textOf(write) === first)) return undefined
  const seenByAll = (write: Write) =>
    live.every((standing) => ancestry.isAncestor(write.event.hash, standing.event.hash))
  const base = all.findLast(seenByAll)
  const events = live.map((write) => write.event)
  const hashes = events.map((event) => event.hash)
  return {
    ...earlierResolutions(events),
    ...(base?.value === undefined ? {} : { base: base.value }),
    candidates: live.map((write) => candidateFrom(write.event, write.value)),
    field,
    id: conflictId(type, id, field, hashes),
    kind: "field",
    winner: placeOf(events.at(-1)!),
  }
}

const isEdit = (event: HistoryEvent): boolean =>
  event.op === "put" || event.op === "patch" || event.op === "resolve"

/** What an edit wrote, for people to judge it by. */
const editValue = (event: HistoryEvent): Json => {
  const written: JsonObject = event.fields ?? {}
  return event.unset === undefined || event.unset.length === 0
    ? written
    : { ...written, unset: [...event.unset] }
}

/**
 * Those of which none of the others descends; given and returned in total order. Each of the
 * others is an ancestor of one of these.
 */
const newestOf = (
  events: ReadonlyArray<HistoryEvent>,
  ancestry: Ancestry,
): ReadonlyArray<HistoryEvent> => {
  let newest: Array<HistoryEvent> = []
  for (const event of events) {
    newest = newest.filter((earlier) => !ancestry.isAncestor(earlier.hash, event.hash))
    newest.push(event)
  }
  return newest
}

/**
 * The delete/edit conflict of a living entity, if one is open. Its candidates are the deletes that
 * nothing settled and the newest of the edits made beside them. `restarts` are the events that fold
 * as a `put`.
 */
export const deleteConflict = (
  type: string,
  id: string,
  applied: ReadonlyArray<HistoryEvent>,
  restarts: ReadonlySet<HistoryEvent>,
  ancestry: Ancestry,
): Conflict | undefined => {
  const deletes = applied.filter((event) => event.op === "delete")
  if (deletes.length === 0) return undefined
  const settlers = newestOf(
    applied.filter((event) => event.op !== "patch" || restarts.has(event)),
    ancestry,
  )
  const edits = applied.filter(isEdit)
  const openDeletes: Array<HistoryEvent> = []
  const openEdits = new Set<HistoryEvent>()
  for (const removal of deletes) {
    const after = settlers.filter((event) => ancestry.isAncestor(removal.hash, event.hash))
    const beside = edits.filter(
      (edit) =>
        ancestry.isConcurrent(removal.hash, edit.hash) &&
        !after.some((event) => ancestry.isAncestor(edit.hash, event.hash)),
    )
    if (beside.length > 0) openDeletes.push(removal)
    for (const edit of beside) openEdits.add(edit)
  }
  if (openDeletes.length === 0) return undefined
  const newest = newestOf([...openEdits].sort(comparePositions), ancestry)
  const involved = [...openDeletes, ...newest].sort(comparePositions)
  return {
    ...earlierResolutions(newest),
    candidates: involved.map((event) =>
      candidateFrom(event, event.op === "delete" ? undefined : editValue(event)),
    ),
    field: wholeEntity,
    id: conflictId(
      type,
      id,
      wholeEntity,
      involved.map((event) => event.hash),
    ),
    kind: "delete-edit",
    winner: placeOf(newest.at(-1)!),
  }
}
