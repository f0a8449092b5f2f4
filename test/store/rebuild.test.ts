/**
 * Losing every projection loses nothing: entities, conflicts and digest come back from the events.
 */
import { join } from "node:path"
import Database from "better-sqlite3"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { verifyReplica } from "../../src/audit/verify.ts"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import { databaseFile } from "../../src/store/database.ts"
import { metaChecksum } from "../../src/store/meta.ts"
import { listEntities, openConflicts } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import { carry, Shelf, write } from "./replicas.ts"

let shelf: Shelf
beforeEach(() => (shelf = new Shelf()))
afterEach(() => shelf.remove())

const viewOf = (replica: Replica): string =>
  canonicalFromJson({
    digest: replica.digest(),
    living: [...listEntities(replica)],
    deleted: [...listEntities(replica, { deleted: true })],
    conflicts: openConflicts(replica),
    frontier: replica.lines.frontier(),
  } as unknown as Json)

/** Two people's work with a conflict, a deletion, maps and sets. */
const worked = (): Replica => {
  const ana = shelf.create("ana")
  const bo = shelf.create("bo", { project: ana.project })
  write(ana, [
    { op: "put", type: "token", id: "blue", fields: { value: "#00f", tags: ["a", "b"] } },
    { op: "put", type: "token", id: "gone", fields: { value: 1 } },
    { op: "put", type: "theme", id: "dark", fields: { values: { blue: "#009" } } },
  ])
  carry(ana, bo)
  write(ana, [{ op: "patch", type: "token", id: "blue", fields: { value: "#11f" } }])
  write(bo, [
    { op: "patch", type: "token", id: "blue", fields: { value: "#22f", tags: ["b", "c"] } },
    { op: "delete", type: "token", id: "gone" },
  ])
  carry(bo, ana)
  expect(openConflicts(ana)).toHaveLength(1)
  return ana
}

/** Does something to the closed file, and marks its projection as another program's. */
const tampered = (path: string, statements: string): void => {
  const sqlite = new Database(path)
  sqlite.exec(statements)
  const rows = sqlite.prepare<[], { key: string; value: string }>("SELECT * FROM meta").all()
  const meta = new Map(rows.map(({ key, value }) => [key, value]))
  meta.set("projection", "0:0").delete("checksum")
  const save = sqlite.prepare("UPDATE meta SET value = ? WHERE key = ?")
  save.run("0:0", "projection")
  save.run(metaChecksum(meta), "checksum")
  sqlite.close()
}

describe("a projection of another version", () => {
  for (const [what, statements] of [
    ["as it was", ""],
    ["with every entity gone", "DELETE FROM entities; DELETE FROM buckets; DELETE FROM stale"],
    ["with every entity wrong", `UPDATE entities SET fields = '{}', conflicts = '[]', deleted = 1`],
  ] as const) {
    it(`is rebuilt from the events, ${what}`, () => {
      const replica = worked()
      const before = viewOf(replica)
      const path = join(replica.directory, databaseFile)
      shelf.close(replica)
      tampered(path, statements)
      const again = shelf.open("ana")
      expect(viewOf(again)).toBe(before)
      expect(verifyReplica(again).findings).toEqual([])
      write(again, [{ op: "put", type: "token", id: "new", fields: { value: 2 } }])
      expect(verifyReplica(again).findings).toEqual([])
    })
  }
})
