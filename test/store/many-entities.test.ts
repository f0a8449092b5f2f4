/**
 * More new entities in one go than are kept in memory: every one of them is found again.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { Author } from "../../src/store/author.ts"
import { Replica } from "../../src/store/replica.ts"

const folder = mkdtempSync(join(tmpdir(), "lamplog-many-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it("an entity that left the memory is changed, not made a second time", () => {
  const replica = Replica.create(join(folder, ".lamplog"), {
    schemas: builtInSchemas(),
    name: "many",
    schema: "open",
    stateDirectory: join(folder, "state"),
  })
  const author = new Author(replica)
  const count = 10_000
  const write = (op: "put" | "patch", value: number) =>
    author.write(
      Array.from({ length: count }, (_, id) => ({ op, type: "t", id: `${id}`, fields: { value } })),
      { actor: "ana" },
    )
  try {
    expect(write("put", 1).events).toBe(count)
    expect(write("patch", 2).events).toBe(count)
    const entities = replica.sqlite.prepare("SELECT count(*) FROM entities").pluck().get()
    expect(entities).toBe(count)
  } finally {
    replica.close()
  }
})
