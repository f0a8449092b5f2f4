/**
 * A database that was copied, put back or robbed of its key never writes under a name that another
 * one may be writing under: no event is issued twice, and none is lost.
 */
import { copyFileSync, cpSync, existsSync, readdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { databaseFile } from "../../src/store/database.ts"
import { entityHistory, getEntity, logEntries } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"
import { Ledger } from "./ledger.ts"
import { carry, Shelf, write } from "./replicas.ts"

let shelf: Shelf
let ledger: Ledger
beforeEach(() => {
  shelf = new Shelf()
  ledger = new Ledger()
})
afterEach(() => {
  shelf.remove()
  expect(ledger.twice).toEqual([])
})

const put = (id: string, value: string): Change => ({
  op: "put",
  type: "token",
  id,
  fields: { value },
})

/** A replica with some history of its own. */
const begun = (name: string, project?: string): Replica => {
  const replica = shelf.create(name, project === undefined ? {} : { project })
  write(replica, [put("blue", "#00f"), put("red", "#f00")])
  write(replica, [put("blue", "#11f")])
  return replica
}

const headOf = (replica: Replica) => {
  const { node, headSeq, headHash } = replica.ownLine()!
  return { node, seq: headSeq, hash: headHash }
}

const ownEvents = (replica: Replica) =>
  [...logEntries(replica, { node: replica.node })].map(({ seq, header, body }) => ({
    seq,
    op: header.op,
    continues: body.continues,
  }))

const forksOf = (replica: Replica) =>
  Object.keys(replica.lines.frontier()).filter((name) => name.includes("-"))

const keysIn = (name: string) => readdirSync(join(shelf.path(name), "keys")).sort()

/** Checks that a replica went on under another node whose first event names where the old one ended. */
const expectContinued = (
  replica: Replica,
  from: { readonly node: string; readonly seq: number; readonly hash: string },
  reason: string,
): void => {
  expect(replica.node).not.toBe(from.node)
  expect(replica.fence).toBeUndefined()
  expect(replica.continuation).toEqual({ ...from, reason })
  const [first] = ownEvents(replica)
  expect(first).toEqual({ seq: 1, op: "continue", continues: from })
}

/** Exchanges everything and expects the same state, no fork and nothing lost. */
const meet = (left: Replica, right: Replica): void => {
  carry(left, right)
  carry(right, left)
  for (const replica of [left, right]) {
    ledger.enter(replica)
    expect(forksOf(replica)).toEqual([])
  }
  ledger.expectWhole(left)
  ledger.expectWhole(right)
  expect(left.digest()).toBe(right.digest())
}

describe("a project folder that was copied", () => {
  const copy = (from: Replica, name: string): void => {
    shelf.close(from)
    cpSync(from.directory, shelf.path(name), { recursive: true })
  }

  it("goes on as a new node, while the original goes on as itself", () => {
    const first = begun("original")
    const before = headOf(first)
    copy(first, "copy")
    const original = shelf.open("original")
    const copied = shelf.open("copy")
    expect([original.fence, copied.fence]).toEqual([undefined, "copied"])
    write(original, [put("blue", "of the original")])
    write(copied, [put("red", "of the copy")])
    write(copied, [put("green", "of the copy")])
    expect(headOf(original)).toMatchObject({ node: before.node, seq: before.seq + 1 })
    expectContinued(copied, before, "copied")
    meet(original, copied)
    expect(getEntity(original, "token", "red")!.fields).toEqual({ value: "of the copy" })
    expect(getEntity(copied, "token", "blue")!.fields).toEqual({ value: "of the original" })
    expect(entityHistory(copied, "token", "blue")).toHaveLength(3)
  })

  it("keeps its new name when it is opened again, and cannot write as the original", () => {
    const first = begun("original")
    const original = first.node
    copy(first, "copy")
    const copied = shelf.open("copy")
    write(copied, [put("red", "1")])
    const { node } = copied
    shelf.close(copied)
    expect(keysIn("copy")).toEqual([`${node}.key`])
    expect(keysIn("original")).toEqual([`${original}.key`])
    const again = shelf.open("copy")
    expect([again.fence, again.node]).toEqual([undefined, node])
    write(again, [put("red", "2")])
    expect(ownEvents(again).map(({ op }) => op)).toEqual(["continue", "patch", "patch"])
    ledger.enter(again)
  })

  it("can be copied again and again", () => {
    const first = begun("original")
    copy(first, "copy")
    const copied = shelf.open("copy")
    write(copied, [put("red", "1")])
    const before = headOf(copied)
    copy(copied, "copy of the copy")
    const twice = shelf.open("copy of the copy")
    write(twice, [put("red", "2")])
    expectContinued(twice, before, "copied")
    meet(shelf.open("original"), twice)
    meet(shelf.open("copy"), twice)
  })

  it("has nothing to continue when nothing had been written", () => {
    const empty = shelf.create("original")
    copy(empty, "copy")
    const copied = shelf.open("copy")
    write(copied, [put("red", "1")])
    expect(ownEvents(copied).map(({ op }) => op)).toEqual(["put"])
    expect(copied.continuation).toBeUndefined()
    const original = shelf.open("original")
    write(original, [put("red", "2")])
    expect(copied.node).not.toBe(original.node)
    meet(original, copied)
  })

  it("is the same project when it was only moved", () => {
    const replica = begun("original")
    const { node } = replica
    shelf.close(replica)
    renameSync(shelf.path("original"), shelf.path("moved"))
    const moved = shelf.open("moved")
    expect([moved.fence, moved.node]).toEqual([undefined, node])
  })

  it("keeps the old name and no new key when its first write is refused", () => {
    const first = begun("original")
    const { node } = first
    copy(first, "copy")
    const copied = shelf.open("copy")
    expect(() =>
      copied.transaction(() => {
        write(copied, [put("red", "1")])
        throw new Error("no after all")
      }),
    ).toThrow("no after all")
    expect([copied.fence, copied.node, copied.continuation]).toEqual(["copied", node, undefined])
    expect(keysIn("copy")).toEqual([`${node}.key`])
    write(copied, [put("red", "1")])
    expect(copied.node).not.toBe(node)
    ledger.enter(copied)
  })

  it("is noticed by every handle, and entered by the first that writes", () => {
    const first = begun("original")
    const before = headOf(first)
    copy(first, "copy")
    const one = shelf.open("copy")
    const two = shelf.open("copy")
    write(one, [put("red", "1")])
    write(two, [put("red", "2")])
    expect(two.node).toBe(one.node)
    expectContinued(two, before, "copied")
    expect(ownEvents(two).map(({ op }) => op)).toEqual(["continue", "patch", "patch"])
    ledger.enter(two)
  })
})

describe("a database that was put back from a backup", () => {
  const backup = () => shelf.path("backup.db")
  const database = () => join(shelf.path("a"), databaseFile)

  /** A replica, rolled back in place behind its last two writes, and a peer that has them. */
  const rolledBack = () => {
    const replica = begun("a")
    const peer = begun("peer", replica.project)
    const before = headOf(replica)
    shelf.close(replica)
    copyFileSync(database(), backup())
    const again = shelf.open("a")
    write(again, [put("lost", "1")])
    write(again, [put("lost too", "2")])
    carry(again, peer)
    ledger.enter(again)
    shelf.close(again)
    copyFileSync(backup(), database())
    return { before, peer }
  }

  it("goes on as a new node, and gets back what it had lost", () => {
    const { before, peer } = rolledBack()
    const replica = shelf.open("a")
    expect(replica.fence).toBe("rolled-back")
    write(replica, [put("since", "3")])
    expectContinued(replica, before, "rolled-back")
    expect(keysIn("a")).toEqual([`${replica.node}.key`])
    meet(replica, peer)
    expect(getEntity(replica, "token", "lost")!.fields).toEqual({ value: "1" })
  })

  it("stays fenced while it is only read and merged into", () => {
    const { before, peer } = rolledBack()
    const replica = shelf.open("a")
    write(peer, [put("of the peer", "1")])
    const other = shelf.create("other", { project: replica.project })
    write(
      other,
      Array.from({ length: 100 }, (_, index) => put(`many ${index}`, "1")),
    )
    carry(other, replica)
    replica.digest()
    shelf.close(replica)
    const again = shelf.open("a")
    expect(again.fence).toBe("rolled-back")
    write(again, [put("since", "3")])
    expectContinued(again, before, "rolled-back")
    meet(again, peer)
  })

  it("learns from a peer when the record is gone too", () => {
    const { peer } = rolledBack()
    rmSync(shelf.stateDirectory, { recursive: true })
    const replica = shelf.open("a")
    expect(replica.fence).toBeUndefined()
    carry(peer, replica)
    expect(replica.fence).toBe("ahead-elsewhere")
    const head = headOf(replica)
    shelf.close(replica)
    const again = shelf.open("a")
    expect(again.fence).toBe("ahead-elsewhere")
    write(again, [put("since", "3")])
    expectContinued(again, head, "ahead-elsewhere")
    meet(again, peer)
  })

  it("is fenced for every handle once one of them met a peer that is ahead", () => {
    const { peer } = rolledBack()
    rmSync(shelf.stateDirectory, { recursive: true })
    const one = shelf.open("a")
    const two = shelf.open("a")
    two.read(() => undefined)
    carry(peer, one)
    const head = headOf(one)
    write(two, [put("since", "3")])
    expectContinued(two, head, "ahead-elsewhere")
    write(one, [put("since", "4")])
    expect(one.node).toBe(two.node)
    meet(one, peer)
  })
})

describe("a database that wrote on under its name after a rollback nobody could notice", () => {
  it("proves the fork when it meets a peer; both histories are kept, and it goes on anew", () => {
    const replica = begun("a")
    const peer = begun("peer", replica.project)
    const database = join(shelf.path("a"), databaseFile)
    shelf.close(replica)
    copyFileSync(database, shelf.path("backup.db"))
    const again = shelf.open("a")
    write(again, [put("fate", "one")])
    carry(again, peer)
    shelf.close(again)
    copyFileSync(shelf.path("backup.db"), database)
    rmSync(shelf.stateDirectory, { recursive: true })
    const back = shelf.open("a")
    write(back, [put("fate", "two")])
    const { node } = back
    const received = carry(peer, back)
    expect(received.forks.map((fork) => fork.node)).toEqual([node])
    carry(back, peer)
    expect(forksOf(back)).toHaveLength(1)
    expect(forksOf(peer)).toEqual(forksOf(back))
    expect(back.digest()).toBe(peer.digest())
    expect(entityHistory(peer, "token", "fate")).toHaveLength(2)
    expect(back.fence).toBe("ahead-elsewhere")
    write(back, [put("fate", "three")])
    expect(back.node).not.toBe(node)
    carry(back, peer)
    expect(back.digest()).toBe(peer.digest())
  })
})

describe("a key that is missing", () => {
  it("makes the next write go on as a new node", () => {
    const replica = begun("a")
    const before = headOf(replica)
    shelf.close(replica)
    rmSync(join(shelf.path("a"), "keys", `${before.node}.key`))
    const again = shelf.open("a")
    expect(again.fence).toBe("key-missing")
    write(again, [put("red", "1")])
    expectContinued(again, before, "key-missing")
    ledger.enter(again)
  })
})

describe("a record", () => {
  const goesOn = (again: Replica, node: string): void => {
    expect([again.fence, again.node]).toEqual([undefined, node])
    write(again, [put("red", "1")])
    expect([again.node, again.continuation]).toEqual([node, undefined])
    ledger.enter(again)
  }

  it("that is missing means nothing: every new container would be a new node", () => {
    const replica = begun("a")
    shelf.close(replica)
    expect(existsSync(shelf.stateDirectory)).toBe(true)
    rmSync(shelf.stateDirectory, { recursive: true })
    goesOn(shelf.open("a"), replica.node)
  })

  it("in another state directory means nothing", () => {
    const replica = begun("a")
    shelf.close(replica)
    goesOn(shelf.open("a", { stateDirectory: shelf.path("elsewhere") }), replica.node)
  })

  it("that is behind, or unreadable, means nothing", () => {
    const replica = begun("a")
    const { node } = replica
    const record = join(shelf.stateDirectory, `${replica.project}-${node}`)
    copyFileSync(record, shelf.path("older record"))
    write(replica, [put("red", "0")])
    shelf.close(replica)
    copyFileSync(shelf.path("older record"), record)
    const again = shelf.open("a")
    goesOn(again, node)
    shelf.close(again)
    copyFileSync(join(shelf.path("a"), databaseFile), record)
    goesOn(shelf.open("a"), node)
  })
})
