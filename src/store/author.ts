/**
 * Writing: from changes that people ask for to events in this replica's own log.
 *
 * A change of several entities is one transaction: consecutive seqs, one lamport over the parents of
 * all members. The body is encoded and hashed once; those bytes are what everyone will ever see.
 */
import { CanonicalError } from "../event/canonical.ts"
import {
  bodyBytesMax,
  bodyFromOwnText,
  bodyText,
  controlType,
  headerBytesMax,
  headerText,
  idLengthMax,
  isLongerThan,
  isName,
  isTypeName,
  transactionBytesMax,
  transactionEventsMax,
  typeLengthMax,
} from "../event/event.ts"
import type { Body, Header, Operation } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"
import { bodyHash, chainHash, genesisHash, saltsOf } from "../event/hash.ts"
import type { KeyPair } from "../event/hash.ts"
import { compareReferences } from "../event/stamp.ts"
import type { Reference } from "../event/stamp.ts"
import { nextLamport } from "../log/chain.ts"
import { planWrite } from "../state/change.ts"
import type { Change } from "../state/change.ts"
import { typeOf } from "../state/schema.ts"
import { requireWriter } from "./admission.ts"
import { continueDraft } from "./control.ts"
import type { ControlDraft } from "./control.ts"
import { rowOf, seqMax } from "./database.ts"
import { historyEvent } from "./projection.ts"
import { settleMembership } from "./reclassify.ts"
import type { Continuation, Replica } from "./replica.ts"

export interface Authorship {
  readonly actor: string
  readonly reason?: string | undefined
  /** Wall time to write into the events for people to read (RFC 3339). */
  readonly at?: string | undefined
}

export interface Written {
  /** Events written; 0 when the state was as asked already. */
  readonly events: number
  /** The replica's lamport afterwards. */
  readonly lamport: number
}

/**
 * Heads that an event names as parents, the highest in order: as many as fit into a header, or an
 * entity that enough people changed at once could never be changed again.
 */
const parentsNamedMax = 512

/** One event to write, its place in the log still open. */
export interface Draft {
  readonly type: string
  readonly id: string
  readonly op: Operation
  readonly parents: ReadonlyArray<Reference>
  readonly parentsLamport: number
  readonly body: Body
}

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ stage: "schema", code, message, remedy, where })

const checkNames = (type: string, id: string): void => {
  const where = `${type}/${id}`.slice(0, 200)
  const isType: boolean = isTypeName(type)
  const isId: boolean = isName(id, idLengthMax)
  if (!isType) {
    throw refuse(
      "type-name",
      `"${type.slice(0, 100)}" cannot be an entity type.`,
      `Use 1 to ${typeLengthMax} characters without "/", and no name that JavaScript reserves for objects.`,
      where,
    )
  }
  if (type === controlType) {
    throw refuse(
      "type-reserved",
      `The type "${controlType}" is reserved for the project's own events.`,
      "Choose another type.",
      where,
    )
  }
  if (!isId) {
    throw refuse(
      "id-name",
      `"${id.slice(0, 100)}" cannot be an entity id.`,
      `Use 1 to ${idLengthMax} well-formed characters, none of them U+0000.`,
      where,
    )
  }
}

/** Events that a long write writes, or plans, in one step. */
const stepEvents = 1000

/** Runs steps to their end at once. */
const ended = <A>(steps: Generator<number, A, void>): A => {
  for (;;) {
    const next = steps.next()
    if (next.done === true) return next.value
  }
}

/** Prepared once for each replica, used for every event it writes. */
export class Author {
  readonly #replica: Replica
  readonly #insert

  constructor(replica: Replica) {
    this.#replica = replica
    this.#insert = replica.sqlite.prepare(
      "INSERT INTO events (event, lamport, hash, entity, header, salt, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
  }

  /**
   * Writes changes as one atomic change; several changes of one entity become one event. All of it
   * is in the log when the surrounding transaction commits, none of it otherwise.
   */
  write(changes: ReadonlyArray<Change>, authorship: Authorship): Written {
    return this.#replica.transaction(() => ended(this.writeSteps(changes, authorship)))
  }

