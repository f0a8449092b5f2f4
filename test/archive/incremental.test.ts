/**
 * Incremental archives: later events for whoever holds what came before, and for nobody else.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { logsSince, travellingLogs } from "../../src/store/travelling.ts"
import type { Lines } from "../../src/store/lines.ts"
import { ForgedLog, receive } from "../log/forge.ts"
import { contentOf, refusal, setToken, Stage, taken, verified } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

describe("an incremental archive", () => {
  it("names what its reader must hold, and holds no snapshot", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const since = ana.lines.frontier()
    setToken(ana, "b", "2")
    const { manifest } = await stage.exported(ana, { since })
    expect(manifest).toMatchObject({ prerequisites: since, events: 1, digest: ana.digest() })
    expect(manifest.frontier).toEqual(ana.lines.frontier())
    expect(manifest.members.map(({ path }) => path)).toEqual(manifest.logs[0]!.members)
  })

  it("is refused by who lacks its prerequisites, naming them, before anything is read", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const since = ana.lines.frontier()
    setToken(ana, "b", "2")
    const { path } = await stage.exported(ana, { since })
    const bo = stage.replica("bo")
    setToken(bo, "own", "3")
    const before = contentOf(bo)
    const seen: Array<string> = []
    const refused = await refusal(taken(path, bo, (progress) => void seen.push(progress.stage)))
    expect(refused).toMatchObject({ code: "history-missing", stage: "structure" })
    expect(refused.where).toContain(`prerequisites ${ana.node}`)
    expect(seen).not.toContain("receiving")
    expect(contentOf(bo)).toBe(before)
  })

  it("is sound but not whole to who checks it by itself", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const since = ana.lines.frontier()
    setToken(ana, "b", "2")
    const { path } = await stage.exported(ana, { since })
    const { ok, findings } = await verified(path)
    expect(ok).toBe(true)
    expect(findings.map(({ code }) => code)).toContain("archive-partial")
  })

  it("may hold nothing at all, and is taken all the same", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const bo = stage.replica("bo")
    await taken((await stage.exported(ana)).path, bo)
    const { manifest, path } = await stage.exported(ana, { since: ana.lines.frontier() })
    expect(manifest).toMatchObject({ events: 0, logs: [], members: [] })
    expect((await taken(path, bo)).events).toBe(0)
  })

  it("is complete when it begins with nothing", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const [all, sinceNothing] = [
      await stage.exported(ana),
      await stage.exported(ana, { since: {} }),
    ]
    expect(sinceNothing.exportHash).toBe(all.exportHash)
  })

  it("goes on where another one ended, one after another", async () => {
    const [ana, bo] = [stage.replica("ana"), stage.replica("bo")]
    let since = {}
    for (let round = 0; round < 4; round++) {
      setToken(ana, `t${round}`, "x")
      const { manifest, path } = await stage.exported(ana, { since })
      await taken(path, bo)
      since = manifest.frontier
    }
    expect(bo.digest()).toBe(ana.digest())
    expect(bo.lines.frontier()).toEqual(ana.lines.frontier())
  })

  it("is refused when nobody here knows the frontier, and names the event", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const since = { [ana.node]: { seq: 1, hash: "0".repeat(64) } }
    const refused = await refusal(stage.exported(ana, { since }))
    expect(refused).toMatchObject({ code: "frontier-unknown", where: `${ana.node}:1` })
  })
})

/** A log that forks at every event, as a thousand restored backups would write it. */
const forkedLogs = (branches: number): ReadonlyArray<ForgedLog> => {
  const trunk = new ForgedLog("ana")
  for (let seq = 1; seq <= branches; seq++) trunk.add({ lamport: seq, id: `t${seq}`, op: "put" })
  const forks = Array.from({ length: branches - 1 }, (_, index) => {
    const branch = trunk.branch(index + 1)
    branch.add({ lamport: index + 2, id: `b${index}`, op: "put" })
    return branch
  })
  return [trunk, ...forks]
}

/** Counts how often a line's hash is asked for. */
const counting = (lines: Lines): { readonly counted: Lines; readonly count: () => number } => {
  let count = 0
  const counted = new Proxy(lines, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== "function") return value
      return (...words: ReadonlyArray<unknown>): unknown => {
        if (name === "hashAt" || name === "holding") count += 1
        return Reflect.apply(value, target, words) as unknown
      }
    },
  })
  return { counted, count: () => count }
}

describe("what a reader lacks of a log with many branches", () => {
  it("is told in as many steps as there are branches", () => {
    const steps = [100, 200].map((branches) => {
      const replica = stage.replica(`with ${branches}`)
      receive(replica, forkedLogs(branches))
      const { counted, count } = counting(replica.lines)
      const logs = travellingLogs(counted, replica.project)
      expect(logsSince(logs, replica.lines.frontier(), counted)).toEqual([])
      return count()
    })
    expect(steps[1]! / steps[0]!).toBeLessThan(2.5)
  })
})
