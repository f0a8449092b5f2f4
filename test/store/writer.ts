/**
 * Another process on a project, for tests: `hold` takes the write lock and gives it back, after one
 * write, when its input ends; `write` makes so many transactions as fast as it gets the lock. Every
 * line it prints is about something that has happened.
 */
import { writeSync } from "node:fs"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { Author } from "../../src/store/author.ts"
import { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"

const [task, directory, stateDirectory, actor, count] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]

const say = (line: string): void => void writeSync(1, `${line}\n`)

const replica = Replica.open(directory, {
  schemas: builtInSchemas(),
  stateDirectory,
  busyTimeoutMillis: 60_000,
})
const author = new Author(replica)

const put = (id: string, value: string): Change => ({
  op: "put",
  type: "token",
  id,
  fields: { value },
})

if (task === "hold") {
  replica.begin()
  say("holding")
  process.stdin.resume()
  process.stdin.on("end", () => {
    author.write([put("shared", actor)], { actor })
    replica.commit()
    say("done")
    replica.close()
  })
} else {
  say("trying")
  for (let round = 0; round < Number(count); round++) {
    const changes = [
      put("shared", `${actor} ${round}`),
      put(`${actor} a`, `${round}`),
      put(`${actor} b`, `${round}`),
    ]
    author.write(changes, { actor })
    say(`wrote ${round}`)
  }
  replica.close()
}
