/**
 * What a key holder may put in a log, and what every replica refuses whole.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { LamplogError } from "../../src/event/failure.ts"
import { Author } from "../../src/store/author.ts"
import { getEntity, openConflicts, snapshotLines } from "../../src/store/query.ts"
import { reclassify } from "../../src/store/reclassify.ts"
import type { Replica } from "../../src/store/replica.ts"
import { give } from "../simulation/exchange.ts"
import { Random } from "../simulation/random.ts"
import { ForgedLog, receive, stage } from "./forge.ts"
import type { Carried, Stage } from "./forge.ts"

let here: Stage
beforeEach(() => {
  here = stage()
})
afterEach(() => {
  here.clear()
})

const refusal = (run: () => unknown): LamplogError => {
  try {
    run()
  } catch (error) {
    if (error instanceof LamplogError) return error
    throw error
  }
  throw new Error("it was taken")
}

const expectRefused = (
  logs: ReadonlyArray<ForgedLog>,
  code: string,
  before: ReadonlyArray<ForgedLog> = [],
) => {
  const replica = here.replica()
  if (before.length > 0) receive(replica, before)
  const held = replica.lines.eventCount
  expect(refusal(() => receive(replica, logs))).toMatchObject({ code })
  expect(replica.lines.eventCount, "a refusal changes nothing").toBe(held)
}

const setAside = (replica: Replica): number =>
  replica.sqlite
    .prepare<[], number>("SELECT count(*) FROM events WHERE aside IS NOT NULL")
    .pluck()
    .get()!

/** State after another look at every event, from the log alone. */
const replayed = (replica: Replica): ReadonlyArray<string> => {
  replica.transaction(() => {
    reclassify(replica)
    replica.projection.reset()
    replica.projection.rebuild()
  })
  return [...snapshotLines(replica)]
}

describe("the clock", () => {
  it("starts at 1 and goes up by one from what an event stands on", () => {
    const log = new ForgedLog("ana")
    const first = log.add({ lamport: 1, op: "put" })
    log.add({ lamport: 2, parents: [first] })
    expect(receive(here.replica(), [log]).events).toBe(2)
  })

  it.each([0, 2, 7, 2 ** 40])("refuses a first event that claims lamport %i", (lamport) => {
    const log = new ForgedLog("ana")
    log.add({ lamport, op: "put" })
    expectRefused([log], lamport === 0 ? "header-invalid" : "clock-equation")
  })

  it("refuses an event that does not count its parent", () => {
    const ana = new ForgedLog("ana")
    ana.add({ lamport: 1, op: "put" })
    const second = ana.add({ lamport: 2 })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 1, parents: [second] })
    expectRefused([ana, bo], "clock-equation")
    expectRefused([bo, ana], "clock-equation")
  })

  it("refuses an anchor that is not above prev and parents", () => {
    const ana = new ForgedLog("ana")
    const first = ana.add({ lamport: 1, op: "put" })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 1, op: "put", id: "red" })
    bo.add({ lamport: 2, anchor: first, id: "red" })
    expectRefused([ana, bo], "clock-equation")
  })

  it("lets an anchor lift the clock, and nothing but a held anchor", () => {
    const ana = new ForgedLog("ana")
    for (let lamport = 1; lamport <= 5; lamport++) ana.add({ lamport, id: `t${lamport}` })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 6, id: "red", op: "put", anchor: ana.references[4]! })
    expect(receive(here.replica(), [bo, ana]).events).toBe(6)
    expectRefused([bo], "history-missing")
  })

  it("counts the parents of all members of a transaction for the one lamport they share", () => {
    const ana = new ForgedLog("ana")
    const one = ana.add({ lamport: 1, id: "one", op: "put" })
    const two = ana.add({ lamport: 2, id: "two", op: "put" })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 3, id: "one", parents: [one], transaction: [0, 2] })
    bo.add({ lamport: 3, id: "two", parents: [two], transaction: [1, 2] })
    expect(receive(here.replica(), [ana, bo]).events).toBe(4)
    const cy = new ForgedLog("cy")
    cy.add({ lamport: 2, id: "one", parents: [one], transaction: [0, 2] })
    cy.add({ lamport: 3, id: "two", parents: [two], transaction: [1, 2] })
    expectRefused([ana, cy], "transaction-broken")
  })
})

