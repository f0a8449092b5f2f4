/**
 * An entity as people see it, and the conflicts it carries.
 *
 * State is a fold over the *set* of the entity's events: `fold.ts` computes it from all of them,
 * `step.ts` advances it by an event that had seen everything, and both give the same bytes.
 */
import { canonicalFromJson, compareText, depthMax } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { sha256 } from "../event/hash.ts"
import type { Operation } from "../event/event.ts"
import type { Position, Reference } from "../event/stamp.ts"

/** One event of an entity's history, decoded. */
export interface HistoryEvent extends Position {
  readonly op: Operation
  readonly parents: ReadonlyArray<Reference>
  /** False for what this reader does not understand: it counts for ancestry only. */
  readonly applied: boolean
  readonly actor: string
  /** Version of the type that it was written with; the reader's own if missing. */
  readonly kind?: number | undefined
  readonly fields?: JsonObject | undefined
  readonly unset?: ReadonlyArray<string> | undefined
}

/** One of the writes that no other write supersedes. */
export interface Candidate {
  readonly node: string
  readonly seq: number
  readonly lamport: number
  readonly hash: string
  readonly actor: string
  readonly op: Operation
  /** The value written; missing when `absent`. */
  readonly value?: Json
  /** The write cleared the field, or deleted the entity. */
  readonly absent?: true
}

/** Someone's resolution that a later or concurrent edit stands against. */
export interface EarlierResolution {
  readonly node: string
  readonly seq: number
  readonly actor: string
}

export interface Conflict {
  /** 32 hexadecimal characters. */
  readonly id: string
  /** The register's name, `map/key` (JSON Pointer escaped), or "" for the entity as a whole. */
  readonly field: string
  readonly kind: "field" | "delete-edit"
  /** The value of the highest write that all candidates had seen; missing when there is none. */
  readonly base?: Json
  /** In total order, lowest first. */
  readonly candidates: ReadonlyArray<Candidate>
  /** The provisional winner: the candidate highest in order (the edit, beside a delete). */
  readonly winner: { readonly node: string; readonly seq: number }
  readonly afterResolutionBy?: ReadonlyArray<EarlierResolution>
}

export interface EntityState {
  readonly fields: JsonObject
  readonly deleted: boolean
  /** Applied events that no other applied event had seen, in total order. */
  readonly heads: ReadonlyArray<Position>
  readonly conflicts: ReadonlyArray<Conflict>
}

/**
 * Deepest nesting of an entity's line, in levels. A value stands in a body's second level, and in the
 * sixth as the candidate of a conflict.
 */
export const entityDepthMax = depthMax + 4

/** The field name under which a delete/edit conflict is kept: it is about the whole entity. */
export const wholeEntity = ""

export const conflictId = (
  type: string,
  id: string,
  field: string,
  hashes: ReadonlyArray<string>,
): string =>
  sha256(
    `lamplog:conflict:1\n${canonicalFromJson([type, id, field, [...hashes].sort(compareText)])}`,
  ).slice(0, 32)

const integerLikeKey = /"\d+":/

/**
 * Canonical text of a value whose nested objects came out of canonical text and whose own keys are
 * sorted. Only integer-like keys, which the engine reorders, need the full walk.
 */
export const textOfSorted = (value: Json): string => {
  const text = JSON.stringify(value)
  return integerLikeKey.test(text) ? canonicalFromJson(value) : text
}

/** An object with its keys in canonical order. */
export const sortedObject = <A>(entries: Iterable<readonly [string, A]>): { [key: string]: A } =>
  Object.fromEntries([...entries].sort((left, right) => compareText(left[0], right[0])))

/**
 * The line that stands for an entity in snapshots and, hashed, in the digest.
 * `fields` and `conflicts` are canonical texts already.
 */
export const entityLine = (
  type: string,
  id: string,
  deleted: boolean,
  fields: string,
  conflicts: string,
): string =>
  `{"conflicts":${conflicts},"deleted":${deleted},"fields":${fields},"id":${JSON.stringify(id)},"type":${JSON.stringify(type)}}`
