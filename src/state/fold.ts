/**
 * The meaning of an entity's events: fields, deletion, conflicts. A function of the set of events.
 *
 * Rules
 *  - A write is superseded by a write of the same field (or map key) that had seen it, and by a
 *    `put`, or a `patch` all of whose parents are deletes, that had seen it.
 *  - A field's value is the highest write in order among those not superseded.
 *  - Two or more of those with different values are a conflict. Equal values are none.
 *  - An entity is deleted if and only if all its heads are deletes. A delete clears nothing itself.
 *  - A change of a whole map or set, which only events of older versions are read as (`upcast.ts`),
 *    takes out every key and element that its author had seen, and puts in its own.
 *  - A delete and a concurrent edit are a conflict while the entity lives and no put, delete or
 *    resolve had seen both.
 */
import { compareBytes, compareText, pointerStep } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { comparePositions } from "../event/stamp.ts"
import { Ancestry } from "./ancestry.ts"
import { deleteConflict, fieldConflict } from "./conflict.ts"
import type { Write } from "./conflict.ts"
import { sortedObject, textOfSorted } from "./entity.ts"
import type { Conflict, EntityState, HistoryEvent } from "./entity.ts"
import { mergeKindOf } from "./schema.ts"
import type { MergeKind, TypeDefinition } from "./schema.ts"
import { isWhole, upcastEvent } from "./upcast.ts"

/** All writes of one register or map key: every one for `base`, and those that still stand. */
interface Track {
  readonly name: string
  readonly all: Array<Write>
  live: Array<Write>
}

interface Element {
  readonly value: Json
  adds: Array<HistoryEvent>
}

class Tracks {
  readonly registers = new Map<string, Track>()
  readonly maps = new Map<string, Map<string, Track>>()
  readonly sets = new Map<string, Map<string, Element>>()
  readonly ancestry = new Ancestry()

