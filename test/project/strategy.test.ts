/**
 * Merging with a strategy: which conflicts one side settles, which stay for people, and that every
 * replica agrees in the end.
 */
import { describe, expect, it } from "vitest"
import type { Change, MergeStrategy, OpenProject } from "../../src/index.ts"
import { Random } from "../simulation/random.ts"
import { ana, bo, codeOf, collect, patch, put, remove, Workshop } from "./workshop.ts"

const start = ["a", "b", "c", "d"].map((id) => put(`token/${id}`, { value: 1 }))

interface Apart {
  readonly workshop: Workshop
  readonly mine: OpenProject
  readonly theirs: OpenProject
}

/** Two replicas that begin alike. */
const apart = async (first: ReadonlyArray<Change> = start): Promise<Apart> => {
  const workshop = new Workshop()
  const mine = await workshop.project("mine")
  await mine.change(first, ana)
  return { workshop, mine, theirs: await workshop.replicaOf(mine, "theirs") }
}

/** The archive of a replica, as it is now. */
const archiveOf = async ({ workshop }: Apart, project: OpenProject): Promise<string> => {
  const path = workshop.at("carried.lamplog")
  await project.exportProject(path, { force: true })
  return path
}

const mergeTheirs = async (both: Apart, strategy: MergeStrategy) =>
  both.mine.mergeProject(await archiveOf(both, both.theirs), { strategy, ...ana })

const sides = [
  ["keep-local", "local"],
  ["keep-imported", "imported"],
] as const

