/**
 * What somebody can do to a project of members who is not one: has its id, its archives, a key of its
 * own, and may send whatever it likes.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as Effect from "effect/Effect"
import { receiveArchive } from "../../src/archive/receive.ts"
import { openArchive } from "../../src/archive/open.ts"
import { writeArchive } from "../../src/archive/write.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { verifyReplica } from "../../src/audit/verify.ts"
import { genesisHash, sha256 } from "../../src/event/hash.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { snapshotLines } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import { waitingSummary } from "../../src/store/waiting.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { takeBatch } from "../../src/sync/taking.ts"
import { takeApart, zipUp } from "../format/pieces.ts"
import { Shelf } from "../store/replicas.ts"
import { keyOf, MemberLog, nodeOf, projectId, receive, segmentOf } from "./logs.ts"

let shelf: Shelf
beforeEach(() => {
  shelf = new Shelf()
})
afterEach(() => shelf.remove())

const replicaOf = (name: string): Replica =>
  shelf.create(name, { project: projectId, seed: sha256(name), schema: "open" })

const whole = (log: MemberLog): Segment => segmentOf(log.run(), log)

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof LamplogError) return error.code
    throw error
  }
  return "nothing was refused"
}

const contentOf = (replica: Replica): string =>
  JSON.stringify([replica.lines.frontier(), [...snapshotLines(replica)], replica.digest()])

/** The founder, who has written something, and Bob, whom she admitted. */
const members = () => {
  const ana = new MemberLog("ana")
  ana.found()
  const first = ana.edit("a", { x: 1 })
  ana.admit("bob")
  const bob = new MemberLog("bob")
  bob.edit("a", { x: 2 }, { parents: [first] })
  return { ana, bob, first }
}

const start = (): {
  readonly replica: Replica
  readonly ana: MemberLog
  readonly bob: MemberLog
} => {
  const { ana, bob } = members()
  const replica = replicaOf("own")
  expect(takeBatch(replica, [whole(ana), whole(bob)])).toMatchObject({ events: 4, waiting: 0 })
  return { replica, ana, bob }
}

const eve = (): MemberLog => {
  const log = new MemberLog("eve")
  log.edit("a", { x: "evil" })
  log.edit("evil", { y: 1 })
  return log
}

