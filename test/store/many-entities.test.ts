/**
 * More new entities in one go than are kept in memory: every one of them is found again.
 */
import { afterAll, expect, it } from "vitest"
import { Author } from "../../src/store/author.ts"
import { ForgedLog, receive, stage } from "../log/forge.ts"

const scene = stage()
afterAll(() => scene.clear())

const count = 6000
const name = (number: number): string => `token-${number}`

it("an entity that left the memory is changed, not made a second time", () => {
  const log = new ForgedLog("busy")
  for (let number = 0; number < count; number++) {
    log.add({ id: name(number), op: "put", lamport: number + 1 })
  }
  const replica = scene.replica()
  // Row after row, so that the first are forgotten before the last are there.
  for (let first = 0; first < count; first += 1000) {
    const previous = log.references[first - 1]?.hash ?? log.previous
    const lines = log.lines.slice(first, first + 1000)
    receive(replica, [log.altered({ from: first + 1, previous, lines })])
  }
  const changes = Array.from({ length: count }, (_, number) => ({
    op: "patch" as const,
    type: "token",
    id: name(number),
    fields: { value: number },
  }))
  expect(new Author(replica).write(changes, { actor: "ana" }).events).toBe(count)
  const entities = replica.sqlite.prepare("SELECT count(*) FROM entities").pluck().get()
  expect(entities).toBe(count)
})
