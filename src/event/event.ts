/**
 * One immutable change of one entity: a header that is kept for ever and a body that may be erased.
 *
 * The header names the body only by its salted hash, so the chain outlives the content. Both are
 * canonical JSON text, encoded once by the writer. `Header` and `Body` are readings of those texts;
 * what a newer writer added to them stays in the text and is passed on untouched.
 */
import { canonicalFromJson, compareText, isForbiddenKey, jsonFromCanonical } from "./canonical.ts"
import type { Json, JsonObject } from "./canonical.ts"
import { isHash, isIdentifier } from "./hash.ts"
import type { Reference } from "./stamp.ts"

export type Operation =
  | "put"
  | "patch"
  | "delete"
  | "resolve"
  | "continue"
  | "admit"
  | "retire"
  | "redact"

/** Type of the events about the project itself; never listed as an entity. */
export const controlType = "lamplog"

/** Body text, in bytes. */
export const bodyBytesMax = 1024 * 1024
/** Header text, in bytes: what a line holds beside its body. */
export const headerBytesMax = 64 * 1024 - 64
/** Entity type and id, in UTF-16 code units. */
export const typeLengthMax = 128
export const idLengthMax = 1024
/** Members of one transaction, and bytes of all their lines. */
export const transactionEventsMax = 100_000
export const transactionBytesMax = 256 * 1024 * 1024

export interface Transaction {
  /** Position in the transaction, from 0. */
  readonly index: number
  /** Number of members, at least 2: an event alone names no transaction. */
  readonly count: number
}

export interface Header {
  readonly node: string
  readonly seq: number
  readonly lamport: number
  readonly type: string
  readonly id: string
  readonly op: Operation
  /** Heads of this entity's history that the author had applied, sorted. */
  readonly parents: ReadonlyArray<Reference>
  /** The highest event the author had seen, when that is above prev and all parents. */
  readonly anchor?: Reference
  readonly transaction?: Transaction
  /** Salted hash of the body. */
  readonly body: string
}

/** Keys written to and taken from a `map` field. */
export interface MapDelta {
  readonly set?: JsonObject
  readonly remove?: ReadonlyArray<string>
}

/** Elements put into and taken from a `set` field. */
export interface SetDelta {
  readonly add?: ReadonlyArray<Json>
  readonly remove?: ReadonlyArray<Json>
}

/** What an `admit` says of the node it admits; the node itself is the event's id. */
export interface Admission {
  /** For people: whose node it is. */
  readonly name?: string
  /** In the founder's first event only: what the project's id was made of, beside the founder's key. */
  readonly nonce?: string
}

export interface Body {
  /** Version of the entity type's definition that the author wrote with. */
  readonly kind: number
  readonly actor: string
  /** Wall time for people to read (RFC 3339). Nothing compares it. */
  readonly at?: string
  readonly reason?: string
  /** A register's value, a map's `MapDelta` or a set's `SetDelta`, by field name. */
  readonly fields?: JsonObject
  /** Registers cleared. */
  readonly unset?: ReadonlyArray<string>
  /** Id of the conflict that this event settles. */
  readonly settles?: string
  /** `continue`: where the log that this one goes on from ended. */
  readonly continues?: Reference
  readonly admits?: Admission
  /**
   * `retire` of another node: the last event of it that counts; seq 0 (under `noEventHash`) when none
   * does. A node that retires itself names nothing: the event is its last.
   */
  readonly retires?: Reference
}

/** Stands where the hash of an event would, when a node is retired before its first. */
export const noEventHash = "0".repeat(64)

export type EventCode = "header-invalid" | "body-invalid" | "too-long"

/** An event whose text cannot be accepted; the sender is at fault, not the reader's age. */
export class EventError extends Error {
  readonly code: EventCode
  constructor(code: EventCode, message: string) {
    super(message)
    this.name = "EventError"
    this.code = code
  }
}

const invalid = (message: string): EventError => new EventError("header-invalid", message)

const referenceText = (reference: Reference): string =>
  `["${reference.node}",${reference.seq},"${reference.hash}"]`

/**
 * The canonical text of a header, keys in order, written without a walk: nodes, hashes and numbers
 * need no escaping, and type and id were checked when the change was accepted.
 */
export const headerText = (header: Header): string => {
  const anchor = header.anchor === undefined ? "" : `"anchor":${referenceText(header.anchor)},`
  const transaction =
    header.transaction === undefined
      ? ""
      : `"transaction":[${header.transaction.index},${header.transaction.count}],`
  return (
    `{${anchor}"body":"${header.body}","id":${JSON.stringify(header.id)},` +
    `"lamport":${header.lamport},"node":"${header.node}","op":"${header.op}",` +
    `"parents":[${header.parents.map(referenceText).join(",")}],"seq":${header.seq},` +
    `${transaction}"type":${JSON.stringify(header.type)}}`
  )
}

/** The canonical text of a body. Throws `CanonicalError` for values that have none. */
export const bodyText = (body: Body): string => canonicalFromJson(body as unknown as JsonObject)

const isCount = (value: unknown, least: number): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= least

const referenceFrom = (value: Json | undefined, what: string, least = 1): Reference => {
  if (!Array.isArray(value) || value.length !== 3) throw invalid(`${what} is not [node, seq, hash]`)
  const [node, seq, hash] = value as ReadonlyArray<unknown>
  if (!isIdentifier(node) || !isCount(seq, least) || !isHash(hash)) {
    throw invalid(`${what} is not [node, seq, hash]`)
  }
  return { node, seq, hash }
}

const operations: ReadonlySet<string> = new Set([
  "put",
  "patch",
  "delete",
  "resolve",
  "continue",
  "admit",
  "retire",
  "redact",
])

