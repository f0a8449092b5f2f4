/**
 * Whenever the disk fails, the change that was being made is not there at all, everything before it
 * is, and the same handle goes on as soon as the disk does.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { LamplogError } from "../../src/event/failure.ts"
import { verifyReplica } from "../../src/audit/verify.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"
import { carry, Shelf, write } from "../store/replicas.ts"
import { FailingDisk, limitPages, pagesMax, pagesOf } from "./failing-disk.ts"

let shelf: Shelf
beforeEach(() => (shelf = new Shelf()))
afterEach(() => shelf.remove())

const put = (id: string, value: string): Change => ({
  op: "put",
  type: "token",
  id,
  fields: { value, tags: ["a", value] },
})

/** The files of a folder as they were, to be put back in place: the same file, its inode kept. */
class Picture {
  readonly #folder: string
  readonly #files: ReadonlyMap<string, Buffer>

  constructor(folder: string) {
    this.#folder = folder
    this.#files = new Map(this.#names().map((name) => [name, readFileSync(join(folder, name))]))
  }

  #names(): ReadonlyArray<string> {
    return readdirSync(this.#folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.#folder.length + 1))
  }

  restore(): void {
    for (const name of this.#names()) {
      if (!this.#files.has(name)) rmSync(join(this.#folder, name))
    }
    for (const [name, bytes] of this.#files) {
      mkdirSync(dirname(join(this.#folder, name)), { recursive: true })
      writeFileSync(join(this.#folder, name), bytes)
    }
  }
}

/** What a replica holds: the state of everything, and which events it comes from. */
const standOf = (replica: Replica) => ({
  frontier: replica.read(() => replica.lines.frontier()),
  digest: replica.digest(),
  entities: replica.read(() =>
    replica.sqlite.prepare("SELECT * FROM entities ORDER BY type, id").all(),
  ),
})

const expectSound = (replica: Replica): void => {
  const found = verifyReplica(replica)
  expect(found.findings.filter(({ severity }) => severity === "error")).toEqual([])
}

interface Scene {
  readonly name: string
  /** Brings the shelf to the moment before; `a` is the replica whose disk will fail. */
  readonly prepare: () => void
  readonly act: (replica: Replica) => void
}

/** `a` with history of its own, `peer` with more, some of it at odds with `a`. */
const prepare = (): void => {
  const a = shelf.create("a")
  write(a, [put("blue", "1"), put("red", "1"), put("green", "1")])
  const peer = shelf.create("peer", { project: a.project })
  carry(a, peer)
  write(a, [put("blue", "of a"), { op: "delete", type: "token", id: "green" }])
  write(peer, [put("blue", "of the peer"), put("new", "1")])
  write(peer, [put("green", "2")])
  peer.signOwnHead()
  shelf.close(a)
  shelf.close(peer)
}

const change = (replica: Replica): void => {
  write(replica, [
    put("blue", "changed"),
    put("yellow", "1"),
    put("black", "1"),
    { op: "delete", type: "token", id: "red" },
  ])
}

const receive = (replica: Replica): void => {
  const peer = shelf.open("peer")
  try {
    carry(peer, replica)
  } finally {
    shelf.close(peer)
  }
}

const scenes: ReadonlyArray<Scene> = [
  { name: "an atomic change", prepare, act: change },
  { name: "receiving another's history", prepare, act: receive },
  {
    name: "the first write behind a fence",
    prepare: () => {
      prepare()
      const key = readdirSync(join(shelf.path("a"), "keys"))[0]!
      rmSync(join(shelf.path("a"), "keys", key))
    },
    act: change,
  },
  { name: "signing the own head", prepare, act: (replica) => replica.signOwnHead() },
]

/** Makes the disk fail at one moment; returns whether the act came through all the same. */
const tryOnce = (replica: Replica, act: () => void, mend: () => void): boolean => {
  const before = standOf(replica)
  try {
    act()
    mend()
    return true
  } catch (error) {
    mend()
    expect(error).toBeInstanceOf(LamplogError)
    expect(["disk-full", "disk-error"]).toContain((error as LamplogError).code)
    expect(standOf(replica)).toEqual(before)
    return false
  }
}

/** After the failure the act can be done, by the same handle, and again everything is sound. */
const expectRepaired = (replica: Replica, act: (replica: Replica) => void, came: boolean): void => {
  if (!came) act(replica)
  const after = standOf(replica)
  expectSound(replica)
  shelf.close(replica)
  const again = shelf.open("a")
  expect(standOf(again)).toEqual(after)
  expect(again.fence).toBeUndefined()
  write(again, [put("one more", "1")])
  expectSound(again)
  shelf.close(again)
}

describe("a disk that fails at any statement", () => {
  for (const scene of scenes) {
    for (const onwards of [false, true]) {
      it(`${scene.name} is whole or absent when it fails ${onwards ? "for good" : "once"}`, () => {
        scene.prepare()
        const picture = new Picture(shelf.folder)
        let failsAt = 1
        for (; ; failsAt++) {
          const replica = shelf.open("a")
          let disk: FailingDisk | undefined
          const act = () => {
            disk = new FailingDisk(failsAt, onwards)
            scene.act(replica)
          }
          const came = tryOnce(replica, act, () => disk!.mend())
          const reached = disk!.count >= failsAt
          expectRepaired(replica, scene.act, came)
          picture.restore()
          // A failure that was swallowed would be one more moment to try.
          if (came && !reached) break
        }
        expect(failsAt).toBeGreaterThan(5)
      })
    }
  }
})

describe("a disk that is full at any page", () => {
  const many = (replica: Replica): void => {
    const changes = Array.from({ length: 60 }, (_, index) => put(`t${index}`, "x".repeat(900)))
    write(replica, changes)
  }

  it("holds a change whole or not at all", () => {
    prepare()
    const picture = new Picture(shelf.folder)
    let refused = 0
    for (let room = 0; ; room++) {
      const replica = shelf.open("a")
      limitPages(replica.sqlite, pagesOf(replica.sqlite) + room)
      const came = tryOnce(
        replica,
        () => many(replica),
        () => limitPages(replica.sqlite, pagesMax),
      )
      expectRepaired(replica, many, came)
      picture.restore()
      if (came) break
      refused += 1
    }
    expect(refused).toBeGreaterThan(15)
  })
})
