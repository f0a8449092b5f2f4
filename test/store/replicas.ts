/**
 * Replicas in temporary folders, and how they hand each other everything they hold.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { genesisHash } from "../../src/event/hash.ts"
import { lineText } from "../../src/log/segment.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import type { SchemaRegistry } from "../../src/state/schema.ts"
import { Author } from "../../src/store/author.ts"
import type { Authorship } from "../../src/store/author.ts"
import { rowOf } from "../../src/store/database.ts"
import { Receiver } from "../../src/store/receive.ts"
import type { Received } from "../../src/store/receive.ts"
import { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"

/** A temporary folder with a state directory of its own; `remove` closes what was opened in it. */
export class Shelf {
  readonly folder = mkdtempSync(join(tmpdir(), "lamplog-test-"))
  readonly stateDirectory = join(this.folder, "state")
  readonly #open = new Set<Replica>()

  path(name: string): string {
    return join(this.folder, name)
  }

  create(
    name: string,
    options: {
      readonly project?: string
      readonly seed?: string
      readonly schema?: string
      readonly schemas?: SchemaRegistry
      readonly stateDirectory?: string
    } = {},
  ): Replica {
    return this.#keep(
      Replica.create(this.path(name), {
        schemas: builtInSchemas(),
        name: "test",
        schema: "design-system",
        stateDirectory: this.stateDirectory,
        ...options,
      }),
    )
  }

  open(
    name: string,
    options: {
      readonly stateDirectory?: string
      readonly busyTimeoutMillis?: number
      readonly schemas?: SchemaRegistry
    } = {},
  ): Replica {
    return this.#keep(
      Replica.open(this.path(name), {
        schemas: builtInSchemas(),
        stateDirectory: this.stateDirectory,
        ...options,
      }),
    )
  }

  #keep(replica: Replica): Replica {
    this.#open.add(replica)
    return replica
  }

  close(replica: Replica): void {
    if (this.#open.delete(replica)) replica.close()
  }

  remove(): void {
    for (const replica of this.#open) this.close(replica)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A seed for a key pair that gives the same node in every run. */
export const seedOf = (name: string): string =>
  Buffer.from(name.padEnd(32, ".").slice(0, 32)).toString("hex")

export const write = (
  replica: Replica,
  changes: ReadonlyArray<Change>,
  authorship: Authorship = { actor: "ana" },
) => new Author(replica).write(changes, authorship)

interface StoredEvent {
  readonly header: string
  readonly salt: string
  readonly body: string
}

/** Hands over every event that one replica holds, log by log, signatures too. */
export const carry = (from: Replica, to: Replica): Received =>
  to.transaction(() => {
    const receiver = new Receiver(to)
    const events = from.sqlite.prepare<[number, number], StoredEvent>(
      "SELECT header, salt, body FROM events WHERE event BETWEEN ? AND ? ORDER BY event",
    )
    for (const line of from.lines.all) {
      const { node, publicKey, parent } = line
      const previous =
        parent === undefined
          ? genesisHash(from.project, publicKey)
          : from.lines.hashAt(parent, line.from - 1)
      receiver.begin({ node, publicKey, from: line.from, previous })
      const rows = events.all(rowOf(line.line, line.from), rowOf(line.line, line.headSeq))
      for (const { header, salt, body } of rows) {
        receiver.line(lineText(header, salt, body).slice(0, -1), `log ${node}`)
      }
      receiver.end(line.signedSeq === line.headSeq ? line.signature : undefined)
    }
    return receiver.finish()
  })