  #survives(earlier: HistoryEvent, event: HistoryEvent): boolean {
    return !this.ancestry.isAncestor(earlier.hash, event.hash)
  }

  /** Whether an event's author knew a key: someone before it had written it. */
  #isSeen(track: Track, event: HistoryEvent): boolean {
    return track.all.some((before) => !this.#survives(before.event, event))
  }

  #write(track: Track, event: HistoryEvent, value: Json | undefined): void {
    const write: Write = { event, value }
    // An event writes a register once: a value beside a clearing of the same register counts.
    if (track.all.at(-1)?.event === event) {
      track.all.pop()
      track.live.pop()
    }
    track.live = track.live.filter((before) => this.#survives(before.event, event))
    track.live.push(write)
    track.all.push(write)
  }

  /** What a put does to everything its author had seen. */
  restart(event: HistoryEvent): void {
    const clear = (track: Track) => {
      track.live = track.live.filter((before) => this.#survives(before.event, event))
    }
    for (const track of this.registers.values()) clear(track)
    for (const keys of this.maps.values()) for (const track of keys.values()) clear(track)
    for (const elements of this.sets.values()) {
      for (const element of elements.values()) {
        element.adds = element.adds.filter((add) => this.#survives(add, event))
      }
    }
  }

  register(field: string, event: HistoryEvent, value: Json | undefined): void {
    let track = this.registers.get(field)
    if (track === undefined)
      this.registers.set(field, (track = { name: pointerStep(field), all: [], live: [] }))
    this.#write(track, event, value)
  }

  map(field: string, event: HistoryEvent, delta: JsonObject): void {
    let keys = this.maps.get(field)
    if (keys === undefined) this.maps.set(field, (keys = new Map()))
    const write = (key: string, value: Json | undefined) => {
      let track = keys.get(key)
      const name = `${pointerStep(field)}/${pointerStep(key)}`
      if (track === undefined) keys.set(key, (track = { name, all: [], live: [] }))
      this.#write(track, event, value)
    }
    const set = (delta.set ?? {}) as JsonObject
    if (isWhole(delta)) {
      for (const [key, track] of keys) {
        if (!Object.hasOwn(set, key) && this.#isSeen(track, event)) write(key, undefined)
      }
    }
    for (const key of (delta.remove ?? []) as ReadonlyArray<string>) {
      if (!Object.hasOwn(set, key)) write(key, undefined)
    }
    for (const [key, value] of Object.entries(set)) write(key, value)
  }

  set(field: string, event: HistoryEvent, delta: JsonObject): void {
    let elements = this.sets.get(field)
    if (elements === undefined) this.sets.set(field, (elements = new Map()))
    if (isWhole(delta)) {
      for (const element of elements.values()) {
        element.adds = element.adds.filter((add) => this.#survives(add, event))
      }
    }
    for (const value of (delta.remove ?? []) as ReadonlyArray<Json>) {
      const element = elements.get(textOfSorted(value))
      if (element) element.adds = element.adds.filter((add) => this.#survives(add, event))
    }
    for (const value of (delta.add ?? []) as ReadonlyArray<Json>) {
      const text = textOfSorted(value)
      let element = elements.get(text)
      if (element === undefined) elements.set(text, (element = { value, adds: [] }))
      element.adds.push(event)
    }
  }
}

const writeFields = (tracks: Tracks, event: HistoryEvent, kind: (f: string) => MergeKind): void => {
  for (const field of event.unset ?? []) tracks.register(field, event, undefined)
  for (const [field, value] of Object.entries(event.fields ?? {})) {
    const mergeKind = kind(field)
    if (mergeKind === "register") tracks.register(field, event, value)
    else if (mergeKind === "map") tracks.map(field, event, value as JsonObject)
    else tracks.set(field, event, value as JsonObject)
  }
}

const valuesOf = (tracks: Tracks): JsonObject => {
  const fields: Array<readonly [string, Json]> = []
  const current = (track: Track): Json | undefined => track.live.at(-1)?.value
  for (const [field, track] of tracks.registers) {
    const value = current(track)
    if (value !== undefined) fields.push([field, value])
  }
  for (const [field, keys] of tracks.maps) {
    const entries: Array<readonly [string, Json]> = []
    for (const [key, track] of keys) {
      const value = current(track)
      if (value !== undefined) entries.push([key, value])
    }
    if (entries.length > 0) fields.push([field, sortedObject(entries)])
  }
  for (const [field, elements] of tracks.sets) {
    const present = [...elements].filter(([, element]) => element.adds.length > 0)
    present.sort((left, right) => compareBytes(left[0], right[0]))
    if (present.length > 0) fields.push([field, present.map(([, element]) => element.value)])
  }
  return sortedObject(fields)
}

/**
 * Folds all events of one entity; undefined when none of them is applied. The order in which the
 * events are given makes no difference.
 */
export const foldEntity = (
  type: string,
  id: string,
  definition: TypeDefinition,
  events: ReadonlyArray<HistoryEvent>,
): EntityState | undefined => {
  const history = events.map((event) => upcastEvent(definition, event)).sort(comparePositions)
  const tracks = new Tracks()
  const operations = new Map(history.map((event) => [event.hash, event.op]))
  const applied: Array<HistoryEvent> = []
  const puts = new Set<HistoryEvent>()
  let heads: Array<HistoryEvent> = []
  for (const event of history) {
    tracks.ancestry.add(event)
    if (!event.applied) continue
    applied.push(event)
    heads = heads.filter((head) => !tracks.ancestry.isAncestor(head.hash, event.hash))
    heads.push(event)
    if (event.op === "delete") continue
    const restarts =
      event.op === "patch" &&
      event.parents.length > 0 &&
      event.parents.every((parent) => operations.get(parent.hash) === "delete")
    if (event.op === "put" || restarts) {
      tracks.restart(event)
      puts.add(event)
    }
    writeFields(tracks, event, (field) => mergeKindOf(definition, field))
  }
  if (applied.length === 0) return undefined
  const deleted = heads.every((head) => head.op === "delete")
  const conflicts: Array<Conflict> = []
  if (!deleted) {
    const add = (conflict: Conflict | undefined) => conflict && conflicts.push(conflict)
    add(deleteConflict(type, id, applied, puts, tracks.ancestry))
    const single = [...tracks.registers.values()]
    const keyed = [...tracks.maps.values()].flatMap((keys) => [...keys.values()])
    for (const track of [...single, ...keyed]) {
      add(fieldConflict(type, id, track.name, track.live, track.all, tracks.ancestry))
    }
    conflicts.sort((left, right) => compareText(left.field, right.field))
  }
  const positions = heads.map(({ node, seq, lamport, hash }) => ({ node, seq, lamport, hash }))
  return { fields: valuesOf(tracks), deleted, heads: positions, conflicts }
}