describe("parents", () => {
  it("must be held or come along", () => {
    const ana = new ForgedLog("ana")
    const first = ana.add({ lamport: 1, op: "put" })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 2, parents: [first] })
    expectRefused([bo], "history-missing")
    expect(receive(here.replica(), [bo, ana]).events).toBe(2)
  })

  it("must be events of the same entity, in whatever order the logs come", () => {
    const ana = new ForgedLog("ana")
    const first = ana.add({ lamport: 1, op: "put", id: "red" })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 2, parents: [first], id: "blue" })
    expectRefused([ana, bo], "parent-elsewhere")
    expectRefused([bo, ana], "parent-elsewhere")
  })

  it("name exactly one event: another hash under its place is another event", () => {
    const ana = new ForgedLog("ana")
    const first = ana.add({ lamport: 1, op: "put" })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 2, parents: [{ ...first, hash: "f".repeat(64) }] })
    expectRefused([ana, bo], "history-missing")
  })

  it("may not be the event itself or come from its own future", () => {
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 2, parents: [{ node: bo.node, seq: 1, hash: "a".repeat(64) }] })
    expectRefused([bo], "history-missing")
  })
})

describe("transactions", () => {
  it("are refused when they are cut, whole ones before them too", () => {
    const ana = new ForgedLog("ana")
    ana.add({ lamport: 1, id: "one", op: "put" })
    ana.add({ lamport: 2, id: "two", transaction: [0, 2] })
    expectRefused([ana], "transaction-cut")
  })

  it("are refused when a member is missing, repeated, or of another count", () => {
    const cases: ReadonlyArray<ReadonlyArray<readonly [number, number]>> = [
      [[1, 2]],
      [
        [0, 3],
        [2, 3],
      ],
      [
        [0, 2],
        [0, 2],
      ],
      [
        [0, 2],
        [1, 3],
        [2, 3],
      ],
    ]
    for (const members of cases) {
      const ana = new ForgedLog("ana")
      for (const [index, transaction] of members.entries()) {
        ana.add({ lamport: 1, id: `t${index}`, transaction })
      }
      expectRefused([ana], "transaction-broken")
    }
  })

  it("do not borrow a member from an event that stood alone", () => {
    const ana = new ForgedLog("ana")
    ana.add({ lamport: 1, id: "one", op: "put" })
    const late = ana.branch(1)
    late.add({ lamport: 1, id: "two", op: "put", transaction: [1, 2] })
    expectRefused([late], "transaction-broken", [ana])
    const whole = new ForgedLog("ana")
    whole.add({ lamport: 1, id: "one", op: "put" })
    whole.add({ lamport: 1, id: "two", op: "put", transaction: [1, 2] })
    expectRefused([whole], "transaction-broken")
  })

  it("write an entity at most once", () => {
    const ana = new ForgedLog("ana")
    ana.add({ lamport: 1, op: "put", transaction: [0, 2] })
    ana.add({ lamport: 1, op: "put", transaction: [1, 2] })
    expectRefused([ana], "transaction-broken")
  })

  it("name an anchor in their first member only", () => {
    const ana = new ForgedLog("ana")
    const first = ana.add({ lamport: 1, op: "put" })
    const bo = new ForgedLog("bo")
    bo.add({ lamport: 2, id: "one", transaction: [0, 2] })
    bo.add({ lamport: 2, id: "two", anchor: first, transaction: [1, 2] })
    expectRefused([ana, bo], "anchor-misplaced")
  })

  it("are set aside whole when one member is not understood", () => {
    const ana = new ForgedLog("ana")
    ana.add({ lamport: 1, id: "one", op: "put", transaction: [0, 2] })
    ana.add({ lamport: 1, id: "two", op: "put", transaction: [1, 2], body: { kind: 99 } })
    const replica = here.replica()
    expect(receive(replica, [ana])).toMatchObject({ events: 2, setAside: 2 })
    expect(getEntity(replica, "token", "one")).toBeUndefined()
  })
})