describe.each(sides)("the strategy %s", (strategy, side) => {
  const kept = <A>(local: A, imported: A): A => (side === "local" ? local : imported)

  it("settles fields, keys of maps and cleared values, by events that name who and why", async () => {
    const both = await apart([
      put("token/a", { value: 1, description: "old", modes: { "x/y": { value: 1 } } }),
    ])
    const { mine, theirs } = both
    await mine.change([patch("token/a", { value: 2, "modes/x~1y": { value: 2 } })], ana)
    await mine.change([patch("token/a", {}, ["description"])], ana)
    await theirs.change(
      [patch("token/a", { value: 3, description: "new", "modes/x~1y": { value: 3 } })],
      bo,
    )
    const summary = await mergeTheirs(both, strategy)
    expect(summary).toMatchObject({
      resolutionStrategy: strategy,
      resolvedConflicts: 3,
      skippedConflicts: [],
      conflictsCount: 0,
      events: 4,
    })
    expect((await mine.get("token", "a"))?.fields).toEqual({
      ...kept({}, { description: "new" }),
      modes: { "x/y": { value: kept(2, 3) } },
      value: kept(2, 3),
    })
    const written = (await collect(mine.log({ node: (await mine.status()).node }))).slice(-3)
    expect(written.map(({ header, body }) => [header.op, body.actor, body.reason])).toEqual(
      Array.from({ length: 3 }, () => ["resolve", "ana", `merge of carried.lamplog (${strategy})`]),
    )
  })

  it("decides whether an entity is deleted", async () => {
    const both = await apart()
    const { mine, theirs } = both
    await mine.change([remove("token/a"), patch("token/b", { value: 2 })], ana)
    await theirs.change([patch("token/a", { value: 3 }), remove("token/b")], bo)
    expect(await mergeTheirs(both, strategy)).toMatchObject({
      resolvedConflicts: 2,
      conflictsCount: 0,
    })
    expect((await mine.get("token", "a"))?.deleted).toBe(side === "local")
    expect((await mine.get("token", "b"))?.deleted).toBe(side === "imported")
  })

  it("leaves conflicts alone that were open before, unless they gained a candidate", async () => {
    const both = await apart()
    const { workshop, mine, theirs } = both
    const third = await workshop.replicaOf(mine, "third")
    await mine.change([patch("token/a", { value: 2 }), patch("token/b", { value: 2 })], ana)
    await theirs.change([patch("token/a", { value: 3 }), patch("token/b", { value: 3 })], bo)
    await mergeTheirs(both, "lamport")
    expect(await mine.conflicts()).toHaveLength(2)
    await third.change([patch("token/a", { value: 4 }), patch("token/c", { value: 4 })], bo)
    const summary = await mine.mergeProject(await archiveOf(both, third), { strategy, ...ana })
    expect(summary).toMatchObject({ resolvedConflicts: 1, conflictsCount: 0 })
    const [open, ...others] = await mine.conflicts()
    expect(others).toEqual([])
    expect(open).toMatchObject({ entity: "b", field: "value" })
  })

  it("never overrules a person's resolution, and says so", async () => {
    const both = await apart()
    const { workshop, mine, theirs } = both
    const third = await workshop.replicaOf(mine, "third")
    await mine.change([patch("token/a", { value: 2 })], ana)
    await theirs.change([patch("token/a", { value: 3 })], bo)
    await mergeTheirs(both, "lamport")
    const [conflict] = await mine.conflicts()
    await mine.resolve(conflict!.id, { value: 7 }, ana)
    await third.change([patch("token/a", { value: 8 })], bo)
    const path = await archiveOf(both, third)
    const before = await mine.status()
    const summary = await mine.mergeProject(path, { strategy, ...ana })
    expect(summary).toMatchObject({ resolvedConflicts: 0, conflictsCount: 1, events: 1 })
    expect(summary.skippedConflicts).toMatchObject([
      { type: "token", entity: "a", field: "value", reason: expect.stringMatching(/person/) },
    ])
    expect((await mine.status()).events).toBe(before.events + 1)
  })

  it("knows a delete that was a resolution for one", async () => {
    const both = await apart()
    const { workshop, mine, theirs } = both
    const third = await workshop.replicaOf(mine, "third")
    await mine.change([remove("token/a")], ana)
    await theirs.change([patch("token/a", { value: 3 })], bo)
    await mergeTheirs(both, "lamport")
    const [conflict] = await mine.conflicts()
    await mine.resolve(conflict!.id, { take: { node: (await mine.status()).node } }, ana)
    expect((await mine.get("token", "a"))?.deleted).toBe(true)
    await third.change([patch("token/a", { description: "8" })], bo)
    const summary = await mine.mergeProject(await archiveOf(both, third), { strategy, ...ana })
    expect(summary).toMatchObject({ resolvedConflicts: 0, conflictsCount: 1 })
    expect(summary.skippedConflicts).toMatchObject([{ entity: "a", field: "" }])
  })

  it("leaves to people what others disagree about", async () => {
    const both = await apart()
    const { workshop, mine, theirs } = both
    const third = await workshop.replicaOf(mine, "third")
    await third.change([patch("token/a", { value: 4 })], bo)
    await theirs.change([patch("token/a", { value: 3 })], bo)
    await workshop.carry(third, theirs)
    const summary = await mergeTheirs(both, strategy)
    expect(summary).toMatchObject({ resolvedConflicts: 0, conflictsCount: 1, events: 2 })
    expect(summary.skippedConflicts).toMatchObject([
      { entity: "a", reason: expect.stringMatching(/one side/) },
    ])
  })

  it("does not let a deletion decide about fields that a person has resolved", async () => {
    const both = await apart()
    const { workshop, mine, theirs } = both
    const third = await workshop.replicaOf(mine, "third")
    await mine.change([patch("token/a", { value: 2 })], ana)
    await theirs.change([patch("token/a", { value: 3 })], bo)
    await mergeTheirs(both, "lamport")
    const [conflict] = await mine.conflicts()
    await mine.resolve(conflict!.id, { value: 7 }, ana)
    // The newest edit is no resolution, so whether the entity is deleted may be settled.
    await mine.change([patch("token/a", { description: "mine" })], ana)
    await third.change([patch("token/a", { value: 8 })], bo)
    await third.change([remove("token/a")], bo)
    const summary = await mine.mergeProject(await archiveOf(both, third), { strategy, ...ana })
    expect(summary.resolvedConflicts).toBe(kept(1, 0))
    expect((await mine.get("token", "a"))?.deleted).toBe(false)
    expect((await mine.conflicts()).map(({ field }) => field)).toEqual(
      kept(["value"], ["", "value"]),
    )
  })

  it("rehearses exactly what it then does", async () => {
    const both = await apart()
    const { workshop, mine, theirs } = both
    await mine.change([patch("token/a", { value: 2 }), remove("token/b")], ana)
    await theirs.change(
      [patch("token/a", { value: 3 }), patch("token/b", { value: 3 }), put("token/e", {})],
      bo,
    )
    const path = await archiveOf(both, theirs)
    const before = await workshop.traceOf(mine, "mine")
    const analysis = await mine.analyzeMerge(path, { strategy, ...ana })
    expect(await workshop.traceOf(mine, "mine")).toEqual(before)
    expect(analysis.conflictedItems.map(({ outcome }) => outcome)).toEqual([
      `keeps ${side}`,
      `keeps ${side}`,
    ])
    const summary = await mine.mergeProject(path, { strategy, ...ana })
    expect(analysis).toMatchObject({
      resolutionStrategy: strategy,
      resolvedConflicts: summary.resolvedConflicts,
      skippedConflicts: summary.skippedConflicts,
      events: summary.events,
    })
    expect([
      analysis.newItems.length,
      analysis.updatedItems.length,
      analysis.deletedItems.length,
    ]).toEqual([summary.newItemsCount, summary.updatedItemsCount, summary.deletedItemsCount])
  })

  it("asks who decides", async () => {
    const both = await apart()
    const path = await archiveOf(both, both.theirs)
    expect(await codeOf(both.mine.mergeProject(path, { strategy }))).toBe("actor-missing")
  })
})