describe("an outsider", () => {
  it("changes nothing: what it signed and sent waits", () => {
    const { replica } = start()
    const before = contentOf(replica)
    const taken = takeBatch(replica, [whole(eve())])
    expect(taken).toMatchObject({ events: 0, waiting: 2, refused: [], forks: [] })
    expect(contentOf(replica)).toBe(before)
    expect(waitingSummary(replica).nodes).toMatchObject([
      { node: nodeOf("eve"), reason: "not-admitted", events: 2 },
    ])
    expect(codeOf(() => receive(replica, eve().run()))).toBe("not-admitted")
    expect(contentOf(replica)).toBe(before)
  })

  it("cannot admit itself, nor come in with friends who name each other", () => {
    const { replica } = start()
    const before = contentOf(replica)
    const [one, two] = [new MemberLog("eve"), new MemberLog("mal")]
    one.admit("eve")
    one.admit("mal")
    two.admit("eve")
    two.admit("mal")
    expect(takeBatch(replica, [whole(one), whole(two)])).toMatchObject({ events: 0, waiting: 4 })
    expect(codeOf(() => receive(replica, one.run(), two.run()))).toBe("not-admitted")
    expect(contentOf(replica)).toBe(before)
  })

  it("cannot found the project again, with its nonce or another", () => {
    const { replica } = start()
    const before = contentOf(replica)
    const log = new MemberLog("eve")
    log.found()
    log.admit("mal")
    expect(takeBatch(replica, [whole(log)])).toMatchObject({ events: 0, waiting: 2 })
    expect(contentOf(replica)).toBe(before)
    const empty = replicaOf("empty")
    expect(takeBatch(empty, [whole(log)])).toMatchObject({ events: 0, waiting: 2 })
    expect(empty.lines.eventCount).toBe(0)
  })

  it("cannot take the rule away: a log of another project's id does not fit", () => {
    const { replica } = start()
    const log = eve()
    const open = `${projectId.slice(0, -1)}a`
    const { previous: _previous, ...head } = whole(log)
    const publicKey = keyOf("eve").publicKey
    const stripped = { ...head, project: open, previous: genesisHash(open, publicKey) }
    expect(takeBatch(replica, [stripped])).toMatchObject({ events: 0, waiting: 0 })
    expect(takeBatch(replica, [stripped]).refused).toMatchObject([
      { error: { code: "other-project" } },
    ])
  })

  it("cannot write in a member's name: without the member's signature it waits, with another it is refused", () => {
    const { ana, bob, replica } = start()
    const before = contentOf(replica)
    const forged = new MemberLog("bob", { log: bob, events: 1 })
    forged.edit("a", { x: "evil" })
    const unsigned = segmentOf(forged.run(0, 1, "nobody"), forged)
    expect(takeBatch(replica, [unsigned])).toMatchObject({ events: 0, waiting: 1, refused: [] })
    expect(waitingSummary(replica).nodes).toMatchObject([{ reason: "unsigned" }])
    const signed = segmentOf(forged.run(0, 1, keyOf("eve")), forged)
    const { refused } = takeBatch(replica, [signed])
    expect(refused).toMatchObject([{ node: bob.node, error: { code: "signature-invalid" } }])
    expect(codeOf(() => receive(replica, forged.run(0, 1, "nobody")))).toBe("unsigned")
    expect(codeOf(() => receive(replica, forged.run(0, 1, keyOf("eve"))))).toBe("signature-invalid")
    expect(contentOf(replica)).toBe(before)
    // The members go on as if nothing had happened.
    ana.edit("b", { y: 1 })
    expect(takeBatch(replica, [segmentOf(ana.run(3), ana, 3)])).toMatchObject({ events: 1 })
  })

  it("does not keep members out who send along with it", () => {
    const { ana, bob } = members()
    const replica = replicaOf("own")
    const taken = takeBatch(replica, [whole(eve()), whole(bob), whole(ana)])
    expect(taken).toMatchObject({ events: 4, waiting: 2, refused: [] })
    expect(replica.lines.ofNode(nodeOf("eve"))).toEqual([])
  })

  it("counts from its first event on once somebody admits it", () => {
    const { ana, replica } = start()
    takeBatch(replica, [whole(eve())])
    ana.admit("eve")
    const late = takeBatch(replica, [segmentOf(ana.run(3), ana, 3)])
    expect(late.events).toBe(3)
    expect(waitingSummary(replica).events).toBe(0)
    const other = replicaOf("other")
    const { bob } = members()
    takeBatch(other, [whole(ana)])
    takeBatch(other, [whole(eve()), whole(bob)])
    expect(contentOf(other)).toBe(contentOf(replica))
    expect([...snapshotLines(replica)].join()).toContain("evil")
  })

  it("named by a retired member may be stored and is not applied, until a member admits it", () => {
    const { ana, bob, replica } = start()
    ana.retire(bob.last!)
    bob.admit("eve")
    takeBatch(replica, [segmentOf(ana.run(3), ana, 3), segmentOf(bob.run(1), bob, 1), whole(eve())])
    expect(waitingSummary(replica).events).toBe(0)
    expect([...snapshotLines(replica)].join()).not.toContain("evil")
    ana.admit("eve")
    takeBatch(replica, [segmentOf(ana.run(4), ana, 4)])
    expect([...snapshotLines(replica)].join()).toContain("evil")
    expect(verifyReplica(replica).findings).toEqual([])
  })
})