describe("a log that forks", () => {
  const trunk = () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, id: "a", op: "put", body: { fields: { value: "a" } } })
    return log
  }

  it("keeps both branches, names them alike and reports the fork, in whatever order they come", () => {
    const log = trunk()
    const left = log.branch(1)
    left.add({ lamport: 2, id: "b", op: "put", body: { fields: { value: "left" } } })
    const right = log.branch(1)
    right.add({ lamport: 2, id: "b", op: "put", body: { fields: { value: "right" } } })
    const [one, two] = [here.replica(), here.replica()]
    receive(one, [log, left])
    expect(receive(one, [right]).forks).toEqual([right.references[0]])
    receive(two, [log, right, left])
    expect(one.lines.frontier()).toEqual(two.lines.frontier())
    expect(Object.keys(one.lines.frontier())).toHaveLength(2)
    expect(one.digest()).toBe(two.digest())
    expect(openConflicts(one)).toHaveLength(1)
  })

  it("may part inside a transaction: both tails are whole with what they share", () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, id: "a", op: "put", transaction: [0, 2] })
    log.add({ lamport: 1, id: "b", op: "put", transaction: [1, 2] })
    const other = log.branch(1)
    other.add({ lamport: 1, id: "c", op: "put", transaction: [1, 2] })
    const replica = here.replica()
    receive(replica, [log])
    expect(receive(replica, [other])).toMatchObject({ events: 1 })
    expect(getEntity(replica, "token", "c")).toBeDefined()
  })

  it("may not leave a transaction that it shares unfinished", () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, id: "a", op: "put", transaction: [0, 2] })
    log.add({ lamport: 1, id: "b", op: "put", transaction: [1, 2] })
    const other = log.branch(1)
    other.add({ lamport: 2, id: "c", op: "put" })
    expectRefused([other], "transaction-broken", [log])
    const next = log.branch(1)
    next.add({ lamport: 2, id: "c", op: "put", transaction: [0, 2] })
    next.add({ lamport: 2, id: "d", op: "put", transaction: [1, 2] })
    expectRefused([next], "transaction-broken", [log])
  })

  it("may not give a transaction that it shares another count, lamport or entity twice", () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, id: "a", op: "put", transaction: [0, 3] })
    log.add({ lamport: 1, id: "b", op: "put", transaction: [1, 3] })
    log.add({ lamport: 1, id: "c", op: "put", transaction: [2, 3] })
    const shorter = log.branch(1)
    shorter.add({ lamport: 1, id: "x", op: "put", transaction: [1, 2] })
    expectRefused([shorter], "transaction-broken", [log])
    const twice = log.branch(2)
    twice.add({ lamport: 1, id: "a", op: "put", transaction: [2, 3] })
    expectRefused([twice], "transaction-broken", [log])
    const later = log.branch(2)
    later.add({ lamport: 2, id: "x", op: "put", transaction: [2, 3] })
    expectRefused([later], "transaction-broken", [log])
  })

  it("sets a branch aside when what it shares is not understood, now and after replay", () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, id: "a", op: "put", transaction: [0, 2], body: { kind: 99 } })
    log.add({ lamport: 1, id: "b", op: "put", transaction: [1, 2] })
    const other = log.branch(1)
    other.add({ lamport: 1, id: "c", op: "put", transaction: [1, 2] })
    const replica = here.replica()
    receive(replica, [log])
    receive(replica, [other])
    expect(setAside(replica)).toBe(3)
    expect([...snapshotLines(replica)]).toEqual([])
    expect(replayed(replica)).toEqual([])
    expect(setAside(replica)).toBe(3)
  })

  it("applies what branches share if either is understood, in whatever order they come", () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, id: "a", op: "put", transaction: [0, 2] })
    log.add({ lamport: 1, id: "b", op: "put", transaction: [1, 2], body: { kind: 99 } })
    const other = log.branch(1)
    other.add({ lamport: 1, id: "c", op: "put", transaction: [1, 2] })
    const otherFirst = new ForgedLog("ana")
    otherFirst.add({ lamport: 1, id: "a", op: "put", transaction: [0, 2] })
    otherFirst.add({ lamport: 1, id: "c", op: "put", transaction: [1, 2] })
    const logLast = otherFirst.branch(1)
    logLast.add({ lamport: 1, id: "b", op: "put", transaction: [1, 2], body: { kind: 99 } })
    const [one, two] = [here.replica(), here.replica()]
    receive(one, [log])
    receive(one, [other])
    receive(two, [otherFirst])
    receive(two, [logLast])
    expect(one.lines.frontier()).toEqual(two.lines.frontier())
    expect([...snapshotLines(one)]).toEqual([...snapshotLines(two)])
    expect([setAside(one), setAside(two)]).toEqual([1, 1])
    expect(replayed(one)).toEqual([...snapshotLines(two)])
  })
})

