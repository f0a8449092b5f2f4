/**
 * A project is there whole, or not at all.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { verifyReplica } from "../../src/audit/verify.ts"
import { sha256 } from "../../src/event/hash.ts"
import { Shelf, write } from "./replicas.ts"

let shelf: Shelf
beforeEach(() => (shelf = new Shelf()))
afterEach(() => shelf.remove())

describe("a new project", () => {
  it("is made in a folder where a process was killed while making one", () => {
    mkdirSync(shelf.path("a"))
    // No process has a number beyond the largest that Linux gives out.
    const half = `project.db.new-${sha256(hostname()).slice(0, 8)}-4194305-0123456789ab`
    for (const end of ["", "-wal", "-shm"]) {
      writeFileSync(join(shelf.path("a"), half + end), "half a file")
    }
    const replica = shelf.create("a")
    write(replica, [{ op: "put", type: "token", id: "blue", fields: { value: "#00f" } }])
    expect(verifyReplica(replica).findings).toEqual([])
    shelf.close(replica)
    expect(readdirSync(shelf.path("a")).sort()).toEqual(["keys", "project.db"])
  })

  it("is refused where there is one, which stays as it is", () => {
    const first = shelf.create("a")
    const { project } = first
    shelf.close(first)
    expect(() => shelf.create("a")).toThrow(expect.objectContaining({ code: "project-exists" }))
    const again = shelf.open("a")
    expect([again.project, again.fence]).toEqual([project, undefined])
    expect(readdirSync(shelf.path("a")).filter((name) => name.includes("new"))).toEqual([])
  })

  it("of a schema nobody knows leaves nothing behind", () => {
    expect(() => shelf.create("a", { schema: "nonsense" })).toThrow("nonsense")
    expect(readdirSync(shelf.folder)).toEqual([])
  })
})
