/**
 * A process that takes a project's write lock, says so, and holds it until its input ends.
 */
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { Replica } from "../../src/store/replica.ts"

const [directory, stateDirectory] = process.argv.slice(2) as [string, string]
const replica = Replica.open(directory, { schemas: builtInSchemas(), stateDirectory })
replica.begin()
process.stdout.write("held\n")
process.stdin.resume().once("end", () => {
  replica.rollback()
  replica.close()
})