describe("a log", () => {
  it("is taken once: a second time nothing is new", () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, op: "put" })
    const replica = here.replica()
    receive(replica, [log])
    const digest = replica.digest()
    expect(receive(replica, [log])).toMatchObject({ events: 0, forks: [] })
    expect(replica.digest()).toBe(digest)
  })

  it("is refused under another node's key, from nowhere, or from another project", () => {
    const replica = here.replica()
    const [ana, bo] = [new ForgedLog("ana"), new ForgedLog("bo")]
    ana.add({ lamport: 1, op: "put" })
    const code = (change: Partial<Carried>) =>
      refusal(() => receive(replica, [ana.altered(change)])).code
    expect(code({ publicKey: bo.publicKey })).toBe("key-mismatch")
    expect(code({ publicKey: "x" })).toBe("key-mismatch")
    expect(code({ from: 0 })).toBe("log-start")
    expect(code({ from: 1.5 })).toBe("log-start")
    expect(code({ previous: "" })).toBe("log-start")
    expect(code({ previous: "0".repeat(64) })).toBe("other-project")
    expect(code({ from: 2 })).toBe("history-missing")
  })

  it("is refused when an event stands in another's place", () => {
    const wrong = new ForgedLog("ana")
    wrong.add({ lamport: 1, op: "put", header: { seq: 2 } })
    expectRefused([wrong], "out-of-sequence")
    const foreign = new ForgedLog("ana")
    foreign.add({ lamport: 1, op: "put", header: { node: new ForgedLog("bo").node } })
    expectRefused([foreign], "out-of-sequence")
  })

  it("is refused when a body, a salt or the shape of a line was changed", () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, op: "put", body: { fields: { value: 1 } } })
    const [header, salt, body] = log.lines[0]!.split("\t") as [string, string, string]
    const code = (line: string) =>
      refusal(() => receive(here.replica(), [log.altered({ lines: [line] })])).code
    expect(code(`${header}\t${salt}\t${body.replace("1", "2")}`)).toBe("body-hash")
    expect(code(`${header}\t${"0".repeat(32)}\t${body}`)).toBe("body-hash")
    expect(code(`${header}\t${salt.toUpperCase()}X\t${body}`)).toBe("body-hash")
    expect(code(`${header}\t\t`)).toBe("body-hash")
    expect(code(`${header}\t${salt}`)).toBe("line-parts")
    expect(code(`${header}\t${salt}\t${body}\t`)).toBe("line-parts")
    expect(code(header)).toBe("line-parts")
    expect(code("")).toBe("line-parts")
  })
})

describe("an entity that more people changed at once than a header can name", () => {
  it("can be written and deleted again; every write takes in as many as fit", () => {
    const log = new ForgedLog("ana")
    for (let lamport = 1; lamport <= 1100; lamport++) {
      log.add({ lamport, id: longest, body: { fields: { value: lamport } } })
    }
    const [replica, other] = [here.replica(), here.replica()]
    receive(replica, [log])
    const author = new Author(replica)
    const change = { op: "patch" as const, type: "token", id: longest, fields: { value: "mine" } }
    const candidates = [1, 2, 3].map(() => {
      author.write([change], { actor: "bo" })
      expect(getEntity(replica, "token", longest)?.fields["value"]).toBe("mine")
      return openConflicts(replica)[0]?.candidates.length
    })
    expect(candidates).toEqual([589, 78, undefined])
    author.write([{ op: "delete", type: "token", id: longest }], { actor: "bo" })
    expect(getEntity(replica, "token", longest)?.deleted).toBe(true)
    give(replica, other, "all", new Random(1))
    expect(other.digest()).toBe(replica.digest())
  })
})

/** An entity id that takes as many bytes in a header as any. */
const longest = "\u0001".repeat(1024)

describe("deep values", () => {
  it("may stand against each other in a conflict", () => {
    const deep = (leaf: number): number | ReadonlyArray<unknown> => {
      let value: number | ReadonlyArray<unknown> = leaf
      for (let level = 0; level < 30; level++) value = [value]
      return value
    }
    const [ana, bo] = [new ForgedLog("ana"), new ForgedLog("bo")]
    ana.add({ lamport: 1, op: "put", body: { fields: { value: deep(1) as never } } })
    bo.add({ lamport: 1, op: "put", body: { fields: { value: deep(2) as never } } })
    const replica = here.replica()
    receive(replica, [ana, bo])
    expect(openConflicts(replica)).toHaveLength(1)
    expect(replica.digest()).toMatch(/^[0-9a-f]{64}$/)
  })
})