describe("an archive of a project of members", () => {
  const archived = async (name: string): Promise<string> => {
    const { replica } = start()
    const path = shelf.path(name)
    await Effect.runPromise(writeArchive(replica, path))
    return path
  }

  const taken = (path: string, replica: Replica) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const archive = yield* openArchive(path, {})
          replica.begin()
          const exit = yield* Effect.exit(receiveArchive(archive, replica))
          if (exit._tag === "Success") replica.commit()
          else replica.rollback()
          return yield* exit
        }),
      ),
    )

  it("is taken whole, by those too who are no members", async () => {
    const replica = replicaOf("reader")
    await taken(await archived("good.lamplog"), replica)
    expect(replica.lines.eventCount).toBe(4)
    expect(replica.members.current.members.size).toBe(2)
  })

  it("is refused whole when a log in it is nobody's that members know, or unsigned", async () => {
    const good = await archived("good.lamplog")
    const pieces = await takeApart(good)
    const refusals: ReadonlyArray<readonly [string, string]> = [
      [await withOutsider(pieces), "not-admitted"],
      [await withoutSignatures(pieces), "unsigned"],
    ]
    for (const [path, code] of refusals) {
      const replica = replicaOf(`reader ${code}`)
      const error = await taken(path, replica).catch((failure: unknown) => failure)
      expect(error).toMatchObject({ code })
      expect(replica.lines.eventCount).toBe(0)
    }
  })

  type Pieces = Awaited<ReturnType<typeof takeApart>>

  const withoutSignatures = async ({ manifest, members: files }: Pieces): Promise<string> => {
    const logs = manifest.logs.map(({ signature: _signature, ...log }) => log)
    const path = shelf.path("unsigned.lamplog")
    await zipUp(path, manifestText({ ...manifest, logs }), files)
    return path
  }

  /** The archive of a replica that was made to hold an outsider's log. */
  const withOutsider = async ({ manifest, members: files }: Pieces): Promise<string> => {
    const log = eve()
    const { lines, signature } = log.run()
    const member = `logs/${log.node}/0000000001.events`
    const content = Buffer.from(lines.map((line) => `${line}\n`).join(""))
    const { hash, seq } = log.last!
    const outsider = {
      log: log.node,
      node: log.node,
      publicKey: log.key.publicKey,
      from: 1,
      to: seq,
      previous: log.previous,
      head: hash,
      signature: signature!,
      members: [member],
    }
    const listed = { path: member, sha256: sha256(content), size: content.length }
    const byPath = <A extends { readonly path: string }>(all: ReadonlyArray<A>) =>
      all.toSorted((left, right) => (left.path < right.path ? -1 : 1))
    const path = shelf.path("outsider.lamplog")
    const forged = {
      ...manifest,
      events: manifest.events + lines.length,
      frontier: { ...manifest.frontier, [log.node]: { hash, seq } },
      logs: [...manifest.logs, outsider].sort((left, right) => (left.node < right.node ? -1 : 1)),
      members: byPath([...manifest.members, listed]),
    }
    const all = [...files, [member, content] as const]
    const sorted = all.toSorted(([left], [right]) => (left < right ? -1 : 1))
    await zipUp(path, manifestText(forged), new Map(sorted))
    return path
  }
})

describe("a retirement", () => {
  const retired = () => {
    const { ana, bob, first } = members()
    const cut = bob.last!
    const parents = [cut]
    bob.edit("a", { x: 3 }, { parents })
    const other = bob.edit("b", { y: 1 }, { transaction: [0, 2] })
    bob.edit("c", { z: 1 }, { transaction: [1, 2], lamport: other.lamport })
    ana.retire(cut)
    return { ana, bob, cut, first }
  }

  it("sets aside what was applied already, and leaves what counts", () => {
    const { ana, bob } = retired()
    const replica = replicaOf("own")
    takeBatch(replica, [segmentOf(ana.run(0, 3), ana), whole(bob)])
    expect([...snapshotLines(replica)].join()).toContain('"x":3')
    takeBatch(replica, [segmentOf(ana.run(3), ana, 3)])
    const lines = [...snapshotLines(replica)]
    expect(lines.join()).toContain('"x":2')
    // Entities that only what is past the cut made are gone.
    expect(lines).toHaveLength(1)
    expect(verifyReplica(replica).findings).toEqual([])
    const early = replicaOf("early")
    takeBatch(early, [whole(ana)])
    takeBatch(early, [whole(bob)])
    expect(contentOf(early)).toBe(contentOf(replica))
  })

  it("in the middle of a transaction sets all of it aside", () => {
    const { ana, bob } = members()
    const first = bob.edit("b", { y: 1 }, { transaction: [0, 2] })
    bob.edit("c", { z: 1 }, { transaction: [1, 2], lamport: first.lamport })
    ana.retire(first)
    const replica = replicaOf("own")
    takeBatch(replica, [whole(ana), whole(bob)])
    expect([...snapshotLines(replica)]).toHaveLength(1)
    expect(verifyReplica(replica).findings).toEqual([])
  })

  it("of a forked node keeps the branch that its cut is on", () => {
    const { ana, bob } = members()
    const branch = bob.branch(1)
    const kept = branch.edit("b", { y: "kept" })
    bob.edit("b", { y: "lost" })
    ana.retire(kept)
    const orders = [
      [ana, bob, branch],
      [ana, branch, bob],
      [bob, branch, ana],
    ]
    const contents = orders.map((logs, order) => {
      const replica = replicaOf(`order ${order}`)
      for (const log of logs) takeBatch(replica, [whole(log)])
      expect(verifyReplica(replica).findings).toEqual([])
      return contentOf(replica)
    })
    expect(new Set(contents).size).toBe(1)
    expect(contents[0]).toContain("kept")
    expect(contents[0]).not.toContain("lost")
  })
})
