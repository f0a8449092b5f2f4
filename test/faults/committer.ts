/**
 * A process that commits one change after another and tells of each commit that returned: what it
 * printed is acknowledged and must never be lost.
 */
import { writeSync } from "node:fs"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { Author } from "../../src/store/author.ts"
import { Replica } from "../../src/store/replica.ts"

const [directory, commits, entities] = process.argv.slice(2) as [string, string, string]

const replica = Replica.open(directory, { schemas: builtInSchemas() })
const author = new Author(replica)
try {
  for (let commit = 0; commit < Number(commits); commit++) {
    const changes = Array.from({ length: Number(entities) }, (_, index) => ({
      op: "put" as const,
      type: "token",
      id: `commit ${commit}, ${index}`,
      fields: { value: "x".repeat(100) },
    }))
    author.write(changes, { actor: "committer" })
    writeSync(1, `${commit}\n`)
  }
  writeSync(1, "done\n")
} catch (error) {
  if (!(error instanceof LamplogError)) throw error
  writeSync(1, `refused ${error.code}\n`)
  process.exitCode = 1
}
replica.close()
