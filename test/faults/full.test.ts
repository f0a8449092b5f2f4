/**
 * A disk that is really full: the operating system refuses to let any file grow beyond a size, so the
 * write-ahead log ends in the middle of whatever was being written.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { verifyReplica } from "../../src/audit/verify.ts"
import { Shelf, write } from "../store/replicas.ts"

const committer = join(import.meta.dirname, "committer.ts")
const entities = 20

let shelf: Shelf
beforeAll(() => (shelf = new Shelf()))
afterAll(() => shelf.remove())

/** Runs a process none of whose files may grow beyond so many KiB. */
const runLimited = (kibibytes: number, name: string) =>
  spawnSync(
    "bash",
    ["-c", `ulimit -f ${kibibytes}; exec "$@"`, "bash", process.execPath, committer].concat([
      shelf.path(name),
      "1000",
      String(entities),
    ]),
    { encoding: "utf8", env: { ...process.env, LAMPLOG_STATE_DIR: shelf.stateDirectory } },
  )

describe("a file that may not grow any further", () => {
  for (const kibibytes of [90, 200, 333, 777]) {
    it(`keeps what was acknowledged and nothing half done (${kibibytes} KiB)`, () => {
      const name = `room for ${kibibytes}`
      shelf.close(shelf.create(name))
      const { stdout, stderr, status } = runLimited(kibibytes, name)
      const lines = stdout.split("\n").slice(0, -1)
      expect([status, stderr, lines.at(-1)]).toEqual([1, "", "refused disk-full"])
      const acknowledged = lines.length - 1
      expect(acknowledged).toBeGreaterThan(0)
      const replica = shelf.open(name)
      expect(replica.fence).toBeUndefined()
      const count = replica.sqlite.prepare("SELECT count(*) FROM events").pluck().get() as number
      expect(count).toBe(acknowledged * entities)
      write(replica, [{ op: "put", type: "token", id: "room again", fields: { value: "1" } }])
      expect(verifyReplica(replica).findings).toEqual([])
      shelf.close(replica)
    })
  }
})