  /**
   * The same, a thousand events at a time, so that a long write can be followed and stopped; yields
   * the events written so far. The caller has opened the transaction, writes nothing else in between,
   * and rolls back when the steps do not come to their end.
   */
  *writeSteps(
    changes: ReadonlyArray<Change>,
    authorship: Authorship,
  ): Generator<number, Written, void> {
    const drafts = yield* this.#plan(changes, authorship)
    yield* this.#append(drafts, authorship)
    return { events: drafts.length, lamport: this.#replica.top()?.lamport ?? 0 }
  }

  /** Writes an event whose content the caller has decided: resolutions. */
  append(
    type: string,
    id: string,
    op: Operation,
    content: Pick<Body, "fields" | "unset" | "settles">,
    authorship: Authorship,
  ): Written {
    return this.#replica.transaction(() => {
      const draft = this.#draft(type, id, op, content, authorship)
      ended(this.#append([draft], authorship))
      return { events: 1, lamport: this.#replica.top()!.lamport }
    })
  }

  /**
   * Writes an event about the project itself. The founder's first is written before anybody is a
   * member; anything else by members alone. What it changes for others is done when it returns.
   */
  control(draft: ControlDraft): Written {
    return this.#replica.transaction(() => {
      const founding = draft.body.admits?.nonce !== undefined
      const before = this.#replica.members.current
      const { key, continues } = this.#replica.enter()
      if (!founding) requireWriter(this.#replica, continues !== undefined)
      ended(this.#write([draft], key, continues, draft.body))
      settleMembership(this.#replica, before, new Set([this.#replica.node]), true)
      return { events: 1, lamport: this.#replica.top()!.lamport }
    })
  }

  *#plan(
    changes: ReadonlyArray<Change>,
    authorship: Authorship,
  ): Generator<number, ReadonlyArray<Draft>, void> {
    const byEntity = new Map<string, Array<Change>>()
    for (const change of changes) {
      const key = `${change.type}/${change.id}`
      const group = byEntity.get(key)
      if (group === undefined) {
        checkNames(change.type, change.id)
        byEntity.set(key, [change])
      } else group.push(change)
    }
    const drafts: Array<Draft> = []
    let planned = 0
    for (const group of byEntity.values()) {
      if (++planned % stepEvents === 0) yield 0
      const { type, id } = group[0]!
      const definition = typeOf(this.#replica.schema, type)
      if (definition === undefined) {
        const known = Object.keys(this.#replica.schema.types).join(", ")
        throw refuse(
          "type-unknown",
          `The schema ${this.#replica.schema.name} has no type "${type}".`,
          `Use one of ${known}, or a project made with \`lamplog init --schema open\`.`,
          `${type}/${id}`,
        )
      }
      const state = this.#replica.projection.stateOf(type, id)
      const where = `${type}/${id}`
      const write = encoding(where, () => planWrite(definition, state, group, where))
      if (write === undefined) continue
      const reason = group.findLast((change) => change.reason !== undefined)?.reason
      const { op, ...content } = write
      drafts.push(
        this.#draft(
          type,
          id,
          op,
          content,
          reason === undefined ? authorship : { ...authorship, reason },
        ),
      )
    }
    return drafts
  }

  #draft(
    type: string,
    id: string,
    op: Operation,
    content: Pick<Body, "fields" | "unset" | "settles">,
    authorship: Authorship,
  ): Draft {
    const all = this.#replica.projection.stateOf(type, id)?.heads ?? []
    // The rest stays concurrent; the next writes take it in.
    const heads = all.length > parentsNamedMax ? all.slice(-parentsNamedMax) : all
    const { actor, at, reason } = authorship
    const { fields, unset, settles } = content
    return {
      type,
      id,
      op,
      parents: heads.length > 1 ? heads.toSorted(compareReferences) : heads,
      parentsLamport: heads.reduce((most, head) => Math.max(most, head.lamport), 0),
      body: {
        actor,
        ...(at === undefined ? {} : { at }),
        ...(fields === undefined ? {} : { fields }),
        kind: this.#replica.projection.definitionOf(type).version || 1,
        ...(reason === undefined ? {} : { reason }),
        ...(settles === undefined ? {} : { settles }),
        ...(unset === undefined ? {} : { unset }),
      },
    }
  }

  *#append(drafts: ReadonlyArray<Draft>, authorship: Authorship): Generator<number, void, void> {
    if (drafts.length === 0) return
    if (drafts.length > transactionEventsMax) {
      throw refuse(
        "transaction-too-large",
        `One atomic change of ${drafts.length} entities is more than the limit of ${transactionEventsMax}.`,
        "Split it, or use --no-atomic.",
        `transactionEventsMax = ${transactionEventsMax}`,
      )
    }
    const { key, continues } = this.#replica.enter()
    requireWriter(this.#replica, continues !== undefined)
    yield* this.#write(drafts, key, continues, authorship)
  }

  *#write(
    drafts: ReadonlyArray<Draft>,
    key: KeyPair,
    continues: Continuation | undefined,
    authorship: Authorship,
  ): Generator<number, void, void> {
    if (continues !== undefined)
      yield* this.#appendTransaction([continueDraft(continues, authorship)], key)
    yield* this.#appendTransaction(drafts, key)
  }

  *#appendTransaction(drafts: ReadonlyArray<Draft>, key: KeyPair): Generator<number, void, void> {
    const { lines, project, projection, node } = this.#replica
    const top = this.#replica.top()
    let line = this.#replica.ownLine()
    const previous = line?.headLamport ?? 0
    const parentsMax = drafts.reduce((most, draft) => Math.max(most, draft.parentsLamport), 0)
    const anchor =
      top !== undefined && top.lamport > Math.max(previous, parentsMax) ? top : undefined
    const lamport = nextLamport(
      anchor === undefined
        ? { previous, parentsMax }
        : { previous, parentsMax, anchor: anchor.lamport },
    )
    let seq = line?.headSeq ?? 0
    let hash = line?.headHash ?? genesisHash(project, key.publicKey)
    let bytes = 0
    const salts = saltsOf(key.seed, project, node)
    for (const [index, draft] of drafts.entries()) {
      if (index > 0 && index % stepEvents === 0) yield index
      seq += 1
      if (seq > seqMax) {
        throw refuse(
          "log-full",
          "This node's log is full.",
          "Clone the project as a new node.",
          node,
        )
      }
      const where = `${draft.type}/${draft.id}`
      const body = encodeBody(draft.body, where)
      const salt = salts(seq)
      const header: Header = {
        node,
        seq,
        lamport,
        type: draft.type,
        id: draft.id,
        op: draft.op,
        parents: draft.parents,
        ...(anchor === undefined || index > 0 ? {} : { anchor }),
        ...(drafts.length === 1 ? {} : { transaction: { index, count: drafts.length } }),
        body: bodyHash(salt, body),
      }
      const text = headerText(header)
      // As receivers count it: the line with its two tabs.
      bytes += text.length + salt.length + body.length + 2
      if (isLongerThan(text, headerBytesMax) || bytes > transactionBytesMax) {
        throw refuse(
          "too-long",
          `The change is longer than the limits of ${headerBytesMax} bytes a header and ${transactionBytesMax} bytes a transaction.`,
          "Split it into smaller changes.",
          where,
        )
      }
      hash = chainHash(hash, text)
      const control = draft.type === controlType
      const entry = control ? undefined : projection.entry(draft.type, draft.id)
      const entity = entry?.entity ?? 0
      if (line === undefined) {
        line = lines.begin(node, key.publicKey, undefined, { seq, hash, lamport })
      }
      this.#insert.run(rowOf(line.line, seq), lamport, hash, entity, text, salt, body)
      lines.advance(line, seq, hash, lamport)
      if (entry !== undefined) {
        entry.bytes += body.length
        projection.apply(entry, historyEvent(header, hash, bodyFromOwnText(body)))
      }
    }
  }
}

/** Tells in the author's terms why a value has no canonical text. */
const encoding = <A>(where: string, run: () => A): A => {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof CanonicalError)) throw error
    throw refuse(
      error.code,
      `${where}${error.where}: ${error.message}.`,
      "Give a value that every machine reads alike: finite numbers, whole strings, ordinary keys.",
      where + error.where,
    )
  }
}

const encodeBody = (body: Body, where: string): string => {
  const text = encoding(where, () => bodyText(body))
  if (isLongerThan(text, bodyBytesMax)) {
    throw refuse(
      "value-too-long",
      `The change of ${where} takes ${Buffer.byteLength(text)} bytes; the limit is ${bodyBytesMax}.`,
      "Keep large content as an asset, or split the entity.",
      where,
    )
  }
  return text
}