const names = ["a", "b", "c", "d", "e"].map((id) => `token/${id}`)

const randomChange = (random: Random): Change => {
  const name = random.pick(names)
  const value = random.below(4)
  if (random.chance(0.2)) return remove(name)
  if (random.chance(0.2)) return put(name, { value })
  if (random.chance(0.2)) return patch(name, {}, ["value"])
  return random.chance(0.5)
    ? patch(name, { value })
    : patch(name, { [`modes/${random.pick(["x", "y"])}`]: { value } })
}

const busy = async (random: Random, project: OpenProject): Promise<void> => {
  for (let left = random.between(1, 6); left > 0; left--) {
    await project.change([randomChange(random)], random.chance(0.5) ? ana : bo)
  }
}

const strategies: ReadonlyArray<MergeStrategy> = ["lamport", "keep-local", "keep-imported"]
const rounds = 8

describe("replicas that merge with any strategies", () => {
  for (let seed = 1; seed <= rounds; seed++) {
    it(`agree after they met again (seed ${seed})`, async () => {
      const random = new Random(seed)
      const both = await apart()
      const { mine, theirs } = both
      for (let meeting = 0; meeting < 3; meeting++) {
        await busy(random, mine)
        await busy(random, theirs)
        // As they are before either has seen the other.
        const archives = [both.workshop.at("1.lamplog"), both.workshop.at("2.lamplog")] as const
        await mine.exportProject(archives[0], { force: true })
        await theirs.exportProject(archives[1], { force: true })
        const one = { strategy: random.pick(strategies), ...ana }
        const other = { strategy: random.pick(strategies), ...bo }
        const analysis = await mine.analyzeMerge(archives[1], one)
        const summary = await mine.mergeProject(archives[1], one)
        const told = `seed ${seed}, meeting ${meeting}: ${one.strategy}, ${other.strategy}`
        expect(analysis.resolvedConflicts, told).toBe(summary.resolvedConflicts)
        expect(analysis.events, told).toBe(summary.events)
        const open = (await mine.conflicts()).map(({ id }) => id)
        for (const { id, outcome } of analysis.conflictedItems) {
          expect(open.includes(id), `${told} ${id}`).toBe(outcome === "open")
        }
        await theirs.mergeProject(archives[0], other)
        await theirs.mergeProject(await archiveOf(both, mine))
        await mine.mergeProject(await archiveOf(both, theirs))
        const [left, right] = [await mine.status(), await theirs.status()]
        expect(left.frontier, told).toEqual(right.frontier)
        expect(left.digest, told).toBe(right.digest)
      }
      expect((await mine.verify()).findings.filter(({ severity }) => severity === "error")).toEqual(
        [],
      )
    })
  }
})
