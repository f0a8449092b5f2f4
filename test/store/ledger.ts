/**
 * Everything that was ever issued, in one book: a node may stand behind a seq only once.
 */
import { expect } from "vitest"
import { verifyReplica } from "../../src/audit/verify.ts"
import { logEntries } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"

export class Ledger {
  readonly #hashes = new Map<string, string>()
  /** (node, seq) that were seen with two hashes. */
  readonly twice: Array<string> = []

  /** Enters all that a replica holds, and checks the replica while at it. */
  enter(replica: Replica): void {
    const found = verifyReplica(replica)
    expect(found.findings.filter(({ severity }) => severity === "error")).toEqual([])
    for (const { node, seq, hash } of logEntries(replica)) {
      const name = `${node}:${seq}`
      const known = this.#hashes.get(name)
      if (known !== undefined && known !== hash) this.twice.push(name)
      this.#hashes.set(name, hash)
    }
  }

  /** All events ever seen are held by this replica. */
  expectWhole(replica: Replica): void {
    const held = new Set([...logEntries(replica)].map(({ node, seq }) => `${node}:${seq}`))
    expect([...this.#hashes.keys()].filter((name) => !held.has(name))).toEqual([])
  }
}
