/**
 * Logs of a project of members written by hand: by its founder, by members, by whoever has a key.
 *
 * A log's chain is true and its clock is right; who admits or retires whom is the test's business.
 */
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import {
  bodyHash,
  chainHash,
  genesisHash,
  keyPairFromSeed,
  nodeFromPublicKey,
  projectIdOf,
  sha256,
  signHead,
} from "../../src/event/hash.ts"
import type { KeyPair } from "../../src/event/hash.ts"
import type { Position, Reference } from "../../src/event/stamp.ts"
import { Receiver } from "../../src/store/receive.ts"
import type { Received } from "../../src/store/receive.ts"
import type { Replica } from "../../src/store/replica.ts"
import { segmentFrom } from "../../src/sync/segment.ts"
import type { Segment } from "../../src/sync/segment.ts"

export const nonce = "00112233445566778899aabbccddeeff"
export const founderName = "ana"

const keys = new Map<string, KeyPair>()

export const keyOf = (name: string): KeyPair => {
  const known = keys.get(name) ?? keyPairFromSeed(sha256(`member ${name}`))
  keys.set(name, known)
  return known
}
export const nodeOf = (name: string): string => nodeFromPublicKey(keyOf(name).publicKey)

/** The project that `founderName` founded. */
export const projectId = projectIdOf(keyOf(founderName).publicKey, nonce)

export interface Claim {
  readonly type?: string
  readonly id?: string
  readonly op?: string
  readonly parents?: ReadonlyArray<Position>
  readonly anchor?: Position
  readonly transaction?: readonly [index: number, count: number]
  /** The lamport of the first member, in any other. */
  readonly lamport?: number
  readonly body?: { readonly [key: string]: Json }
}

/** A run of a log's events as it travels. */
export interface Run {
  readonly node: string
  readonly publicKey: string
  readonly from: number
  readonly previous: string
  readonly lines: ReadonlyArray<string>
  readonly signature: string | undefined
}

const byReference = (left: Reference, right: Reference): number =>
  left.node !== right.node
    ? left.node < right.node
      ? -1
      : 1
    : left.seq - right.seq || (left.hash < right.hash ? -1 : 1)

export class MemberLog {
  readonly name: string
  readonly key: KeyPair
  readonly node: string
  readonly from: number
  readonly previous: string
  readonly lines: Array<string> = []
  readonly events: Array<Position> = []
  /** The last member of each transaction, by its place in `events`. */
  readonly ends: Array<number> = []
  readonly #lamportBefore: number

  /** A log from its first event, or a branch of another that begins after so many of its own. */
  constructor(name: string, after?: { readonly log: MemberLog; readonly events: number }) {
    this.name = name
    this.key = keyOf(name)
    this.node = nodeFromPublicKey(this.key.publicKey)
    this.from = after === undefined ? 1 : after.log.from + after.events
    const last = after?.log.events[after.events - 1]
    this.previous = last?.hash ?? after?.log.previous ?? genesisHash(projectId, this.key.publicKey)
    this.#lamportBefore = last?.lamport ?? (after === undefined ? 0 : after.log.#lamportBefore)
  }

  get last(): Position | undefined {
    return this.events.at(-1)
  }

  add(claim: Claim = {}): Position {
    const seq = this.from + this.lines.length
    const { anchor, parents = [], transaction } = claim
    const previous = this.last?.lamport ?? this.#lamportBefore
    const base = Math.max(previous, ...parents.map(({ lamport }) => lamport))
    const named = anchor !== undefined && anchor.lamport > base ? anchor : undefined
    const lamport = claim.lamport ?? 1 + (named?.lamport ?? base)
    const body = canonicalFromJson({ actor: this.name, kind: 1, ...claim.body })
    const salt = sha256(`${this.name} ${seq} ${this.previous}`).slice(0, 32)
    const header = canonicalFromJson({
      node: this.node,
      seq,
      lamport,
      type: claim.type ?? "thing",
      id: claim.id ?? "a",
      op: claim.op ?? "patch",
      parents: parents.toSorted(byReference).map(({ node, seq: at, hash }) => [node, at, hash]),
      ...(named === undefined ? {} : { anchor: [named.node, named.seq, named.hash] }),
      ...(transaction === undefined ? {} : { transaction: [...transaction] }),
      body: bodyHash(salt, body),
    })
    const hash = chainHash(this.last?.hash ?? this.previous, header)
    const position = { node: this.node, seq, hash, lamport }
    this.events.push(position)
    this.lines.push(`${header}\t${salt}\t${body}`)
    if (transaction === undefined || transaction[0] + 1 === transaction[1]) {
      this.ends.push(this.lines.length)
    }
    return position
  }

  /** Writes a field. */
  edit(id: string, fields: { readonly [name: string]: Json }, claim: Claim = {}): Position {
    return this.add({ ...claim, id, body: { fields } })
  }

  found(): Position {
    return this.add({
      type: "lamplog",
      id: this.node,
      op: "admit",
      body: { admits: { name: this.name, nonce } },
    })
  }

  admit(name: string, anchor?: Position): Position {
    return this.add({
      type: "lamplog",
      id: nodeOf(name),
      op: "admit",
      body: { admits: { name } },
      ...(anchor === undefined ? {} : { anchor }),
    })
  }

  /** Retires another node after an event of it. */
  retire(cut: Reference, anchor?: Position): Position {
    return this.add({
      type: "lamplog",
      id: cut.node,
      op: "retire",
      body: { retires: [cut.node, cut.seq, cut.hash] },
      ...(anchor === undefined ? {} : { anchor }),
    })
  }

  leave(): Position {
    return this.add({ type: "lamplog", id: this.node, op: "retire" })
  }

  branch(events: number): MemberLog {
    return new MemberLog(this.name, { log: this, events })
  }

  /** So many of its events, from the `first` on, signed at their end by this node unless told. */
  run(first = 0, end = this.lines.length, by: KeyPair | "nobody" = this.key): Run {
    const { node, key } = this
    const last = this.events[end - 1]!
    return {
      node,
      publicKey: key.publicKey,
      from: this.from + first,
      previous: this.events[first - 1]?.hash ?? this.previous,
      lines: this.lines.slice(first, end),
      signature:
        by === "nobody" ? undefined : signHead(by.seed, projectId, node, last.seq, last.hash),
    }
  }
}

/** A run as it travels between replicas; `first` is the place of its first event in the log. */
export const segmentOf = ({ lines, ...run }: Run, log: MemberLog, first = 0): Segment => {
  const to = run.from + lines.length - 1
  const head = log.events[first + lines.length - 1]!.hash
  const { node, publicKey, from, previous, signature } = run
  const base = { project: projectId, node, publicKey, from, to, previous, head }
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(""))
  return segmentFrom(signature === undefined ? base : { ...base, signature }, text)
}

/** Hands runs to a replica in one exchange: all of it is taken, or none. */
export const receive = (replica: Replica, ...runs: ReadonlyArray<Run>): Received =>
  replica.transaction(() => {
    const receiver = new Receiver(replica)
    for (const { lines, signature, ...start } of runs) {
      receiver.begin(start)
      for (const [index, line] of lines.entries()) receiver.line(line, `line ${index + 1}`)
      receiver.end(signature)
    }
    return receiver.finish()
  })
