/**
 * Forked logs through archives: whatever branch came first, the file and the replica are the same.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ForgedLog, receive } from "../log/forge.ts"
import { Random } from "../simulation/random.ts"
import { fileHash, Stage, taken, verified } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

/** A whole history of one node: each event names an entity, so equal beginnings are shared. */
const history = (node: string, ids: ReadonlyArray<string>): ForgedLog => {
  const log = new ForgedLog(node)
  for (const [index, id] of ids.entries()) log.add({ lamport: index + 1, id, op: "put" })
  return log
}

/** Histories that part from each other at random places, branches of branches among them. */
const randomHistories = (random: Random): ReadonlyArray<ForgedLog> => {
  const paths: Array<ReadonlyArray<string>> = []
  for (let branch = 0; branch < random.between(2, 6); branch++) {
    const base = paths.length === 0 ? [] : random.pick(paths)
    const kept = base.slice(0, random.between(0, base.length))
    const own = Array.from({ length: random.between(1, 4) }, (_, at) => `${branch}.${at}`)
    paths.push([...kept, ...own])
  }
  return paths.map((ids) => history("ana", ids))
}

describe("forked logs", () => {
  it("give the same archive whatever branch came first, and the same replica from it", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = new Random(seed)
      const logs = [...randomHistories(random), history("bo", ["x", "y"])]
      const one = stage.replica(`one ${seed}`)
      const two = stage.replica(`two ${seed}`)
      const three = stage.replica(`three ${seed}`)
      receive(one, random.shuffle(logs))
      for (const log of random.shuffle(logs)) receive(two, [log])
      const first = await stage.exported(one)
      const second = await stage.exported(two)
      expect(second.manifest, `seed ${seed}`).toEqual(first.manifest)
      expect(fileHash(second.path), `seed ${seed}`).toBe(fileHash(first.path))
      await taken(first.path, three)
      expect(three.lines.frontier(), `seed ${seed}`).toEqual(one.lines.frontier())
      expect(three.digest(), `seed ${seed}`).toBe(one.digest())
      expect((await verified(first.path)).ok, `seed ${seed}`).toBe(true)
    }
  })

  it("reach a reader who holds some of the branches, and only what is lacking", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = new Random(seed)
      const logs = randomHistories(random)
      const one = stage.replica(`one ${seed}`)
      const two = stage.replica(`two ${seed}`)
      receive(one, logs)
      for (const log of random.some(logs, 0.5)) receive(two, [log])
      const lacking = one.lines.eventCount - two.lines.eventCount
      const since = two.lines.frontier()
      const { path, manifest } = await stage.exported(one, { since })
      expect(manifest.events, `seed ${seed}`).toBe(lacking)
      await taken(path, two)
      expect(two.lines.frontier(), `seed ${seed}`).toEqual(one.lines.frontier())
      expect(two.digest(), `seed ${seed}`).toBe(one.digest())
    }
  })

  it("stand after what they part from, though their names sort before it", async () => {
    const replica = stage.replica("one")
    const trunk = ["a", "b", "c", "d"]
    const branches = Array.from({ length: 12 }, (_, index) => ["a", "b", `e${index}`, `f${index}`])
    const nested = branches.map((ids) => [...ids.slice(0, 3), "g"])
    receive(
      replica,
      [trunk, ...branches, ...nested].map((ids) => history("ana", ids)),
    )
    const { logs, frontier } = (await stage.exported(replica)).manifest
    const names = logs.map(({ log }) => log)
    expect(names.toSorted()).toEqual(Object.keys(frontier).sort())
    expect(names).not.toEqual(names.toSorted())
    expect(logs.map(({ from }) => from)).toEqual(logs.map(({ from }) => from).sort((a, b) => a - b))
    const other = stage.replica("other")
    await taken((await stage.exported(replica)).path, other)
    expect(other.lines.frontier()).toEqual(frontier)
  })

  it("may part inside a transaction", async () => {
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, id: "a", op: "put", transaction: [0, 2] })
    log.add({ lamport: 1, id: "b", op: "put", transaction: [1, 2] })
    const branch = log.branch(1)
    branch.add({ lamport: 1, id: "c", op: "put", transaction: [1, 2] })
    const one = stage.replica("one")
    receive(one, [log, branch])
    const { path } = await stage.exported(one)
    const two = stage.replica("two")
    expect(await taken(path, two)).toMatchObject({ events: 3, forks: [{ seq: 2 }] })
    expect(two.lines.frontier()).toEqual(one.lines.frontier())
    expect(await verified(path)).toMatchObject({ ok: true })
  })

  it("are a proof that is reported by whoever learns of it from an archive", async () => {
    const one = stage.replica("one")
    const two = stage.replica("two")
    receive(one, [history("ana", ["a", "b"])])
    receive(two, [history("ana", ["a", "c"])])
    const { forks } = await taken((await stage.exported(one)).path, two)
    expect(forks).toMatchObject([{ seq: 2 }])
  })
})
