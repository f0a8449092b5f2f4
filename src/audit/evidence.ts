/**
 * The database under examination: a connection of its own, one snapshot, nothing is ever written.
 *
 * A fresh connection reads what is in the file, not what another handle keeps in memory, and sees one
 * consistent state while others go on writing.
 */
import type { Reference } from "../event/stamp.ts"
import { openDatabase, rowOf } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"

/** How long the check waits for a lock: only recovery after a crash takes one. */
const busyTimeoutMillis = 5000

/** One row of `lines`, its values checked to be of the right kind. */
export interface HeldLine {
  readonly line: number
  readonly node: string
  readonly publicKey: string
  readonly from: number
  readonly firstHash: string
  readonly parent: number | undefined
  readonly headSeq: number
  readonly headHash: string
  readonly headLamport: number
}

export interface HeldEvent {
  readonly row: number
  readonly hash: string
  readonly lamport: number
  readonly entity: number
}

export const openEvidence = (path: string): Sqlite => {
  const sqlite = openDatabase(path, { busyTimeoutMillis })
  try {
    sqlite.pragma("query_only = ON")
    sqlite.exec("BEGIN")
    return sqlite
  } catch (error) {
    sqlite.close()
    throw error
  }
}

export const closeEvidence = (sqlite: Sqlite): void => {
  if (sqlite.inTransaction) sqlite.exec("ROLLBACK")
  sqlite.close()
}

/** Finds events by name, as the tables say; each row is compared with its bytes elsewhere. */
export class HeldEvents {
  readonly lines: ReadonlyMap<number, HeldLine>
  readonly #byNode = new Map<string, Array<HeldLine>>()
  readonly #event

  constructor(sqlite: Sqlite, lines: ReadonlyArray<HeldLine>) {
    this.lines = new Map(lines.map((line) => [line.line, line]))
    for (const line of lines) {
      const group = this.#byNode.get(line.node)
      if (group === undefined) this.#byNode.set(line.node, [line])
      else group.push(line)
    }
    this.#event = sqlite.prepare<[number], HeldEvent>(
      "SELECT event AS row, hash, lamport, entity FROM events WHERE event = ?",
    )
  }

  /** The event of a log at a seq, on a line or what it parts from; undefined when none is held. */
  before(line: HeldLine, seq: number): HeldEvent | undefined {
    let holder: HeldLine | undefined = line
    while (holder !== undefined && seq < holder.from) {
      holder = holder.parent === undefined ? undefined : this.lines.get(holder.parent)
    }
    return holder === undefined ? undefined : this.#event.get(rowOf(holder.line, seq))
  }

  /** The key of a node of which something is held. */
  publicKeyOf(node: string): string | undefined {
    return this.#byNode.get(node)?.[0]?.publicKey
  }

  /** Whether an event is the one at a cut or before it in the same log. */
  isWithin(cut: Reference, event: Reference): boolean {
    if (event.seq > cut.seq) return false
    const lines = this.#byNode.get(cut.node) ?? []
    const atCut = (line: HeldLine): boolean =>
      line.from <= cut.seq && cut.seq <= line.headSeq && this.at(line, cut.seq)?.hash === cut.hash
    const holder = lines.length < 2 ? undefined : lines.find(atCut)
    return holder === undefined || this.before(holder, event.seq)?.hash === event.hash
  }

  at(line: HeldLine, seq: number): HeldEvent | undefined {
    return this.#event.get(rowOf(line.line, seq))
  }

  find(reference: Reference): HeldEvent | undefined {
    for (const line of this.#byNode.get(reference.node) ?? []) {
      if (reference.seq < line.from || reference.seq > line.headSeq) continue
      const event = this.#event.get(rowOf(line.line, reference.seq))
      if (event?.hash === reference.hash) return event
    }
    return undefined
  }
}
