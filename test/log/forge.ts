/**
 * Logs written by hand: everything a key holder could sign, honest or not.
 *
 * A forged log is a list of lines with a true chain; what its headers and bodies claim is the test's
 * business. `receive` hands it to a replica the way every carrier does.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import {
  bodyHash,
  chainHash,
  genesisHash,
  keyPairFromSeed,
  nodeFromPublicKey,
  sha256,
} from "../../src/event/hash.ts"
import type { Reference } from "../../src/event/stamp.ts"
import { Receiver } from "../../src/store/receive.ts"
import type { Received } from "../../src/store/receive.ts"
import { Replica } from "../../src/store/replica.ts"

export const projectId = "aaaqeayeaudaocajbifqydiob4"

export interface Claim {
  readonly type?: string
  readonly id?: string
  readonly op?: string
  readonly lamport: number
  readonly parents?: ReadonlyArray<Reference>
  readonly anchor?: Reference
  readonly transaction?: readonly [index: number, count: number]
  readonly body?: { readonly [key: string]: Json }
  /** Further header members, over those above. */
  readonly header?: { readonly [key: string]: Json }
}

/** A run of a log's events as it travels. */
export interface Carried {
  readonly node: string
  readonly publicKey: string
  readonly from: number
  readonly previous: string
  readonly lines: ReadonlyArray<string>
}

const referenceFrom = ({ node, seq, hash }: Reference): Json => [node, seq, hash]

export class ForgedLog implements Carried {
  readonly node: string
  readonly publicKey: string
  readonly from: number
  readonly previous: string
  readonly lines: Array<string> = []
  readonly references: Array<Reference> = []
  readonly #name: string

  /** A log from its first event, or a branch of another that begins after some of its events. */
  constructor(name: string, after?: { readonly log: ForgedLog; readonly events: number }) {
    this.#name = name
    const { publicKey } = keyPairFromSeed(sha256(name))
    this.publicKey = publicKey
    this.node = nodeFromPublicKey(publicKey)
    this.from = (after?.log.from ?? 1) + (after?.events ?? 0)
    this.previous =
      after === undefined
        ? genesisHash(projectId, publicKey)
        : (after.log.references[after.events - 1]?.hash ?? after.log.previous)
  }

  /** The same log, going on in another way after the first `events` of these events. */
  branch(events: number): ForgedLog {
    return new ForgedLog(this.#name, { log: this, events })
  }

  /** The same run with something else in its place. */
  altered(change: Partial<Carried>): Carried {
    const { node, publicKey, from, previous, lines } = this
    return { node, publicKey, from, previous, lines, ...change }
  }

  add(claim: Claim): Reference {
    const seq = this.from + this.lines.length
    const body = canonicalFromJson({ actor: this.#name, kind: 1, ...claim.body })
    const salt = sha256(`${this.#name} ${seq}`).slice(0, 32)
    const { anchor, transaction } = claim
    const header = canonicalFromJson({
      node: this.node,
      seq,
      lamport: claim.lamport,
      type: claim.type ?? "token",
      id: claim.id ?? "blue",
      op: claim.op ?? "patch",
      parents: (claim.parents ?? []).map(referenceFrom),
      ...(anchor === undefined ? {} : { anchor: referenceFrom(anchor) }),
      ...(transaction === undefined ? {} : { transaction: [...transaction] }),
      body: bodyHash(salt, body),
      ...claim.header,
    })
    const hash = chainHash(this.references.at(-1)?.hash ?? this.previous, header)
    const reference = { node: this.node, seq, hash }
    this.references.push(reference)
    this.lines.push(`${header}\t${salt}\t${body}`)
    return reference
  }
}

/** Hands logs to a replica in one exchange: all of it is taken, or none. */
export const receive = (replica: Replica, logs: ReadonlyArray<Carried>): Received =>
  replica.transaction(() => {
    const receiver = new Receiver(replica)
    for (const { node, publicKey, from, previous, lines } of logs) {
      receiver.begin({ node, publicKey, from, previous })
      for (const [index, line] of lines.entries()) receiver.line(line, `line ${index + 1}`)
      receiver.end()
    }
    return receiver.finish()
  })

export interface Stage {
  /** An empty replica of the forged project. */
  replica(): Replica
  /** Closes what was opened and removes the folder. */
  clear(): void
}

/** A folder for replicas, removed by `clear`. */
export const stage = (): Stage => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-log-"))
  const opened: Array<Replica> = []
  return {
    replica: () => {
      const replica = Replica.create(join(folder, String(opened.length), ".lamplog"), {
        schemas: builtInSchemas(),
        name: "forged",
        schema: "design-system",
        project: projectId,
        stateDirectory: join(folder, "state"),
        seed: sha256(`stage ${opened.length}`),
      })
      opened.push(replica)
      return replica
    },
    clear: () => {
      for (const replica of opened.splice(0)) replica.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
