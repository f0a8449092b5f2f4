/**
 * A process with a replica of its own that writes and meets at a folder, again and again, while others do
 * the same: `node meeter.ts DIRECTORY STATE FOLDER NAME ROUNDS`. Prints one line a meeting.
 */
import { writeSync } from "node:fs"
import { setTimeout as pauseFor } from "node:timers/promises"
import { openFolder } from "../../../adapters/folder/index.ts"
import { builtInSchemas } from "../../../src/domain/schemas.ts"
import { Author } from "../../../src/store/author.ts"
import { Replica } from "../../../src/store/replica.ts"
import { localOf } from "../../../src/sync/replica-local.ts"
import { Session } from "../../../src/sync/session.ts"

const [directory, stateDirectory, folder, name, rounds] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]

const replica = Replica.open(directory, { schemas: builtInSchemas(), stateDirectory })
replica.sqlite.pragma("synchronous = OFF")
const author = new Author(replica)
const timing = {
  random: () => 0.5,
  pause: async (millis: number): Promise<void> => {
    await pauseFor(millis / 100)
  },
}
const local = localOf(replica, async (step) => step())
const { signal } = new AbortController()

for (let round = 0; round < Number(rounds); round += 1) {
  const put = (id: string) => ({
    op: "put" as const,
    type: "note",
    id,
    fields: { text: `${name} ${round}` },
  })
  author.write([put("shared"), put(`${name} ${round}`)], { actor: name })
  author.write([put(`${name}, alone`)], { actor: name })
  const remote = await openFolder(folder)
  const { pulled, pushed } = await new Session(local, remote, { name: folder, timing }).meet(signal)
  await remote.close()
  writeSync(1, `${round} pulled ${pulled} pushed ${pushed}\n`)
}
replica.close()