const controlOperations: ReadonlySet<string> = new Set(["continue", "admit", "retire", "redact"])

/** Whether a text may be an entity type or id: not empty, well-formed, without U+0000. */
export const isName = (value: unknown, lengthMax: number): value is string =>
  typeof value === "string" &&
  value.length > 0 &&
  value.length <= lengthMax &&
  value.isWellFormed() &&
  !value.includes("\u0000")

/** Whether a text may be an entity type: counts by type are canonical JSON, too. */
export const isTypeName = (value: unknown): value is string =>
  isName(value, typeLengthMax) && !value.includes("/") && !isForbiddenKey(value)

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

/** Whether a text takes more than so many bytes in UTF-8; counts only when it might. */
export const isLongerThan = (text: string, bytesMax: number): boolean =>
  text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax

/** Reads a header from its text. Throws `CanonicalError` or `EventError`. */
export const headerFromText = (text: string): Header => {
  if (isLongerThan(text, headerBytesMax)) {
    throw new EventError("too-long", `a header is longer than ${headerBytesMax} bytes`)
  }
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return headerFromJson(jsonFromCanonical(text))
  }
  // What holds only known keys is written again without a walk; equal bytes are canonical bytes.
  const header = headerFromJson(value)
  if (headerText(header) !== text) jsonFromCanonical(text)
  return header
}

const headerFromJson = (value: Json): Header => {
  if (!isObject(value)) throw invalid("the header is not an object")
  const { node, seq, lamport, type, id, op, parents, anchor, transaction, body } = value
  if (!isIdentifier(node)) throw invalid("node is not a node id")
  if (!isCount(seq, 1)) throw invalid("seq is not a whole number from 1")
  if (!isCount(lamport, 1)) throw invalid("lamport is not a whole number from 1")
  if (!isTypeName(type)) throw invalid("type is not a type name")
  if (!isName(id, idLengthMax)) throw invalid("id is not an entity id")
  if (typeof op !== "string") throw invalid("op is not a word")
  if (controlOperations.has(op) !== (type === controlType) && operations.has(op)) {
    throw invalid(`op ${op} does not go with type ${type}`)
  }
  if (!isHash(body)) throw invalid("body is not a hash")
  if (!Array.isArray(parents)) throw invalid("parents is not an array")
  const references = parents.map((parent) => referenceFrom(parent as Json, "a parent"))
  for (let index = 1; index < references.length; index++) {
    const before = references[index - 1]!
    const here = references[index]!
    const order =
      compareText(before.node, here.node) ||
      before.seq - here.seq ||
      compareText(before.hash, here.hash)
    if (order >= 0) throw invalid("parents are not sorted or name one event twice")
  }
  return {
    node,
    seq,
    lamport,
    type,
    id,
    op: op as Operation,
    parents: references,
    ...(anchor === undefined ? {} : { anchor: referenceFrom(anchor, "anchor") }),
    ...(transaction === undefined ? {} : { transaction: transactionFrom(transaction) }),
    body,
  }
}

const transactionFrom = (value: Json): Transaction => {
  if (!Array.isArray(value) || value.length !== 2)
    throw invalid("transaction is not [index, count]")
  const [index, count] = value as ReadonlyArray<unknown>
  if (!isCount(index, 0) || !isCount(count, 2) || index >= count || count > transactionEventsMax) {
    throw invalid("transaction is not [index, count]")
  }
  return { index, count }
}

const isTextList = (value: Json | undefined): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((item) => typeof item === "string")

const isAdmission = (value: Json): value is JsonObject & Admission =>
  isObject(value) &&
  (value.name === undefined || typeof value.name === "string") &&
  (value.nonce === undefined || typeof value.nonce === "string")

/** Reads a body from its text. Throws `CanonicalError` or `EventError`. */
export const bodyFromText = (text: string): Body => {
  if (isLongerThan(text, bodyBytesMax)) {
    throw new EventError("too-long", `a body is longer than ${bodyBytesMax} bytes`)
  }
  return bodyFromJson(jsonFromCanonical(text))
}

/** Reads a body that this replica encoded itself, whose text needs no second check. */
export const bodyFromOwnText = (text: string): Body => bodyFromJson(JSON.parse(text) as Json)

const bodyFromJson = (value: Json): Body => {
  const wrong = (message: string) => new EventError("body-invalid", message)
  if (!isObject(value)) throw wrong("the body is not an object")
  const { kind, actor, at, reason, fields, unset, settles, continues, admits, retires } = value
  if (!isCount(kind, 1)) throw wrong("kind is not a whole number from 1")
  if (typeof actor !== "string") throw wrong("actor is not text")
  if (at !== undefined && typeof at !== "string") throw wrong("at is not text")
  if (reason !== undefined && typeof reason !== "string") throw wrong("reason is not text")
  if (fields !== undefined && !isObject(fields)) throw wrong("fields is not an object")
  if (unset !== undefined && !isTextList(unset)) throw wrong("unset is not a list of names")
  if (settles !== undefined && typeof settles !== "string") throw wrong("settles is not text")
  if (admits !== undefined && !isAdmission(admits)) throw wrong("admits is not about a node")
  return {
    kind,
    actor,
    ...(at === undefined ? {} : { at }),
    ...(reason === undefined ? {} : { reason }),
    ...(fields === undefined ? {} : { fields }),
    ...(unset === undefined ? {} : { unset }),
    ...(settles === undefined ? {} : { settles }),
    ...(continues === undefined ? {} : { continues: referenceFrom(continues, "continues") }),
    ...(admits === undefined ? {} : { admits }),
    ...(retires === undefined ? {} : { retires: referenceFrom(retires, "retires", 0) }),
  }
}
